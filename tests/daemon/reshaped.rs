//! What a reload changes about users that are known: another name, tenant, interval. What was learnt of them stays, and what
//! is under way is neither lost nor made twice.

use std::{collections::BTreeMap, fs, time::Duration};

use crate::house::{House, code, secret, username, within};

async fn reload(house: &House) {
    house.write();
    let answer = house.post("/-/reload", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

const OWN: &str = "it@acme.example";

#[tokio::test]
async fn another_name_is_no_new_budget_and_ends_the_incident_of_the_old_one() {
    let mut house = House::of(&["before", "stays"]);
    house.give("before", "demo-wrong-secret-1");
    // Whoever is told does not change with the name.
    house.account("before").notify = Some(OWN);
    let daemon = house.start().await;
    house.until("before", |user| user["held"] == true).await;
    for to in [OWN, "ops@msp.example"] {
        house.mailed("failing", "before", to).await;
    }

    house.account("before").id = "after".to_owned();
    reload(&house).await;
    assert_eq!(house.get("/api/v1/users/before").await.status, 404);
    assert!(!house.metrics().await.contains("\"before\""));
    daemon
        .says("incident closed: the configuration does not want the user any more")
        .await;
    for to in [OWN, "ops@msp.example"] {
        let closed = house.mailed("recovered", "before", to).await;
        assert!(
            closed.header("Subject").starts_with("[lockwatch] CLOSED"),
            "{closed:#?}"
        );
        house.mailed("failing", "after", to).await;
    }
    let user = house.until("after", |user| user["held"] == true).await;
    assert_eq!(
        (&user["state"], &user["attempts_left"]),
        (&"failing".into(), &0.into())
    );
    house.watch_checks("before", 3).await;
    assert_eq!(
        house.stats("before").attempts,
        2,
        "the username had its two"
    );
    let mut times = BTreeMap::new();
    for mail in house.filed() {
        let of = ["X-Lockwatch-Kind", "X-Lockwatch-User", "To"].map(|name| mail.header(name));
        *times.entry(of).or_insert(0) += 1;
    }
    assert!(times.values().all(|times| *times == 1), "{times:#?}");

    // And back, mended: the incident is the new name's.
    house.give("before", &secret("before"));
    house.until_state("after", "healthy", "ok").await;
    house.mailed("recovered", "after", OWN).await;
    daemon.stop().await;
}

#[tokio::test]
async fn another_tenant_changes_a_label_and_nothing_else() {
    let mut house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let wrong = house.until("wrong", |user| user["held"] == true).await;
    house.mailed("failing", "wrong", &username("wrong")).await;
    house.mailed("failing", "wrong", "ops@msp.example").await;
    let mails = house.filed().len();
    for id in ["works", "wrong"] {
        house.account(id).tenant = "globex";
    }
    reload(&house).await;
    let metrics = house.metrics().await;
    for id in ["works", "wrong"] {
        let info = metrics.lines().find(|line| {
            line.starts_with("autotask_user_info{") && line.contains(&format!("user=\"{id}\""))
        });
        assert!(info.unwrap().contains("tenant=\"globex\""), "{info:?}");
        assert_eq!(house.user(id).await["tenant"], "globex");
        house.watch_checks(id, 3).await;
    }
    assert!(!house.metrics().await.contains("tenant=\"acme\""));
    let now = house.user("wrong").await;
    assert_eq!(now["incident"]["id"], wrong["incident"]["id"]);
    assert_eq!(
        (&now["since"], &now["held"]),
        (&wrong["since"], &true.into())
    );
    assert_eq!(house.user("works").await["state"], "healthy");
    assert_eq!(house.stats("wrong").attempts, 2);
    assert_eq!(house.filed().len(), mails);

    // The end of an incident is told with the tenant of then.
    house.accounts.retain(|account| account.id != "wrong");
    reload(&house).await;
    let closed = house.mailed("recovered", "wrong", "ops@msp.example").await;
    let subject = closed.header("Subject");
    assert!(subject.contains("wrong (globex)"), "{subject}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_shorter_interval_is_in_force_at_once() {
    let mut house = House::of(&["slow"]);
    house.account("slow").more = "interval = \"1h\"\n".to_owned();
    let daemon = house.start().await;
    within(
        // The first check of a user may be 30 s away.
        Duration::from_secs(60),
        || "not checked".to_owned(),
        async || (house.user("slow").await["state"] == "healthy").then_some(()),
    )
    .await;
    house.account("slow").more.clear();
    reload(&house).await;
    house.watch_checks("slow", 3).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_mistake_in_the_configuration_stops_nothing_of_what_goes_on() {
    let house = House::of(&["wrong", "stays"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    let good = fs::read_to_string(house.config()).unwrap();
    fs::write(house.config(), good.replace("interval = ", "intervall = ")).unwrap();
    assert_eq!(house.post("/-/reload", "").await.status, 422);
    let status = house.lockwatch(&["status"]).await;
    assert_eq!(status.code, 1, "{status:?}");
    for said in [
        "a changed configuration is refused",
        "did you mean",
        "failing",
    ] {
        assert!(status.stdout.contains(said), "{said}: {status:?}");
    }

    // It recovers, and is told, by the old one.
    house.give("wrong", &secret("wrong"));
    house.until_state("wrong", "healthy", "ok").await;
    house.mailed("recovered", "wrong", &username("wrong")).await;
    let users = house.get("/api/v1/users").await.json();
    assert!(users["reload_refused"]["why"].is_string(), "{users}");
    assert_eq!(
        daemon.log().matches("configuration not reloaded").count(),
        1
    );

    fs::write(house.config(), good).unwrap();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    let users = house.get("/api/v1/users").await.json();
    assert!(users["reload_refused"].is_null(), "{users}");
    assert!(!house.get("/").await.body.contains("refused"));
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_under_way_is_neither_lost_nor_made_twice() {
    let mut house = House::of(&["flies", "comes", "wrong"]);
    let comes = house.accounts.remove(1);
    house.settings.timeout = "10s";
    house.settings.interval = "1h";
    // Its confirmation is all that is made besides.
    house.give("wrong", "demo-wrong-secret-1");
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().delay = Duration::from_secs(2);
    });
    let daemon = house.start().await;
    house.accounts.push(comes);
    for id in ["flies", "wrong"] {
        house.account(id).tenant = "globex";
    }
    // One reload after the other until the last attempt has its answer.
    let (mut nth, mut under_way) = (0, 0);
    let all = [("flies", 1), ("comes", 1), ("wrong", 2)];
    within(
        Duration::from_secs(90),
        || "not everybody was tried".to_owned(),
        async || {
            nth += 1;
            house.settings.schedule = format!("max_in_flight = {}", 10 + nth % 10);
            house.account("flies").more = format!("labels = {{ a = \"{nth}\" }}\n");
            let flies = |series: Option<f64>| series > Some(0.0);
            under_way += u32::from(flies(house.metric("lockwatch_checks_in_flight").await));
            reload(&house).await;
            let done = |(id, attempts)| {
                let stats = house.stats(id);
                stats.accepted + stats.rejections == attempts
            };
            all.into_iter().all(done).then_some(())
        },
    )
    .await;
    assert!(under_way > 0, "no check was under way at any reload");
    house.until_state("flies", "healthy", "ok").await;
    house.until_state("comes", "healthy", "ok").await;
    house.until("wrong", |user| user["held"] == true).await;
    for (id, attempts) in all {
        let stats = house.stats(id);
        assert_eq!(
            (stats.attempts, stats.lost),
            (attempts, 0),
            "{id}: {stats:?}"
        );
        let most = house
            .world()
            .with(|world| world.most_at_once("acme", &code(id)));
        assert_eq!(most, 1, "{id}");
        assert_eq!(
            house.user(id).await["tenant"],
            if id == "comes" { "acme" } else { "globex" }
        );
    }
    daemon.stop().await;
}
