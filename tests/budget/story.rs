//! Stories of one username in a few words, so that a rule's case fits on a line.
//!
//! `a-` credential *a* is presented by the schedule and rejected; the sign is the answer: `+` accepted, `-` rejected,
//! `?` unanswered, `*` crashed before the answer (and the flight went by), `=` permission denied, `/` integration code
//! invalid, `0` not sent, `~` answered unclearly. `op:a-` is asked for by an operator, `force:` with `--force`, `one:` is a
//! one-off probe. `2h` goes by; `-20s` sets the clock back, `jump:2h` forward. `zone:B` the look-up names zone B from now
//! on, `away` none at all; `silent` the zone does not answer a request without a credential, `speaks` it does again.
//! `moved:a-` is a 401 that a second look-up made void; `other+` another user of the zone is accepted.

use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use lockwatch::attempt::{
    Acceptance, Activation, Asker, CredentialLedger, End, GroupLedger, Ledgers, Limits, MOST,
    Meter, Now, Outcome, PastStorm, Refusal, Request, Storm, UsernameLedger, permit, settle,
};

use crate::start;

/// The ledgers of one username, as the store keeps them.
pub(crate) struct Books {
    pub(crate) limits: Limits,
    pub(crate) username: UsernameLedger,
    credentials: HashMap<String, CredentialLedger>,
    pub(crate) zones: HashMap<String, GroupLedger>,
    pub(crate) tenant: GroupLedger,
    pub(crate) activation: Option<Activation>,
    pub(crate) now: Timestamp,
    /// Time between checks; without any, no attempt waits for one without an answer.
    pub(crate) interval: Duration,
    pub(crate) locked_out: bool,
    pub(crate) others_asked: Option<Timestamp>,
    meter: Meter,
    zone: String,
    found: bool,
    speaks: bool,
    made: u32,
}

pub(crate) fn asker(word: &str) -> Asker {
    match word {
        "" => Asker::Schedule,
        "op" => Asker::Operator { force: false },
        "force" => Asker::Operator { force: true },
        "one" => Asker::OneOff,
        other => panic!("nobody is called {other}"),
    }
}

fn outcome(sign: char) -> Option<Outcome> {
    Some(match sign {
        '+' => Outcome::Accepted,
        '-' => Outcome::Rejected,
        '?' => Outcome::Unanswered,
        '=' => Outcome::RefusedOtherwise {
            proves_credential: true,
        },
        '/' => Outcome::RefusedOtherwise {
            proves_credential: false,
        },
        '0' => Outcome::NotSent,
        '~' => Outcome::AnsweredUnclearly,
        '*' => return None,
        other => panic!("no answer is written {other}"),
    })
}

impl Books {
    pub(crate) fn after(limits: Limits, story: &str) -> Self {
        let mut books = Self {
            limits,
            username: UsernameLedger::default(),
            credentials: HashMap::new(),
            zones: HashMap::new(),
            tenant: GroupLedger::default(),
            activation: None,
            now: start(),
            interval: Duration::ZERO,
            locked_out: false,
            others_asked: None,
            meter: Meter::new(start()),
            zone: "A".to_owned(),
            found: true,
            speaks: true,
            made: 0,
        };
        books.goes_on(story);
        books
    }

    pub(crate) fn goes_on(&mut self, story: &str) {
        for word in story.split_whitespace() {
            if let Ok(time) = word.parse::<SignedDuration>() {
                self.goes_by(time);
                continue;
            }
            let (who, what) = word.split_once(':').unwrap_or(("", word));
            match (who, what) {
                ("", "silent") => self.speaks = false,
                ("", "speaks") => self.speaks = true,
                ("", "away") => self.found = false,
                ("", "other+") => self.other_is_accepted(),
                ("", "storm") => self.storm_begins(),
                ("zone", name) => (self.zone, self.found) = (name.to_owned(), true),
                ("jump", time) => self.now += time.parse::<SignedDuration>().unwrap(),
                _ => self.attempts(who, what, story),
            }
        }
    }

    /// As time does where lockwatch runs: it is seen to pass.
    fn goes_by(&mut self, time: SignedDuration) {
        let end = self.now + time;
        while self.now + MOST < end {
            self.now += MOST;
            self.meter = self.meter.read(self.now);
        }
        self.now = end;
        self.meter = self.meter.read(self.now);
    }

    pub(crate) fn present(&self) -> Now {
        self.meter.now(self.now)
    }

    fn other_is_accepted(&mut self) {
        self.goes_by(SignedDuration::from_millis(1));
        let at = self.present().counted;
        let username = "somebody else".to_owned();
        let zone = self.zones.entry(self.zone.clone()).or_default();
        zone.accepted = Some(Acceptance { username, at });
        if let Some(storm) = zone.storm.take() {
            zone.past = Some(PastStorm {
                from: storm.at,
                to: at,
            });
        }
    }

    fn storm_begins(&mut self) {
        let at = self.present().counted;
        let zone = self.zones.entry(self.zone.clone()).or_default();
        zone.storm = Some(Storm {
            at,
            since: self.now,
            canary: None,
            judged: false,
        });
    }

    fn attempts(&mut self, who: &str, what: &str, story: &str) {
        let moved = who == "moved";
        let who = if moved { "" } else { who };
        let (credential, sign) = what.split_at(what.len() - 1);
        let id = self
            .ask(asker(who), credential)
            .unwrap_or_else(|why| panic!("{what} in {story:?} is refused: {why}"));
        match outcome(sign.chars().next().unwrap()) {
            Some(Outcome::Rejected) if moved => {
                self.end(credential, &id, Outcome::RejectedElsewhere);
            }
            Some(outcome) => self.end(credential, &id, outcome),
            None => self.goes_by(self.limits.flight.try_into().unwrap()),
        }
    }

    pub(crate) fn ledgers(&self, credential: &str) -> Ledgers {
        Ledgers {
            username: self.username.clone(),
            credential: self
                .credentials
                .get(credential)
                .cloned()
                .unwrap_or_default(),
            zone: self.zones.get(&self.zone).cloned().unwrap_or_default(),
            tenant: self.tenant.clone(),
        }
    }

    pub(crate) fn ask(&mut self, asker: Asker, credential: &str) -> Result<String, Refusal> {
        self.made += 1;
        let id = format!("attempt-{}", self.made);
        let ledgers = self.ledgers(credential);
        let lost = ledgers.username.in_flight.as_ref().map(|flight| &flight.id);
        let closed_by = ledgers.zone.closed_by.as_ref().or(lost);
        let request = Request {
            attempt: &id,
            username: "k3jx7q@acme.example",
            fingerprint: credential,
            zone: &self.zone,
            zone_found: self.found,
            zone_answered: closed_by.filter(|_| self.speaks).map(String::as_str),
            asker,
            activation: self.activation,
            locked_out: self.locked_out,
            interval: self.interval,
            others_asked: self.others_asked,
        };
        let granted = permit(&ledgers, &request, &self.limits, self.present())?;
        assert_eq!(granted.permit.id(), id);
        self.keep(credential, granted.ledgers);
        Ok(id)
    }

    pub(crate) fn end(&mut self, credential: &str, id: &str, outcome: Outcome) {
        let end = End {
            attempt: id,
            username: "k3jx7q@acme.example",
            outcome,
        };
        let now = self.present();
        let ledgers = settle(&self.ledgers(credential), &end, &self.limits, now);
        self.keep(credential, ledgers);
    }

    /// Asks, and tells the answer in words: `granted`, `held: Rejections`, `wait 15s: InFlight`, `needs force`.
    pub(crate) fn told(&mut self, asker: Asker, credential: &str) -> String {
        let now = self.now;
        match self.ask(asker, credential) {
            Ok(_) => "granted".to_owned(),
            Err(Refusal::Held { why }) => format!("held: {why:?}"),
            Err(Refusal::Wait { until, why }) => {
                format!("wait {:#}: {why:?}", until.duration_since(now))
            }
            Err(Refusal::ZoneUnsure) => "zone unsure".to_owned(),
            Err(Refusal::ZoneClosed { .. }) => "zone closed".to_owned(),
            Err(Refusal::Storm { .. }) => "storm".to_owned(),
            Err(Refusal::NeedsForce) => "needs force".to_owned(),
            Err(Refusal::NotOurs) => "not ours".to_owned(),
        }
    }

    fn keep(&mut self, credential: &str, ledgers: Ledgers) {
        self.username = ledgers.username;
        self.zones.insert(self.zone.clone(), ledgers.zone);
        self.tenant = ledgers.tenant;
        self.credentials
            .insert(credential.to_owned(), ledgers.credential);
    }
}
