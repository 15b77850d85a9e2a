//! The budget of attempts: who may present a credential, and what each answer costs. Pure: the store keeps the ledgers
//! and calls [`permit`] and [`settle`] inside its transactions; nothing else can make a [`Permit`].
//!
//! An attempt is counted as unanswered from the moment it is recorded; its answer, if it comes before the username's next
//! attempt, replaces that count. A crash between the two therefore needs no clean-up and can never be forgotten.

mod hold;
mod ledger;
mod meter;
mod operator;
mod refusal;
mod schedule;
mod settle;
mod storm;
mod without_code;

use std::time::Duration;

use jiff::Timestamp;

pub use hold::{attempts_left, hold, hold_ends};
pub use ledger::{
    Acceptance, Before, CredentialLedger, GroupLedger, InFlight, Ledgers, Outcome, PastStorm,
    Storm, UsernameLedger,
};
pub use meter::{MOST, Meter, Now};
use operator::note;
pub use operator::one_off_left;
pub use refusal::{Hold, Refusal, Waiting};
use settle::note_hold;
pub use settle::{End, settle};
pub use storm::{storm, waits_for_others};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// A hold made of unanswered attempts only risks one more after this time; no wait after one of them is longer.
pub const UNANSWERED_HOLD: Duration = Duration::from_hours(6);
/// New credentials of one username that are tried unasked within 24 h.
pub const NEW_CREDENTIALS_A_DAY: usize = 3;
/// An attempt that an operator asks for, at most so many per hour and username.
pub const OPERATOR_ATTEMPTS_AN_HOUR: usize = 3;
/// `lockwatch probe --username`: at most so many attempts per username within 24 h.
pub const ONE_OFF_ATTEMPTS_A_DAY: usize = 2;
/// The same credential retried in vain so often needs `--force`.
pub const OPERATOR_VAIN: u32 = 2;
/// While Autotask refuses everybody, one user of the group is tried so often.
pub const CANARY_EVERY: Duration = HOUR;
/// A single tenant that is refused as a whole is judged as usual after this time.
pub const TENANT_STORM: Duration = Duration::from_mins(30);
/// A zone that is refused as a whole is judged as usual after this time: nothing else would end it.
pub const ZONE_STORM: Duration = DAY;

/// `[lockout]` of the config, and how long an attempt may be in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rejections in a row before the credential is held: 1 to 4.
    pub max_rejections: u32,
    /// Unanswered attempts in a row before it is held, when there is no rejection among them.
    pub max_unanswered: u32,
    /// A credential that worked and is held by rejections is risked once more after each of these, counted from when it
    /// was held; ascending, empty for never.
    pub retry_held_after: Vec<Duration>,
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
    /// Lower-cased username.
    pub username: &'a str,
    /// The keyed fingerprint of the credential.
    pub fingerprint: &'a str,
    /// Where it would go.
    pub zone: &'a str,
    /// The look-up names that zone now; false when the zone is only remembered.
    pub zone_found: bool,
    /// The attempt for whose sake the zone was asked for an answer without a credential, and gave it.
    pub zone_answered: Option<&'a str>,
    /// Who asks.
    pub asker: Asker,
    /// Whether the user may be too new.
    pub activation: Option<Activation>,
    /// The user's incident says that it is locked out.
    pub locked_out: bool,
    /// Time between checks.
    pub interval: Duration,
    /// Since when others of the group are being checked early, to tell a fault of this user's from one of everybody's.
    pub others_asked: Option<Timestamp>,
}

/// Decides whether one attempt may be made now, and returns the ledgers with it recorded.
///
/// # Errors
/// The reason why not; the ledgers stay as they are.
pub fn permit(
    ledgers: &Ledgers,
    request: &Request<'_>,
    limits: &Limits,
    now: Now,
) -> Result<Granted, Refusal> {
    in_flight(ledgers, limits, now)?;
    let mut next = ledgers.clone();
    match request.asker {
        Asker::Operator { force } => operator::may(ledgers, force, now)?,
        Asker::OneOff => operator::one_off_may(&ledgers.username, now)?,
        Asker::Schedule => schedule::may(&mut next, request, limits, now)?,
        Asker::WithoutCode => {
            schedule::may(&mut next, request, limits, now)?;
            without_code::may(&next, now)?;
        }
    }
    gate(&mut next, request)?;
    Ok(record(ledgers, next, request, limits, now))
}

fn in_flight(ledgers: &Ledgers, limits: &Limits, now: Now) -> Result<(), Refusal> {
    // A clock that was set back a little frees nobody; set back far, it must not block for as long.
    match &ledgers.username.in_flight {
        Some(flight)
            if now.wall < flight.at + limits.flight && flight.at < now.wall + limits.flight =>
        {
            Err(Refusal::Wait {
                until: flight.at + limits.flight,
                why: Waiting::InFlight,
            })
        }
        _ => Ok(()),
    }
}

/// After an attempt without a clear answer, no credential goes to that zone until it answers a request without one. An
/// attempt that was never settled had none either.
fn gate(next: &mut Ledgers, request: &Request<'_>) -> Result<(), Refusal> {
    let lost = next.username.in_flight.as_ref().map(|flight| &flight.id);
    if let Some(attempt) = next.zone.closed_by.as_ref().or(lost)
        && request.zone_answered != Some(attempt)
    {
        let attempt = attempt.clone();
        return Err(Refusal::ZoneClosed { attempt });
    }
    next.zone.closed_by = None;
    Ok(())
}

fn record(
    before: &Ledgers,
    mut next: Ledgers,
    request: &Request<'_>,
    limits: &Limits,
    now: Now,
) -> Granted {
    let Ledgers {
        username,
        credential,
        ..
    } = &mut next;
    let operator = matches!(request.asker, Asker::Operator { .. });
    if operator {
        note(&mut username.operator, HOUR, now.wall);
    }
    if operator || request.asker == Asker::WithoutCode {
        note(&mut username.without_code, HOUR, now.counted);
    }
    if request.asker == Asker::OneOff {
        note(&mut username.one_off, DAY, now.wall);
    }
    if credential.first_attempt.is_none() {
        note(&mut username.new_credentials, DAY, now.counted);
        credential.first_attempt = Some(now.counted);
    }
    if username.current.as_deref() != Some(request.fingerprint) {
        if username.current.is_some() {
            username.changed_at = Some(now.wall);
        }
        username.current = Some(request.fingerprint.to_owned());
    }
    credential.unanswered += 1;
    credential.last_attempt = Some(now.wall);
    credential.last_answer = None;
    username.unanswered += 1;
    // Counted from a wait of one interval, each wait is twice the last.
    let wait = username.wait.unwrap_or(request.interval);
    username.wait = Some((2 * wait).min(UNANSWERED_HOLD));
    username.last_attempt = Some(now.counted);
    username.zone = Some(request.zone.to_owned());
    username.in_flight = Some(InFlight {
        id: request.attempt.to_owned(),
        at: now.wall,
        operator,
        before: Before::of(before),
    });
    note_hold(&mut next, limits, now);
    let permit = Permit {
        id: request.attempt.to_owned(),
    };
    Granted {
        permit,
        ledgers: next,
    }
}
