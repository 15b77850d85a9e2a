//! How it ends: soon, cleanly, and without one more attempt.

use std::time::Duration;

use lockwatch::{
    clock,
    demo::{Place, Reach},
};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::{
    house::{House, eventually},
    support::PATIENCE,
};

/// Less than the time-out of a zone that hangs.
const SOON: Duration = Duration::from_secs(20);

/// A house where `hangs` waits for an answer that does not come, while others could be checked.
async fn with_a_hanging_zone(timeout: &'static str) -> (House, crate::house::Daemon) {
    let mut house = House::of(&["hangs", "one", "two", "three"]);
    house.settings.timeout = timeout;
    house.administer("hangs", |user| user.tenant = "globex".to_owned());
    house.account("hangs").more = String::new();
    let daemon = house.start().await;
    for id in ["hangs", "one", "two", "three"] {
        house.until_state(id, "healthy", "ok").await;
    }
    let zone = Place::Zone("AE05".to_owned());
    house
        .world()
        .with(|world| world.set_reach(&zone, Reach::Hang));
    eventually(
        || "no attempt hangs".to_owned(),
        async || (house.stats("hangs").unanswered_in_row > 0).then_some(()),
    )
    .await;
    (house, daemon)
}

#[tokio::test]
async fn the_end_waits_for_what_is_under_way_and_starts_nothing() {
    let (house, mut daemon) = with_a_hanging_zone("3s").await;
    daemon.signal(Signal::TERM);
    let (asked, asked_at) = (Instant::now(), clock::now());
    assert_eq!(daemon.ended(SOON).await, Some(0), "{}", daemon.log());
    assert!(
        asked.elapsed() > Duration::from_secs(1),
        "the attempt under way was not waited for: {:?}",
        asked.elapsed()
    );
    assert!(daemon.log().contains("stopped"), "{}", daemon.log());
    // The three others were due each second.
    let begun_by = asked_at + Duration::from_millis(300);
    for id in ["hangs", "one", "two", "three"] {
        for ledger in house.credentials(id).await {
            assert!(
                ledger.last_attempt.unwrap() <= begun_by,
                "{id} was tried after the end was asked for"
            );
        }
        let in_flight = house.over_all_credentials(id).await.in_flight;
        assert_eq!(in_flight, None, "{id}: its end is written down");
    }
    assert_eq!(house.credentials("hangs").await[0].unanswered, 1);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (_house, mut daemon) = with_a_hanging_zone("60s").await;
    daemon.signal(Signal::TERM);
    daemon.says("stopping: no attempt starts any more").await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(SOON).await, Some(0), "{}", daemon.log());
}

/// What is about to end takes no new configuration: neither is one read, nor is that it was not read a fault.
#[tokio::test]
async fn a_reload_while_it_ends_is_nothing() {
    let (house, mut daemon) = with_a_hanging_zone("3s").await;
    daemon.signal(Signal::TERM);
    daemon.says("stopping: no attempt starts any more").await;
    daemon.signal(Signal::HUP);
    let reload = house.post("/-/reload", "").await;
    assert_eq!(reload.status, 503, "{reload:?}");
    assert!(reload.body.contains("lockwatch is stopping"), "{reload:?}");
    assert_eq!(daemon.ended(SOON).await, Some(0), "{}", daemon.log());
    let log = daemon.log();
    assert!(!log.contains("reloaded") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn an_interrupt_ends_it_too() {
    let house = House::of(&["works"]);
    let mut daemon = house.start().await;
    daemon.signal(Signal::INT);
    assert_eq!(daemon.ended(PATIENCE).await, Some(0), "{}", daemon.log());
}
