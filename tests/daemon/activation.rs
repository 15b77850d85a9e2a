//! A user that was made a moment ago and does not work yet: nobody is blamed, and it becomes healthy without help.

use std::time::Duration;

use lockwatch::clock;

use crate::house::{House, secret};

#[tokio::test]
async fn a_new_user_becomes_healthy_by_itself() {
    let mut house = House::of(&["fresh", "made"]);
    house.settings.activation = "4s";
    // Its turn alone would come much later than the end of its activation.
    house.settings.interval = "30m";
    let begun = clock::now();
    house.account("fresh").old = false;
    let account = house.account("made");
    account.old = false;
    account.more = format!("created = {begun}\n");
    for id in ["fresh", "made"] {
        house.administer(id, |user| {
            user.activates_at = Some(begun + Duration::from_secs(3))
        });
    }
    let daemon = house.start().await;
    for id in ["fresh", "made"] {
        // Where several users are due is spread over half a minute; asking is within the same budget.
        let probed = house
            .post(&format!("/api/v1/users/{id}/probe"), "{}")
            .await
            .json();
        assert_eq!(probed["state"], "activating", "{probed:#}");
        assert!(probed["activating_until"].is_string(), "{probed:#}");
    }
    assert_eq!(
        house.stats("fresh").attempts,
        1,
        "nobody said when it was made: it may work"
    );
    assert_eq!(
        house.stats("made").attempts,
        0,
        "it cannot work yet, so nothing is risked"
    );
    assert_eq!(
        house
            .metric("autotask_user_state{user=\"fresh\",state=\"activating\"}")
            .await,
        Some(1.0)
    );
    for id in ["fresh", "made"] {
        house.until_state(id, "healthy", "ok").await;
    }
    assert!(clock::now() >= begun + Duration::from_secs(4));
    let (fresh, made) = (house.stats("fresh"), house.stats("made"));
    assert_eq!((fresh.attempts, fresh.rejections), (2, 1));
    assert_eq!((made.attempts, made.rejections), (1, 0));
    assert!(house.filed().is_empty(), "nobody is mailed");
    assert_eq!(house.user("fresh").await["rejections"], 0);
    daemon.stop().await;
    assert!(house.filed().is_empty(), "nobody is mailed");
}

#[tokio::test]
async fn a_user_that_does_not_work_in_time_is_judged() {
    let mut house = House::of(&["late"]);
    house.settings.activation = "2s";
    house.account("late").old = false;
    house.administer("late", |user| user.secret = secret("somebody-else"));
    let daemon = house.start().await;
    house.until_state("late", "activating", "activating").await;
    assert_eq!(house.stats("late").attempts, 1);
    house
        .until_state("late", "failing", "credential_rejected")
        .await;
    assert_eq!(house.stats("late").attempts, 2);
    house.mailed("failing", "late", "late@acme.example").await;
    daemon.stop().await;
}
