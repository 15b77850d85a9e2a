//! While Autotask refuses many users at once: who may be tried, when that is over, and what those get who were rejected in
//! it. Whether it does, `fleet` says. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    CANARY_EVERY, Ledgers, Now, Outcome, Refusal,
    ledger::{Acceptance, GroupLedger, PastStorm, Storm},
};
use crate::fleet::TOGETHER;

/// A confirmation waits for other users' checks at most so long.
const OTHERS: Duration = Duration::from_secs(30);

/// Since when Autotask refuses so many users that no fault is found with any of them.
#[must_use]
pub fn storm(ledgers: &Ledgers) -> Option<Timestamp> {
    let now = [&ledgers.zone, &ledgers.tenant].map(|group| group.storm.as_ref());
    let mut now = now.into_iter().flatten().filter(|storm| !storm.judged);
    now.next().map(|storm| storm.since)
}

/// Whether a confirmation waits for what becomes of other users.
#[must_use]
pub fn waits_for_others(asked: Option<Timestamp>, now: Now) -> bool {
    asked.is_some_and(|asked| now.counted < asked + OTHERS)
}

/// One user of the group is tried each hour, one that has risked nothing yet if there is one; nobody else spends an attempt.
pub(super) fn canary(next: &mut Ledgers, now: Now) -> Result<(), Refusal> {
    let fresh = next.credential.rejections == 0 && next.credential.was_good();
    for storm in [&mut next.zone, &mut next.tenant]
        .into_iter()
        .filter_map(current)
    {
        let free = storm.canary.map_or(storm.at, |last| last + CANARY_EVERY);
        // Who was refused already waits for somebody better, and not only at the beginning.
        let turn = if fresh { free } else { free + CANARY_EVERY };
        if now.counted < turn {
            let since = storm.since;
            return Err(Refusal::Storm { since });
        }
        storm.canary = Some(now.counted);
    }
    Ok(())
}

fn current(group: &mut GroupLedger) -> Option<&mut Storm> {
    group.storm.as_mut().filter(|storm| !storm.judged)
}

/// Whether a credential that is held was rejected in a storm that is over, and has not been tried since.
pub(super) fn is_released(ledgers: &Ledgers) -> bool {
    let credential = &ledgers.credential;
    let befell = |group: &GroupLedger| {
        let (Some(past), Some(rejected)) = (group.past, credential.rejected_at) else {
            return false;
        };
        rejected + TOGETHER >= past.from && rejected <= past.to
    };
    !credential.released
        && credential.was_good()
        && storm(ledgers).is_none()
        && (befell(&ledgers.zone) || befell(&ledgers.tenant))
}

/// What an answer to the attempt that was made at `made` says about its zone and its tenant.
pub(super) fn weigh(
    groups: [&mut GroupLedger; 2],
    username: &str,
    outcome: Outcome,
    made: Timestamp,
    now: Now,
) {
    for group in groups {
        if outcome.lets_in() {
            // An attempt from before the storm says nothing about it, however late its answer is written.
            if group.accepted.as_ref().is_none_or(|last| last.at <= made) {
                let username = username.to_owned();
                group.accepted = Some(Acceptance { username, at: made });
            }
            if let Some(over) = group.storm.take_if(|storm| made >= storm.at) {
                group.past = Some(PastStorm {
                    from: over.at,
                    to: now.counted,
                });
            }
        }
        let no_verdict = matches!(
            outcome,
            Outcome::NotSent
                | Outcome::AnsweredUnclearly
                | Outcome::RefusedOtherwise {
                    proves_credential: false
                }
        );
        if let Some(storm) = &mut group.storm
            && no_verdict
            && storm.canary == Some(made)
        {
            // Nothing was risked and nothing was learnt: the next one may.
            storm.canary = None;
        }
    }
}
