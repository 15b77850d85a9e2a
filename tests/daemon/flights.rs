//! How many attempts are under way at once: one for each integration code, one for each user whoever asks, and a zone that
//! hangs takes nobody else's turn.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use lockwatch::{
    clock,
    demo::{RawAnswer, Reach},
};

use crate::house::{House, code, eventually, secret, username};

#[tokio::test]
async fn retry_after_is_obeyed() {
    for (status, body) in [
        (429, ""),
        (
            429,
            r#"{"errors":["The Autotask API thread threshold of 3 threads has been exceeded. Method: query"]}"#,
        ),
        (503, "<html>busy</html>"),
    ] {
        let house = House::of(&["patient"]);
        let daemon = house.start().await;
        house.until_state("patient", "healthy", "ok").await;
        let busy = RawAnswer::new(status, "application/json", body).header("retry-after", "4");
        let asked = clock::now();
        house
            .world()
            .with(|world| world.script_next(&username("patient"), busy));
        house
            .until("patient", |user| user["state"] == "unclear")
            .await;
        house.until_state("patient", "healthy", "ok").await;
        let all = house
            .world()
            .with(|world| world.presented(&username("patient")));
        let since: Vec<_> = all.into_iter().filter(|at| *at >= asked).collect();
        let pause = since[1].duration_since(since[0]);
        if status == 429 {
            assert!(pause >= SignedDuration::from_secs(4), "{status}: {since:?}");
        }
        assert!(pause < SignedDuration::from_secs(8), "{status}: {since:?}");
        daemon.stop().await;
    }
}

#[tokio::test]
async fn whoever_asks_attempts_of_a_user_and_of_a_code_go_one_after_the_other() {
    let house = House::of(&["alone", "shares-1", "shares-2", "shares-3"]);
    let shares = ["shares-1", "shares-2", "shares-3"];
    for id in shares {
        house.secret_file(&format!("{id}.code"), "demo-code-shared");
        house.administer(id, |user| {
            user.integration_code = "demo-code-shared".to_owned();
        });
    }
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().delay = Duration::from_millis(150);
    });
    let daemon = house.start().await;
    house.until_state("alone", "healthy", "ok").await;
    let seen = house.stats("alone").attempts;
    let all = [
        "alone", "alone", "alone", "shares-1", "shares-2", "shares-3",
    ];
    for _ in 0..2 {
        let asked = all.map(async |id| house.lockwatch(&["probe", id]).await);
        for done in join_all(asked).await {
            assert_eq!(done.code, 0, "{done:?}");
        }
    }
    let (retry, probe, status) = tokio::join!(
        house.lockwatch(&["retry", "alone"]),
        house.lockwatch(&["probe", "alone"]),
        house.lockwatch(&["status"]),
    );
    assert_eq!(
        (retry.code, probe.code, status.code),
        (0, 0, 0),
        "{retry:?} {probe:?} {status:?}"
    );
    assert!(house.stats("alone").attempts >= seen + 8);
    for code in [code("alone"), "demo-code-shared".to_owned()] {
        let most = house
            .world()
            .with(|world| world.most_at_once("acme", &code));
        assert_eq!(most, 1, "{code}");
    }
    daemon.stop().await;
}

const MANY: usize = 400;
const HANGING: usize = 100;

#[tokio::test]
async fn a_zone_that_hangs_makes_nobody_of_another_zone_late() {
    let ids: Vec<String> = (0..MANY + HANGING)
        .map(|nth| format!("user-{nth}"))
        .collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut house = House::of(&names);
    house.settings.interval = "10s";
    // Few slots, and long occupied: one zone could have them all.
    house.settings.timeout = "3s";
    house.settings.schedule = "max_in_flight = 8".to_owned();
    let (healthy, hanging) = names.split_at(MANY);
    // Whether secrets leak is looked at elsewhere; a thousand of them are not looked for in a store of this size.
    for id in &names {
        house.forget(&secret(id));
        house.forget(&code(id));
    }
    for id in hanging {
        house.administer(id, |user| user.tenant = "globex".to_owned());
        house.account(id).tenant = "globex";
    }
    house.world().with(|world| {
        world.zones.get_mut("AE05").unwrap().reach = Reach::Hang;
    });
    let daemon = house.start().await;
    let least = |of: fn(&lockwatch::demo::Stats) -> u32, ids: &[&str]| {
        let counts = ids.iter().map(|id| of(&house.stats(id)));
        counts.min().unwrap()
    };
    for turns in [1, 2] {
        eventually(
            || format!("somebody was not accepted {turns} times"),
            async || (least(|stats| stats.accepted, healthy) >= turns).then_some(()),
        )
        .await;
    }
    for id in healthy {
        let times = house.world().with(|world| world.presented(&username(id)));
        for pair in times.windows(2) {
            let between = pair[1].duration_since(pair[0]);
            assert!(
                between <= SignedDuration::from_secs(10 + 4),
                "{id}: {times:?}"
            );
        }
    }
    // Those of the hanging zone are looked up in time as well, and hardly a credential is lost on it.
    assert!(least(|stats| stats.lookups, hanging) >= 1);
    let metrics = house.metrics().await;
    let lag = |series: &str| {
        let prefix = format!("lockwatch_schedule_lag_seconds_{series} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap().to_owned()
    };
    assert_eq!(lag("count"), lag("bucket{le=\"5\"}"), "somebody was late");
    daemon.stop().await;
}
