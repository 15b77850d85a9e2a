//! A changed secret is noticed and tried, but not more often than is safe.

use crate::house::{House, secret};

#[tokio::test]
async fn a_new_secret_heals_a_held_user_by_itself() {
    let house = House::of(&["wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    house.watch_checks("wrong", 2).await;
    assert_eq!(house.stats("wrong").attempts, 2);

    house.give("wrong", &secret("wrong"));
    // The check that is under way may have read the old one; the next one reads the new.
    house.watch_checks("wrong", 2).await;
    let user = house.until_state("wrong", "healthy", "ok").await;
    assert_eq!(
        (&user["rejections"], &user["held"]),
        (&0.into(), &false.into())
    );
    let changed = house
        .metric("autotask_user_credential_changed_timestamp_seconds{user=\"wrong\"}")
        .await;
    assert!(changed.unwrap() > 0.0);
    assert_eq!(house.stats("wrong").rejections, 2);
    daemon.stop().await;
}

#[tokio::test]
async fn a_wrong_new_secret_is_tried_once_and_the_old_one_not_again() {
    let house = House::of(&["wrong"]);
    house
        .world()
        .with(|world| world.tenants.get_mut("acme").unwrap().lock_after = 20);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;

    house.give("wrong", "demo-wrong-secret-2");
    house.until("wrong", |user| user["rejections"] == 1).await;
    house.watch_checks("wrong", 3).await;
    assert_eq!(
        house.stats("wrong").attempts,
        3,
        "one more, without a confirmation"
    );
    // Autotask counts them all, whichever secret it was.
    let user = house.user("wrong").await;
    assert_eq!(user["held"], true);
    assert_eq!(user["rejections_of_username"], 3, "{user:#}");
    let locked = &user["incident"]["causes"][0];
    assert_eq!(locked["title"], "The account is locked after failed logins");
    let ours = locked["speaks_for"].to_string();
    assert!(
        ours.contains("lockwatch alone was refused 3 times in a row"),
        "{ours}"
    );
    let status = house.lockwatch(&["status", "wrong"]).await.stdout;
    assert!(
        status.contains("with this and other credentials 3 in a row"),
        "{status}"
    );
    let page = house.get("/users/wrong").await.body;
    assert!(
        page.contains("1; 3 with this and other credentials"),
        "{page}"
    );

    house.give("wrong", "demo-wrong-secret-1");
    house.until("wrong", |user| user["rejections"] == 2).await;
    house.watch_checks("wrong", 3).await;
    assert_eq!(
        house.stats("wrong").attempts,
        3,
        "its two rejections are remembered"
    );

    // Rewritten without a change, it is no new secret.
    house.give("wrong", "demo-wrong-secret-1");
    house.watch_checks("wrong", 3).await;
    assert_eq!(house.stats("wrong").attempts, 3);
    assert_eq!(house.user("wrong").await["state"], "failing");
    let told = house
        .filed()
        .into_iter()
        .filter(|mail| mail.tells("failing", "wrong"));
    assert_eq!(told.count(), 2, "still the same incident");
    daemon.stop().await;
}

/// What worked before says nothing about a secret that was never presented.
#[tokio::test]
async fn a_fourth_new_secret_of_a_day_is_not_tried_and_everything_says_so() {
    let house = House::of(&["works"]);
    house
        .world()
        .with(|world| world.tenants.get_mut("acme").unwrap().lock_after = 20);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    house.give("works", "demo-wrong-secret-2");
    house.until("works", |user| user["held"] == true).await;
    house.give("works", "demo-wrong-secret-3");
    house.until("works", |user| user["rejections"] == 1).await;
    house.give("works", &secret("works"));
    house.until_state("works", "healthy", "ok").await;
    let attempts = house.stats("works").rejections;

    house.give("works", "demo-wrong-secret-4");
    let user = house.until("works", |user| user["held"] == true).await;
    let why = user["held_why"].as_str().unwrap();
    assert!(why.contains("nobody knows whether it works"), "{why}");
    assert_eq!(house.stats("works").rejections, attempts);
    let status = house.lockwatch(&["status"]).await;
    assert!(
        status.stdout.contains(&format!(
            "no attempt for works: the credential is held: {why}"
        )),
        "{status:?}"
    );
    daemon.says(&format!("the credential is held: {why}")).await;
    daemon.stop().await;
}
