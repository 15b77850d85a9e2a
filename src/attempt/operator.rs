//! Attempts that somebody asks for: how many, and when the next. Pure.

use jiff::Timestamp;

use super::{
    DAY, HOUR, Ledgers, MINUTE, Now, ONE_OFF_ATTEMPTS_A_DAY, OPERATOR_ATTEMPTS_AN_HOUR,
    OPERATOR_VAIN, Refusal, UsernameLedger, Waiting,
};

pub(super) fn may(ledgers: &Ledgers, force: bool, now: Now) -> Result<(), Refusal> {
    let recent = past(&ledgers.username.operator, HOUR, now);
    if let Some(last) = recent.last()
        && now.counted < *last + MINUTE
    {
        return Err(wait(*last + MINUTE, Waiting::Operator, now));
    }
    if recent.len() >= OPERATOR_ATTEMPTS_AN_HOUR {
        let first = recent.first().copied().unwrap_or(now.counted);
        return Err(wait(first + HOUR, Waiting::Operator, now));
    }
    if ledgers.credential.vain >= OPERATOR_VAIN && !force {
        return Err(Refusal::NeedsForce);
    }
    Ok(())
}

pub(super) fn one_off_may(username: &UsernameLedger, now: Now) -> Result<(), Refusal> {
    let recent = past(&username.one_off, DAY, now);
    match recent.first() {
        Some(first) if recent.len() >= ONE_OFF_ATTEMPTS_A_DAY => {
            Err(wait(*first + DAY, Waiting::OneOff, now))
        }
        _ => Ok(()),
    }
}

pub(super) fn wait(until: Timestamp, why: Waiting, now: Now) -> Refusal {
    let until = now.on_the_wall(until);
    Refusal::Wait { until, why }
}

/// Those of the last `span`.
pub(super) fn past(times: &[Timestamp], span: std::time::Duration, now: Now) -> Vec<Timestamp> {
    let recent = times.iter().filter(|at| **at + span > now.counted);
    recent.copied().collect()
}
