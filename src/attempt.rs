//! The budget of attempts: who may present a credential, and what each answer costs. Pure: the store keeps the ledgers
//! and calls [`permit`] and [`settle`] inside its transactions; nothing else can make a [`Permit`].
//!
//! An attempt is counted as unanswered from the moment it is recorded; its answer, if it comes before the username's next
//! attempt, replaces that count. A crash between the two therefore needs no clean-up and can never be forgotten.

mod hold;
mod ledger;
mod refusal;
mod without_code;

use std::time::Duration;

use jiff::Timestamp;

pub use hold::{attempts_left, hold, hold_ends};
pub use ledger::{CredentialLedger, InFlight, Ledgers, Outcome, UsernameLedger};
pub use refusal::{Hold, Refusal, Waiting};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// A hold made of unanswered attempts only risks one more after this time.
pub const UNANSWERED_HOLD: Duration = Duration::from_hours(6);
/// New credentials of one username that are tried unasked within 24 h.
pub const NEW_CREDENTIALS_A_DAY: usize = 3;
/// An attempt that an operator asks for, at most so many per hour and username.
pub const OPERATOR_ATTEMPTS_AN_HOUR: usize = 3;
/// `lockwatch probe --username`: at most so many attempts per username within 24 h.
pub const ONE_OFF_ATTEMPTS_A_DAY: usize = 2;
/// The same credential retried in vain so often needs `--force`.
pub const OPERATOR_VAIN: u32 = 2;

/// `[lockout]` of the config, and how long an attempt may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rejections in a row before the credential is held: 1 to 4.
    pub max_rejections: u32,
    /// Unanswered attempts in a row before it is held, when there is no rejection among them.
    pub max_unanswered: u32,
    /// After this long without an answer an attempt will get none any more.
    pub flight: Duration,
}

/// Who wants the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The schedule, or `lockwatch probe`: within the budget.
    Schedule,
    /// The same for a user whose code only the vendor knows, so that a placeholder is sent: also at most hourly.
    WithoutCode,
    /// `lockwatch retry`: one attempt in spite of a hold.
    Operator {
        /// Even though the same credential was retried in vain before.
        force: bool,
    },
    /// `lockwatch probe --username`: a small budget of its own, counted in a ledger of its own.
    OneOff,
}

/// The time in which a new user may not work yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Until then a refusal says nothing.
    pub until: Timestamp,
    /// Whether one attempt is made before `until` (nobody told when the user was made).
    pub try_at_once: bool,
}

/// The leave to send one credential once. Only [`permit`] makes one, and sending consumes it.
#[derive(Debug)]
#[must_use = "a permit that is not used still counts as an unanswered attempt"]
pub struct Permit {
    id: String,
}

impl Permit {
    /// The recorded attempt's id, with which it is settled.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A permit and the ledgers as they must be stored before it is used.
#[derive(Debug)]
pub struct Granted {
    /// Hand out only after the ledgers are on disk.
    pub permit: Permit,
    /// To store.
    pub ledgers: Ledgers,
}

/// What an attempt is asked for with.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// A fresh id for the attempt.
    pub attempt: &'a str,
    /// The keyed fingerprint of the credential.
    pub fingerprint: &'a str,
    /// Who asks.
    pub asker: Asker,
    /// Whether the user may be too new.
    pub activation: Option<Activation>,
}

/// Decides whether one attempt may be made now, and returns the ledgers with it recorded.
///
/// # Errors
/// The reason why not; the ledgers stay as they are.
pub fn permit(
    ledgers: &Ledgers,
    request: &Request<'_>,
    limits: &Limits,
    now: Timestamp,
) -> Result<Granted, Refusal> {
    let Ledgers {
        mut username,
        mut credential,
    } = ledgers.clone();
    // A clock that was set back a little frees nobody; set back far, it must not block for as long.
    if let Some(flight) = &username.in_flight
        && now < flight.at + limits.flight
        && flight.at < now + limits.flight
    {
        let until = flight.at + limits.flight;
        return Err(wait(until, Waiting::InFlight));
    }
    match request.asker {
        Asker::Operator { force } => operator_may(ledgers, force, now)?,
        Asker::OneOff => one_off_may(&username, now)?,
        Asker::Schedule | Asker::WithoutCode => {
            if let Some(why) = hold(ledgers, limits, now) {
                return Err(Refusal::Held { why });
            }
            // A username that was ever accepted is not new, whatever its id in the configuration.
            if let Some(window) = request.activation
                && username.last_accepted.is_none()
                && now < window.until
                && !(window.try_at_once && credential.first_attempt.is_none())
            {
                return Err(wait(window.until, Waiting::Activation));
            }
            if request.asker == Asker::WithoutCode {
                without_code::may(ledgers, now)?;
                keep_within(&mut username.without_code, HOUR, now);
                username.without_code.push(now);
            }
        }
    }
    let operator = matches!(request.asker, Asker::Operator { .. });
    if operator {
        keep_within(&mut username.operator, HOUR, now);
        username.operator.push(now);
    }
    if request.asker == Asker::OneOff {
        keep_within(&mut username.one_off, DAY, now);
        username.one_off.push(now);
    }
    if credential.first_attempt.is_none() {
        keep_within(&mut username.new_credentials, DAY, now);
        username.new_credentials.push(now);
        credential.first_attempt = Some(now);
    }
    if username.current.as_deref() != Some(request.fingerprint) {
        if username.current.is_some() {
            username.changed_at = Some(now);
        }
        username.current = Some(request.fingerprint.to_owned());
    }
    credential.unanswered += 1;
    credential.last_attempt = Some(now);
    let before = credential.last_answer.take();
    username.in_flight = Some(InFlight {
        id: request.attempt.to_owned(),
        at: now,
        operator,
        before,
    });
    Ok(Granted {
        permit: Permit {
            id: request.attempt.to_owned(),
        },
        ledgers: Ledgers {
            username,
            credential,
        },
    })
}

/// Writes the answer of attempt `id` into the ledgers. An id that is not in flight (any more) changes nothing.
#[must_use]
pub fn settle(ledgers: &Ledgers, id: &str, outcome: Outcome, now: Timestamp) -> Ledgers {
    let Ledgers {
        mut username,
        mut credential,
    } = ledgers.clone();
    // An answer that comes after the username's next attempt is left as unanswered: that it is late says that the order is
    // lost, and an acceptance out of order would forgive rejections that came after it.
    let Some(flight) = username.in_flight.take_if(|flight| flight.id == id) else {
        return ledgers.clone();
    };
    let answered = |ledger: &mut CredentialLedger| {
        ledger.unanswered = ledger.unanswered.saturating_sub(1);
    };
    credential.last_answer = Some(outcome);
    match outcome {
        Outcome::Accepted
        | Outcome::RefusedOtherwise {
            proves_credential: true,
        } => {
            credential.rejections = 0;
            credential.unanswered = 0;
            credential.vain = 0;
            credential.last_accepted = Some(now);
            username.last_accepted = Some(now);
            username.rejected.clear();
        }
        Outcome::Rejected => {
            answered(&mut credential);
            credential.rejections += 1;
            credential.last_rejected = Some(now);
            credential.vain += u32::from(flight.operator);
            keep_within(&mut username.rejected, DAY, now);
            username.rejected.push(now);
        }
        Outcome::CodeRefused => {
            answered(&mut credential);
            credential.last_verified = Some(now);
            username.last_verified = Some(now);
        }
        Outcome::NotSent => {
            answered(&mut credential);
            // What Autotask never saw uses up no hour and answers nothing.
            credential.last_answer = flight.before;
            username.without_code.pop_if(|at| *at == flight.at);
        }
        Outcome::AnsweredUnclearly
        | Outcome::RefusedOtherwise {
            proves_credential: false,
        } => answered(&mut credential),
        Outcome::Unanswered => {}
    }
    Ledgers {
        username,
        credential,
    }
}

fn operator_may(ledgers: &Ledgers, force: bool, now: Timestamp) -> Result<(), Refusal> {
    let Ledgers {
        username,
        credential,
    } = ledgers;
    let recent = past(&username.operator, HOUR, now);
    if let Some(last) = recent.last()
        && now < *last + MINUTE
    {
        return Err(wait(*last + MINUTE, Waiting::Operator));
    }
    if recent.len() >= OPERATOR_ATTEMPTS_AN_HOUR {
        let first = recent.first().copied().unwrap_or(now);
        return Err(wait(first + HOUR, Waiting::Operator));
    }
    if credential.vain >= OPERATOR_VAIN && !force {
        return Err(Refusal::NeedsForce);
    }
    Ok(())
}

fn one_off_may(username: &UsernameLedger, now: Timestamp) -> Result<(), Refusal> {
    let recent = past(&username.one_off, DAY, now);
    match recent.first() {
        Some(first) if recent.len() >= ONE_OFF_ATTEMPTS_A_DAY => {
            Err(wait(*first + DAY, Waiting::OneOff))
        }
        _ => Ok(()),
    }
}

fn wait(until: Timestamp, why: Waiting) -> Refusal {
    Refusal::Wait { until, why }
}

/// Those of the last `span`; what lies in the future is the clock's doing and holds nobody up.
fn past(times: &[Timestamp], span: Duration, now: Timestamp) -> Vec<Timestamp> {
    let recent = times.iter().filter(|at| **at <= now && **at + span > now);
    recent.copied().collect()
}

fn keep_within(times: &mut Vec<Timestamp>, span: Duration, now: Timestamp) {
    times.retain(|at| *at + span > now);
}
