//! What is remembered of a user between checks: the document in its row of the store, and what the board shows. Pure.

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Hold, Ledgers, Limits, Now, attempts_left, hold, hold_ends},
    diagnose::{Diagnosis, Reason, Verdict},
    incident::State,
    observation::{Observation, QueryFinding, QueryStep, Unclear, Zone, ZoneFinding},
};

/// How many checks the history of a user holds.
pub const RECENT: usize = 120;

/// The last trusted zone serves so long while the central look-up is away.
const ZONE_SERVES: Duration = Duration::from_hours(24);

/// One user's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Where it stands.
    pub state: State,
    /// What the last news meant; evidence for people.
    pub diagnosis: Option<Diagnosis>,
    /// When something definitive was last seen of the user, good or bad.
    #[serde(default)]
    pub definitive_at: Option<Timestamp>,
    /// The zone last found and trusted.
    pub zone: Option<Zone>,
    /// When it was found; for a while it serves while the look-up is away.
    #[serde(default)]
    pub zone_at: Option<Timestamp>,
    /// The last check, with or without an attempt.
    pub last_check: Option<Timestamp>,
    /// The last accepted query.
    pub last_accepted: Option<Timestamp>,
    /// When only the code was last refused, where it is a placeholder: the secret was good then.
    #[serde(default)]
    pub last_verified: Option<Timestamp>,
    /// The last zone probe.
    pub zone_probe: Option<ProbeRecord>,
    /// The last query probe.
    pub query_probe: Option<ProbeRecord>,
    /// How the credential's budget stands.
    pub budget: Budget,
    /// The local address that attempts leave from.
    pub from: Option<IpAddr>,
    /// Why the last check made no attempt, if it made none.
    pub not_attempted: Option<String>,
    /// Autotask asked for no attempt before this.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// While it is `activating`: until when a refusal says nothing.
    #[serde(default)]
    pub activating_until: Option<Timestamp>,
}

/// A probe's last result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// It learnt what it asks for: zone found, query accepted (or, with a placeholder, only the code refused).
    pub success: bool,
    /// Its bounded outcome.
    pub outcome: String,
    /// How long it took.
    pub took: Duration,
}

/// The ledger as people and metrics see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Rejections since the last proof that the credential is good.
    pub rejections: u32,
    /// Rejections in a row of the username, whatever credential was presented.
    #[serde(default)]
    pub rejections_of_username: u32,
    /// Attempts without a known answer since then.
    pub unanswered: u32,
    /// Rejections that may still be risked unasked.
    pub attempts_left: u32,
    /// What holds the credential.
    pub held: Option<Hold>,
    /// When the hold ends by itself.
    #[serde(default)]
    pub hold_ends: Option<Timestamp>,
    /// When the credential last changed.
    pub changed_at: Option<Timestamp>,
    /// The last attempt.
    pub last_attempt: Option<Timestamp>,
}

impl Budget {
    /// Reads the ledgers of a username and its present credential. `locked_out`: its incident says so, which makes
    /// `retry_held_after` apply.
    #[must_use]
    pub fn of(ledgers: &Ledgers, limits: &Limits, locked_out: bool, now: Now) -> Self {
        let Ledgers {
            username,
            credential,
            ..
        } = ledgers;
        Self {
            rejections: credential.rejections,
            rejections_of_username: username.rejections,
            unanswered: credential.unanswered,
            attempts_left: attempts_left(ledgers, limits, now),
            held: hold(ledgers, limits, now),
            hold_ends: hold_ends(ledgers, limits, locked_out, now),
            changed_at: username.changed_at,
            last_attempt: credential.last_attempt,
        }
    }
}

impl Record {
    /// When the user was last seen to be good, as far as was looked.
    #[must_use]
    pub fn last_good(&self) -> Option<Timestamp> {
        self.last_accepted.max(self.last_verified)
    }

    /// Of a user that was never checked.
    #[must_use]
    pub fn new(now: Timestamp, limits: &Limits) -> Self {
        Self {
            state: State::new(now),
            diagnosis: None,
            definitive_at: None,
            zone: None,
            zone_at: None,
            last_check: None,
            last_accepted: None,
            last_verified: None,
            zone_probe: None,
            query_probe: None,
            budget: Budget {
                attempts_left: limits.max_rejections,
                ..Budget::default()
            },
            from: None,
            not_attempted: None,
            not_before: None,
            activating_until: None,
        }
    }

    /// In place of one that cannot be read: another version wrote it.
    #[must_use]
    pub fn forgotten(now: Timestamp) -> Self {
        let nothing_left = Limits {
            max_rejections: 0,
            max_unanswered: 0,
            retry_held_after: Vec::new(),
            flight: Duration::ZERO,
        };
        Self::new(now, &nothing_left)
    }

    /// The zone that was found less than 24 h ago, for while the look-up is away.
    #[must_use]
    pub fn recent_zone(&self, now: Timestamp) -> Option<&Zone> {
        let recent = self.zone_at.is_some_and(|at| now < at + ZONE_SERVES);
        self.zone.as_ref().filter(|_| recent)
    }

    /// The record after a check. `budget` is `None` when the ledgers were not read.
    #[must_use]
    pub fn after(
        &self,
        observation: &Observation,
        diagnosis: Option<Diagnosis>,
        state: State,
        budget: Option<Budget>,
    ) -> Self {
        let mut next = self.clone();
        next.state = state;
        next.last_check = Some(observation.at);
        let verified = diagnosis
            .as_ref()
            .is_some_and(|diagnosis| diagnosis.reason == Reason::CodeUnverified);
        let definitive = |diagnosis: &Diagnosis| {
            !diagnosis.remembered && diagnosis.reason.verdict() != Verdict::Unclear
        };
        if diagnosis.as_ref().is_some_and(definitive) {
            next.definitive_at = Some(observation.at);
        }
        next.diagnosis = diagnosis.or(next.diagnosis);
        next.budget = budget.unwrap_or(next.budget);
        let zone = &observation.zone;
        if let ZoneFinding::Found(zone) = &zone.finding {
            next.zone = Some(zone.clone());
            next.zone_at = Some(observation.at);
        }
        next.zone_probe = Some(ProbeRecord {
            success: matches!(zone.finding, ZoneFinding::Found(_)),
            outcome: zone.finding.as_str().to_owned(),
            took: zone.took,
        });
        next.not_attempted = match &observation.query {
            QueryStep::Made { probed, from, .. } => {
                let accepted = probed.finding == QueryFinding::Accepted;
                if accepted {
                    next.last_accepted = Some(observation.at);
                } else if verified {
                    next.last_verified = Some(observation.at);
                }
                let success = accepted || verified;
                next.query_probe = Some(ProbeRecord {
                    success,
                    outcome: probed.finding.as_str().to_owned(),
                    took: probed.took,
                });
                next.from = from.or(next.from);
                next.not_before = patience(&probed.finding).map(|wait| observation.at + wait);
                None
            }
            QueryStep::ZoneSilent(_) => {
                Some("the zone does not answer a request without a credential".to_owned())
            }
            QueryStep::NoZone => Some("no zone to send a credential to".to_owned()),
            QueryStep::VendorHeld => {
                // What was counted and found while a credential was known says nothing about this user any more.
                next.budget = Budget::default();
                next.query_probe = None;
                next.not_before = None;
                Some("only the vendor knows the integration code".to_owned())
            }
            QueryStep::NotPermitted(refusal) => Some(refusal.to_string()),
            QueryStep::SecretUnreadable(why) => Some(why.clone()),
            QueryStep::NoStore => Some("the store could not record the attempt".to_owned()),
        };
        next
    }
}

/// How long Autotask asked to wait.
fn patience(finding: &QueryFinding) -> Option<Duration> {
    match finding {
        QueryFinding::RateLimited { retry_after }
        | QueryFinding::Unclear(Unclear::RateLimited { retry_after }) => *retry_after,
        _ => None,
    }
}

/// One line of a user's recent history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastCheck {
    /// Milliseconds since 1970.
    pub at: i64,
    /// What was shown after it.
    pub reason: Reason,
    /// The zone probe, ms.
    pub zone_ms: u32,
    /// The query probe, ms; `None` without an attempt.
    pub query_ms: Option<u32>,
}

/// The last [`RECENT`] checks, as kept in the store: a few bytes a check, because everybody's are in memory too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent(Arc<[u8]>);

impl Recent {
    /// Oldest first. A history that cannot be read is an empty one: it is for looking at only.
    #[must_use]
    pub fn checks(&self) -> VecDeque<PastCheck> {
        postcard::from_bytes(&self.0).unwrap_or_default()
    }

    /// Adds a check and forgets the oldest when there are too many.
    pub fn push(&mut self, observation: &Observation, reason: Reason) {
        let ms = |took: Duration| u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let query_ms = match &observation.query {
            QueryStep::Made { probed, .. } => Some(ms(probed.took)),
            _ => None,
        };
        let mut checks = self.checks();
        checks.push_back(PastCheck {
            at: observation.at.as_millisecond(),
            reason,
            zone_ms: ms(observation.zone.took),
            query_ms,
        });
        while checks.len() > RECENT {
            checks.pop_front();
        }
        *self = checks.into_iter().collect();
    }

    /// As kept in the store.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.0
    }

    /// What the store kept.
    #[must_use]
    pub fn of_packed(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl FromIterator<PastCheck> for Recent {
    fn from_iter<T: IntoIterator<Item = PastCheck>>(checks: T) -> Self {
        let checks: VecDeque<_> = checks.into_iter().collect();
        Self::of_packed(postcard::to_allocvec(&checks).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attempt::Refusal,
        diagnose::{CodeSent, History, diagnose},
        observation::{Fleet, Probed, QueryFinding, Unclear},
    };

    const LIMITS: Limits = Limits {
        max_rejections: 2,
        max_unanswered: 4,
        retry_held_after: Vec::new(),
        flight: Duration::from_secs(15),
    };

    fn now() -> Timestamp {
        "2026-11-21T14:05:00Z".parse().unwrap()
    }

    fn zone(name: &str) -> ZoneFinding {
        ZoneFinding::Found(Zone {
            name: name.to_owned(),
            api: "https://webservices2.autotask.net/atservicesrest/"
                .parse()
                .unwrap(),
        })
    }

    fn seen(zone: ZoneFinding, query: QueryStep) -> Observation {
        Observation {
            at: now(),
            zone: Probed {
                finding: zone,
                took: Duration::from_millis(40),
            },
            query,
            fleet: Fleet::default(),
        }
    }

    fn made(finding: QueryFinding) -> QueryStep {
        QueryStep::Made {
            probed: Probed {
                finding,
                took: Duration::from_millis(80),
            },
            from: Some([192, 0, 2, 7].into()),
            mangled: Vec::new(),
        }
    }

    fn after(record: &Record, observation: &Observation) -> Record {
        record.after(observation, None, record.state.clone(), None)
    }

    #[test]
    fn an_accepted_query_is_remembered_until_the_next() {
        let new = Record::new(now(), &LIMITS);
        let works = after(&new, &seen(zone("AE02"), made(QueryFinding::Accepted)));
        assert_eq!(works.last_accepted, Some(now()));
        let mut refused = seen(zone("AE02"), made(QueryFinding::Rejected));
        refused.at += Duration::from_mins(5);
        let failed = after(&works, &refused);
        assert_eq!(failed.last_accepted, Some(now()));
        assert_eq!(failed.last_check, Some(refused.at));
        let probe = failed.query_probe.unwrap();
        assert_eq!((probe.success, probe.outcome.as_str()), (false, "rejected"));
    }

    #[test]
    fn a_check_without_an_attempt_says_why_and_forgets_nothing() {
        let new = Record::new(now(), &LIMITS);
        let mut works = after(&new, &seen(zone("AE02"), made(QueryFinding::Accepted)));
        works.budget.rejections = 1;
        let held = QueryStep::NotPermitted(Refusal::Held {
            why: Hold::Rejections,
        });
        for step in [held, QueryStep::NoZone, QueryStep::NoStore] {
            let outage = ZoneFinding::Unclear(Unclear::Outage { status: 503 });
            let next = after(&works, &seen(outage, step.clone()));
            assert!(next.not_attempted.is_some(), "{step:?}");
            assert_eq!(next.zone, works.zone, "the zone last found");
            assert_eq!(next.query_probe, works.query_probe);
            assert_eq!(next.budget, works.budget);
            assert_eq!(next.from, works.from);
            let again = after(&next, &seen(zone("EU1"), made(QueryFinding::Accepted)));
            assert_eq!(again.not_attempted, None);
            assert_eq!(again.zone.unwrap().name, "EU1");
        }
    }

    #[test]
    fn what_was_counted_is_forgotten_when_nothing_is_presented_any_more() {
        let new = Record::new(now(), &LIMITS);
        let mut held = after(&new, &seen(zone("AE02"), made(QueryFinding::Rejected)));
        held.budget.held = Some(Hold::Rejections);
        held.not_before = Some(now());
        let next = after(&held, &seen(zone("AE02"), QueryStep::VendorHeld));
        assert_eq!(next.budget, Budget::default());
        assert_eq!((next.query_probe, next.not_before), (None, None));
        assert!(next.not_attempted.is_some());
    }

    #[test]
    fn a_placeholders_answer_is_a_success_but_no_acceptance() {
        let seen = seen(zone("AE02"), made(QueryFinding::IntegrationCodeInvalid));
        let history = History {
            code: CodeSent::Placeholder,
            ..History::default()
        };
        let new = Record::new(now(), &LIMITS);
        let news = diagnose(&seen, &history);
        let good = new.after(&seen, news, new.state.clone(), None);
        assert_eq!(good.last_verified, Some(now()));
        assert_eq!((good.last_accepted, good.last_good()), (None, Some(now())));
        assert!(good.query_probe.unwrap().success);
        let known = after(&new, &seen);
        assert_eq!(known.last_verified, None);
        assert!(!known.query_probe.unwrap().success);
    }

    #[test]
    fn a_record_survives_the_store() {
        let new = Record::new(now(), &LIMITS);
        let record = after(&new, &seen(zone("AE02"), made(QueryFinding::Rejected)));
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn the_recent_checks_are_the_last_120() {
        let mut recent = Recent::default();
        for nth in 0..130 {
            let mut observation = seen(zone("AE02"), made(QueryFinding::Accepted));
            observation.at += Duration::from_secs(nth);
            recent.push(&observation, Reason::Ok);
        }
        recent.push(&seen(zone("AE02"), QueryStep::NoStore), Reason::Ok);
        let checks = recent.checks();
        assert_eq!(checks.len(), RECENT);
        assert_eq!(checks[0].at, now().as_millisecond() + 11_000);
        assert_eq!((checks[0].zone_ms, checks[0].query_ms), (40, Some(80)));
        assert_eq!(checks[RECENT - 1].query_ms, None);

        let packed = recent.packed();
        assert!(packed.len() < 120 * 20, "{} bytes", packed.len());
        assert_eq!(Recent::of_packed(packed.to_vec()).checks(), checks);
        let strange = Recent::of_packed(b"\xff something else".to_vec());
        assert!(strange.checks().is_empty() && Recent::default().checks().is_empty());
    }
}
