//! `lockwatch retry --tenant` and `--all`, and the same by the API: one attempt for each user that does not work.

use lockwatch::{
    clock,
    demo::{Announced, Place, Reach},
};
use reqwest::Method;
use serde_json::Value;

use crate::house::{Daemon, House, secret};

/// `works` works. Held are `mended`, which was mended in Autotask since, `wrong`, and `other`, which is of another tenant.
async fn held_house() -> (House, Daemon) {
    let mut house = House::of(&["works", "mended", "wrong", "other"]);
    house.account("other").tenant = "globex";
    house.administer("mended", |user| {
        user.secret = "demo-secret-of-somebody-else".to_owned()
    });
    house.give("wrong", "demo-wrong-secret-1");
    house.give("other", "demo-wrong-secret-2");
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    for id in ["mended", "wrong", "other"] {
        house
            .until(id, |user| {
                user["held"] == true && user["state"] == "failing"
            })
            .await;
    }
    house.administer("mended", |user| user.secret = secret("mended"));
    (house, daemon)
}

#[tokio::test]
async fn all_that_do_not_work_are_retried_once() {
    let (house, daemon) = held_house().await;
    let spent = |id: &str| house.stats(id).rejections;
    assert_eq!((spent("mended"), spent("wrong"), spent("other")), (2, 2, 2));
    let all = house.lockwatch(&["retry", "--all"]).await;
    assert_eq!((all.code, all.stderr.as_str()), (1, ""), "{all:?}");
    assert_eq!((spent("mended"), spent("wrong"), spent("other")), (2, 3, 3));
    for line in [
        "mended: accepted, healthy\n",
        "other: rejected, failing\n",
        "wrong: rejected, failing\n",
        "works, not retried: works\n",
    ] {
        assert!(all.stdout.contains(line), "{line}: {all:?}");
    }
    let table: Vec<_> = all
        .stdout
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("USER"))
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .take(3)
        .collect();
    assert_eq!(table, ["other", "wrong", "mended"], "worst first");

    // So soon, nobody is attempted again; who works is left alone.
    let again = house.lockwatch(&["retry", "--all", "--force"]).await;
    assert_eq!(again.code, 64, "nobody was tried: {again:?}");
    for id in ["other", "wrong"] {
        let line = format!("{id}: no attempt was made: retries are limited to one a minute");
        assert!(again.stderr.contains(&line), "{again:?}");
        let line = format!("{id}: no attempt was made; it stays failing\n");
        assert!(again.stdout.contains(&line), "{again:?}");
    }
    assert!(
        again.stdout.contains("works, not retried: mended, works\n"),
        "{again:?}"
    );
    assert!(again.stderr.contains("next possible at"), "{again:?}");
    assert_eq!((spent("wrong"), spent("other")), (3, 3));
    daemon.stop().await;
}

/// 64 is for users of whom the check learnt nothing.
#[tokio::test]
async fn what_the_look_up_says_counts_without_an_attempt() {
    let mut house = House::of(&["wrong", "new", "gone"]);
    house.settings.activation = "30m";
    house.give("wrong", "demo-wrong-secret-1");
    for id in ["new", "gone"] {
        house.administer(id, |user| user.announced = Announced::Unknown);
    }
    house.account("gone").tenant = "globex";
    let account = house.account("new");
    account.old = false;
    account.more = format!("created = {}", clock::now());
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    house.until_state("new", "activating", "activating").await;
    house.until_state("gone", "failing", "unknown_user").await;

    let gone = house.lockwatch(&["retry", "--tenant", "globex"]).await;
    assert_eq!(gone.code, 1, "{gone:?}");
    let line = "gone: no attempt was made; it is failing\n";
    assert!(gone.stdout.contains(line), "{gone:?}");
    let acme = ["retry", "--tenant", "acme"];
    let tried = house.lockwatch(&acme).await;
    assert_eq!(tried.code, 1, "{tried:?}");
    let too_soon = house.lockwatch(&acme).await;
    assert_eq!(too_soon.code, 2, "{too_soon:?}");
    for line in [
        "new: no attempt was made; it is activating\n",
        "wrong: no attempt was made; it stays failing\n",
    ] {
        assert!(too_soon.stdout.contains(line), "{line}: {too_soon:?}");
    }
    let all = house.lockwatch(&["retry", "--all"]).await;
    assert_eq!(all.code, 1, "who fails outweighs all others: {all:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn who_is_unclear_is_not_a_wrong_argument() {
    let house = House::of(&["blind"]);
    let world = house.world();
    world.with(|world| world.set_reach(&Place::Central, Reach::Refuse));
    let daemon = house.start().await;
    house
        .until("blind", |user| user["state"] == "unclear")
        .await;
    let one = house.lockwatch(&["retry", "blind"]).await;
    assert_eq!(one.code, 2, "{one:?}");
    assert!(
        one.stdout.contains("  result unclear") && one.stderr.contains("no attempt was made: "),
        "{one:?}"
    );
    let all = house.lockwatch(&["retry", "--all"]).await;
    assert_eq!(all.code, 2, "{all:?}");
    assert!(
        all.stdout
            .contains("blind: no attempt was made; it is unclear\n"),
        "{all:?}"
    );
    assert_eq!(house.stats("blind").attempts, 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_tenant_is_retried_alike_by_command_and_api() {
    let (house, daemon) = held_house().await;
    let of_globex = house.lockwatch(&["retry", "--tenant", "globex"]).await;
    assert_eq!(of_globex.code, 1, "{of_globex:?}");
    let rejections = |id: &str| house.stats(id).rejections;
    assert_eq!((rejections("other"), rejections("wrong")), (3, 2));

    let answer = house
        .post("/api/v1/retry", "{\"tenant\": \"acme\", \"force\": true}")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json()["results"].as_array().unwrap().clone();
    let of = |id: &str| -> Vec<Value> {
        let lines = results.iter().filter(|line| line["user"] == id);
        lines.cloned().collect()
    };
    assert_eq!(
        of("works"),
        [serde_json::json!({"user": "works", "not_retried": {"why": "works"}})]
    );
    assert_eq!(of("mended")[0]["result"]["state"], "healthy", "{answer:?}");
    assert!(
        of("mended")[0]["result"]["not_attempted"].is_null(),
        "{answer:?}"
    );
    assert_eq!(of("wrong")[0]["result"]["state"], "failing", "{answer:?}");
    assert!(of("other").is_empty(), "{answer:?}");
    assert_eq!((rejections("other"), rejections("wrong")), (3, 3));

    // When all of a tenant work, there is nothing to do.
    house.give("wrong", &secret("wrong"));
    house.until_state("wrong", "healthy", "ok").await;
    let done = house.lockwatch(&["retry", "--tenant", "acme"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(
        done.stdout, "works, not retried: mended, works, wrong\n",
        "{done:?}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn many_users_have_one_attempt_each_and_the_lines_say_whose() {
    let ids: Vec<String> = (0..50).map(|nth| format!("user-{nth}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut house = House::of(&ids);
    house.settings.interval = "30m";
    house.settings.lockout = "max_rejections = 1".to_owned();
    for id in &ids {
        house.administer(id, |user| user.active = false);
    }
    let daemon = house.start().await;
    let told = house
        .ask(Method::POST, "/api/v1/retry", |plain| {
            plain
                .header("Content-Type", "application/json")
                .header("Accept", "application/x-ndjson")
                .body("{\"all\": true}")
        })
        .await;
    assert_eq!(told.headers["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = told
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for id in &ids {
        let of_user: Vec<_> = lines.iter().filter(|line| line["user"] == *id).collect();
        let steps = of_user
            .iter()
            .map(|line| line["progress"]["step"].as_str().unwrap_or("null"));
        assert_eq!(steps.collect::<Vec<_>>(), ["zone", "query", "null"]);
        assert_eq!(of_user[1]["progress"]["outcome"], "rejected");
        assert_eq!(of_user[2]["result"]["state"], "failing");
        let operator = house.over_all_credentials(id).await.operator;
        assert_eq!(operator.len(), 1, "{id}");
        assert!(house.stats(id).attempts <= 2, "the schedule's and ours");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_bad_wish_is_said_to_be_one() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let spent = house.stats("works").attempts;
    for (status, body, says) in [
        (400, "", "the body is {\"tenant\""),
        (400, "{}", "name a tenant, or say"),
        (400, "{\"all\": false}", "name a tenant, or say"),
        (400, "{\"all\": true, \"tenant\": \"acme\"}", "not both"),
        (400, "{\"everybody\": true}", "the body is {\"tenant\""),
        (400, "[\"acme\"]", "the body is {\"tenant\""),
        (404, "{\"tenant\": \"acmee\"}", "near: acme"),
        (404, "{\"tenant\": \"\"}", "no enabled user"),
    ] {
        let answer = house.post("/api/v1/retry", body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(says), "{body}: {error}");
    }
    for (status, name, value) in [
        (403, "Host", "evil.example"),
        (415, "Content-Type", "text/plain"),
    ] {
        let answer = house
            .ask(Method::POST, "/api/v1/retry", |plain| {
                let json = name != "Content-Type";
                let plain = if json {
                    plain.header("Content-Type", "application/json")
                } else {
                    plain
                };
                plain.header(name, value).body("{\"all\": true}")
            })
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert!(house.stats("works").attempts >= spent);
    assert!(
        house
            .over_all_credentials("works")
            .await
            .operator
            .is_empty()
    );
    daemon.stop().await;
}
