//! Attempts that somebody asks for: how many, and when the next. They go by the wall clock, for whoever asks is there to see
//! it, and often no daemon is. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    DAY, HOUR, Ledgers, MINUTE, Now, ONE_OFF_ATTEMPTS_A_DAY, OPERATOR_ATTEMPTS_AN_HOUR,
    OPERATOR_VAIN, Refusal, UsernameLedger, Waiting,
};

pub(super) fn may(ledgers: &Ledgers, force: bool, now: Now) -> Result<(), Refusal> {
    let recent = past(&ledgers.username.operator, HOUR, now.wall);
    let minute = recent.iter().max().map(|last| *last + MINUTE);
    let full = recent.len() >= OPERATOR_ATTEMPTS_AN_HOUR;
    let hour = recent.iter().min().filter(|_| full);
    // The later of the two: it is told as the time when an attempt is possible.
    let until = minute.max(hour.map(|first| *first + HOUR));
    if let Some(until) = until.filter(|until| now.wall < *until) {
        return Err(wait(until, Waiting::Operator));
    }
    if ledgers.credential.vain >= OPERATOR_VAIN && !force {
        return Err(Refusal::NeedsForce);
    }
    Ok(())
}

/// How many one-off attempts are left, or when the next is possible.
///
/// # Errors
/// When none is left.
pub fn one_off_left(username: &UsernameLedger, now: Timestamp) -> Result<usize, Timestamp> {
    let recent = past(&username.one_off, DAY, now);
    // Where the clock was set back, they are not in order.
    match recent.iter().min() {
        Some(first) if recent.len() >= ONE_OFF_ATTEMPTS_A_DAY => Err(*first + DAY),
        _ => Ok(ONE_OFF_ATTEMPTS_A_DAY - recent.len()),
    }
}

pub(super) fn one_off_may(username: &UsernameLedger, now: Now) -> Result<(), Refusal> {
    let left = one_off_left(username, now.wall);
    left.map(drop).map_err(|until| wait(until, Waiting::OneOff))
}

/// Notes an attempt, and forgets what is older than `span`.
pub(super) fn note(times: &mut Vec<Timestamp>, span: Duration, at: Timestamp) {
    times.retain(|before| *before + span > at);
    times.push(at);
}

/// Those of the last `span`; what lies in the future is the clock's doing and holds nobody up.
pub(super) fn past(times: &[Timestamp], span: Duration, now: Timestamp) -> Vec<Timestamp> {
    let recent = times.iter().filter(|at| **at <= now && **at + span > now);
    recent.copied().collect()
}

fn wait(until: Timestamp, why: Waiting) -> Refusal {
    Refusal::Wait { until, why }
}
