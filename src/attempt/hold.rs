//! What holds a credential, until when, and what may still be risked. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{DAY, Hold, Ledgers, Limits, NEW_CREDENTIALS_A_DAY, Outcome, UNANSWERED_HOLD};

/// What holds the credential now, if anything does.
#[must_use]
pub fn hold(ledgers: &Ledgers, limits: &Limits, now: Timestamp) -> Option<Hold> {
    let Ledgers {
        username,
        credential,
    } = ledgers;
    let spent = credential.rejections + credential.unanswered;
    // Only an attempt that somebody asked for gets this answer once the budget is spent. Nothing is forgiven for it, but the
    // secret was good: one more attempt is risked at a time, until it has another answer.
    let verified = credential.last_answer == Some(Outcome::CodeRefused);
    if credential.rejections > 0 && verified {
        return None;
    }
    if credential.rejections > 0 && spent >= limits.max_rejections {
        return Some(Hold::Rejections);
    }
    if credential.rejections == 0 && credential.unanswered >= limits.max_unanswered {
        let over = credential
            .last_attempt
            .is_some_and(|last| now >= last + UNANSWERED_HOLD);
        return (!over).then_some(Hold::Unanswered);
    }
    if credential.rejections > 0
        && within(&username.rejected, DAY, now) >= limits.max_rejections as usize
    {
        return Some(Hold::Username);
    }
    let new = credential.first_attempt.is_none();
    (new && within(&username.new_credentials, DAY, now) >= NEW_CREDENTIALS_A_DAY)
        .then_some(Hold::NewCredentials)
}

/// When the hold of now ends by itself; `None` when there is none, or only a change or an operator ends it.
#[must_use]
pub fn hold_ends(ledgers: &Ledgers, limits: &Limits, now: Timestamp) -> Option<Timestamp> {
    // The oldest of the last `room` must have left the day.
    let leaves = |times: &[Timestamp], room: usize| {
        let nth = times.len().checked_sub(room)?;
        times.get(nth).map(|at| *at + DAY)
    };
    match hold(ledgers, limits, now)? {
        Hold::Rejections => None,
        Hold::Unanswered => ledgers
            .credential
            .last_attempt
            .map(|last| last + UNANSWERED_HOLD),
        Hold::Username => leaves(&ledgers.username.rejected, limits.max_rejections as usize),
        Hold::NewCredentials => leaves(&ledgers.username.new_credentials, NEW_CREDENTIALS_A_DAY),
    }
}

/// How many rejections may still be risked unasked.
#[must_use]
pub fn attempts_left(ledgers: &Ledgers, limits: &Limits, now: Timestamp) -> u32 {
    let Ledgers {
        username,
        credential,
    } = ledgers;
    if hold(ledgers, limits, now).is_some() {
        return 0;
    }
    let max = limits.max_rejections;
    let own = max.saturating_sub(credential.rejections + credential.unanswered);
    let rejected = within(&username.rejected, DAY, now);
    let confirmations = max.saturating_sub(u32::try_from(rejected).unwrap_or(u32::MAX));
    // What is not held is risked once. The first rejection makes the unanswered attempts count, and a confirmation also
    // wants room among the rejections of all credentials of the username.
    own.min(confirmations).max(1)
}

fn within(times: &[Timestamp], span: Duration, now: Timestamp) -> usize {
    times.iter().filter(|at| **at + span > now).count()
}
