//! `probe --wait`: follows a user until it works, and spends nothing that the schedule would not spend.

use std::time::Duration;

use lockwatch::{
    clock,
    demo::{Announced, ApiUser},
};
use serde_json::Value;

use crate::house::{House, eventually};

fn new_user(activation: &'static str, works_after: Duration) -> House {
    let mut house = House::of(&["fresh"]);
    house.settings.activation = activation;
    house.settings.interval = "30m";
    house.account("fresh").old = false;
    let works = clock::now() + works_after;
    house.administer("fresh", |user| user.activates_at = Some(works));
    house
}

#[tokio::test]
async fn through_the_daemon_until_the_user_works() {
    let house = new_user("4s", Duration::from_secs(2));
    let daemon = house.start().await;
    let done = house.lockwatch(&["probe", "fresh", "--wait"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(lines[0], "fresh: zone found: AE02 at 127.0.0.1", "{done:?}");
    assert!(
        lines[1].starts_with("fresh: attempt refused; the user is new: next attempt at "),
        "{done:?}"
    );
    assert!(lines[1].ends_with(" s)"), "{done:?}");
    assert_eq!(
        lines[2], "fresh: works",
        "one line for each change: {done:?}"
    );
    assert!(done.stdout.contains("result healthy"), "{done:?}");
    let stats = house.stats("fresh");
    assert_eq!((stats.attempts, stats.rejections), (2, 1));
    assert!(house.filed().is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_daemon_it_makes_the_checks_itself() {
    let house = new_user("3s", Duration::from_secs(2));
    house.write();
    let done = house
        .lockwatch(&["probe", "fresh", "--wait", "--json"])
        .await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let outcomes: Vec<_> = lines
        .iter()
        .filter_map(|line| line["progress"]["outcome"].as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["activating", "activating", "healthy"],
        "{done:?}"
    );
    assert!(lines.iter().all(|line| line["user"] == "fresh"), "{done:?}");
    assert_eq!(
        lines.last().unwrap()["result"]["state"],
        "healthy",
        "{done:?}"
    );
    let stats = house.stats("fresh");
    assert_eq!((stats.attempts, stats.rejections), (2, 1));
}

#[tokio::test]
async fn an_unknown_zone_is_asked_for_until_it_is_found() {
    let mut house = House::of(&["fresh", "works"]);
    house.settings.activation = "15s";
    house.settings.interval = "30m";
    house.account("fresh").old = false;
    house.administer("fresh", |user| user.announced = Announced::Unknown);
    let daemon = house.start().await;
    let waiting = house
        .begin(&["probe", "fresh", "works", "fresh", "--wait"], "")
        .await;
    waiting
        .says("fresh: the zone look-up does not know the username yet")
        .await;
    waiting.says("works: works").await;
    assert_eq!(house.stats("fresh").attempts, 0);
    house.administer("fresh", |user| user.announced = Announced::Truth);
    let done = waiting.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("fresh: zone found: AE02"), "{done:?}");
    assert_eq!(house.stats("fresh").attempts, 1);
    daemon.stop().await;
}

#[tokio::test]
async fn a_user_that_is_judged_ends_the_wait_with_what_to_do() {
    for with_daemon in [true, false] {
        let house = House::of(&["wrong"]);
        house.give("wrong", "demo-wrong-secret-1");
        let daemon = if with_daemon {
            Some(house.start().await)
        } else {
            house.write();
            None
        };
        let done = house.lockwatch(&["probe", "wrong", "--wait"]).await;
        assert_eq!(done.code, 1, "{done:?}");
        assert!(
            done.stdout
                .contains("wrong: failing: credential_rejected\n"),
            "{done:?}"
        );
        assert!(
            done.stdout.contains("1. ") && done.stdout.contains("1) "),
            "causes and steps: {done:?}"
        );
        assert_eq!(house.stats("wrong").attempts, 2, "the budget: {done:?}");
        if let Some(daemon) = daemon {
            daemon.stop().await;
        }
    }
}

#[tokio::test]
async fn a_restart_of_the_daemon_does_not_end_the_wait() {
    let house = new_user("6s", Duration::ZERO);
    house.administer("fresh", |user| {
        user.activates_at = Some(clock::now() + Duration::from_secs(5));
    });
    let daemon = house.start().await;
    let waiting = house.begin(&["probe", "fresh", "--wait"], "").await;
    waiting.says("attempt refused").await;
    daemon.kill().await;
    waiting.says("is it running? (trying for 2 min)").await;
    let daemon = house.start().await;
    let done = waiting.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("answered again"), "{done:?}");
    assert_eq!(house.stats("fresh").attempts, 2);
    daemon.stop().await;
}

#[tokio::test]
async fn ctrl_c_ends_the_wait_and_nothing_else() {
    for with_daemon in [true, false] {
        let mut house = House::of(&["fresh"]);
        house.settings.activation = "10m";
        house.settings.interval = "30m";
        house.account("fresh").old = false;
        house.administer("fresh", |user| user.active = false);
        let daemon = if with_daemon {
            Some(house.start().await)
        } else {
            house.write();
            None
        };
        let waiting = house.begin(&["probe", "fresh", "--wait"], "").await;
        waiting.says("next attempt at").await;
        waiting.interrupt();
        let done = waiting.done().await;
        assert_eq!(done.code, 130, "{done:?}");
        assert!(done.stdout.contains(" UTC (in 10 min)"), "{done:?}");
        let says = if with_daemon {
            "the daemon goes on checking"
        } else {
            "nothing is checked until `lockwatch run`"
        };
        assert!(done.stderr.contains(says), "{done:?}");
        assert_eq!(house.stats("fresh").attempts, 1);
        if let Some(daemon) = daemon {
            assert_eq!(house.user("fresh").await["state"], "activating");
            daemon.stop().await;
        }
    }
}

const STRANGER: &str = "stranger@globex.example";
const TYPED: &str = "demo-secret-of-a-stranger\ndemo-code-of-a-stranger\n";

fn with_a_stranger(activation: &'static str) -> House {
    let mut house = House::of(&["works"]);
    house.settings.activation = activation;
    for private in TYPED.lines() {
        house.keep_private(private);
    }
    let (secret, code) = TYPED.trim_end().split_once('\n').unwrap();
    let user = ApiUser::new(STRANGER, secret, code, "globex");
    house.world().with(|world| world.add(user));
    house.write();
    house
}

fn attempts(house: &House) -> u32 {
    house.world().with(|world| world.stats(STRANGER).attempts)
}

fn stranger(house: &House, change: impl FnOnce(&mut ApiUser)) {
    assert!(house.world().with(|world| world.change(STRANGER, change)));
}

#[tokio::test]
async fn a_stranger_is_waited_for_within_two_attempts() {
    let house = with_a_stranger("3s");
    stranger(&house, |user| {
        user.announced = Announced::Unknown;
        user.active = false;
    });
    let wait = ["probe", "--wait", "--username", STRANGER];
    let waiting = house.begin(&wait, TYPED).await;
    waiting.says("does not know the username yet").await;
    let lookups = || house.world().with(|world| world.stats(STRANGER).lookups);
    let before = lookups();
    eventually(
        || "it is not looked up again".to_owned(),
        async || (lookups() > before).then_some(()),
    )
    .await;
    assert_eq!(attempts(&house), 0);
    stranger(&house, |user| user.announced = Announced::Truth);
    waiting.says("the second and last attempt is at").await;
    assert_eq!(attempts(&house), 1);
    stranger(&house, |user| user.active = true);
    let done = waiting.done().await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    assert!(done.stdout.contains("zone found: AE05"), "{done:?}");
    assert!(done.stdout.contains("result healthy"), "{done:?}");
    assert_eq!(attempts(&house), 2);

    let third = house.lockwatch_told(&wait, TYPED, &[]).await;
    assert_eq!(third.code, 64, "{third:?}");
    assert!(third.stderr.contains("no attempt was made"), "{third:?}");
    assert!(third.stderr.contains("limited to two in 24 h"), "{third:?}");
    assert_eq!(attempts(&house), 2);
}

#[tokio::test]
async fn a_stranger_that_stays_refused_is_judged_after_the_second_attempt() {
    let house = with_a_stranger("1s");
    stranger(&house, |user| user.active = false);
    let done = house
        .lockwatch_told(
            &["probe", "--wait", "--json", "--username", STRANGER],
            TYPED,
            &[],
        )
        .await;
    assert_eq!((done.code, done.stderr.as_str()), (1, ""), "{done:?}");
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines.iter().all(|line| line["user"] == STRANGER),
        "{done:?}"
    );
    let result = &lines.last().unwrap()["result"];
    assert_eq!(result["reason"], "credential_rejected", "{done:?}");
    assert!(
        result["incident"]["causes"][0]["steps"].is_array(),
        "{done:?}"
    );
    assert_eq!(attempts(&house), 2);
}

#[tokio::test]
async fn another_stranger_in_between_is_not_mixed_up_with_the_first() {
    let house = with_a_stranger("3s");
    let other = "other@acme.example";
    let user = ApiUser::new(
        other,
        "demo-secret-of-another",
        "demo-code-of-another",
        "acme",
    );
    house.world().with(|world| world.add(user));
    let typed = "demo-secret-of-another\ndemo-code-of-another\n";
    typed.lines().for_each(|line| house.keep_private(line));
    stranger(&house, |user| user.active = false);
    let waiting = house
        .begin(&["probe", "--wait", "--username", STRANGER], TYPED)
        .await;
    waiting.says("the second and last attempt is at").await;
    let between = house
        .lockwatch_told(&["probe", "--username", other], typed, &[])
        .await;
    assert_eq!(between.code, 0, "{between:?}");
    let done = waiting.done().await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("last accepted never"), "{done:?}");
    assert!(
        done.stdout.contains(STRANGER) && !done.stdout.contains(other),
        "{done:?}"
    );
    assert_eq!(attempts(&house), 2);
    let stats = house.world().with(|world| world.stats(other));
    assert_eq!((stats.attempts, stats.accepted), (1, 1));
}

#[tokio::test]
async fn what_time_does_not_mend_is_told_at_once() {
    let house = with_a_stranger("10m");
    let typed = "demo-secret-of-a-stranger\ndemo-another-code\n";
    house.keep_private("demo-another-code");
    let done = house
        .lockwatch_told(&["probe", "--wait", "--username", STRANGER], typed, &[])
        .await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("integration_code_invalid"), "{done:?}");
    assert_eq!(attempts(&house), 1, "the second attempt is left for later");
}

#[tokio::test]
async fn ctrl_c_ends_the_wait_for_a_stranger() {
    let house = with_a_stranger("10m");
    stranger(&house, |user| user.active = false);
    let waiting = house
        .begin(&["probe", "--wait", "--username", STRANGER], TYPED)
        .await;
    waiting.says("the second and last attempt is at").await;
    waiting.interrupt();
    let done = waiting.done().await;
    assert_eq!(done.code, 130, "{done:?}");
    assert!(done.stderr.contains("the secret was not kept"), "{done:?}");
    assert_eq!(attempts(&house), 1);
}
