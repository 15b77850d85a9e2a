//! Why there is no permit, as data and as words for people. It decides nothing.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why there is no permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// The budget is spent.
    Held {
        /// What spent it.
        why: Hold,
    },
    /// Too early: `until` is when it may be asked again.
    Wait {
        /// When to ask again.
        until: Timestamp,
        /// What it waits for.
        why: Waiting,
    },
    /// The same credential was retried in vain; only `--force` tries it again.
    NeedsForce,
    /// The look-up does not answer, and a credential that was refused is not presented to a zone that is only remembered.
    ZoneUnsure,
    /// The last attempt there had no clear answer: the zone must first answer a request without a credential.
    ZoneClosed {
        /// That attempt.
        attempt: String,
    },
    /// Autotask refuses many users at once.
    Storm {
        /// Since when.
        since: Timestamp,
    },
    /// The claim is no longer ours: somebody else checks this user.
    NotOurs,
}

/// What a hold is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Rejections in a row, unanswered attempts among them counted.
    Rejections,
    /// Attempts without a known answer, no rejection among them.
    Unanswered,
    /// Other credentials of this username were rejected: a confirmation would risk too much.
    Username,
    /// More new credentials in 24 h than are tried unasked.
    NewCredentials,
}

/// What a refused attempt waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// An attempt of this username is in flight.
    InFlight,
    /// The user is new.
    Activation,
    /// The last attempt had no known answer.
    Unanswered,
    /// Other users of the zone are checked first, to tell a fault of this one from a fault of all.
    Others,
    /// Autotask asked for patience (`Retry-After`).
    RetryAfter,
    /// Operators have asked often enough.
    Operator,
    /// One-off probes have been made often enough.
    OneOff,
    /// The code is not known, and a placeholder is sent at most hourly.
    WithoutCode,
}

impl fmt::Display for Refusal {
    /// A sentence without its full stop, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { why } => write!(f, "the credential is held: {}", why.as_sentence()),
            Self::Wait { until, why } => {
                let what = match why {
                    Waiting::InFlight => "an attempt with this username is in flight",
                    Waiting::Activation => "the user is new and may not work yet",
                    Waiting::Unanswered => {
                        "the last attempt had no known answer; each such wait is twice the last"
                    }
                    Waiting::Others => "other users of the zone are checked first",
                    Waiting::RetryAfter => "Autotask asked to wait (Retry-After)",
                    Waiting::Operator => {
                        "retries are limited to one a minute and three an hour for each user"
                    }
                    Waiting::OneOff => {
                        "one-off probes are limited to two in 24 h for each username"
                    }
                    Waiting::WithoutCode => {
                        "the integration code is not known, so the secret is presented at most once an hour"
                    }
                };
                write!(f, "{what}; next possible at {}", until.strftime("%F %T UTC"))
            }
            Self::NeedsForce => f.write_str(
                "this credential was retried twice in vain and has not changed since; each further attempt brings a lockout closer, so it wants --force",
            ),
            Self::ZoneUnsure => f.write_str(
                "the zone look-up does not answer, and a refused credential is not presented to a zone that is only remembered",
            ),
            Self::ZoneClosed { .. } => f.write_str(
                "the last attempt at this zone had no clear answer; it must first answer a request without a credential",
            ),
            Self::Storm { since } => write!(
                f,
                "Autotask refuses many users at once since {}; one of them is tried each hour",
                since.strftime("%F %T UTC")
            ),
            Self::NotOurs => f.write_str("another check of this user is under way"),
        }
    }
}

impl Hold {
    /// For people.
    #[must_use]
    pub fn as_sentence(self) -> &'static str {
        match self {
            Self::Rejections => {
                "it was rejected as often as the budget allows, so it is not presented again until it changes or an operator retries"
            }
            Self::Unanswered => {
                "several attempts in a row had no known answer, so the next one is risked only after 6 h, or when another user of the zone is accepted"
            }
            Self::Username => {
                "attempts with other credentials of this username failed as well, so no confirmation is risked"
            }
            Self::NewCredentials => {
                "three new credentials of this username were tried within 24 h, so this one is not tried unasked: nobody knows whether it works"
            }
        }
    }
}
