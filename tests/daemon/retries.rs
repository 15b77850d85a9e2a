//! `lockwatch retry`: "I fixed it".

use crate::house::{House, secret};

#[tokio::test]
async fn a_retry_sees_the_fix_in_spite_of_a_hold() {
    let house = House::of(&["mended", "wrong"]);
    house.administer("mended", |user| {
        user.secret = "demo-secret-of-somebody-else".to_owned()
    });
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    for id in ["mended", "wrong"] {
        house.until(id, |user| user["held"] == true).await;
    }
    house.administer("mended", |user| user.secret = secret("mended"));
    house.watch_checks("mended", 2).await;
    assert_eq!(
        house.stats("mended").attempts,
        2,
        "lockwatch does not notice by itself"
    );

    let done = house.lockwatch(&["retry", "mended"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("query  accepted"), "{done:?}");
    assert!(done.stdout.contains("result healthy"), "{done:?}");
    assert_eq!(house.user("mended").await["state"], "healthy");
    house
        .mailed("recovered", "mended", "mended@acme.example")
        .await;

    let done = house.lockwatch(&["retry", "wrong"]).await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("query  rejected"), "{done:?}");
    assert_eq!(house.stats("wrong").attempts, 3);

    // Once a minute is enough for a person, and too often for a script.
    let done = house.lockwatch(&["retry", "wrong"]).await;
    assert_eq!(done.code, 64, "neither mended nor refused: {done:?}");
    for says in [
        "retries are limited to one a minute",
        "result none, nothing was tried; it stays as it was: failing: credential_rejected",
    ] {
        assert!(done.stdout.contains(says), "{says}: {done:?}");
    }
    assert!(
        done.stderr
            .contains("no attempt was made: retries are limited to one a minute")
            && done.stderr.contains("next possible at"),
        "{done:?}"
    );
    assert_eq!(house.stats("wrong").attempts, 3);
    // Nor is it a success where the user works.
    let done = house.lockwatch(&["retry", "mended"]).await;
    assert_eq!(done.code, 64, "{done:?}");
    assert!(
        done.stderr.contains("mended: no attempt was made: "),
        "{done:?}"
    );
    let forced = house
        .post("/api/v1/users/wrong/retry", "{\"force\": true}")
        .await;
    assert_eq!(forced.status, 200);
    assert!(
        forced.json()["not_attempted"]
            .as_str()
            .unwrap()
            .contains("one a minute"),
        "{forced:?}"
    );
    assert_eq!(house.stats("wrong").attempts, 3);

    for (arguments, code, says) in [
        (&["retry", "wrogn"][..], 64, "near: wrong"),
        (&["retry", "not an id"], 64, "an id is"),
        (&["retry"], 64, "required"),
        (&["retry", "wrong", "--all"], 64, "cannot be used with"),
        (
            &["retry", "--all", "--tenant", "acme"],
            64,
            "cannot be used with",
        ),
        (&["retry", "--tenant", "acne"], 64, "near: acme"),
        (
            &["retry", "--tenant", "initech"],
            64,
            "no enabled user of tenant \"initech\"",
        ),
    ] {
        let done = house.lockwatch(arguments).await;
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.stderr.contains(says), "{done:?}");
    }
    daemon.stop().await;

    let done = house.lockwatch(&["retry", "wrong"]).await;
    assert_eq!(done.code, 69, "{done:?}");
    assert!(
        done.stderr.contains("no lockwatch daemon answers at"),
        "{done:?}"
    );
}
