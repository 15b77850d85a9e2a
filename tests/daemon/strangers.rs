//! What strangers send to the endpoint: names that are not ours, requests that are none, methods, ids and bodies of all kinds.

use reqwest::{Method, RequestBuilder};

use crate::house::House;

const PROBE: &str = "/api/v1/users/works/probe";

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// A page of somebody else may have its name lead a browser on this host to us.
#[tokio::test]
async fn only_our_own_names_are_answered_on_this_host() {
    let mut house = House::of(&["works"]);
    house.settings.web = "external_url = \"https://lockwatch.msp.example/watch/\"".to_owned();
    let daemon = house.start().await;
    let host_name = lockwatch::app::host_name();
    let own = format!("{host_name}:9477");
    let begins_so = format!("{host_name}.evil.example");
    for (host, reads, changes) in [
        ("127.0.0.1", "200", "200"),
        ("127.0.0.1:9477", "200", "200"),
        ("127.8.9.1", "200", "200"),
        ("[::1]", "200", "200"),
        ("[::1]:9477", "200", "200"),
        ("[::ffff:127.0.0.1]:9477", "200", "200"),
        ("localhost", "200", "200"),
        ("LOCALHOST:9477", "200", "200"),
        ("localhost.", "200", "200"),
        // An address can be nobody's name, but changes are for this host.
        ("192.0.2.1:9477", "200", "403"),
        ("[2001:db8::1]", "200", "403"),
        ("0.0.0.0:9477", "200", "403"),
        ("lockwatch", "200", "403"),
        (own.as_str(), "200", "403"),
        (begins_so.as_str(), "403", "403"),
        // Nobody can have these from outside.
        ("lockwatch.localhost:9477", "200", "403"),
        ("localhost.localdomain", "200", "403"),
        ("nas.local", "200", "403"),
        ("lockwatch.monitoring.svc:9477", "200", "403"),
        ("lockwatch.monitoring.svc.cluster.local", "200", "403"),
        ("vm.c.project.internal", "200", "403"),
        ("nas.home.arpa", "200", "403"),
        ("evil.notlocal", "403", "403"),
        ("home.arpa.evil.example", "403", "403"),
        ("lockwatch.msp.example", "200", "403"),
        ("LOCKWATCH.msp.example.:443", "200", "403"),
        ("evil.example", "403", "403"),
        ("evil.example:9477", "403", "403"),
        ("127.0.0.1.evil.example", "403", "403"),
        ("localhost.evil.example", "403", "403"),
        ("lockwatch.msp.example.evil.example", "403", "403"),
        ("127.0.0.1@evil.example", "403", "403"),
        ("evil.example@127.0.0.1", "403", "403"),
        ("127.0.0.1/evil.example", "403", "403"),
        ("<script>alert(1)</script>", "403", "403"),
        ("", "403", "403"),
    ] {
        for path in [
            "/",
            "/users/works",
            "/metrics",
            "/api/v1/users",
            "/api/v1/users/works",
        ] {
            let answer = house
                .say(format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                ))
                .await;
            assert_eq!(status(&answer), reads, "{host:?} {path}: {answer}");
        }
        let answer = house
            .say(format!(
                "POST {PROBE} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(status(&answer), changes, "{host:?}: {answer}");
        assert!(
            !answer.contains("evil") && !answer.contains("<script"),
            "{answer}"
        );
        // Whoever looks after it may call it what they like.
        let answer = house
            .say(format!(
                "GET /-/healthy HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(status(&answer), "200", "{host:?}: {answer}");
    }
    for (head, expected) in [
        ("GET /metrics HTTP/1.1\r\n", "400"),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
            "400",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
            "400",
        ),
        ("GET /metrics HTTP/1.0\r\n", "200"),
        ("GET /-/healthy HTTP/1.0\r\n", "200"),
        // The target counts where it names a host.
        (
            "GET http://localhost:9477/metrics HTTP/1.1\r\nHost: localhost\r\n",
            "200",
        ),
        (
            "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n",
            "403",
        ),
        (
            "POST http://evil.example/-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
            "403",
        ),
        (
            "POST /-/reload HTTP/1.0\r\nContent-Type: application/json\r\n",
            "403",
        ),
    ] {
        let answer = house.say(format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{head}: {answer}");
    }
    let told = daemon.log();
    assert!(told.contains("set web.external_url"), "{told}");
    assert!(!told.contains("evil"), "{told}");
    // More than a hundred were refused, and no machine takes ten minutes for that.
    let lines = told.matches("not known to be lockwatch's").count();
    assert!(lines < 10, "{told}");
    daemon.stop().await;
}

/// A proxy that gives the token may pass on any name.
#[tokio::test]
async fn the_right_token_opens_under_any_name() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", "demo-token-of-25-letters-");
    house.settings.web = "token = { file = \"web.token\" }".to_owned();
    house.keep_private("demo-token-of-another");
    let daemon = house.start().await;
    for (token, expected) in [
        (None, 403),
        (Some("demo-token-of-another"), 403),
        (Some("demo-token-of-25-letters-"), 200),
    ] {
        for path in ["/metrics", "/", "/api/v1/users/works"] {
            let answer = house
                .ask(Method::GET, path, |plain| {
                    let named = plain.header("Host", "watch.msp.example");
                    token.into_iter().fold(named, RequestBuilder::bearer_auth)
                })
                .await;
            assert_eq!(answer.status, expected, "{path} {token:?}");
        }
    }
    daemon.stop().await;
}

#[tokio::test]
async fn every_answer_is_guarded_and_tells_nothing_of_the_request() {
    let house = House::of(&["works", "works-too"]);
    let daemon = house.start().await;
    let mark = "demo-mark-7f3";
    house.keep_private(mark);
    for (method, path, expected) in [
        ("GET", "/".to_owned(), 200),
        ("HEAD", "/".to_owned(), 200),
        ("HEAD", "/metrics".to_owned(), 200),
        ("OPTIONS", "/".to_owned(), 405),
        ("OPTIONS", PROBE.to_owned(), 405),
        ("PUT", "/metrics".to_owned(), 405),
        ("POST", "/".to_owned(), 405),
        ("BREW", "/metrics".to_owned(), 405),
        ("TRACE", "/".to_owned(), 405),
        ("GET", "/-/reload".to_owned(), 405),
        ("GET", PROBE.to_owned(), 405),
        ("DELETE", PROBE.to_owned(), 405),
        ("GET", format!("/{mark}"), 404),
        ("GET", format!("/?{mark}=%3Cscript%3E"), 200),
        ("GET", "/metrics/".to_owned(), 404),
        ("GET", "//metrics".to_owned(), 404),
        ("GET", "/../metrics".to_owned(), 404),
        ("GET", format!("/users/{mark}"), 404),
        ("GET", format!("/api/v1/users/{mark}"), 404),
        ("POST", format!("/api/v1/users/{mark}/probe"), 404),
        (
            "GET",
            format!("/users/%3Cscript%3E{mark}%3C%2Fscript%3E"),
            404,
        ),
        ("GET", format!("/api/v1/users/{mark}%2Fworks"), 404),
        ("GET", "/api/v1/users/..%2fworks".to_owned(), 404),
        ("GET", "/api/v1/users/../users/works".to_owned(), 404),
        ("GET", "/api/v1/users/works%00".to_owned(), 404),
        ("GET", "/api/v1/users/%ff".to_owned(), 404),
        ("GET", "/api/v1/users/%E2%80%AEworks".to_owned(), 404),
        ("GET", "/api/v1/users/%".to_owned(), 404),
        ("GET", "/api/v1/users/WORKS".to_owned(), 404),
        ("GET", "/api/v1/users/%77orks".to_owned(), 200),
        ("GET", "/api/v1/users/".to_owned(), 404),
        ("GET", format!("/api/v1/users/{}", "x".repeat(20_000)), 404),
    ] {
        let answer = house
            .say(format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://{mark}.example\r\nX-Mark: {mark}\r\n\
                 Content-Type: application/json\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
            ))
            .await;
        let lower = answer.to_lowercase();
        assert_eq!(
            status(&answer),
            expected.to_string(),
            "{method} {path}: {answer}"
        );
        for header in [
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'",
        ] {
            assert!(
                lower.contains(header),
                "{header} of {method} {path}: {answer}"
            );
        }
        assert!(
            !lower.contains("access-control"),
            "{method} {path}: {answer}"
        );
        assert!(
            !answer.contains(mark) && !lower.contains("<script"),
            "{method} {path}: {answer}"
        );
        assert_eq!(
            lower.contains("\r\nallow: "),
            expected == 405,
            "{method} {path}: {answer}"
        );
        if expected >= 400 {
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(body.len() > 10, "{method} {path} says nothing: {answer}");
        }
    }
    for (path, near) in [
        ("/api/v1/users/wroks", "did you mean works or works-too?"),
        ("/users/wroks", "did you mean works or works-too?"),
        ("/users/nobody", "no user with this id is configured<"),
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, 404);
        assert!(answer.body.contains(near), "{path}: {answer:?}");
    }
    let page = house.get("/users/wroks").await;
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html"),
        "{page:?}"
    );

    // A scraper that asks for another format takes this one too.
    for accept in [
        "application/openmetrics-text; version=1.0.0",
        "application/json",
        "text/plain;version=0.0.4",
    ] {
        let answer = house
            .ask(Method::GET, "/metrics", |plain| {
                plain
                    .header("Accept", accept)
                    .header("Accept-Encoding", "gzip, br;q=0")
            })
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.headers["content-type"],
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert_eq!(answer.headers["content-encoding"], "gzip");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn bodies_of_all_kinds_are_refused_in_words() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let deep = format!("{{\"force\":{}", "[".repeat(8_000));
    for (body, expected) in [
        (&b"{\"force\": "[..], "400"),
        (b"{\"force\": \"true\"}", "400"),
        (b"{\"force\": 1}", "400"),
        (b"{\"force\": null}", "400"),
        (b"{\"Force\": true}", "400"),
        (b"{\"force\": false, \"other\": 1}", "400"),
        (b"{\"force\": false} {}", "400"),
        (b"{\"force\": false", "400"),
        (b"force=true", "400"),
        (b"true", "400"),
        (b"\xff\xfe{\x00", "400"),
        (b"{\"force\": \"\xff\"}", "400"),
        (b"\x00", "400"),
        (deep.as_bytes(), "400"),
        (&[b' '; 17_000], "413"),
        (b"{}", "200"),
        (b"{\"force\": false}", "200"),
    ] {
        let mut request = format!(
            "POST {PROBE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let answer = house.say(request).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(50)]);
        assert_eq!(status(&answer), expected, "{shown}: {answer}");
        assert!(
            expected == "200" || answer.contains("\"error\""),
            "{shown}: {answer}"
        );
    }
    // Without a length that could be checked before.
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).repeat(6);
    let answer = house
        .say(format!(
            "POST {PROBE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunk}0\r\n\r\n"
        ))
        .await;
    assert_eq!(status(&answer), "413", "{answer}");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_no_request_ends_the_connection() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let quiet = daemon.sockets();
    let long = "x".repeat(100_000);
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    for (what, bytes, expected) in [
        ("a long id", format!("GET /api/v1/users/{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(), &["414", "431"][..]),
        ("a long header", format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n").into_bytes(), &["431"]),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes(), &["431"]),
        ("garbage", b"\x00\x01\x02\xff\xfe\r\n\r\n".to_vec(), &["400"]),
        ("one long line", long.clone().into_bytes(), &["400", "431"]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03demo".to_vec(), &["400"]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &["400", "505", ""]),
        ("HTTP/9", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_vec(), &["400", "505"]),
        ("a target that is none", b"GET localhost HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &["400", "404"]),
        (
            "two lengths",
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".to_vec(),
            &["400"],
        ),
        (
            "a length and chunks",
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n".to_vec(),
            &["400"],
        ),
    ] {
        let answer = house.say(bytes).await;
        assert!(expected.contains(&status(&answer)), "{what}: {answer}");
        assert!(!answer.contains("xxxx"), "{what}: {answer}");
    }
    // Several at once on one connection are answered one after the other.
    let get = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = house.say(format!("{get}{get}{last}")).await;
    assert_eq!(answer.matches("alive\n").count(), 3, "{answer}");
    // One or two of its own and of the test's may come and go.
    daemon.has_sockets(quiet + 2).await;
    daemon.stop().await;
}

/// Somebody who tries tokens stands in the log, not once for each try.
#[tokio::test]
async fn wrong_tokens_are_told_once_a_minute() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", "demo-token-of-25-letters-");
    house.settings.web = "token = { file = \"web.token\" }".to_owned();
    house.keep_private("demo-token-of-another");
    let daemon = house.start().await;
    assert_eq!(house.post(PROBE, "").await.status, 401);
    assert!(
        !daemon.log().contains("wrong token"),
        "none was given: {}",
        daemon.log()
    );
    for _ in 0..20 {
        let answer = house
            .ask(Method::POST, PROBE, |plain| {
                plain
                    .header("Content-Type", "application/json")
                    .bearer_auth("demo-token-of-another")
            })
            .await;
        assert_eq!(answer.status, 401);
    }
    daemon.says("a wrong token was given").await;
    assert!(daemon.log().contains("peer=127.0.0.1"), "{}", daemon.log());
    let told = daemon.log().matches("a wrong token was given").count();
    // Twenty tries take less than a minute, and no machine is ten times as slow.
    assert!(told < 10, "{}", daemon.log());
    daemon.stop().await;
}
