//! Stories of one username in a few words, so that a rule's case fits on a line.
//!
//! `a-` credential *a* is presented by the schedule and rejected; the sign is the answer: `+` accepted, `-` rejected,
//! `?` unanswered, `*` crashed before the answer (and the flight went by), `=` permission denied, `/` integration code
//! invalid, `0` not sent, `~` answered unclearly. `op:a-` is asked for by an operator, `force:` with `--force`, `one:` is a
//! one-off probe. `2h` goes by; `-20s` sets the clock back.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use lockwatch::attempt::{
    Activation, Asker, CredentialLedger, Ledgers, Limits, Outcome, Refusal, Request,
    UsernameLedger, permit, settle,
};

use crate::start;

/// The ledgers of one username, as the store keeps them.
pub(crate) struct Books {
    pub(crate) limits: Limits,
    pub(crate) username: UsernameLedger,
    credentials: HashMap<String, CredentialLedger>,
    pub(crate) activation: Option<Activation>,
    pub(crate) now: Timestamp,
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
            activation: None,
            now: start(),
            made: 0,
        };
        books.goes_on(story);
        books
    }

    pub(crate) fn goes_on(&mut self, story: &str) {
        for word in story.split_whitespace() {
            if let Ok(time) = word.parse::<SignedDuration>() {
                self.now += time;
                continue;
            }
            let (who, what) = word.split_once(':').unwrap_or(("", word));
            let (credential, sign) = what.split_at(what.len() - 1);
            let id = self
                .ask(asker(who), credential)
                .unwrap_or_else(|why| panic!("{word} in {story:?} is refused: {why}"));
            match outcome(sign.chars().next().unwrap()) {
                Some(outcome) => self.end(credential, &id, outcome),
                None => self.now += self.limits.flight,
            }
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
        }
    }

    pub(crate) fn ask(&mut self, asker: Asker, credential: &str) -> Result<String, Refusal> {
        self.made += 1;
        let id = format!("attempt-{}", self.made);
        let request = Request {
            attempt: &id,
            fingerprint: credential,
            asker,
            activation: self.activation,
        };
        let granted = permit(&self.ledgers(credential), &request, &self.limits, self.now)?;
        assert_eq!(granted.permit.id(), id);
        self.keep(credential, granted.ledgers);
        Ok(id)
    }

    pub(crate) fn end(&mut self, credential: &str, id: &str, outcome: Outcome) {
        let ledgers = settle(&self.ledgers(credential), id, outcome, self.now);
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
            Err(Refusal::NeedsForce) => "needs force".to_owned(),
            Err(Refusal::NotOurs) => "not ours".to_owned(),
        }
    }

    fn keep(&mut self, credential: &str, ledgers: Ledgers) {
        self.username = ledgers.username;
        self.credentials
            .insert(credential.to_owned(), ledgers.credential);
    }
}
