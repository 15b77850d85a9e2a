//! `retry_held_after`: a user that worked and is locked out is tried once more at each step, since an administrator may have
//! unlocked it without a word.

use jiff::{SignedDuration, Timestamp};
use lockwatch::{clock, demo::World};

use crate::house::{House, eventually, username};

/// A daemon on a busy machine is late by no more than this.
const LATE: SignedDuration = SignedDuration::from_secs(3);

fn lock(world: &mut World, id: &str) {
    for _ in 0..5 {
        world.someone_else_fails(&username(id));
    }
}

fn refused_since(house: &House, id: &str, since: Timestamp) -> Vec<Timestamp> {
    let all = house.world().with(|world| world.presented(&username(id)));
    all.into_iter().filter(|at| *at >= since).collect()
}

async fn refused_times(house: &House, id: &str, times: u32) {
    eventually(
        || format!("{id}: {:?}", house.stats(id)),
        async || (house.stats(id).rejections == times).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn a_locked_user_is_tried_once_at_each_step_and_never_again() {
    let mut house = House::of(&["locks"]);
    house.settings.lockout = "retry_held_after = [\"4s\", \"8s\"]".to_owned();
    let daemon = house.start().await;
    house.until_state("locks", "healthy", "ok").await;
    let locked = clock::now();
    house.world().with(|world| lock(world, "locks"));
    let mail = house
        .mailed("locked_out", "locks", "locks@acme.example")
        .await;
    // It says that lockwatch does not see the fix before the first step.
    let user = house.user("locks").await;
    assert_eq!(
        (&user["held"], &user["rejections"]),
        (&true.into(), &2.into())
    );
    assert!(
        mail.text.contains("notice the fix by itself before"),
        "{}",
        mail.text
    );

    refused_times(&house, "locks", 4).await;
    house.watch_checks("locks", 5).await;
    let times = refused_since(&house, "locks", locked);
    assert_eq!(times.len(), 4, "{times:?}");
    for (nth, step) in [(2, 4), (3, 8)] {
        let after = times[nth].duration_since(times[1]);
        let step = SignedDuration::from_secs(step);
        assert!(after >= step && after <= step + LATE, "{times:?}");
    }
    let user = house.user("locks").await;
    assert_eq!(
        (&user["held"], &user["rejections"]),
        (&true.into(), &4.into())
    );
    assert!(user["held_until"].is_null(), "{user:#}");
    daemon.stop().await;
}

#[tokio::test]
async fn who_was_unlocked_meanwhile_recovers_by_itself() {
    let mut house = House::of(&["locks"]);
    house.settings.lockout = "retry_held_after = [\"3s\", \"7s\"]".to_owned();
    let daemon = house.start().await;
    house.until_state("locks", "healthy", "ok").await;
    house.world().with(|world| lock(world, "locks"));
    refused_times(&house, "locks", 3).await;
    house.world().with(|world| world.unlock(&username("locks")));
    house.until_state("locks", "healthy", "ok").await;
    house
        .mailed("recovered", "locks", "locks@acme.example")
        .await;
    assert_eq!(house.stats("locks").rejections, 3);
    assert_eq!(house.user("locks").await["rejections"], 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_secret_that_never_worked_is_not_tried_again() {
    let mut house = House::of(&["wrong"]);
    house.settings.lockout = "retry_held_after = [\"1s\", \"2s\"]".to_owned();
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    house.watch_checks("wrong", 5).await;
    assert_eq!(house.stats("wrong").rejections, 2);
    assert!(house.user("wrong").await["held_until"].is_null());
    daemon.stop().await;
}
