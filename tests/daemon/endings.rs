//! The configuration changes while an incident is open: whoever heard of it hears of its end.

use crate::house::{House, Mail, secret, username};

/// The configuration as it is now is taken.
async fn reload(house: &House) {
    house.write();
    let answer = house.post("/-/reload", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn says(mail: &Mail, subject: &str) {
    let whole = mail.header("Subject");
    assert!(whole.starts_with(subject), "{whole}");
}

#[tokio::test]
async fn a_username_that_is_corrected_closes_the_incident_of_the_wrong_one() {
    let mut house = House::of(&["typo"]);
    let known = house.account("typo").first_id.clone();
    house.account("typo").first_id = "tpyo".to_owned();
    let daemon = house.start().await;
    let own = username("typo");
    let opened = house.mailed("failing", "typo", &own).await;
    house.mailed("failing", "typo", "ops@msp.example").await;

    house.account("typo").first_id = known;
    house.account("typo").notify = Some("new@acme.example");
    reload(&house).await;
    for to in [own.as_str(), "ops@msp.example"] {
        let closed = house.mailed("recovered", "typo", to).await;
        says(&closed, "[lockwatch] CLOSED");
        assert_eq!(closed.header("X-Lockwatch-State"), "closed");
        let of = "X-Lockwatch-Incident";
        assert_eq!(closed.header(of), opened.header(of));
    }
    let user = house.until_state("typo", "healthy", "ok").await;
    assert!(user["incident"].is_null(), "{user}");
    let mails = house.filed();
    assert!(
        mails
            .iter()
            .all(|mail| mail.header("To") != "new@acme.example"),
        "it never heard of it: {mails:#?}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_user_that_is_disabled_is_told_to_be_closed_and_comes_back_without_a_recovery() {
    let mut house = House::of(&["pauses", "stays"]);
    house.give("pauses", "demo-wrong-secret-1");
    let daemon = house.start().await;
    let own = username("pauses");
    house.mailed("failing", "pauses", &own).await;
    let mut pauses = house.accounts.remove(0);
    pauses.more = "enabled = false\n".to_owned();
    house.accounts.push(pauses);
    // The end is owed at a start as well.
    daemon.stop().await;
    house.write();
    let daemon = house.start().await;
    let closed = house.mailed("recovered", "pauses", &own).await;
    says(&closed, "[lockwatch] CLOSED");

    house.account("pauses").more.clear();
    house.give("pauses", &secret("pauses"));
    reload(&house).await;
    house.until_state("pauses", "healthy", "ok").await;
    house.watch_checks("pauses", 1).await;
    let ends = |mail: &Mail| mail.tells("recovered", "pauses") && mail.header("To") == own;
    let mails = house.filed();
    assert_eq!(
        mails.iter().filter(|mail| ends(mail)).count(),
        1,
        "{mails:#?}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn old_and_new_recipients_hear_that_a_user_works_again() {
    let mut house = House::of(&["moves"]);
    house.give("moves", "demo-wrong-secret-1");
    let daemon = house.start().await;
    let old = username("moves");
    house.mailed("failing", "moves", &old).await;
    house.mailed("failing", "moves", "ops@msp.example").await;

    house.account("moves").notify = Some("new@acme.example");
    let copies = house
        .settings
        .email
        .replace("group_wait", "copy_operator = false\ngroup_wait");
    house.settings.email = copies;
    reload(&house).await;
    // A check that was claimed before goes on with the configuration of then.
    house.watch_checks("moves", 3).await;
    house.give("moves", &secret("moves"));
    for to in [old.as_str(), "new@acme.example", "ops@msp.example"] {
        let mail = house.mailed("recovered", "moves", to).await;
        says(&mail, "[lockwatch] RECOVERED");
    }
    daemon.stop().await;
}
