//! Users whose integration code only the vendor knows: what is learnt of them, what is said not to be known, and what it costs.

use std::fs;

use lockwatch::demo::{Announced, World};

use crate::house::{House, username};

const ZONE_ONLY: &str = "integration_code = \"vendor-held\"";

fn with_placeholder(id: &str) -> String {
    format!("secret = {{ file = \"{id}.secret\" }}\n{ZONE_ONLY}\nverify_without_code = true")
}

async fn up(house: &House, id: &str) -> Option<f64> {
    house
        .metric(&format!("autotask_user_up{{user=\"{id}\"}}"))
        .await
}

#[tokio::test]
async fn nothing_is_ever_presented_of_a_user_that_is_watched_by_its_zone_alone() {
    let mut house = House::of(&["zone", "works"]);
    house.account("zone").credential = ZONE_ONLY.to_owned();
    fs::remove_file(house.folder().join("zone.secret")).unwrap();
    let daemon = house.start().await;
    let user = house.until_state("zone", "zone_only", "zone_only").await;
    house.until_state("works", "healthy", "ok").await;
    assert_eq!(
        (&user["known"], &user["up"]),
        (&"nothing".into(), &().into())
    );
    assert!(user["attempts_left"].is_null(), "{user}");
    assert_eq!(up(&house, "zone").await, None);
    let shown = "autotask_user_state{user=\"zone\",state=\"zone_only\"}";
    assert_eq!(house.metric(shown).await, Some(1.0));

    let unknown = "Not known: whether the secret is right, whether the user is locked";
    let page = house.get("/users/zone").await.body;
    for words in [unknown, "verify_without_code = true", "how to see more"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let valid = house.lockwatch(&["validate"]).await;
    assert_eq!(valid.code, 0, "{valid:?}");
    assert!(
        valid.stdout.contains("2 users are watched (1 zone only)"),
        "{valid:?}"
    );
    let status = house.lockwatch(&["status"]).await;
    assert_eq!(status.code, 0, "{status:?}");
    assert!(
        status.stdout.contains("zone only: 1; whether"),
        "{status:?}"
    );
    for arguments in [&["probe", "zone"][..], &["probe", "zone", "--force"]] {
        let probed = house.lockwatch(arguments).await;
        assert_eq!(probed.code, 0, "{probed:?}");
        for words in [
            "query  not made: only the vendor knows the integration code",
            "result zone_only\n",
            unknown,
            "unseen To learn whether the secret is good",
            "unseen To have everything checked, ask the vendor",
            "Custom tracking identifier",
        ] {
            assert!(probed.stdout.contains(words), "{words}: {probed:?}");
        }
    }
    let retried = house.lockwatch(&["retry", "zone", "--force"]).await;
    assert_eq!(retried.code, 64, "{retried:?}");
    assert!(
        retried.stderr.contains("zone: there is nothing to retry"),
        "{retried:?}"
    );
    assert_eq!(house.post("/api/v1/users/zone/retry", "").await.status, 422);
    let typed = ["probe", "--username", "other@acme.example"];
    let typed = house
        .lockwatch_told(&typed, "demo-typed-1\nvendor held\n", &[])
        .await;
    assert_eq!(typed.code, 64, "the words are no code: {typed:?}");
    assert!(
        typed.stderr.contains("integration_code = \"vendor-held\""),
        "{typed:?}"
    );

    house.administer("zone", |user| user.announced = Announced::Unknown);
    house.until_state("zone", "failing", "unknown_user").await;
    assert_eq!(up(&house, "zone").await, Some(0.0));
    let mail = house.mailed("failing", "zone", "zone@acme.example").await;
    assert!(!mail.text.contains("next attempt"), "{}", mail.text);
    house.administer("zone", |user| user.announced = Announced::Truth);
    house.until_state("zone", "zone_only", "zone_only").await;
    assert_eq!(up(&house, "zone").await, None, "found again is not up");
    let mail = house.mailed("recovered", "zone", "zone@acme.example").await;
    assert!(mail.text.contains("nothing else is known"), "{}", mail.text);
    assert!(!mail.text.contains("works again"), "{}", mail.text);
    house.watch_checks("zone", 2).await;
    assert_eq!(house.stats("zone").attempts, 0);
    daemon.stop().await;
    let alone = house.lockwatch(&["probe", "zone", "--force"]).await;
    assert_eq!(alone.code, 0, "{alone:?}");
    assert_eq!(house.stats("zone").attempts, 0);
}

#[tokio::test]
async fn a_placeholder_is_sent_once_an_hour_whatever_happens() {
    let mut house = House::of(&["secret"]);
    house.account("secret").credential = with_placeholder("secret");
    let daemon = house.start().await;
    let user = house
        .until_state("secret", "healthy", "code_unverified")
        .await;
    assert_eq!(
        (&user["known"], &user["up"]),
        (&"secret".into(), &true.into())
    );
    assert!(
        user["last_accepted"].is_null() && user["last_verified"].is_string(),
        "{user}"
    );
    assert_eq!(up(&house, "secret").await, Some(1.0));
    let probed = "autotask_probe_success{user=\"secret\",probe=\"query\"}";
    assert_eq!(house.metric(probed).await, Some(1.0));
    let page = house.get("/users/secret").await.body;
    for words in [
        "The code and the permissions are not checked",
        "counts the answer as a failed login",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    house.watch_checks("secret", 3).await;
    let probed = house.lockwatch(&["probe", "secret"]).await;
    assert_eq!(probed.code, 0, "{probed:?}");
    for words in [
        "not made: the integration code is not known, so the secret is presented at most once an hour",
        "result healthy: code_unverified",
        "seen   At ",
        "unseen The integration code and what the user may read are not checked",
    ] {
        assert!(probed.stdout.contains(words), "{words}: {probed:?}");
    }
    assert_eq!(house.stats("secret").attempts, 1);
    let valid = house.lockwatch(&["validate"]).await;
    assert!(valid.stdout.contains("(1 without their code)"), "{valid:?}");
    daemon.stop().await;

    // Neither a restart nor another name nor another secret makes the hour shorter.
    house.account("secret").id = "renamed".to_owned();
    house.give("secret", "demo-other-secret-1");
    let daemon = house.start().await;
    house.watch_checks("secret", 3).await;
    assert_eq!(house.lockwatch(&["probe", "renamed"]).await.code, 2);
    assert_eq!(house.stats("secret").attempts, 1);

    // Somebody who asks does.
    house.give("secret", &crate::house::secret("secret"));
    let retried = house.lockwatch(&["retry", "renamed"]).await;
    assert_eq!(retried.code, 0, "{retried:?}");
    assert!(
        retried
            .stdout
            .contains("A placeholder was sent: this is the answer to a good secret."),
        "{retried:?}"
    );
    assert_eq!(house.stats("secret").attempts, 2);
    house.watch_checks("secret", 2).await;
    assert_eq!(house.stats("secret").attempts, 2);
    assert_eq!(house.stats("secret").rejections, 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_refused_secret_counts_as_always() {
    let mut house = House::of(&["wrong", "locks"]);
    house.account("wrong").credential = with_placeholder("wrong");
    house.account("locks").credential = with_placeholder("locks");
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    let user = house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    assert_eq!(
        (&user["held"], &user["rejections"]),
        (&true.into(), &2.into())
    );
    house
        .until_state("locks", "healthy", "code_unverified")
        .await;
    house.world().with(|world: &mut World| {
        for _ in 0..5 {
            world.someone_else_fails(&username("locks"));
        }
    });
    let seen = house.lockwatch(&["retry", "locks"]).await;
    assert_eq!(seen.code, 2, "seen once: {seen:?}");
    // The confirmation does not wait for the hour.
    let user = house.until_state("locks", "locked_out", "locked_out").await;
    let told = user["incident"]["causes"][0]["speaks_for"][0]
        .as_str()
        .unwrap();
    assert!(told.contains("was found good at"), "{told}");
    let mail = house
        .mailed("locked_out", "locks", "locks@acme.example")
        .await;
    assert!(!mail.text.contains("never seen to work"), "{}", mail.text);
    house.watch_checks("wrong", 2).await;
    assert_eq!(
        (house.stats("wrong").attempts, house.stats("locks").attempts),
        (2, 3)
    );

    house.world().with(|world| world.unlock(&username("wrong")));
    house.administer("wrong", |user| {
        user.secret = "demo-wrong-secret-1".to_owned()
    });
    let mended = house.lockwatch(&["retry", "wrong"]).await;
    assert_eq!(mended.code, 0, "{mended:?}");
    let mail = house
        .mailed("recovered", "wrong", "wrong@acme.example")
        .await;
    assert!(
        mail.header("Subject").contains("credential good again"),
        "{}",
        mail.text
    );
    // Whether the answer without a code ends the count is not known, so it does not.
    assert_eq!(house.user("wrong").await["rejections"], 2);
    house.watch_checks("wrong", 2).await;
    let user = house
        .until_state("wrong", "healthy", "code_unverified")
        .await;
    assert_eq!(
        (&user["held"], &user["attempts_left"]),
        (&false.into(), &1.into()),
        "the next rejection holds it again"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn an_incident_that_is_not_looked_at_any_more_is_closed_and_not_called_mended() {
    let mut house = House::of(&["wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    house.mailed("failing", "wrong", "wrong@acme.example").await;
    house.account("wrong").credential = ZONE_ONLY.to_owned();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    let user = house.until_state("wrong", "zone_only", "zone_only").await;
    assert!(
        user["incident"].is_null() && user["held_why"].is_null(),
        "{user}"
    );
    assert_eq!(up(&house, "wrong").await, None);
    let metrics = house.metrics().await;
    assert!(!metrics.contains("autotask_user_failure{"), "{metrics}");
    daemon
        .says("incident closed: what failed is not looked at any more")
        .await;
    let mail = house
        .mailed("recovered", "wrong", "wrong@acme.example")
        .await;
    assert!(
        mail.header("Subject")
            .starts_with("[lockwatch] CLOSED wrong (acme): "),
        "{mail:#?}"
    );
    assert_eq!(mail.header("X-Lockwatch-State"), "closed");
    assert!(!mail.text.contains("works again"), "{}", mail.text);
    assert_eq!(house.stats("wrong").attempts, 2);
    daemon.stop().await;
}
