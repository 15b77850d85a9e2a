//! After an attempt without a known answer the zone must first answer a request without a credential, the user's next attempt
//! waits longer each time, and after a few of them it is held. Nobody in another zone notices.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lockwatch::demo::{Ending, RawAnswer, Reach};

use crate::house::{House, eventually, username};

const NEAR: [&str; 3] = ["near-1", "near-2", "near-3"];
/// A daemon on a busy machine is late by no more than this.
const LATE: SignedDuration = SignedDuration::from_secs(2);

fn weather(house: &House, reach: Reach, version: Option<Reach>) {
    house.world().with(|world| {
        let zone = world.zones.get_mut("AE02").unwrap();
        (zone.reach, zone.version) = (reach, version);
    });
}

fn presented(house: &House, id: &str) -> Vec<Timestamp> {
    house.world().with(|world| world.presented(&username(id)))
}

fn attempts(house: &House, ids: &[&str]) -> u32 {
    ids.iter().map(|id| house.stats(id).attempts).sum()
}

/// Between each attempt and the next.
fn distances(times: &[Timestamp]) -> Vec<SignedDuration> {
    let pairs = times.windows(2);
    pairs.map(|pair| pair[1].duration_since(pair[0])).collect()
}

/// Waits until the zone was asked without a credential so many times more.
async fn versions_asked(house: &House, more: u32) {
    let asked = || house.world().with(|world| world.versions_asked("AE02"));
    let enough = asked() + more;
    eventually(
        || "nobody asks the zone".to_owned(),
        async || (asked() >= enough).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn no_credential_goes_to_a_zone_that_hangs_and_other_zones_go_on() {
    let mut house = House::of(&[NEAR[0], NEAR[1], NEAR[2], "far"]);
    house.administer("far", |user| user.tenant = "globex".to_owned());
    house.account("far").tenant = "globex";
    let daemon = house.start().await;
    for id in [NEAR[0], NEAR[1], NEAR[2], "far"] {
        house.until_state(id, "healthy", "ok").await;
    }

    let healthy = attempts(&house, &NEAR);
    weather(&house, Reach::Hang, None);
    let hangs = lockwatch::clock::now();
    versions_asked(&house, 2).await;
    let (before, far) = (attempts(&house, &NEAR), house.stats("far").attempts);
    assert!(before > healthy, "how should anybody know that it hangs?");
    versions_asked(&house, 4).await;
    assert_eq!(
        attempts(&house, &NEAR),
        before,
        "a credential went to a zone that does not answer"
    );
    for id in NEAR {
        assert!(house.stats(id).max_unanswered_in_row <= 1, "{id}");
        assert_eq!(house.user(id).await["state"], "unclear", "{id}");
    }

    // It still answers no credential. One is lost on it for each time that it says otherwise, and each user waits longer.
    weather(&house, Reach::Hang, Some(Reach::Up));
    eventually(
        || "nobody was tried again".to_owned(),
        async || (attempts(&house, &NEAR) >= before + 2).then_some(()),
    )
    .await;
    for id in NEAR {
        let times = presented(&house, id);
        let lost: Vec<_> = times.into_iter().filter(|at| *at >= hangs).collect();
        let shortest = distances(&lost).into_iter().min();
        assert!(
            shortest.is_none_or(|least| least >= SignedDuration::from_secs(2)),
            "{id}: {lost:?}"
        );
    }

    // Seconds went by, and the other zone was looked at each second.
    assert!(house.stats("far").attempts > far);
    let during: Vec<_> = presented(&house, "far");
    let longest = distances(&during).into_iter().max().unwrap();
    assert!(longest <= SignedDuration::from_secs(1) + LATE, "{during:?}");
    assert_eq!(house.user("far").await["state"], "healthy");

    weather(&house, Reach::Up, None);
    for id in NEAR {
        house.until_state(id, "healthy", "ok").await;
        assert_eq!(house.stats(id).rejections, 0);
    }
    assert_eq!(house.filed().len(), 0, "nobody is mailed");
    daemon.stop().await;
}

#[tokio::test]
async fn nobody_is_tried_while_the_zone_says_nothing_without_a_credential() {
    let house = House::of(&NEAR);
    let daemon = house.start().await;
    for id in NEAR {
        house.until_state(id, "healthy", "ok").await;
    }
    // The zone would let everybody in; but one attempt had no answer, and without a credential it says nothing.
    let silence = RawAnswer::new(200, "text/plain", "").ending(Ending::CutBeforeStatus);
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().version = Some(Reach::Outage);
        world.script_next(&username(NEAR[0]), silence);
    });
    versions_asked(&house, 2).await;
    let before = attempts(&house, &NEAR);
    versions_asked(&house, 4).await;
    assert_eq!(attempts(&house, &NEAR), before);
    for id in NEAR {
        house.until_state(id, "unclear", "outage").await;
    }
    weather(&house, Reach::Up, None);
    for id in NEAR {
        house.until_state(id, "healthy", "ok").await;
    }
    daemon.stop().await;
}

#[tokio::test]
async fn an_attempt_lost_in_a_crash_wants_the_zone_s_word_as_well() {
    let house = House::of(&["crashed"]);
    let daemon = house.start().await;
    house.until_state("crashed", "healthy", "ok").await;
    house
        .world()
        .with(|world| world.zones.get_mut("AE02").unwrap().delay = Duration::from_millis(700));
    let seen = house.stats("crashed").attempts;
    eventually(
        || "no attempt is made".to_owned(),
        async || (house.stats("crashed").attempts > seen).then_some(()),
    )
    .await;
    daemon.kill().await;
    house.world().with(|world| {
        let zone = world.zones.get_mut("AE02").unwrap();
        zone.delay = Duration::ZERO;
        zone.version = Some(Reach::Outage);
    });
    let daemon = house.start().await;
    versions_asked(&house, 3).await;
    assert_eq!(house.stats("crashed").attempts, seen + 1);
    weather(&house, Reach::Up, None);
    house.until_state("crashed", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn waits_double_and_the_hold_ends_with_one_attempt_when_another_is_accepted() {
    let mut house = House::of(&["lost", "other"]);
    house.settings.lockout = "max_unanswered = 3".to_owned();
    let others = house.accounts.split_off(1);
    let silence = RawAnswer::new(200, "text/plain", "").ending(Ending::CutBeforeStatus);
    house.world().with(|world| {
        for _ in 0..4 {
            world.script_next(&username("lost"), silence.clone());
        }
    });
    let daemon = house.start().await;
    let held = house.until("lost", |user| user["held"] == true).await;
    assert!(
        held["held_why"].as_str().unwrap().contains("6 h"),
        "{held:#}"
    );
    assert_ne!(held["held_until"], serde_json::Value::Null);
    house.watch_checks("lost", 3).await;
    let times = presented(&house, "lost");
    assert_eq!(times.len(), 3, "{times:?}");
    let waits = distances(&times);
    for (wait, least) in waits.iter().zip([2, 4]) {
        let least = SignedDuration::from_secs(least);
        // The simulator sees an attempt a moment after its record.
        let early = SignedDuration::from_millis(200);
        assert!(
            *wait >= least - early && *wait <= least + 2 * LATE,
            "{waits:?}"
        );
    }

    // Another user of the zone is accepted: one more attempt is risked, and not a second one for the same reason.
    house.accounts.extend(others);
    house.write();
    daemon.signal(rustix::process::Signal::HUP);
    eventually(
        || "nobody else is accepted".to_owned(),
        async || (house.stats("other").accepted > 0).then_some(()),
    )
    .await;
    eventually(
        || "it was not tried again".to_owned(),
        async || (house.stats("lost").attempts == 4).then_some(()),
    )
    .await;
    house.watch_checks("other", 3).await;
    house.watch_checks("lost", 3).await;
    assert_eq!(house.stats("lost").attempts, 4);
    assert_eq!(house.user("lost").await["held"], true);
    house.mailed("unanswered", "lost", "ops@msp.example").await;
    for mail in house.filed() {
        assert_eq!(mail.header("To"), "ops@msp.example", "nobody is blamed");
    }

    let done = house.lockwatch(&["retry", "lost"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    house.until_state("lost", "healthy", "ok").await;
    daemon.stop().await;
}
