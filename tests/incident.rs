//! From the first sighting of a failure to the recovery: the transitions that `incident` draws, and what holds for every
//! order of diagnoses.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "support/table.rs"]
mod table;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lockwatch::{
    diagnose::{Diagnosis, Reason, Verdict},
    incident::{Circumstances, Event, Phase, State, Step, step},
};
use proptest::prelude::*;
use table::rows;

const CONFIRM_AFTER: Duration = Duration::from_mins(1);
const REOPEN_WITHIN: Duration = Duration::from_hours(1);

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn seen(reason: Reason) -> Diagnosis {
    Diagnosis::new(reason, vec!["Seen.".to_owned()])
}

/// What a check brought, in a word: `last:` where the budget allows no second look, `sure:` where a body said it, `held:`
/// where the ledger remembers it.
fn news(word: &str) -> Option<Diagnosis> {
    let (how, what) = word.split_once(':').unwrap_or(("", word));
    let reason = match what {
        "nothing" => return None,
        "ok" => Reason::Ok,
        "401" => Reason::CredentialRejected,
        "locked" => Reason::LockedOut,
        "denied" => Reason::PermissionDenied,
        "unknown" => Reason::UnknownUser,
        "timeout" => Reason::Timeout,
        "activating" => Reason::Activating,
        "code" => Reason::IntegrationCodeInvalid,
        "untrusted" => Reason::ZoneUntrusted,
        "zone" => Reason::ZoneOnly,
        "unverified" => Reason::CodeUnverified,
        other => panic!("no check brings {other}"),
    };
    Some(Diagnosis {
        certain: how == "sure",
        last_word: how == "last" || how == "held",
        remembered: how == "held",
        ..seen(reason)
    })
}

/// A user's state, the clock, and what was told so far.
struct Life {
    state: State,
    now: Timestamp,
    told: Vec<String>,
    confirm_at: Option<Timestamp>,
    incidents: u32,
}

impl Life {
    fn new() -> Self {
        Self {
            state: State::new(start()),
            now: start(),
            told: Vec::new(),
            confirm_at: None,
            incidents: 0,
        }
    }

    fn checked(&mut self, news: Option<&Diagnosis>) -> Step {
        self.incidents += 1;
        let fresh = format!("incident-{}", self.incidents);
        let given = Circumstances {
            now: self.now,
            confirm_after: CONFIRM_AFTER,
            reopen_within: REOPEN_WITHIN,
            fresh_id: &fresh,
        };
        let step = step(&self.state, news, &given);
        self.state = step.state.clone();
        self.confirm_at = step.confirm_at;
        match &step.event {
            Some(Event::Opened(incident)) => {
                assert_eq!(incident.id, fresh);
                self.told
                    .push(format!("opened {}", incident.diagnosis.reason.as_str()));
            }
            Some(Event::Reopened(incident)) => {
                assert_ne!(incident.id, fresh);
                self.told
                    .push(format!("reopened {}", incident.diagnosis.reason.as_str()));
            }
            Some(Event::Changed {
                incident,
                before,
                first_told,
            }) => {
                let (before, now) = (before.as_str(), incident.diagnosis.reason.as_str());
                let first = if *first_told { " first told" } else { "" };
                self.told.push(format!("changed {before} to {now}{first}"));
            }
            Some(Event::Recovered(incident)) => self
                .told
                .push(format!("recovered {}", incident.diagnosis.reason.as_str())),
            Some(Event::Dropped(incident)) => self
                .told
                .push(format!("dropped {}", incident.diagnosis.reason.as_str())),
            None => {}
        }
        step
    }

    fn live(story: &str) -> Self {
        let mut life = Self::new();
        for word in story.split_whitespace() {
            match word.parse::<SignedDuration>() {
                Ok(time) => life.now += time,
                Err(_) => {
                    life.checked(news(word).as_ref());
                }
            }
        }
        life
    }

    /// `open, shows locked_out, down; look in 1m`
    fn stands(&self) -> String {
        let phase = match &self.state.phase {
            Phase::Clear => "clear",
            Phase::Suspected(_) => "suspected",
            Phase::Open(_) => "open",
        };
        let up = match self.state.up {
            None => "",
            Some(true) => " up",
            Some(false) => " down",
        };
        let look = self.confirm_at.map_or(String::new(), |at| {
            format!("; look in {:#}", at.duration_since(self.now))
        });
        format!("{phase}{up} {}{look}", self.state.reason.as_str())
    }
}

#[test]
fn every_transition() {
    let table = rows(
        "
        never checked                         |                             |                                  | clear never_checked
        nothing learnt                        | nothing                     |                                  | clear never_checked
        works                                 | ok                          |                                  | clear up ok
        seen once                             | 401                         |                                  | suspected suspected; look in 1m
        seen once by a user that worked       | ok 401                      |                                  | suspected up suspected; look in 1m
        seen again too early                  | 401 30s 401                 |                                  | suspected suspected; look in 30s
        seen again in time                    | 401 1m 401                  | opened credential_rejected       | open down credential_rejected
        another failure starts anew           | 401 1m denied               |                                  | suspected suspected; look in 1m
        two failures in turn confirm nothing  | 401 1m denied 1m 401        |                                  | suspected suspected; look in 1m
        and then one twice                    | 401 1m denied 1m denied     | opened permission_denied         | open down permission_denied
        sure                                  | sure:locked                 | opened locked_out                | open down locked_out
        the last word                         | last:401                    | opened credential_rejected       | open down credential_rejected
        remembered                            | held:401                    | opened credential_rejected       | open down credential_rejected
        suspected, then works                 | 401 1m ok                   |                                  | clear up ok
        unclear opens nothing                 | timeout 1m timeout          |                                  | clear timeout
        unclear keeps up                      | ok timeout                  |                                  | clear up timeout
        unclear does not confirm              | 401 1m timeout              |                                  | suspected timeout; look in 1m
        unclear does not clear the suspicion  | 401 1m timeout 1m 401       | opened credential_rejected       | open down credential_rejected
        an early unclear keeps the plan       | 401 10s timeout             |                                  | suspected timeout; look in 50s
        nothing learnt keeps the suspicion    | 401 2h nothing              |                                  | suspected suspected; look in 1m
        activating is unclear                 | ok activating               |                                  | clear up activating
        unclear closes nothing                | last:401 timeout            | opened credential_rejected       | open down timeout
        seen again while open                 | last:401 timeout 401        | opened credential_rejected       | open down credential_rejected
        works again                           | last:401 1h ok              | opened credential_rejected, recovered credential_rejected | clear up ok
        fails again                           | last:401 1h ok 1h last:401  | opened credential_rejected, recovered credential_rejected, opened credential_rejected | open down credential_rejected
        another reason, once                  | last:401 denied             | opened credential_rejected       | open down credential_rejected; look in 1m
        fails again within the hour           | last:401 1h ok 59m 401 1m 401  | opened credential_rejected, recovered credential_rejected, reopened credential_rejected | open down credential_rejected
        for another reason                    | last:401 ok 5m sure:locked  | opened credential_rejected, recovered credential_rejected, reopened locked_out | open down locked_out
        and again, an hour after the second end | last:401 ok 50m last:401 ok 50m last:401 | opened credential_rejected, recovered credential_rejected, reopened credential_rejected, recovered credential_rejected, reopened credential_rejected | open down credential_rejected
        what was dropped is not opened again  | last:401 zone last:401      | opened credential_rejected, dropped credential_rejected, opened credential_rejected | open down credential_rejected
        another reason, twice, no worse       | last:401 denied 1m denied   | opened credential_rejected       | open down permission_denied
        a worse one is told                   | last:401 sure:locked        | opened credential_rejected, changed credential_rejected to locked_out | open down locked_out
        each once                             | last:401 sure:locked last:denied sure:locked | opened credential_rejected, changed credential_rejected to locked_out | open down locked_out
        what is worse than it was just now    | last:unknown last:denied last:code | opened unknown_user, changed permission_denied to integration_code_invalid | open down integration_code_invalid
        a fault of ours hides the user's      | last:401 last:untrusted last:401 last:untrusted | opened credential_rejected, changed credential_rejected to zone_untrusted | open down zone_untrusted
        no longer the operator's alone        | last:untrusted last:401     | opened zone_untrusted, changed zone_untrusted to credential_rejected first told | open down credential_rejected
        and then as usual                     | last:untrusted last:denied last:401 | opened zone_untrusted, changed zone_untrusted to permission_denied first told, changed permission_denied to credential_rejected | open down credential_rejected
        another reason, then the first again  | last:401 denied 1m 401      | opened credential_rejected       | open down credential_rejected
        another reason, remembered            | last:unknown held:401       | opened unknown_user              | open down unknown_user
        a held credential has no second look  | last:401 denied 1m held:401 | opened credential_rejected       | open down credential_rejected
        the changed reason recovers           | last:401 sure:locked ok     | opened credential_rejected, changed credential_rejected to locked_out, recovered locked_out | clear up ok
        a zone alone is neither up nor down   | zone                        |                                  | clear zone_only
        whatever was known before             | ok zone                     |                                  | clear zone_only
        unclear leaves it so                  | zone timeout                |                                  | clear timeout
        a zone found again is a recovery      | zone last:unknown zone      | opened unknown_user, recovered unknown_user | clear zone_only
        so is a trusted one                   | last:untrusted zone         | opened zone_untrusted, recovered zone_untrusted | clear zone_only
        unclear is none                       | last:unknown timeout        | opened unknown_user              | open down timeout
        a zone says nothing about a secret    | last:401 zone               | opened credential_rejected, dropped credential_rejected | clear zone_only
        nor about a lock                      | sure:locked zone            | opened locked_out, dropped locked_out | clear zone_only
        nor about a right                     | last:denied zone            | opened permission_denied, dropped permission_denied | clear zone_only
        a suspicion is dropped with it        | 401 zone 1m 401             |                                  | suspected suspected; look in 1m
        a good secret is up                   | unverified                  |                                  | clear up code_unverified
        it ends what a bad one began          | last:401 unverified         | opened credential_rejected, recovered credential_rejected | clear up code_unverified
        and a lock                            | sure:locked unverified      | opened locked_out, recovered locked_out | clear up code_unverified
        and an unknown name                   | last:unknown unverified     | opened unknown_user, recovered unknown_user | clear up code_unverified
        it says nothing about the code        | last:code unverified        | opened integration_code_invalid, dropped integration_code_invalid | clear up code_unverified
        nor about rights                      | last:denied unverified      | opened permission_denied, dropped permission_denied | clear up code_unverified
        the clock set back confirms nothing   | 401 -1h 401                 |                                  | suspected suspected; look in 1m
        and is not waited for                 | 401 -1h timeout             |                                  | suspected timeout; look in 1m
        ",
    );
    for [name, story, told, want] in table {
        let life = Life::live(story);
        assert_eq!(life.told.join(", "), told, "{name}");
        assert_eq!(life.stands(), want, "{name}");
    }
}

#[test]
fn an_incident_began_when_it_was_first_seen() {
    let life = Life::live("ok 10m 401 40s timeout 20s 401 1h timeout");
    let incident = life.state.incident().expect("an open incident");
    assert_eq!(incident.since, start() + Duration::from_mins(10));
    assert_eq!(incident.opened, start() + Duration::from_mins(11));
    assert_eq!(
        life.state.since, life.now,
        "since when the timeout is shown"
    );
}

fn tell(life: &mut Life, to: &[&str]) {
    let to = to.iter().copied();
    life.state.is_told_to(to, Some("Email2AT"));
}

fn heard(life: &Life) -> Vec<String> {
    let incident = life.state.incident().expect("an open incident");
    incident.heard.by.clone()
}

#[test]
fn who_heard_of_an_incident_is_remembered_once_and_when_it_opens_again() {
    let mut life = Life::live("last:401");
    tell(&mut life, &["it@acme.example", "", "IT@acme.example"]);
    tell(&mut life, &["It@Acme.Example", "ops@msp.example"]);
    let told = ["it@acme.example", "ops@msp.example"];
    assert_eq!(heard(&life), told);
    life.checked(news("ok").as_ref());
    let closed = life.state.clone();
    tell(&mut life, &["late@acme.example"]);
    assert_eq!(life.state, closed, "nothing is open");
    life.checked(news("last:401").as_ref());
    assert_eq!(heard(&life), told);

    let mut life = Life {
        state: closed,
        ..life
    };
    life.checked(news("last:untrusted").as_ref());
    assert!(heard(&life).is_empty(), "it is the operator's alone");
}

#[test]
fn who_is_put_aside_has_nothing_open_and_its_incident_one_more_turn() {
    for story in ["", "ok", "401", "last:401 ok"] {
        let mut state = Life::live(story).state;
        assert_eq!(state.put_aside(), None, "{story}");
        assert_eq!(state.phase, Phase::Clear, "{story}");
    }
    let mut state = Life::live("last:401").state;
    let open = state.incident().expect("an open incident").clone();
    let closed = state.put_aside().expect("it was open");
    assert_eq!((closed.id, closed.turn), (open.id, open.turn + 1));
    assert_eq!(state.phase, Phase::Clear);
}

#[test]
fn a_state_survives_the_store() {
    for story in [
        "",
        "ok",
        "401",
        "last:401",
        "last:401 denied",
        "last:401 ok",
        "last:401 ok 401",
    ] {
        let state = Life::live(story).state;
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}

fn any_news() -> impl Strategy<Value = Option<Diagnosis>> {
    let words = prop::sample::select(vec![
        "nothing",
        "ok",
        "401",
        "401",
        "denied",
        "denied",
        "unknown",
        "timeout",
        "timeout",
        "activating",
        "last:401",
        "sure:locked",
        "held:401",
        "held:locked",
        "last:unknown",
        "zone",
        "unverified",
    ]);
    words.prop_map(news)
}

fn any_pause() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        6 => (0..150_i64).prop_map(SignedDuration::from_secs),
        1 => Just(SignedDuration::from_hours(5)),
        1 => (-100..0_i64).prop_map(SignedDuration::from_secs),
    ]
}

fn suspicion(state: &State) -> bool {
    match &state.phase {
        Phase::Clear => false,
        Phase::Suspected(_) => true,
        Phase::Open(incident) => incident.suspicion.is_some(),
    }
}

/// What is true of every step, whatever the state and the news.
fn holds(before: &State, news: Option<&Diagnosis>, after: &Step, now: Timestamp) {
    let verdict = news.map(|news| news.verdict);
    match verdict {
        None => assert_eq!(&after.state, before, "nothing learnt, nothing changed"),
        Some(Verdict::ZoneOnly) => {
            assert_eq!(after.state.phase, Phase::Clear);
            assert_eq!(after.state.up, None, "a zone is neither up nor down");
        }
        Some(Verdict::Unclear) => {
            assert_eq!(after.state.phase, before.phase, "unclear moves nothing");
            assert_eq!(after.state.up, before.up, "unclear blames nobody");
            assert_eq!(after.event, None);
        }
        Some(Verdict::Healthy) => {
            assert_eq!(after.state.phase, Phase::Clear);
            assert_eq!(after.state.up, Some(true));
        }
        Some(Verdict::Failing | Verdict::LockedOut) => {
            assert_ne!(
                after.state.phase,
                Phase::Clear,
                "a failure is never forgotten"
            );
            assert_ne!(after.state.reason, Reason::Ok);
        }
    }
    let opened = before.incident().is_none() && after.state.incident().is_some();
    let closed = before.incident().is_some() && after.state.incident().is_none();
    assert_eq!(
        opened,
        matches!(after.event, Some(Event::Opened(_) | Event::Reopened(_)))
    );
    if let Some(Event::Reopened(incident)) = &after.event {
        let last = before
            .closed
            .as_ref()
            .expect("what is opened again was closed");
        assert_eq!(incident.id, last.incident.id);
        assert!(incident.down_since() < last.at + REOPEN_WITHIN);
    }
    if let Some(Event::Changed {
        incident,
        before,
        first_told,
    }) = &after.event
    {
        let now = incident.diagnosis.reason;
        assert!(now.gravity() > before.gravity() || *first_told || now.is_operators_alone());
    }
    assert_eq!(
        closed,
        matches!(after.event, Some(Event::Recovered(_) | Event::Dropped(_)))
    );
    if let (Some(Event::Recovered(incident)), Some(news)) = (&after.event, news) {
        assert!(news.reason.disproves(incident.diagnosis.reason));
    }
    assert_eq!(after.confirm_at.is_some(), suspicion(&after.state));
    if let Some(at) = after.confirm_at {
        assert!(
            now < at && at <= now + CONFIRM_AFTER,
            "a second look at {at}"
        );
    }
    assert_eq!(after.state.verdict, after.state.reason.verdict());
    if opened {
        assert_eq!(after.state.up, Some(false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_laws_of_incidents(
        story in prop::collection::vec((any_news(), any_pause()), 1..60)
    ) {
        let mut life = Life::new();
        let mut open = false;
        // Definitive failures since the user last worked or its incident opened: when, and why.
        let mut sightings: Vec<(Timestamp, Reason)> = Vec::new();
        for (news, pause) in story {
            life.now += pause;
            let before = life.state.clone();
            let after = life.checked(news.as_ref());
            holds(&before, news.as_ref(), &after, life.now);
            match (&after.event, &news) {
                (Some(Event::Opened(incident) | Event::Reopened(incident)), Some(news)) => {
                    prop_assert!(!open, "opened twice");
                    open = true;
                    let confirmed = sightings.iter().any(|(at, reason)| {
                        *reason == news.reason && life.now >= *at + CONFIRM_AFTER
                    });
                    prop_assert!(
                        confirmed || news.certain || news.last_word,
                        "{news:?} opened an incident after {sightings:?}"
                    );
                    prop_assert_eq!(&incident.diagnosis, news);
                    prop_assert!(incident.since <= incident.opened);
                    let last = before.closed.as_ref();
                    let soon = last.is_some_and(|last| incident.down_since() < last.at + REOPEN_WITHIN);
                    prop_assert_eq!(soon, matches!(after.event, Some(Event::Reopened(_))));
                    sightings.clear();
                }
                (Some(Event::Recovered(_) | Event::Dropped(_)), Some(_)) => {
                    prop_assert!(open, "recovered from nothing");
                    open = false;
                }
                (Some(Event::Changed { incident, .. }), Some(_)) => {
                    prop_assert!(open, "nothing to change");
                    prop_assert!(incident.told.contains(&incident.diagnosis.reason));
                }
                (Some(_), None) => prop_assert!(false, "an event out of nothing"),
                (None, _) => {}
            }
            match &news {
                Some(news) if matches!(news.verdict, Verdict::Healthy | Verdict::ZoneOnly) => {
                    sightings.clear();
                }
                Some(news) if !news.reason.verdict().eq(&Verdict::Unclear) => {
                    sightings.push((life.now, news.reason));
                }
                _ => {}
            }
        }
    }

    /// What the ledger remembers is older than what was seen: an open incident keeps its reason.
    #[test]
    fn a_remembered_failure_rewrites_no_incident(
        story in prop::collection::vec((any_news(), any_pause()), 1..40)
    ) {
        let mut life = Life::new();
        for (news, pause) in story {
            life.now += pause;
            let before = life.state.incident().cloned();
            life.checked(news.as_ref());
            let after = life.state.incident();
            if let (Some(before), Some(after), Some(news)) = (&before, after, &news) && news.remembered {
                prop_assert_eq!(&before.diagnosis, &after.diagnosis);
            }
        }
    }
}
