//! The same law through the store, on both engines: what is decided in memory is also what two processes on one store do.

use std::{cell::RefCell, time::Duration};

use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use crate::{
    happenings::{Happening, Pace, Setting, USERS, of_many, of_one, setting, to_one},
    house::{House, Place},
    sums::Sums,
    support::postgres::Database,
    town::Town,
};

/// Lives so many stories in a store.
fn live<P: Place>(
    users: usize,
    cases: u32,
    stories: impl Strategy<Value = (Setting, Vec<Happening>)>,
) -> Sums {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        // A story takes tenths of a second: shrinking for long helps nobody.
        max_shrink_time: 30_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let sums = RefCell::new(Sums::default());
    let result = runner.run(&stories, |(setting, story)| {
        let mut sums = sums.borrow_mut();
        runtime.block_on(Town::<House<P>>::lives(users, setting, story, &mut sums));
        Ok(())
    });
    result.unwrap_or_else(|broken| panic!("{broken}"));
    sums.into_inner()
}

/// Weeks take a transaction for each reading of the clock: they are few.
fn of_one_in_a_store() -> impl Strategy<Value = (Setting, Vec<Happening>)> {
    let pace = prop_oneof![24 => Just(Pace::Brisk), 1 => Just(Pace::Weeks)];
    pace.prop_flat_map(|pace| (setting(), of_one(pace, 90)))
}

/// Six hours go by after each happening, so that every story lasts three weeks and more.
fn of_weeks_in_a_store() -> impl Strategy<Value = (Setting, Vec<Happening>)> {
    const PAUSE: Duration = Duration::from_hours(6);
    let story = prop::collection::vec(to_one(Pace::Brisk), 90..120);
    let slow = story.prop_map(|story| {
        let with_pause = |happening| [happening, Happening::Goes(PAUSE)];
        story.into_iter().flat_map(with_pause).collect()
    });
    (setting(), slow)
}

fn of_many_in_a_store() -> impl Strategy<Value = (Setting, Vec<Happening>)> {
    let pace = prop_oneof![24 => Just(Pace::Brisk), 1 => Just(Pace::Weeks)];
    pace.prop_flat_map(|pace| (setting(), of_many(pace, 110)))
}

#[test]
fn no_lockout_by_two_processes_on_a_file() {
    let sums = live::<TempDir>(2, 60, of_one_in_a_store());
    println!("the law of one user, on SQLite: {sums}");
    assert!(sums.attempts > 200 && sums.void > 0, "{sums}");
}

#[test]
fn no_lockout_by_two_processes_on_a_server() {
    let sums = live::<Database>(2, 20, of_one_in_a_store());
    println!("the law of one user, on PostgreSQL: {sums}");
    assert!(sums.attempts > 60, "{sums}");
}

#[test]
fn no_lockout_in_weeks_by_two_processes_on_a_file() {
    let sums = live::<TempDir>(2, 8, of_weeks_in_a_store());
    println!("the law over weeks, on SQLite: {sums}");
    assert!(sums.long == 8 && sums.attempts > 40, "{sums}");
}

#[test]
fn no_lockout_in_weeks_by_two_processes_on_a_server() {
    let sums = live::<Database>(2, 4, of_weeks_in_a_store());
    println!("the law over weeks, on PostgreSQL: {sums}");
    assert!(sums.long == 4 && sums.attempts > 20, "{sums}");
}

#[test]
fn one_an_hour_is_tried_by_two_processes_on_a_file() {
    let sums = live::<TempDir>(USERS, 40, of_many_in_a_store());
    println!("the law of many, on SQLite: {sums}");
    assert!(sums.storms > 10 && sums.canaries > 10, "{sums}");
}

#[test]
fn one_an_hour_is_tried_by_two_processes_on_a_server() {
    let sums = live::<Database>(USERS, 12, of_many_in_a_store());
    println!("the law of many, on PostgreSQL: {sums}");
    assert!(sums.storms > 0 && sums.canaries > 0, "{sums}");
}
