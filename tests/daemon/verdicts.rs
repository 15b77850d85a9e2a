//! The main job: what is wrong with each user is found out, shown, and costs no more attempts than the budget allows.

use lockwatch::{
    clock,
    demo::{Announced, RawAnswer, Rights, World},
};

use crate::house::{House, eventually, username};

fn lock(world: &mut World, id: &str) {
    for _ in 0..5 {
        world.someone_else_fails(&username(id));
    }
}

#[tokio::test]
async fn each_user_gets_its_own_verdict() {
    let mut house = House::of(&["works", "wrong", "locks", "code", "right", "gone", "new"]);
    house.give("wrong", "demo-wrong-secret-1");
    house.secret_file("code.code", "demo-wrong-code-1");
    house.administer("right", |user| user.set_rights("Companies", Rights::NONE));
    house.administer("gone", |user| user.announced = Announced::Unknown);
    // Two seconds after the daemon has started it works, and a second later it is expected to.
    let works_at = clock::now() + std::time::Duration::from_secs(2);
    house.administer("new", |user| user.activates_at = Some(works_at));
    let account = house.account("new");
    account.old = false;
    account.more = format!("created = {works_at}");
    let daemon = house.start().await;

    house.until_state("new", "activating", "activating").await;
    assert_eq!(
        house.stats("new").attempts,
        0,
        "no attempt before it is expected to work"
    );
    house.until_state("works", "healthy", "ok").await;
    house.until_state("locks", "healthy", "ok").await;
    house.world().with(|world| lock(world, "locks"));
    for (id, state, reason, rejections) in [
        ("wrong", "failing", "credential_rejected", 2),
        ("locks", "locked_out", "locked_out", 2),
        ("code", "failing", "integration_code_invalid", 0),
        ("right", "failing", "permission_denied", 0),
        ("gone", "failing", "unknown_user", 0),
        ("new", "healthy", "ok", 0),
    ] {
        let user = house.until_state(id, state, reason).await;
        assert_eq!(user["rejections"], rejections, "{id}");
        assert_eq!(user["held"], rejections > 0, "{id}");
        assert_eq!(user["incident"].is_null(), state == "healthy", "{id}");
        let up = f64::from(u8::from(state == "healthy"));
        let series = format!("autotask_user_up{{user=\"{id}\"}}");
        assert_eq!(house.metric(&series).await, Some(up), "{id}");
    }
    assert_eq!(
        house
            .metric("autotask_user_failure{user=\"wrong\",reason=\"credential_rejected\"}")
            .await,
        Some(1.0)
    );
    assert_eq!(
        house.metric("autotask_user_held{user=\"wrong\"}").await,
        Some(1.0)
    );
    assert_eq!(
        house
            .metric("autotask_user_attempts_left{user=\"wrong\"}")
            .await,
        Some(0.0)
    );
    assert_eq!(
        house
            .metric("autotask_user_state{user=\"locks\",state=\"locked_out\"}")
            .await,
        Some(1.0)
    );

    // Held: nothing more is risked, however often it is looked at.
    house.watch_checks("locks", 4).await;
    house.watch_checks("wrong", 1).await;
    for id in ["wrong", "locks"] {
        let stats = house.stats(id);
        assert_eq!(
            (stats.rejections, stats.max_rejections_in_row),
            (2, 2),
            "{id}"
        );
    }
    assert_eq!(house.stats("new").rejections, 0);
    assert_eq!(
        house.stats("gone").attempts,
        0,
        "no credential without a zone"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    let before = house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;

    let daemon = house.start().await;
    let after = house.user("wrong").await;
    assert_eq!(after["incident"], before["incident"]);
    assert_eq!(after["held"], true);
    assert_eq!(
        house.metric("autotask_user_up{user=\"works\"}").await,
        Some(1.0)
    );
    house.watch_checks("wrong", 3).await;
    assert_eq!(house.stats("wrong").rejections, 2);
    let told = house
        .filed()
        .into_iter()
        .filter(|mail| mail.tells("failing", "wrong"));
    assert_eq!(
        told.count(),
        2,
        "one for it@, one for the operator, and none again"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_failure_seen_once_is_not_one_yet() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let once = RawAnswer::new(401, "text/plain", "");
    house
        .world()
        .with(|world| world.script_next(&username("works"), once));
    eventually(
        || "nothing was rejected".to_owned(),
        async || (house.stats("works").rejections == 1).then_some(()),
    )
    .await;
    let before = house.stats("works").accepted;
    // The state stays healthy throughout, and checks without an attempt lie between: only the count tells of the confirmation.
    eventually(
        || "the rejection was not made good".to_owned(),
        async || {
            let confirmed = house.stats("works").accepted > before;
            (confirmed && house.user("works").await["rejections"] == 0).then_some(())
        },
    )
    .await;
    house.watch_checks("works", 2).await;
    house.until_state("works", "healthy", "ok").await;
    assert_eq!(
        house.metric("autotask_user_up{user=\"works\"}").await,
        Some(1.0)
    );
    assert_eq!(house.filed().len(), 0, "nobody is mailed");
    assert_eq!(house.user("works").await["rejections"], 0);
    daemon.stop().await;
}
