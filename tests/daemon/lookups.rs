//! The zone look-up denies users: one of them is unknown, all of them are not.

use lockwatch::demo::{Announced, Logins, LookUps};

use crate::house::House;

const USERS: [&str; 4] = ["one", "two", "three", "four"];

fn no_user_is_mailed(house: &House) {
    for mail in house.filed() {
        assert_eq!(mail.header("To"), "ops@msp.example", "{mail:?}");
    }
}

#[tokio::test]
async fn a_look_up_that_denies_everybody_is_at_fault_itself() {
    let house = House::of(&USERS);
    let daemon = house.start().await;
    for id in USERS {
        house.until_state(id, "healthy", "ok").await;
    }
    // While their zone lets them in, nothing is wrong with anybody.
    house.world().with(|world| world.look_ups = LookUps::Denied);
    for id in USERS {
        house.watch_checks(id, 3).await;
        assert_eq!(house.user(id).await["state"], "healthy", "{id}");
    }
    // Not even when the zone refuses them as well, as one does that has handed its tenants on.
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().logins = Logins::RefusedAndCounted;
    });
    for id in USERS {
        house.until_state(id, "unclear", "outage").await;
    }
    for id in USERS {
        house.watch_checks(id, 3).await;
        let user = house.user(id).await;
        assert_eq!(user["reason"], "outage", "{id}");
        assert!(house.stats(id).rejections <= 1, "{id}");
    }
    no_user_is_mailed(&house);

    house.world().with(|world| {
        world.look_ups = LookUps::Answered;
        world.zones.get_mut("AE02").unwrap().logins = Logins::Judged;
    });
    let _ = house.lockwatch(&["retry", USERS[0]]).await;
    for id in USERS {
        house.until_state(id, "healthy", "ok").await;
    }
    no_user_is_mailed(&house);
    daemon.stop().await;
}

#[tokio::test]
async fn a_look_up_that_denies_one_is_right() {
    let house = House::of(&USERS);
    let daemon = house.start().await;
    for id in USERS {
        house.until_state(id, "healthy", "ok").await;
    }
    house.administer("one", |user| {
        user.announced = Announced::Unknown;
        user.active = false;
    });
    house.until_state("one", "failing", "unknown_user").await;
    house.mailed("failing", "one", "one@acme.example").await;
    for id in ["two", "three", "four"] {
        assert_eq!(house.user(id).await["state"], "healthy", "{id}");
    }
    assert!(house.stats("one").rejections <= 2);
    assert!(
        house
            .filed()
            .iter()
            .all(|mail| mail.tells("failing", "one"))
    );
    daemon.stop().await;
}
