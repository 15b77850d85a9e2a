//! What Autotask itself does wrong, over real HTTP.

use lockwatch::demo::{Lag, Logins, LookUps, Place, Reach, Simulator};
use reqwest::Method;
use serde_json::Value;

use super::{
    Answer, CODE, QUERY, SECRET, USER, client, credential, look_up, query, simulator, zone,
};

const AE02: &str = "AE02";

fn ae02() -> Place {
    Place::Zone(AE02.to_owned())
}

async fn zone_name(simulator: &Simulator) -> Value {
    let answer = look_up(simulator, "?user=k3jx7q%40acme.example").await;
    let found: Value = serde_json::from_str(&answer.body).unwrap();
    found["zoneName"].clone()
}

async fn version(simulator: &Simulator) -> Result<Answer, reqwest::Error> {
    let url = zone(simulator, "versioninformation");
    let response = client()
        .get(&url)
        .timeout(std::time::Duration::from_millis(300))
        .send()
        .await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await?,
    })
}

#[tokio::test]
async fn a_storm_refuses_the_right_secret_and_counts_it_unless_told_otherwise() {
    for (of_the_zone, logins, locks) in [
        (true, Logins::RefusedAndCounted, true),
        (false, Logins::RefusedAndCounted, true),
        (true, Logins::RefusedForFree, false),
        (false, Logins::RefusedForFree, false),
    ] {
        let simulator = simulator().await;
        let world = simulator.world();
        let weather = |logins| {
            world.with(|world| {
                if of_the_zone {
                    world.zones.get_mut(AE02).unwrap().logins = logins;
                } else {
                    world.tenants.get_mut("acme").unwrap().logins = logins;
                }
            });
        };
        weather(logins);
        for _ in 0..5 {
            let answer = query(&simulator, SECRET).await;
            assert_eq!((answer.status, answer.body.as_str()), (401, ""));
        }
        weather(Logins::Judged);
        let (stats, locked) = world.with(|world| {
            let locked = world.user(USER).unwrap().locked;
            (world.stats(USER), locked)
        });
        assert_eq!((stats.rejections, stats.max_rejections_in_row), (5, 5));
        assert_eq!(
            (locked, stats.lockouts),
            (locks, u32::from(locks)),
            "{logins:?}"
        );
        let after = query(&simulator, SECRET).await.status;
        assert_eq!(after, if locks { 401 } else { 200 }, "{logins:?}");
    }
}

#[tokio::test]
async fn the_worse_of_zone_and_tenant_counts() {
    let simulator = simulator().await;
    simulator.world().with(|world| {
        world.zones.get_mut(AE02).unwrap().logins = Logins::RefusedForFree;
        world.tenants.get_mut("acme").unwrap().logins = Logins::RefusedAndCounted;
    });
    query(&simulator, SECRET).await;
    let failures = |world: &mut lockwatch::demo::World| world.user(USER).unwrap().failures_in_row;
    assert_eq!(simulator.world().with(failures), 1);
}

#[tokio::test]
async fn the_look_up_may_lag_behind_a_move() {
    let simulator = simulator().await;
    let world = simulator.world();
    let lag = Some(Lag::UntilAnnounced);
    world.with(|world| world.move_tenant_lagging("acme", "AE05", lag));
    assert_eq!(query(&simulator, SECRET).await.status, 401);
    assert_eq!(zone_name(&simulator).await, AE02);
    // Moved on before anybody was told: the look-up still says what it said first.
    world.with(|world| {
        world.move_tenant_lagging("acme", "AE02", lag);
        world.move_tenant_lagging("acme", "AE05", lag);
    });
    assert_eq!(zone_name(&simulator).await, AE02);
    world.with(|world| world.announce("acme"));
    assert_eq!(zone_name(&simulator).await, "AE05");
    world.with(|world| {
        world.move_tenant_lagging("acme", AE02, lag);
        world.move_tenant("acme", AE02);
    });
    assert_eq!(zone_name(&simulator).await, AE02);
    assert_eq!(query(&simulator, SECRET).await.status, 200);
}

#[tokio::test]
async fn a_move_may_happen_between_look_up_and_log_in() {
    let simulator = simulator().await;
    let world = simulator.world();
    let lag = Some(Lag::UntilRefusal);
    world.with(|world| world.move_tenant_lagging("acme", "AE05", lag));
    assert_eq!(zone_name(&simulator).await, AE02);
    assert_eq!(query(&simulator, SECRET).await.status, 401);
    assert_eq!(zone_name(&simulator).await, "AE05");
}

#[tokio::test]
async fn the_look_up_may_deny_everybody() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.with(|world| world.look_ups = LookUps::Denied);
    let answer = look_up(&simulator, "?user=k3jx7q%40acme.example").await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.body,
        r#"{"errors":["Zone information could not be determined"]}"#
    );
    assert_eq!(
        query(&simulator, SECRET).await.status,
        200,
        "the zone goes on"
    );
    world.with(|world| world.look_ups = LookUps::Answered);
    assert_eq!(zone_name(&simulator).await, AE02);
    assert_eq!(world.with(|world| world.stats(USER).lookups), 2);
}

#[tokio::test]
async fn a_zone_may_cut_every_connection_after_it_judged_the_credential() {
    let simulator = simulator().await;
    let world = simulator.world();
    simulator.set_reach(&ae02(), Reach::Cut).await;
    let url = zone(&simulator, "v1.0/Companies/query");
    let mut request = client().request(Method::POST, &url).body(QUERY);
    for (name, value) in credential("demo-secret-2") {
        request = request.header(name, value);
    }
    let cut = request.send().await.unwrap_err();
    assert!(cut.is_request() && !cut.is_connect(), "{cut:?}");
    let stats = world.with(|world| world.stats(USER));
    assert_eq!(
        (
            stats.attempts,
            stats.rejections,
            stats.unanswered_in_row,
            stats.lost
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(world.with(|world| world.presented(USER).len()), 1);
    simulator.set_reach(&ae02(), Reach::Up).await;
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    assert_eq!(world.with(|world| world.presented(USER).len()), 2);
    assert_eq!(world.with(|world| world.stats(USER).lost), 1);
}

#[tokio::test]
async fn version_information_answers_or_not_whatever_the_rest_does() {
    let simulator = simulator().await;
    let world = simulator.world();
    for (rest, version_says, wanted) in [
        (Reach::Up, Some(Reach::Hang), None),
        (Reach::Up, Some(Reach::Cut), None),
        (Reach::Up, Some(Reach::Outage), Some(503)),
        (Reach::Hang, Some(Reach::Up), Some(200)),
        (Reach::Outage, Some(Reach::Up), Some(200)),
        (Reach::Hang, None, None),
        (Reach::Up, None, Some(200)),
    ] {
        world.with(|world| {
            let zone = world.zones.get_mut(AE02).unwrap();
            (zone.reach, zone.version) = (rest, version_says);
        });
        let status = version(&simulator).await.ok().map(|answer| answer.status);
        assert_eq!(status, wanted, "{rest:?} {version_says:?}");
    }
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    let (asked, elsewhere) =
        world.with(|world| (world.versions_asked(AE02), world.versions_asked("AE05")));
    assert_eq!((asked, elsewhere), (7, 0));
}

#[tokio::test]
async fn a_refused_credential_is_one_of_those_with_its_code_while_its_answer_is_on_the_way() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.with(|world| {
        world.tenants.get_mut("acme").unwrap().lock_after = 100;
        world.zones.get_mut(AE02).unwrap().delay = std::time::Duration::from_millis(200);
    });
    let wrong = || query(&simulator, "demo-secret-2");
    let answers = tokio::join!(
        wrong(),
        wrong(),
        wrong(),
        wrong(),
        query(&simulator, SECRET)
    );
    assert_eq!((answers.0.status, answers.4.status), (401, 200));
    let most = || world.with(|world| world.most_at_once("acme", CODE));
    assert_eq!(most(), 5);
    world.with(|world| world.zones.get_mut(AE02).unwrap().delay = std::time::Duration::ZERO);
    wrong().await;
    assert_eq!(most(), 5, "those are over");
}
