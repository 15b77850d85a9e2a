//! Autotask is ill, not the user: that is unclear, blames nobody, and neither opens nor closes anything.

use lockwatch::demo::{Place, Reach, Rights};

use crate::house::House;

#[tokio::test]
async fn an_outage_blames_nobody() {
    let house = House::of(&["works", "right"]);
    house.administer("right", |user| user.set_rights("Companies", Rights::NONE));
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let before = house
        .until_state("right", "failing", "permission_denied")
        .await;
    house.mailed("failing", "right", "right@acme.example").await;
    house.mailed("failing", "right", "ops@msp.example").await;
    let mails = house.filed().len();

    let zone = Place::Zone("AE02".to_owned());
    for (place, reach, reason) in [
        (&zone, Reach::Outage, "outage"),
        (&zone, Reach::Maintenance, "maintenance"),
        (&zone, Reach::Refuse, "connect"),
        (&zone, Reach::Hang, "timeout"),
    ] {
        house.world().with(|world| world.set_reach(place, reach));
        for id in ["works", "right"] {
            let user = house.until_state(id, "unclear", reason).await;
            assert_eq!(user["held"], false, "{id} {reason}");
        }
        let during = house.user("right").await;
        assert_eq!(during["incident"], before["incident"], "{reason}");
        assert_eq!(
            house.user("works").await["incident"],
            serde_json::Value::Null,
            "{reason}"
        );
        // The last definitive word stands.
        assert_eq!(
            house.metric("autotask_user_up{user=\"works\"}").await,
            Some(1.0)
        );
        assert_eq!(
            house.metric("autotask_user_up{user=\"right\"}").await,
            Some(0.0)
        );
        house
            .world()
            .with(|world| world.set_reach(place, Reach::Up));
        house.until_state("works", "healthy", "ok").await;
        let after = house
            .until_state("right", "failing", "permission_denied")
            .await;
        assert_eq!(after["incident"]["id"], before["incident"]["id"]);
    }
    assert_eq!(
        house.filed().len(),
        mails,
        "nobody is mailed about an outage"
    );

    house.administer("right", |user| {
        user.set_rights("Companies", Rights::default())
    });
    house.until_state("right", "healthy", "ok").await;
    let recovered = house
        .mailed("recovered", "right", "right@acme.example")
        .await;
    assert_eq!(
        recovered.header("X-Lockwatch-Incident"),
        before["incident"]["id"]
    );
    assert_eq!(
        house
            .metric("autotask_user_failure{user=\"right\",reason=\"permission_denied\"}")
            .await,
        None
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_zone_elsewhere_gets_no_credential() {
    let house = House::of(&["works", "astray"]);
    house.administer("astray", |user| {
        user.announced =
            lockwatch::demo::Announced::Url("https://zone.evil.example/ATServicesRest/".to_owned());
    });
    let daemon = house.start().await;
    house
        .until_state("astray", "failing", "zone_untrusted")
        .await;
    house
        .mailed("zone_untrusted", "astray", "ops@msp.example")
        .await;
    assert!(
        house
            .filed()
            .iter()
            .all(|mail| mail.header("To") != "astray@acme.example"),
        "a fault of the watching side is the operator's"
    );
    assert_eq!(house.stats("astray").attempts, 0);
    daemon.stop().await;
}
