//! Turns while the store cannot be used: the zone look-up only, which carries no credential. The board alone is brought up
//! to date; what was known of a user stays, nothing is concluded and nothing is written. Turns are planned on the board,
//! because there are no claims.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::{give_back, next_slot, spread};
use crate::{
    autotask::wire::MAX_RETRY_AFTER,
    board::Entry,
    check::Checker,
    clock,
    observation::{Fleet, Observation, QueryStep},
    probe,
    setup::Setup,
    store::{trouble::Trouble, users::Claimed},
    user::{User, UserId},
};

/// When the store is back, what was due in the meantime is spread over this at most.
const SPREAD: Duration = Duration::from_mins(5);

/// Starts the look-ups of everybody whose turn it is.
pub(super) fn turn(checker: &Arc<Checker>, setup: &Arc<Setup>, tracker: &TaskTracker) {
    let Some(trouble) = checker.store.trouble() else {
        return;
    };
    let now = clock::now();
    for entry in checker.board.all() {
        if !is_due(entry.due, entry.user.interval, now) {
            continue;
        }
        let Some(user) = setup.user(&entry.user.id).map(Arc::clone) else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "a histogram of seconds")]
        let late = now.duration_since(entry.due).as_millis() as f64 / 1000.0;
        checker.metrics.began(late);
        // Planned before it begins, or the next look at the board would begin it again.
        let due = next_slot(&user.id, user.interval, now);
        checker.board.update(Entry {
            due,
            ..Entry::clone(&entry)
        });
        let (checker, setup) = (Arc::clone(checker), Arc::clone(setup));
        tracker.spawn(look_up(checker, setup, user, Arc::clone(&trouble)));
    }
}

/// What is due further off than Autotask may ask to wait was planned before the clock was set back, and is due now.
fn is_due(due: Timestamp, interval: Duration, now: Timestamp) -> bool {
    due <= now || due > now + interval.max(MAX_RETRY_AFTER)
}

async fn look_up(checker: Arc<Checker>, setup: Arc<Setup>, user: Arc<User>, trouble: Arc<Trouble>) {
    let at = clock::now();
    let looked = probe::zone::look_up(&setup.client, &setup.slots, &user.username);
    checker.metrics.in_flight.inc();
    let zone = tokio::select! {
        () = checker.stopping.cancelled() => None,
        zone = looked => Some(zone),
    };
    checker.metrics.in_flight.dec();
    let Some(zone) = zone else {
        return;
    };
    checker.metrics.zone_probed(&zone);
    let Some(shown) = checker.board.get(&user.id) else {
        return;
    };
    if shown.record.last_check > Some(at) {
        // The store is back, and a whole check was faster.
        return;
    }
    let observation = Observation {
        at,
        zone,
        query: QueryStep::NoStore,
        fleet: Fleet::default(),
    };
    checker
        .board
        .update(seen(&shown, &observation, &trouble.why));
}

/// A user after a look-up that concludes nothing.
fn seen(shown: &Entry, observation: &Observation, why: &str) -> Entry {
    let state = shown.record.state.clone();
    let mut record = shown.record.after(observation, None, state, None);
    record.not_attempted = Some(why.to_owned());
    let mut recent = shown.recent.clone();
    recent.push(observation, record.state.reason);
    Entry {
        record,
        recent,
        ..shown.clone()
    }
}

/// A turn that was missed while there was no store is made up for later, so that not all users are tried at once.
pub(super) async fn later(checker: Arc<Checker>, setup: Arc<Setup>, claimed: Claimed) {
    let user = setup.user(&claimed.claim.id);
    let due = user.map(|user| made_up_for(&user.id, user.interval, clock::now()));
    if let (Some(due), Some(shown)) = (due, checker.board.get(&claimed.claim.id)) {
        checker.board.update(Entry {
            due,
            ..Entry::clone(&shown)
        });
    }
    give_back(&checker, claimed.claim, due).await;
}

fn made_up_for(id: &UserId, interval: Duration, now: Timestamp) -> Timestamp {
    let within = interval.min(SPREAD).as_millis();
    let within = i64::try_from(within).unwrap_or(i64::MAX).max(1);
    now + Duration::from_millis(spread(id, within).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_of_another_clock_is_due() {
        let now = Timestamp::UNIX_EPOCH;
        let hours = Duration::from_hours;
        for (due, interval, yes) in [
            (now, hours(1), true),
            (now + hours(20), hours(1), false),
            (now + hours(25), hours(1), true),
            (now + hours(25), hours(48), false),
            (now + hours(24 * 365), hours(48), true),
        ] {
            assert_eq!(is_due(due, interval, now), yes, "{due}");
        }
    }

    #[test]
    fn what_was_missed_is_not_made_up_for_all_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        for (interval, within) in [
            (Duration::from_secs(30), Duration::from_secs(30)),
            (Duration::from_hours(24), SPREAD),
        ] {
            let mut tenths = [0; 10];
            for nth in 0..1000 {
                let id = UserId::parse(&format!("user-{nth}")).unwrap();
                let wait = made_up_for(&id, interval, now).duration_since(now);
                let share = wait.as_secs_f64() / within.as_secs_f64();
                assert!((0.0..1.0).contains(&share), "{wait:?} of {within:?}");
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "from 0 to 9"
                )]
                let tenth = (share * 10.0) as usize;
                tenths[tenth] += 1;
            }
            assert!(tenths.iter().all(|users| *users > 50), "{tenths:?}");
        }
    }
}
