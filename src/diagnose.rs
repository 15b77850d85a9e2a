//! What an observation means: verdict, reason, evidence and ranked candidate causes. Pure and deterministic; it neither
//! confirms (that is `incident`) nor says what to do (that is `remedy`).

mod look_up;
mod ranking;
mod unclear;
mod vendor;
mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Hold, Outcome, Refusal, Waiting},
    observation::{Fleet, Mangled, Observation, QueryFinding, QueryStep, Zone, ZoneFinding},
};
use look_up::{unknown_user, without_look_up};
use ranking::rejected;
use unclear::unclear;
pub use words::{Cause, Reason, Verdict};

/// What an observation means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// How the user stands.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// True when one sighting is proof enough: a body said it.
    pub certain: bool,
    /// True when no second sighting can be had, because the budget forbids another attempt.
    pub last_word: bool,
    /// True when nothing was seen now and the ledger remembers it: it opens an incident, but never rewrites one.
    pub remembered: bool,
    /// What was seen, as sentences for people.
    pub evidence: Vec<String>,
    /// Most likely first; empty unless failing or locked out.
    pub causes: Vec<RankedCause>,
}

impl Diagnosis {
    /// One that needs a second sighting, and of which no cause is known.
    #[must_use]
    pub fn new(reason: Reason, evidence: Vec<String>) -> Self {
        Self {
            verdict: reason.verdict(),
            reason,
            certain: false,
            last_word: false,
            remembered: false,
            evidence,
            causes: Vec::new(),
        }
    }
}

/// A candidate cause with what speaks for and against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedCause {
    /// The cause.
    pub cause: Cause,
    /// Evidence, as sentences.
    pub speaks_for: Vec<String>,
    /// Evidence, as sentences.
    pub speaks_against: Vec<String>,
}

/// What is sent as the integration code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeSent {
    /// The code.
    #[default]
    Known,
    /// A placeholder, because only the vendor knows the code.
    Placeholder,
}

/// What is known from before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When this very credential was last accepted.
    pub credential_accepted: Option<Timestamp>,
    /// When any credential of the user was last accepted.
    pub user_accepted: Option<Timestamp>,
    /// When only the code of this very credential was last refused: its secret was good then.
    pub credential_verified: Option<Timestamp>,
    /// When only the code of any credential of the user was last refused.
    pub user_verified: Option<Timestamp>,
    /// How the last attempt with this very credential ended.
    pub last_answer: Option<Outcome>,
    /// What is sent as the integration code.
    pub code: CodeSent,
    /// When the present credential took the place of another.
    pub credential_changed: Option<Timestamp>,
    /// Until when the user may be too new to work.
    pub activating_until: Option<Timestamp>,
    /// Rejections of this credential since it was last known to be good.
    pub rejections: u32,
    /// Rejections in a row of the username, whatever credential was presented.
    pub rejections_of_username: u32,
    /// Rejections that may still be risked unasked, after this check.
    pub attempts_left: u32,
}

impl History {
    /// Whether this very credential was seen to be good, by an acceptance or by a refusal of its code alone.
    fn credential_was_good(&self) -> bool {
        self.credential_accepted.is_some() || self.credential_verified.is_some()
    }
}

/// What `observation` means in the light of `history`; `None` when it brings no news and the last diagnosis stands.
#[must_use]
pub fn diagnose(observation: &Observation, history: &History) -> Option<Diagnosis> {
    let at = observation.at;
    let activating = history.activating_until.filter(|until| at < *until);
    let zone = match &observation.zone.finding {
        ZoneFinding::Found(zone) => zone,
        ZoneFinding::Unknown => return Some(unknown_user(observation, history, activating)),
        ZoneFinding::Untrusted { host, why } => {
            let seen =
                format!("The zone look-up names the host {host}, which is not trusted: {why}.");
            return Some(failing(
                Reason::ZoneUntrusted,
                Cause::UntrustedZone,
                vec![seen],
            ));
        }
        ZoneFinding::Unclear(what) => {
            return Some(without_look_up(what, observation, history, activating));
        }
    };
    let found = zone_seen(zone);
    let fleet = &observation.fleet;
    let storm = fleet.storm.filter(|_| history.credential_was_good());
    match &observation.query {
        QueryStep::Made {
            probed, mangled, ..
        } => Some(answered(
            &probed.finding,
            mangled,
            found,
            &Light {
                history,
                activating,
                fleet,
            },
        )),
        QueryStep::ZoneSilent(what) => Some(unclear(what, "The zone, asked without a credential,")),
        QueryStep::SecretUnreadable(why) => {
            let seen = vec![found, format!("No attempt was made: {why}.")];
            Some(failing(
                Reason::SecretUnreadable,
                Cause::UnreadableSecret,
                seen,
            ))
        }
        QueryStep::NotPermitted(Refusal::Held {
            why: Hold::Rejections | Hold::Username,
        }) => {
            let seen = vec![
                found,
                "The credential was rejected before and has not changed; no further attempt is risked.".to_owned(),
            ];
            if let Some(until) = activating.filter(|_| !history.credential_was_good()) {
                return Some(Diagnosis::new(Reason::Activating, still_new(seen, until)));
            }
            if let Some(since) = storm {
                return Some(auth_outage(seen, since));
            }
            if fleet.pending {
                return None;
            }
            let (last_word, remembered) = (true, true);
            Some(Diagnosis {
                last_word,
                remembered,
                ..rejected(seen, &[], history)
            })
        }
        QueryStep::NotPermitted(Refusal::Wait {
            until,
            why: Waiting::Activation,
        }) => Some(Diagnosis::new(
            Reason::Activating,
            vec![
                found,
                format!(
                    "The user is new; no refusal counts before {}.",
                    until.strftime("%F %R UTC")
                ),
            ],
        )),
        QueryStep::NotPermitted(Refusal::Storm { since }) if history.rejections > 0 => {
            Some(auth_outage(vec![found], *since))
        }
        QueryStep::NotPermitted(Refusal::Wait {
            until,
            why: Waiting::WithoutCode,
        }) => vendor::still_verified(found, history, *until),
        QueryStep::VendorHeld => Some(vendor::zone_only(found)),
        QueryStep::NotPermitted(_) | QueryStep::NoZone | QueryStep::NoStore => None,
    }
}

/// What an answer is read in the light of.
#[derive(Clone, Copy)]
struct Light<'a> {
    history: &'a History,
    activating: Option<Timestamp>,
    fleet: &'a Fleet,
}

fn auth_outage(mut seen: Vec<String>, since: Timestamp) -> Diagnosis {
    seen.push(format!(
        "Autotask has refused many users at once since {}, all of them accepted before: it is not taken for a fault of this user.",
        since.strftime("%F %R UTC")
    ));
    Diagnosis::new(Reason::AuthOutage, seen)
}

fn answered(
    finding: &QueryFinding,
    mangled: &[Mangled],
    found: String,
    light: &Light<'_>,
) -> Diagnosis {
    let Light {
        history,
        activating,
        fleet,
    } = *light;
    let seen = |what: &str| vec![found.clone(), what.to_owned()];
    if let Some(diagnosis) = vendor::answered(finding, &found, history) {
        return diagnosis;
    }
    match finding {
        QueryFinding::Accepted => Diagnosis::new(Reason::Ok, seen("The query was accepted.")),
        QueryFinding::Rejected => {
            let seen = seen("The query was answered 401, which Autotask does not explain.");
            if let Some(until) = activating.filter(|_| !history.credential_was_good()) {
                return Diagnosis::new(Reason::Activating, still_new(seen, until));
            }
            if let Some(since) = fleet.storm.filter(|_| history.credential_was_good()) {
                return auth_outage(seen, since);
            }
            let last_word = history.attempts_left == 0 && !fleet.pending;
            Diagnosis {
                last_word,
                ..rejected(seen, mangled, history)
            }
        }
        QueryFinding::Locked => Diagnosis {
            certain: true,
            ..failing(
                Reason::LockedOut,
                Cause::LockedOut,
                seen("Autotask answered that the account is locked."),
            )
        },
        QueryFinding::IntegrationCodeInvalid => failing(
            Reason::IntegrationCodeInvalid,
            Cause::WrongIntegrationCode,
            seen(
                "Autotask answered that the integration code is invalid; username and secret are therefore good.",
            ),
        ),
        QueryFinding::PermissionDenied => failing(
            Reason::PermissionDenied,
            Cause::MissingPermission,
            seen(
                "Autotask answered that the permission to read the entity is missing; the credential is therefore good.",
            ),
        ),
        QueryFinding::Refused { errors } => failing(
            Reason::ApiRefused,
            Cause::ApiRefusal,
            seen(&format!(
                "Autotask refused the query: {}",
                errors.join(" / ")
            )),
        ),
        QueryFinding::RateLimited { .. } => Diagnosis::new(
            Reason::RateLimited,
            seen("Autotask answered that there were too many requests."),
        ),
        QueryFinding::Unclear(what) => unclear(what, "The query"),
    }
}

fn still_new(mut seen: Vec<String>, until: Timestamp) -> Vec<String> {
    seen.push(format!(
        "The user is new here, so a refusal counts only from {}; `created` in the configuration says when it was really made.",
        until.strftime("%F %R UTC")
    ));
    seen
}

fn zone_seen(zone: &Zone) -> String {
    format!(
        "The zone look-up finds the user in {} ({}).",
        zone.name,
        zone.api.host_str().unwrap_or("?")
    )
}

fn failing(reason: Reason, what: Cause, evidence: Vec<String>) -> Diagnosis {
    Diagnosis {
        causes: vec![cause(what, [])],
        ..Diagnosis::new(reason, evidence)
    }
}

fn cause(cause: Cause, speaks_for: impl Into<Vec<String>>) -> RankedCause {
    RankedCause {
        cause,
        speaks_for: speaks_for.into(),
        speaks_against: Vec::new(),
    }
}
