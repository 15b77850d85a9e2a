//! `probe --username`: a user that is not configured, within a small budget of its own.

use lockwatch::demo::ApiUser;

use crate::house::{House, command::lockwatch};

const STRANGER: &str = "stranger@globex.example";
const GOOD: &str = "demo-secret-of-a-stranger\ndemo-code-of-a-stranger\n";
const WRONG: &str = "demo-wrong-secret-of-a-stranger\ndemo-code-of-a-stranger\n";

fn house() -> House {
    let house = House::of(&["works"]);
    for private in GOOD.lines().chain(WRONG.lines()) {
        house.keep_private(private);
    }
    let user = ApiUser::new(
        STRANGER,
        "demo-secret-of-a-stranger",
        "demo-code-of-a-stranger",
        "globex",
    );
    house.world().with(|world| world.add(user));
    house.write();
    house
}

#[tokio::test]
async fn a_stranger_is_tried_twice_a_day_at_most() {
    let house = house();
    let attempts = || house.world().with(|world| world.stats(STRANGER).attempts);
    let probe = async |input: &str| {
        house
            .lockwatch_told(&["probe", "--username", STRANGER], input, &[])
            .await
    };

    let wrong = probe(WRONG).await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.stdout.contains("query  rejected"), "{wrong:?}");
    assert_eq!(attempts(), 1, "one attempt a call");
    let good = probe(GOOD).await;
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("result healthy"), "{good:?}");
    assert_eq!(attempts(), 2);
    let third = probe(GOOD).await;
    assert!(
        third
            .stdout
            .contains("one-off probes are limited to two in 24 h"),
        "{third:?}"
    );
    assert_eq!(attempts(), 2);
    assert!(house.folder().join("state/lockwatch/probes.db").exists());
    assert!(!house.store().exists(), "not counted in the daemon's store");
    // Whatever the case: Autotask locks the same user.
    let shouted = house
        .lockwatch_told(
            &["probe", "--username", "STRANGER@globex.example"],
            GOOD,
            &[],
        )
        .await;
    assert!(
        shouted.stdout.contains("limited to two in 24 h"),
        "{shouted:?}"
    );
    assert_eq!(attempts(), 2);
}

#[tokio::test]
async fn json_and_refusals() {
    let house = house();
    let json = house
        .lockwatch_told(&["probe", "--json", "--username", STRANGER], GOOD, &[])
        .await;
    assert_eq!((json.code, json.stderr.as_str()), (0, ""), "{json:?}");
    assert_eq!(json.json()["users"][0]["state"], "healthy");

    for (username, input, says) in [
        ("Works@ACME.example", GOOD, "run `lockwatch probe works`"),
        ("", GOOD, "wants the API user's username"),
        ("k\u{e9}@acme.example", GOOD, "at most 320 printable ASCII"),
        (&"k".repeat(10_000), GOOD, "at most 320 printable ASCII"),
        ("other@globex.example", "", "must not be empty"),
        (
            "other@globex.example",
            "demo-secret-alone\n",
            "must not be empty",
        ),
    ] {
        let done = house
            .lockwatch_told(&["probe", "--username", username], input, &[])
            .await;
        assert_eq!(done.code, 64, "{username}: {done:?}");
        assert!(done.stderr.contains(says), "{username}: {done:?}");
    }
    let unknown = house
        .lockwatch_told(&["probe", "--username", "other@globex.example"], GOOD, &[])
        .await;
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stdout.contains("unknown user"), "{unknown:?}");
}

#[tokio::test]
async fn how_many_attempts_are_left_is_told() {
    let house = house();
    let typed = "demo-short\ndemo-code-of-a-stranger\n";
    house.keep_private("demo-short");
    for left in [
        "Probe it again; one more attempt within 24 h is possible.",
        " UTC: two attempts within 24 h are made, and none is left before.",
    ] {
        let done = house
            .lockwatch_told(&["probe", "--username", STRANGER], typed, &[])
            .await;
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stdout.contains(left), "{done:?}");
        assert_eq!(
            done.stdout.matches("Probe it again").count(),
            done.stdout.matches(left).count()
        );
        // It was typed.
        assert!(
            done.stdout.contains("far from the 25 characters"),
            "{done:?}"
        );
        assert!(!done.stdout.contains("in the configuration"), "{done:?}");
    }
}

#[tokio::test]
async fn a_configuration_that_somebody_names_must_be_there() {
    let house = house();
    let none = house.folder().join("none.toml");
    let none = none.to_str().unwrap();
    let probe = ["probe", "--username", STRANGER];
    let named = [&probe[..], &["--config", none]].concat();
    for (arguments, environment) in [
        (&named[..], &[][..]),
        (&probe, &[("LOCKWATCH_CONFIG", none)]),
    ] {
        // Were it taken for none, the secret would be missed, rather than presented to the vendor.
        let done = house.lockwatch_told(arguments, "", environment).await;
        assert_eq!(done.code, 78, "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(none), "{arguments:?}: {done:?}");
        let advice = "name the configuration with --config or $LOCKWATCH_CONFIG";
        assert!(done.stderr.contains(advice), "{arguments:?}: {done:?}");
    }
    assert!(!house.folder().join("state").exists(), "nothing was begun");
    // Nobody has to have one at the default place: then it goes on, to a secret that is not there.
    let done = lockwatch(&probe, "", &[], house.folder()).await;
    assert_eq!(done.code, 64, "{done:?}");
    assert!(done.stderr.contains("must not be empty"), "{done:?}");
}
