//! `lockwatch probe`: a look now, from the same budget.

use crate::house::House;

#[tokio::test]
async fn a_daemon_of_another_configuration_is_not_asked() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let other = house.folder().join("other.toml");
    std::fs::copy(house.config(), &other).unwrap();
    let told = house
        .lockwatch(&["probe", "works", "--config", other.to_str().unwrap()])
        .await;
    assert_eq!(told.code, 69, "{told:?}");
    assert!(
        told.stderr.contains("another lockwatch answers"),
        "{told:?}"
    );
    assert!(!told.stdout.contains("healthy"), "{told:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn the_running_daemon_does_it() {
    let house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    house.until("wrong", |user| user["held"] == true).await;
    let good = house.lockwatch(&["probe", "works"]).await;
    assert_eq!(good.code, 0, "{good:?}");
    for line in [
        "works\n",
        "  zone   found",
        "AE02 at 127.0.0.1",
        "  query  accepted",
        "  result healthy",
    ] {
        assert!(good.stdout.contains(line), "{line}: {good:?}");
    }
    let held = house.lockwatch(&["probe", "wrong"]).await;
    assert_eq!(held.code, 1, "{held:?}");
    assert!(
        held.stdout
            .contains("query  not made: the credential is held"),
        "{held:?}"
    );
    assert!(
        held.stdout.contains("result failing: credential_rejected"),
        "{held:?}"
    );
    assert!(
        held.stdout.contains("1. ") && held.stdout.contains("1) "),
        "causes and steps: {held:?}"
    );
    assert_eq!(house.stats("wrong").attempts, 2, "held: no attempt");
    let all = house.lockwatch(&["probe"]).await;
    assert_eq!(all.code, 1, "{all:?}");
    assert!(
        all.stdout.contains("works\n") && all.stdout.contains("wrong\n"),
        "{all:?}"
    );
    let json = house
        .lockwatch(&["probe", "works", "wrong", "--json"])
        .await;
    assert_eq!((json.code, json.stderr.as_str()), (1, ""), "{json:?}");
    assert_eq!(json.json()["users"][0]["state"], "healthy");
    assert_eq!(json.json()["users"][1]["held"], true);
    assert_eq!(house.stats("wrong").attempts, 2);

    let forced = house.lockwatch(&["probe", "wrong", "--force"]).await;
    assert_eq!(forced.code, 1, "{forced:?}");
    assert!(forced.stdout.contains("query  rejected"), "{forced:?}");
    assert_eq!(
        house.stats("wrong").attempts,
        3,
        "one attempt in spite of the hold"
    );
    let too_soon = house.lockwatch(&["probe", "wrong", "--force"]).await;
    assert_eq!(too_soon.code, 64, "{too_soon:?}");
    assert!(
        too_soon.stderr.contains("wrong: no attempt was made: "),
        "{too_soon:?}"
    );
    assert!(
        too_soon.stdout.contains("result none, nothing was tried"),
        "{too_soon:?}"
    );
    let waited = ["probe", "wrong", "--force", "--wait"];
    let waited = house.lockwatch(&waited).await;
    assert_eq!(waited.code, 64, "{waited:?}");
    assert!(
        waited.stderr.contains("wrong: no attempt was made: "),
        "{waited:?}"
    );
    let both = ["probe", "wrong", "works", "--force"];
    let both = house.lockwatch(&both).await;
    assert_eq!(
        both.code, 64,
        "it works, and of wrong nothing was learnt: {both:?}"
    );
    assert_eq!(house.stats("wrong").attempts, 3);

    let typo = house.lockwatch(&["probe", "wroks"]).await;
    assert_eq!(typo.code, 64, "{typo:?}");
    assert!(typo.stderr.contains("near: works"), "{typo:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_daemon_the_store_keeps_the_same_budget() {
    let house = House::of(&["works", "wrong", "unclear"]);
    house.give("wrong", "demo-wrong-secret-1");
    house.administer("unclear", |user| user.tenant = "globex".to_owned());
    let zone = lockwatch::demo::Place::Zone("AE05".to_owned());
    house
        .world()
        .with(|world| world.set_reach(&zone, lockwatch::demo::Reach::Outage));
    house.write();
    assert_eq!(house.lockwatch(&["probe", "works"]).await.code, 0);
    let unclear = house.lockwatch(&["probe", "works", "unclear"]).await;
    assert_eq!(unclear.code, 2, "{unclear:?}");
    let first = house.lockwatch(&["probe", "wrong"]).await;
    assert_eq!(first.code, 2, "seen once is not failing yet: {first:?}");
    assert!(
        first.stdout.contains("unclear: suspected (seen once"),
        "{first:?}"
    );
    let second = house.lockwatch(&["probe", "wrong", "--json"]).await;
    assert_eq!(second.code, 1, "{second:?}");
    assert_eq!(second.json()["users"][0]["reason"], "credential_rejected");
    let third = house.lockwatch(&["probe", "wrong"]).await;
    assert_eq!(third.code, 1, "{third:?}");
    assert!(
        third.stdout.contains("not made: the credential is held"),
        "{third:?}"
    );
    assert_eq!(house.stats("wrong").attempts, 2);
    assert_eq!(
        house.lockwatch(&["probe", "wrong", "--force"]).await.code,
        1
    );
    assert_eq!(house.stats("wrong").attempts, 3);

    // The daemon finds what was spent.
    let daemon = house.start().await;
    house.watch_checks("wrong", 3).await;
    assert_eq!(house.stats("wrong").attempts, 3);
    assert_eq!(house.user("wrong").await["held"], true);
    // What the command found is told by the daemon.
    house.mailed("failing", "wrong", "wrong@acme.example").await;
    daemon.stop().await;
}
