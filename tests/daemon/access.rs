//! Who may change something, and who may read.

use reqwest::Method;

use crate::house::{House, eventually};

const TOKEN: &str = "demo-token-of-25-letters-";
const PROBE: &str = "/api/v1/users/works/probe";

#[tokio::test]
async fn without_a_token_only_this_host_changes_anything() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let json = ("Content-Type", "application/json");
    for (status, path, headers, body) in [
        (200, PROBE, &[json][..], ""),
        (200, PROBE, &[json], "{}"),
        (
            200,
            PROBE,
            &[json, ("Host", "localhost:9477")],
            "{\"force\": false}",
        ),
        (
            200,
            PROBE,
            &[("Content-Type", "application/json; charset=utf-8")],
            "",
        ),
        (200, "/-/reload", &[json], ""),
        // A page of somebody else, in a browser on this host.
        (403, PROBE, &[json, ("Host", "evil.example")], ""),
        (403, PROBE, &[json, ("Host", "127.0.0.1.evil.example")], ""),
        (403, "/-/reload", &[json, ("Host", "evil.example")], ""),
        (415, PROBE, &[], ""),
        (415, PROBE, &[("Content-Type", "text/plain")], "{}"),
        (
            415,
            PROBE,
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "force=true",
        ),
        (415, "/-/reload", &[], ""),
        (400, PROBE, &[json], "{\"force\": "),
        (400, PROBE, &[json], "{\"froce\": true}"),
        (400, PROBE, &[json], "null"),
        (400, PROBE, &[json], "[true]"),
        (404, "/api/v1/users/nobody/probe", &[json], ""),
        (404, "/api/v1/users/nobody/retry", &[json], ""),
        (404, "/api/v1/users/works/dance", &[json], ""),
        (405, "/metrics", &[json], ""),
    ] {
        let answer = house
            .ask(Method::POST, path, |request| {
                let named = headers.iter().fold(request, |request, (name, value)| {
                    request.header(*name, *value)
                });
                named.body(body)
            })
            .await;
        assert_eq!(
            answer.status, status,
            "{path} {headers:?} {body:?}: {answer:?}"
        );
        if ![200, 405].contains(&status) {
            assert!(answer.json()["error"].is_string(), "{answer:?}");
        }
    }
    for path in [PROBE, "/-/reload"] {
        assert!(
            house.get(path).await.status >= 400,
            "a GET changes nothing: {path}"
        );
    }
    let long = format!("{{\"force\": {}true}}", " ".repeat(20_000));
    let answer = house
        .ask(Method::POST, PROBE, |request| {
            request.header(json.0, json.1).body(long)
        })
        .await;
    assert_eq!(answer.status, 413, "{answer:?}");
    let probed = house.post(PROBE, "").await.json();
    assert_eq!(probed["state"], "healthy", "{probed:#}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_is_wanted_where_there_is_one() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", TOKEN);
    house.settings.web = "token = { file = \"web.token\" }".to_owned();
    let daemon = house.start().await;
    let post = async |dress: fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder| {
        let answer = house
            .ask(Method::POST, PROBE, |plain| {
                dress(plain.header("Content-Type", "application/json"))
            })
            .await;
        (
            answer.status,
            answer.headers.contains_key("www-authenticate"),
        )
    };
    assert_eq!(post(|plain| plain).await, (401, true));
    assert_eq!(
        post(|plain| plain.bearer_auth("demo-token-of-another")).await,
        (401, true)
    );
    assert_eq!(post(|plain| plain.bearer_auth("")).await, (401, true));
    assert_eq!(
        post(|plain| plain.basic_auth(TOKEN, Some("x"))).await,
        (401, true)
    );
    assert_eq!(
        post(|plain| plain.header("Authorization", TOKEN)).await,
        (401, true)
    );
    assert_eq!(post(|plain| plain.bearer_auth(TOKEN)).await, (200, false));
    assert_eq!(
        post(|plain| plain.basic_auth("anybody", Some(TOKEN))).await,
        (200, false)
    );
    // With it, the name of the host does not matter: there may be a proxy.
    assert_eq!(
        post(|plain| plain
            .bearer_auth(TOKEN)
            .header("Host", "lockwatch.msp.example"))
        .await
        .0,
        200
    );
    assert_eq!(house.get("/metrics").await.status, 200, "reads are open");

    // The commands find it in the configuration.
    assert_eq!(house.lockwatch(&["retry", "works"]).await.code, 0);
    let url = house.url("/");
    let elsewhere = house.folder().join("none.toml");
    let elsewhere = ("LOCKWATCH_CONFIG", elsewhere.to_str().unwrap());
    let retry = ["retry", "works", "--url", &url];
    let without = house.lockwatch_told(&retry, "", &[elsewhere]).await;
    assert_eq!(without.code, 64, "{without:?}");
    assert!(without.stderr.contains("needs the token"), "{without:?}");
    let with = house
        .lockwatch_told(&retry, "", &[elsewhere, ("LOCKWATCH_TOKEN", TOKEN)])
        .await;
    // It is let in, and told that this is too often.
    assert_eq!(with.code, 64, "{with:?}");
    assert!(with.stderr.contains("no attempt was made"), "{with:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_can_guard_reads_as_well() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", TOKEN);
    house.settings.web = "token = { file = \"web.token\" }".to_owned();
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    house.settings.web.push_str("\nprotect_reads = true");
    house.write();
    let reload = house
        .ask(Method::POST, "/-/reload", |plain| {
            plain
                .header("Content-Type", "application/json")
                .bearer_auth(TOKEN)
        })
        .await;
    assert_eq!(reload.status, 200, "{reload:?}");
    for path in [
        "/metrics",
        "/",
        "/users/works",
        "/api/v1/users",
        "/api/v1/users/works",
    ] {
        assert_eq!(house.get(path).await.status, 401, "{path}");
        let answer = house
            .ask(Method::GET, path, |plain| {
                plain.basic_auth("x", Some(TOKEN))
            })
            .await;
        assert_eq!(answer.status, 200, "{path}");
    }
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(
            house.get(path).await.status,
            200,
            "{path} is for those who have no token"
        );
    }
    assert_eq!(house.lockwatch(&["status"]).await.code, 0);
    assert_eq!(house.lockwatch(&["health"]).await.code, 0);

    // A token that cannot be read opens nothing.
    std::fs::remove_file(house.folder().join("web.token")).unwrap();
    let with_token = async || {
        let answer = house
            .ask(Method::GET, "/metrics", |plain| plain.bearer_auth(TOKEN))
            .await;
        answer.status
    };
    eventually(
        || "the token that is gone still opens".to_owned(),
        async || (with_token().await == 503).then_some(()),
    )
    .await;
    for _ in 0..20 {
        assert_eq!(with_token().await, 503);
    }
    assert_eq!(house.get("/metrics").await.status, 401);
    // Once a minute, and no machine takes ten minutes for this.
    let told = daemon.log().matches("web.token cannot be read").count();
    assert!((1..10).contains(&told), "{}", daemon.log());
    daemon.stop().await;
}
