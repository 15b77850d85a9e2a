//! When a user has its turn: spread by its id, an interval apart, the same over restarts.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::{
    schedule::{first_slot, next_slot},
    user::UserId,
};
use proptest::prelude::*;

/// A check that begins this early still has its slot behind it.
const EARLY: Duration = Duration::from_secs(5);

fn id(number: u32) -> UserId {
    UserId::parse(&format!("user-{number}")).unwrap()
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(|at| Timestamp::from_millisecond(at).unwrap())
}

fn interval() -> impl Strategy<Value = Duration> {
    (10..86_400_u64).prop_map(Duration::from_secs)
}

proptest! {
    #[test]
    fn a_turn_comes_within_an_interval_and_never_twice(
        user in 0..9_999_u32, interval in interval(), now in time()
    ) {
        let next = next_slot(&id(user), interval, now);
        prop_assert!(next > now);
        let early = EARLY.min(interval / 4);
        prop_assert!(next <= now + early + interval);
        // Whenever the check ends, a moment before its slot or long after: the slot itself is not had again.
        prop_assert!(next_slot(&id(user), interval, next) == next + interval);
        prop_assert!(next_slot(&id(user), interval, next - early / 2) == next + interval);
        prop_assert!(next_slot(&id(user), interval, next + interval / 2) == next + interval);
    }

    #[test]
    fn turns_stay_where_they_are_over_restarts(
        user in 0..9_999_u32, interval in interval(), now in time(), pause in 0..9_000_000_u64
    ) {
        let next = next_slot(&id(user), interval, now);
        let after = next_slot(&id(user), interval, now + Duration::from_secs(pause));
        let apart = after.as_millisecond() - next.as_millisecond();
        prop_assert_eq!(apart % i64::try_from(interval.as_millis()).unwrap(), 0);
    }

    #[test]
    fn a_new_user_is_checked_soon(
        user in 0..9_999_u32, interval in interval(), now in time()
    ) {
        let first = first_slot(&id(user), interval, now);
        prop_assert!(first >= now);
        prop_assert!(first < now + interval.min(Duration::from_secs(30)));
    }
}

#[test]
fn users_are_spread() {
    let interval = Duration::from_mins(5);
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let spread = |slot: &dyn Fn(&UserId) -> Timestamp, within: Duration| {
        let mut tenths = [0; 10];
        for user in 0..1_000 {
            let ahead = Duration::try_from(slot(&id(user)).duration_since(now)).unwrap();
            let tenth = ahead.as_millis() * 10 / within.as_millis();
            tenths[usize::try_from(tenth).unwrap().min(9)] += 1;
        }
        tenths
    };
    let turns = spread(&|id| next_slot(id, interval, now), interval + EARLY);
    let first = spread(&|id| first_slot(id, interval, now), Duration::from_secs(30));
    for tenths in [turns, first] {
        assert!(
            tenths.iter().all(|users| (60..=140).contains(users)),
            "{tenths:?}"
        );
    }
}
