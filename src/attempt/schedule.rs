//! What may be attempted unasked, and the exceptions to a hold; one that is used up is noted. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Hold, Ledgers, Limits, Now, Refusal, Request, UNANSWERED_HOLD, Waiting,
    hold::{hold, next_step, steps_apply, unanswered_spent},
    settle::moves_freely,
    storm::{canary, is_released, waits_for_others},
};

pub(super) fn may(
    next: &mut Ledgers,
    request: &Request<'_>,
    limits: &Limits,
    now: Now,
) -> Result<(), Refusal> {
    let wait = |until: Timestamp, why| Refusal::Wait {
        until: now.on_the_wall(until),
        why,
    };
    let freed = freed_by_another(next, request, now);
    if let Some(why) = hold(next, limits, now) {
        let let_through =
            excepted(next, request, why, limits, now) || (why == Hold::Unanswered && freed);
        if !let_through {
            return Err(Refusal::Held { why });
        }
    } else if let (Some(last), Some(pause)) = (next.username.last_attempt, next.username.wait)
        && now.counted < last + pause
        && next.credential.first_attempt.is_some()
        && !freed
    {
        return Err(wait(last + pause, Waiting::Unanswered));
    }
    if unanswered_spent(next, limits) {
        next.username.risked = Some(now.counted);
    }
    // A username that was ever accepted is not new, whatever its id in the configuration.
    if let Some(window) = request.activation
        && next.username.last_accepted.is_none()
        && now.wall < window.until
        && !(window.try_at_once && next.credential.first_attempt.is_none())
    {
        let (until, why) = (window.until, Waiting::Activation);
        return Err(Refusal::Wait { until, why });
    }
    if next.credential.rejections > 0 {
        if !request.zone_found {
            return Err(Refusal::ZoneUnsure);
        }
        if waits_for_others(request.others_asked, now) {
            return Err(wait(now.counted + Duration::from_secs(1), Waiting::Others));
        }
    }
    canary(next, now)
}

/// One attempt in spite of a hold: the tenant has moved, the storm in which it was rejected is over, or a step of
/// `retry_held_after` has come.
fn excepted(
    next: &mut Ledgers,
    request: &Request<'_>,
    why: Hold,
    limits: &Limits,
    now: Now,
) -> bool {
    let rejected = matches!(why, Hold::Rejections | Hold::Username);
    let zone = next.username.zone.as_deref();
    let elsewhere = request.zone_found && zone.is_some_and(|zone| zone != request.zone);
    let step = next_step(next, limits).is_some_and(|at| at <= now.counted);
    if elsewhere && why != Hold::NewCredentials && moves_freely(next.username.moved, now) {
        next.username.moved = Some(now.counted);
    } else if rejected && is_released(next) {
        next.credential.released = true;
    } else if rejected && steps_apply(next, request.locked_out) && step {
        next.credential.steps = steps_passed(next, limits, now);
    } else {
        return false;
    }
    true
}

/// Whether another user of the zone was accepted after this one's last attempt had no known answer.
fn freed_by_another(ledgers: &Ledgers, request: &Request<'_>, now: Now) -> bool {
    let username = &ledgers.username;
    let once = username
        .risked
        .is_none_or(|risked| now.counted >= risked + UNANSWERED_HOLD);
    let accepted = ledgers.zone.accepted.as_ref();
    once && accepted.is_some_and(|other| {
        other.username != request.username
            && username.last_attempt.is_some_and(|last| other.at > last)
    })
}

/// All steps whose time has come are taken with one attempt.
fn steps_passed(ledgers: &Ledgers, limits: &Limits, now: Now) -> u32 {
    let since = ledgers.credential.held_since.unwrap_or(now.counted);
    let passed = limits
        .retry_held_after
        .iter()
        .take_while(|step| since + **step <= now.counted);
    u32::try_from(passed.count()).unwrap_or(u32::MAX)
}
