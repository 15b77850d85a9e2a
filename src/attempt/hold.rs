//! What holds a credential, until when, and what may still be risked. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{DAY, Hold, Ledgers, Limits, NEW_CREDENTIALS_A_DAY, Now, Outcome, UNANSWERED_HOLD};

/// What holds the credential, whether or not an exception lets one attempt through.
#[must_use]
pub fn hold(ledgers: &Ledgers, limits: &Limits, now: Now) -> Option<Hold> {
    let Ledgers {
        username,
        credential,
        ..
    } = ledgers;
    let streak = username.rejections + username.unanswered;
    if credential.rejections > 0 {
        // Only an attempt that somebody asked for gets this answer once the budget is spent. Nothing is forgiven for it, but
        // the secret was good: one more attempt is risked at a time, until it has another answer.
        if credential.last_answer == Some(Outcome::CodeRefused) {
            return None;
        }
        if credential.rejections + credential.unanswered >= limits.max_rejections {
            return Some(Hold::Rejections);
        }
        return (streak >= limits.max_rejections).then_some(Hold::Username);
    }
    if credential.first_attempt.is_none() {
        let new = within(&username.new_credentials, DAY, now);
        return (new >= NEW_CREDENTIALS_A_DAY).then_some(Hold::NewCredentials);
    }
    let over = username
        .last_attempt
        .is_some_and(|last| now.counted >= last + UNANSWERED_HOLD);
    (unanswered_spent(ledgers, limits) && !over).then_some(Hold::Unanswered)
}

/// So many attempts had no known answer that each further one is an exception.
pub(super) fn unanswered_spent(ledgers: &Ledgers, limits: &Limits) -> bool {
    let Ledgers {
        username,
        credential,
        ..
    } = ledgers;
    let streak = username.rejections + username.unanswered;
    credential.rejections == 0 && credential.unanswered > 0 && streak >= limits.max_unanswered
}

/// When the hold of now ends by itself, as the clock will show it; `None` when there is none, or only a change or an
/// operator ends it.
#[must_use]
pub fn hold_ends(
    ledgers: &Ledgers,
    limits: &Limits,
    locked_out: bool,
    now: Now,
) -> Option<Timestamp> {
    let username = &ledgers.username;
    let ends = match hold(ledgers, limits, now)? {
        Hold::Rejections | Hold::Username => next_step(ledgers, limits).filter(|_| locked_out)?,
        Hold::Unanswered => username.last_attempt? + UNANSWERED_HOLD,
        Hold::NewCredentials => {
            let times = &username.new_credentials;
            let nth = times.len().checked_sub(NEW_CREDENTIALS_A_DAY)?;
            *times.get(nth)? + DAY
        }
    };
    Some(now.on_the_wall(ends))
}

/// When `retry_held_after` risks the next attempt with a credential that rejections hold.
#[must_use]
pub(super) fn next_step(ledgers: &Ledgers, limits: &Limits) -> Option<Timestamp> {
    let credential = &ledgers.credential;
    let nth = usize::try_from(credential.steps).ok()?;
    Some(credential.held_since? + *limits.retry_held_after.get(nth)?)
}

/// How many rejections may still be risked unasked.
#[must_use]
pub fn attempts_left(ledgers: &Ledgers, limits: &Limits, now: Now) -> u32 {
    let Ledgers {
        username,
        credential,
        ..
    } = ledgers;
    if hold(ledgers, limits, now).is_some() {
        return 0;
    }
    let max = limits.max_rejections;
    let own = max.saturating_sub(credential.rejections + credential.unanswered);
    let all = max.saturating_sub(username.rejections + username.unanswered);
    // What is not held is risked once. The first rejection makes the unanswered attempts count, and a confirmation also
    // wants room among the attempts with all credentials of the username.
    own.min(all).max(1)
}

fn within(times: &[Timestamp], span: Duration, now: Now) -> usize {
    times.iter().filter(|at| **at + span > now.counted).count()
}
