//! A tenant moves to another zone: the refusal of the old zone is nobody's fault, once a day. And while nobody says where a
//! tenant lives, the zone of the last hours serves.

use lockwatch::demo::{Lag, Place, Reach};
use serde_json::Value;

use crate::house::{House, eventually, secret};

/// It moves while lockwatch looks: the look-up before the refusal names the old zone, the one after it the new one.
fn move_to(house: &House, zone: &str) {
    house.world().with(|world| {
        world.move_tenant_lagging("acme", zone, Some(Lag::UntilRefusal));
    });
}

async fn refused(house: &House, times: u32) {
    eventually(
        || format!("not refused {times} times"),
        async || (house.stats("moves").rejections == times).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn the_refusal_of_the_old_zone_is_void_once_a_day() {
    let house = House::of(&["moves"]);
    let daemon = house.start().await;
    house.until_state("moves", "healthy", "ok").await;
    let before = house.stats("moves");

    move_to(&house, "AE05");
    refused(&house, 1).await;
    let moved = house.until("moves", |user| user["zone"] == "AE05").await;
    assert_eq!(
        (&moved["state"], &moved["rejections"], &moved["held"]),
        (&"healthy".into(), &0.into(), &false.into())
    );
    house.watch_checks("moves", 2).await;
    let stats = house.stats("moves");
    assert_eq!(stats.rejections, 1);
    assert_eq!(stats.attempts, stats.accepted + 1);
    assert!(stats.accepted > before.accepted);
    // The new zone was asked in the same check: nothing was ever suspected.
    assert!(!daemon.log().contains("suspected"), "{}", daemon.log());
    assert_eq!(house.user("moves").await["incident"], Value::Null);

    // A second move within a day: the refusal counts, and is forgiven by the acceptance that follows.
    move_to(&house, "AE02");
    refused(&house, 2).await;
    daemon.says("suspected").await;
    house
        .until("moves", |user| {
            user["zone"] == "AE02" && user["reason"] == "ok" && user["rejections"] == 0
        })
        .await;
    assert_eq!(house.stats("moves").rejections, 2);
    assert_eq!(house.stats("moves").max_rejections_in_row, 1);
    assert_eq!(house.filed().len(), 0, "nobody is mailed about a move");
    daemon.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_is_not_excused_by_a_move() {
    let house = House::of(&["moves"]);
    let daemon = house.start().await;
    house.until_state("moves", "healthy", "ok").await;
    house.world().with(|world| {
        world.move_tenant_lagging("acme", "AE05", Some(Lag::UntilRefusal));
        world.change(&crate::house::username("moves"), |user| {
            user.secret = "demo-secret-made-anew".to_owned();
        });
    });
    let user = house.until("moves", |user| user["held"] == true).await;
    assert_eq!(user["rejections"], 2);
    house.watch_checks("moves", 3).await;
    // One at the old zone, which is void, and two at the new one.
    assert_eq!(house.stats("moves").rejections, 3);
    house
        .mailed("locked_out", "moves", "moves@acme.example")
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn while_the_look_up_is_away_the_last_zone_serves_and_its_refusal_blames_nobody() {
    let house = House::of(&["moves", "stays"]);
    let daemon = house.start().await;
    for id in ["moves", "stays"] {
        house.until_state(id, "healthy", "ok").await;
    }
    let away = |reach| {
        house
            .world()
            .with(|world| world.set_reach(&Place::Central, reach));
    };
    away(Reach::Outage);
    let accepted = house.stats("stays").accepted;
    eventually(
        || "nobody is tried at the last zone".to_owned(),
        async || (house.stats("stays").accepted >= accepted + 3).then_some(()),
    )
    .await;
    assert_eq!(house.user("stays").await["state"], "healthy");

    house.administer("moves", |user| user.secret = "demo-secret-2".to_owned());
    refused(&house, 1).await;
    house.until_state("moves", "unclear", "outage").await;
    let accepted = house.stats("stays").accepted;
    eventually(
        || "nobody is tried at the last zone".to_owned(),
        async || (house.stats("stays").accepted >= accepted + 4).then_some(()),
    )
    .await;
    assert_eq!(
        house.stats("moves").rejections,
        1,
        "a refused credential waits for the look-up"
    );
    assert_eq!(house.filed().len(), 0, "nobody is mailed");

    away(Reach::Up);
    house.until_state("moves", "locked_out", "locked_out").await;
    assert_eq!(house.stats("moves").rejections, 2);
    house
        .mailed("locked_out", "moves", "moves@acme.example")
        .await;
    house.administer("moves", |user| user.secret = secret("moves"));
    daemon.stop().await;
}
