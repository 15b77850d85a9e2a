//! What the daemon tells of an incident that goes on, and of many that begin together.

use std::collections::BTreeSet;

use lockwatch::demo::Rights;

use crate::house::{House, Mail, eventually, secret, username};

fn to<'a>(mails: &'a [Mail], recipient: &str) -> Vec<&'a Mail> {
    mails
        .iter()
        .filter(|mail| mail.header("To") == recipient)
        .collect()
}

#[tokio::test]
async fn many_users_of_a_tenant_that_are_refused_together_are_one_mail() {
    let users = ["one", "two", "three", "four", "five"];
    let mut house = House::of(&users);
    house.settings.interval = "3s";
    for id in users {
        // Never accepted before, so it is no storm.
        house.give(id, "demo-wrong-secret-1");
    }
    let daemon = house.start().await;
    for id in users {
        house
            .until_state(id, "failing", "credential_rejected")
            .await;
    }
    let all: BTreeSet<&str> = users.into();
    let told = eventually(
        || format!("not everybody is told of: {:#?}", house.filed()),
        async || {
            let mails = house.filed();
            let told: BTreeSet<String> = to(&mails, "ops@msp.example")
                .iter()
                .flat_map(|mail| {
                    let users = mail.header("X-Lockwatch-User");
                    users.split(", ").map(str::to_owned).collect::<Vec<_>>()
                })
                .collect();
            (told.len() == all.len()).then_some(mails)
        },
    )
    .await;
    assert_eq!(to(&told, "ops@msp.example").len(), 1, "{told:#?}");
    for id in users {
        house.mailed("failing", id, &username(id)).await;
        assert_eq!(to(&house.filed(), &username(id)).len(), 1, "{id}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_user_that_fails_again_soon_goes_on_with_its_incident() {
    let house = House::of(&["flaps"]);
    let daemon = house.start().await;
    house.until_state("flaps", "healthy", "ok").await;
    let mut incidents = BTreeSet::new();
    for turn in 1..=2_usize {
        house.give("flaps", &format!("demo-wrong-secret-{turn}"));
        house
            .until("flaps", |user| user["state"] == "failing")
            .await;
        let incident = house.user("flaps").await["incident"]["id"].clone();
        incidents.insert(incident.as_str().unwrap().to_owned());
        let mails = async |count: usize| {
            eventually(
                || format!("{count} mails wanted: {:#?}", house.filed()),
                async || {
                    let mails = house.filed();
                    (to(&mails, &username("flaps")).len() >= count).then_some(())
                },
            )
            .await;
        };
        mails(turn * 2 - 1).await;
        house.give("flaps", &secret("flaps"));
        house.until_state("flaps", "healthy", "ok").await;
        mails(turn * 2).await;
    }
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let mails = house.filed();
    let own = to(&mails, &username("flaps"));
    let threads: BTreeSet<String> = own.iter().map(|mail| mail.header("References")).collect();
    assert_eq!((own.len(), threads.len()), (4, 1), "{own:#?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_worse_reason_is_told_and_once() {
    let house = House::of(&["worse"]);
    let daemon = house.start().await;
    house.until_state("worse", "healthy", "ok").await;
    house.administer("worse", |user| {
        user.set_rights("Companies", Rights::NONE);
    });
    house
        .until_state("worse", "failing", "permission_denied")
        .await;
    house.mailed("failing", "worse", &username("worse")).await;
    house.administer("worse", |user| user.active = false);
    house.until_state("worse", "locked_out", "locked_out").await;
    let told = house.mailed("changed", "worse", &username("worse")).await;
    house.mailed("changed", "worse", "ops@msp.example").await;
    assert!(!told.header("X-Lockwatch-Incident").is_empty());
    house.watch_checks("worse", 3).await;
    let mails = house.filed();
    assert_eq!(to(&mails, &username("worse")).len(), 2, "{mails:#?}");
    daemon.stop().await;
}
