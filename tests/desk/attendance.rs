//! Since when lockwatch is there to see each user.

use std::collections::HashSet;

use lockwatch::{board::Entry, notify::desk::Attendance};

use super::*;

const ROUND: Duration = Duration::from_secs(30);

fn board(ids: &[&str]) -> Vec<Arc<Entry>> {
    ids.iter()
        .map(|id| Arc::new(entry(user(id), ago("48h"))))
        .collect()
}

fn since(users: &[Watched], id: &str) -> Timestamp {
    let mut found = users
        .iter()
        .filter(|user| user.entry.user.id.as_str() == id);
    found.next().expect("it is there").since
}

#[test]
fn whoever_appears_is_watched_from_then_on() {
    let mut there = Attendance::default();
    let first = there.round(board(&["one", "two"]), now(), Duration::ZERO);
    assert_eq!(since(&first, "one"), now(), "not since it was first seen");
    let second = now() + ROUND;
    there.round(board(&["one", "three"]), second, ROUND);
    let third = there.round(board(&["one", "two", "three"]), second + ROUND, ROUND);
    assert_eq!(since(&third, "one"), now());
    assert_eq!(since(&third, "three"), second);
    assert_eq!(since(&third, "two"), second + ROUND, "it was paused");
}

#[test]
fn time_without_lockwatch_does_not_count() {
    for (name, jump, passed, kept) in [
        ("in step", 30, 30, true),
        ("late", 300, 300, true),
        ("nearly in step", 90, 30, true),
        (
            "the host slept, or its clock was set forward",
            3600,
            30,
            false,
        ),
        ("the clock was set back", -10, 30, false),
    ] {
        let mut there = Attendance::default();
        there.round(board(&["one"]), now(), Duration::ZERO);
        let then = now() + SignedDuration::from_secs(jump);
        let users = there.round(board(&["one"]), then, Duration::from_secs(passed));
        let want = if kept { now() } else { then };
        assert_eq!(since(&users, "one"), want, "{name}");
    }
}

#[test]
fn after_looking_away_everybody_begins_anew() {
    let mut there = Attendance::default();
    there.round(board(&["one"]), now(), Duration::ZERO);
    there.look_away();
    let back = now() + ROUND;
    let users = there.round(board(&["one"]), back, ROUND);
    assert_eq!(since(&users, "one"), back);
}

#[test]
fn what_is_explained_begins_anew() {
    let mut there = Attendance::default();
    there.round(board(&["one", "two"]), now(), Duration::ZERO);
    let second = now() + ROUND;
    there.round(board(&["one", "two"]), second, ROUND);
    there.begin_anew(&HashSet::from([UserId::parse("one").unwrap()]));
    let third = there.round(board(&["one", "two"]), second + ROUND, ROUND);
    assert_eq!(
        (since(&third, "one"), since(&third, "two")),
        (second, now())
    );
}
