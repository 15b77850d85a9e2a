//! The client over real HTTP and TLS: what leaves this machine, what never does, and what each way to fail is called.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod handshakes;
mod proxies;
mod redirects;
mod rows;
mod server;
mod tls;
mod zones;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use lockwatch::{
    attempt::{self, Ledgers, Limits, Meter, Outcome, Permit, Request},
    autotask::{
        client::{Client, ClientError, Credential},
        hosts::AllowedHosts,
    },
    clock,
    config::Autotask,
    observation::{Probed, QueryFinding, Unclear, Zone, ZoneFinding},
    probe::{
        self,
        query::{Made, NotMade},
        slots::Slots,
    },
    user::Username,
};
use server::{Reply, Server, answer};
use tokio::time::Instant;
use url::Url;

/// With every character that shells and .env files mangle.
const SECRET: &str = r#"demo-$#\'"`%-secret-1"#;
const CODE: &str = "demo-code-1";
const USERNAME: &str = "k3jx7q+a b@acme.example";
const ACCEPTED: &str = r#"{"items":[{"id":0}],"pageDetails":{"count":1}}"#;

fn config(base_url: &str) -> Autotask {
    Autotask {
        base_url: Url::parse(base_url).unwrap(),
        allowed_hosts: AllowedHosts::new(vec!["127.0.0.1".into()]),
        timeout: Duration::from_secs(10),
        ca_file: None,
        proxy: None,
    }
}

fn hurried(base_url: &str) -> Autotask {
    Autotask {
        timeout: Duration::from_secs(1),
        ..config(base_url)
    }
}

fn credential() -> Credential {
    Credential {
        username: Username::new(USERNAME),
        secret: SECRET.into(),
        integration_code: CODE.into(),
    }
}

fn permit() -> Permit {
    let request = Request {
        attempt: "attempt-1",
        username: USERNAME,
        fingerprint: "fingerprint-1",
        zone: "https://webservices2.autotask.net/atservicesrest/",
        zone_found: true,
        zone_answered: None,
        asker: attempt::Asker::Schedule,
        activation: None,
        locked_out: false,
        interval: Duration::from_mins(5),
        others_asked: None,
    };
    let limits = Limits {
        max_rejections: 2,
        max_unanswered: 4,
        retry_held_after: Vec::new(),
        flight: Duration::from_secs(20),
    };
    let wall = clock::now();
    let now = Meter::new(wall).now(wall);
    let granted = attempt::permit(&Ledgers::default(), &request, &limits, now);
    granted.unwrap().permit
}

fn zone_at(url: &str) -> Zone {
    Zone {
        name: "AE02".into(),
        api: Url::parse(url).unwrap().join("ATServicesRest/").unwrap(),
    }
}

async fn query_with(config: &Autotask) -> QueryFinding {
    let client = Client::new(config).unwrap();
    let zone = zone_at(config.base_url.as_str());
    let credential = credential();
    let answer = client.query(permit(), Instant::now(), &zone, &credential, "Companies");
    answer.await.0.finding
}

async fn zone_with(config: &Autotask) -> ZoneFinding {
    let client = Client::new(config).unwrap();
    client.zone(&Username::new(USERNAME)).await.finding
}

async fn version_with(config: &Autotask) -> Result<(), Unclear> {
    let client = Client::new(config).unwrap();
    client.answers(&zone_at(config.base_url.as_str())).await
}

/// What each of the three requests finds, where none of them finds anything definite: that is, all the same.
async fn unclear_with(config: &Autotask) -> Unclear {
    let all = async { tokio::join!(zone_with(config), version_with(config), query_with(config)) };
    // Each exchange has a deadline of its own.
    let all = tokio::time::timeout(Duration::from_secs(60), all).await;
    let (zone, version, query) = all.unwrap();
    let ZoneFinding::Unclear(zone) = zone else {
        panic!("the look-up found {zone:?}");
    };
    let version = version.unwrap_err();
    assert_eq!(query, QueryFinding::Unclear(zone.clone()));
    assert_eq!(version, zone);
    zone
}

fn unexpected(status: u16, what: &str) -> Unclear {
    let what = what.to_owned();
    Unclear::UnexpectedAnswer { status, what }
}

#[tokio::test]
async fn a_zone_look_up_carries_the_username_and_no_credential() {
    let body = r#"{"zoneName":"AE02","url":"http://127.0.0.1:9/ATServicesRest"}"#;
    let server = Server::saying(answer(200, "Content-Type: text/html\r\n", body)).await;
    let found = zone_with(&config(&server.url())).await;
    assert_eq!(found, ZoneFinding::Found(zone_at("http://127.0.0.1:9/")));
    let request = server.request();
    assert_eq!(
        request.line,
        "GET /atservicesrest/v1.0/zoneInformation?user=k3jx7q%2Ba+b%40acme.example HTTP/1.1"
    );
    assert_eq!(request.header_names(), ["accept", "host", "user-agent"]);
    let version = concat!("lockwatch/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(version));
}

#[tokio::test]
async fn a_query_carries_the_documented_headers_and_body_and_nothing_else() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let zone = zone_at(&server.url());
    let (probed, from) = client
        .query(permit(), Instant::now(), &zone, &credential(), "Companies")
        .await;
    assert_eq!(probed.finding, QueryFinding::Accepted);
    assert_eq!(from, Some(Ipv4Addr::LOCALHOST.into()));
    let request = server.request();
    assert_eq!(
        request.line,
        "POST /ATServicesRest/v1.0/Companies/query HTTP/1.1"
    );
    let names = [
        "accept",
        "apiintegrationcode",
        "content-length",
        "content-type",
        "host",
        "secret",
        "user-agent",
        "username",
    ];
    assert_eq!(request.header_names(), names);
    assert_eq!(request.header("username"), Some(USERNAME));
    assert_eq!(request.header("secret"), Some(SECRET));
    assert_eq!(request.header("apiintegrationcode"), Some(CODE));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.body,
        r#"{"filter":[{"op":"gte","field":"id","value":0}],"maxRecords":1,"includeFields":["id"]}"#
    );
}

/// Autotask makes none such, but an administrator may: no letter is changed on the way.
#[tokio::test]
async fn a_secret_of_other_letters_goes_out_as_it_is() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let zone = zone_at(&server.url());
    let (secret, code) = ("demo-sécret-\u{1f980}-“1”", "demo-cödé-\u{202e}1");
    let credential = Credential {
        secret: secret.into(),
        integration_code: code.into(),
        ..credential()
    };
    assert_eq!(credential.sendable(), Ok(()));
    client
        .query(permit(), Instant::now(), &zone, &credential, "Companies")
        .await;
    let request = server.request();
    assert_eq!(request.header("secret"), Some(secret));
    assert_eq!(request.header("apiintegrationcode"), Some(code));
}

#[tokio::test]
async fn an_entity_cannot_lead_out_of_the_zone() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let zone = zone_at(&server.url());
    let entity = "../../x?y#z";
    client
        .query(permit(), Instant::now(), &zone, &credential(), entity)
        .await;
    let line = server.request().line;
    assert_eq!(
        line,
        "POST /ATServicesRest/v1.0/..%2F..%2Fx%3Fy%23z/query HTTP/1.1"
    );
}

#[tokio::test]
async fn a_zone_answers_when_it_tells_its_versions() {
    let server = Server::saying(answer(200, "", r#"{"apiVersions":["V1.0"]}"#)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    assert!(client.answers(&zone_at(&server.url())).await.is_ok());
    let request = server.request();
    assert_eq!(
        request.line,
        "GET /ATServicesRest/versioninformation HTTP/1.1"
    );
    assert_eq!(request.header_names(), ["accept", "host", "user-agent"]);
    let page = Server::saying(answer(200, "", "<html>")).await;
    assert_eq!(
        client.answers(&zone_at(&page.url())).await,
        Err(lockwatch::observation::Unclear::Maintenance)
    );
}

#[tokio::test]
async fn of_an_answer_that_breaks_off_only_a_rejection_is_believed() {
    let head = |status| format!("HTTP/1.1 {status} Any\r\nContent-Length: 5000\r\n\r\n{ACCEPTED}");
    let huge = |status| answer(status, "", &" ".repeat(2 << 20));
    let close = |status| Reply::SayAndClose(head(status).into_bytes());
    let drip = |status| Reply::Drip(head(status).into_bytes(), b" ".to_vec());
    for (reply, what) in [
        (
            &(|s| close(s)) as &dyn Fn(u16) -> Reply,
            "a body that was cut off",
        ),
        (&|s| drip(s), "a body that did not come in time"),
        (&|s| Reply::Say(huge(s)), "a body larger than 1 MiB"),
    ] {
        for (status, want) in [
            (401, QueryFinding::Rejected),
            (200, QueryFinding::Unclear(unexpected(200, what))),
            (403, QueryFinding::Unclear(unexpected(403, what))),
        ] {
            let server = Server::start(vec![reply(status)]).await;
            let finding = query_with(&hurried(&server.url())).await;
            assert_eq!(finding, want, "{status} and {what}");
            assert_ne!(finding.outcome(), Outcome::Unanswered);
        }
        let server = Server::start(vec![reply(200)]).await;
        let finding = zone_with(&hurried(&server.url())).await;
        assert_eq!(finding, ZoneFinding::Unclear(unexpected(200, what)));
    }
}

#[tokio::test]
async fn silence_is_a_timeout_and_counts_as_unanswered() {
    let server = Server::start(vec![Reply::Hang]).await;
    let finding = query_with(&hurried(&server.url())).await;
    assert_eq!(
        finding,
        QueryFinding::Unclear(Unclear::Timeout { connecting: false })
    );
    assert_eq!(finding.outcome(), Outcome::Unanswered);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_request_is_sent_once_even_on_a_dying_connection() {
    let replies = [
        Reply::Say(answer(200, "", ACCEPTED)),
        Reply::SayAndClose(vec![]),
    ];
    let server = Server::start(replies.to_vec()).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let zone = zone_at(&server.url());
    let mut findings = Vec::new();
    for _ in 0..2 {
        let credential = credential();
        let answer = client.query(permit(), Instant::now(), &zone, &credential, "Companies");
        findings.push(answer.await.0.finding);
    }
    let reset = QueryFinding::Unclear(Unclear::Reset);
    assert_eq!(reset.outcome(), Outcome::Unanswered);
    assert_eq!(findings, [QueryFinding::Accepted, reset]);
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn what_never_reached_autotask_is_not_sent() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let finding = query_with(&config(&refused)).await;
    assert_eq!(finding, QueryFinding::Unclear(Unclear::Connect));
    assert_eq!(finding.outcome(), Outcome::NotSent);
    // A label longer than DNS allows fails at once, with or without a network.
    let nameless = format!("http://{}.example/", "a".repeat(64));
    let finding = zone_with(&config(&nameless)).await;
    assert_eq!(finding, ZoneFinding::Unclear(Unclear::Dns));
    let finding = QueryFinding::Unclear(Unclear::Dns);
    assert_eq!(finding.outcome(), Outcome::NotSent);
}

#[tokio::test]
async fn a_permit_that_came_too_late_is_not_used() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let granted = Instant::now() - Duration::from_millis(2100);
    let zone = zone_at(&server.url());
    let (probed, _) = client
        .query(permit(), granted, &zone, &credential(), "Companies")
        .await;
    assert_eq!(probed.finding.outcome(), Outcome::NotSent);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_zone_that_is_not_allowed_any_more_gets_no_credential() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let config = Autotask {
        allowed_hosts: AllowedHosts::new(vec!["*.autotask.net".into()]),
        ..config(&server.url())
    };
    assert_eq!(query_with(&config).await.outcome(), Outcome::NotSent);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let body =
        r#"{"errors":["The Autotask API thread threshold of 3 threads has been exceeded."]}"#;
    let server = Server::saying(answer(429, "Retry-After: 30\r\n", body)).await;
    let retry_after = Some(Duration::from_secs(30));
    let config = config(&server.url());
    assert_eq!(
        query_with(&config).await,
        QueryFinding::RateLimited { retry_after }
    );
    let limited = ZoneFinding::Unclear(Unclear::RateLimited { retry_after });
    assert_eq!(zone_with(&config).await, limited);
}

#[tokio::test]
async fn an_answer_that_repeats_the_credential_is_not_repeated() {
    let body = serde_json::json!({ "errors": [format!("bad: {USERNAME} {SECRET} {CODE}")] });
    let server = Server::saying(answer(500, "", &body.to_string())).await;
    let finding = query_with(&config(&server.url())).await;
    let errors = vec!["bad: (hidden) (hidden) (hidden)".to_owned()];
    assert_eq!(finding, QueryFinding::Refused { errors });
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let (empty, torn) = (
        folder.path().join("empty.pem"),
        folder.path().join("torn.pem"),
    );
    std::fs::write(&empty, "no certificate").unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&torn, pem).unwrap();
    let client = |path: &Path| {
        Client::new(&Autotask {
            ca_file: Some(path.to_owned()),
            ..config("https://webservices.autotask.net/")
        })
    };
    for path in [&missing, &empty, &torn] {
        let error = client(path).unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    assert!(matches!(
        client(&missing),
        Err(ClientError::ReadCaFile { .. })
    ));
    assert!(matches!(
        client(&torn),
        Err(ClientError::NoCertificate { .. })
    ));
}

/// Runs itself again with no roots to be found, because a test must not change its own environment.
#[test]
fn a_host_without_ca_certificates_can_still_talk_to_itself() {
    const NAME: &str = "a_host_without_ca_certificates_can_still_talk_to_itself";
    if std::env::var_os("SSL_CERT_FILE").as_deref() != Some("/nonexistent/roots".as_ref()) {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env("SSL_CERT_FILE", "/nonexistent/roots")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    assert!(Client::new(&config("http://127.0.0.1:9/")).is_ok());
    let outside = Client::new(&config("https://webservices.autotask.net/")).unwrap_err();
    assert!(matches!(outside, ClientError::NoRoots), "{outside:?}");
    assert!(outside.to_string().contains("ca-certificates"));
    let server = tls::Server::start(&[]);
    let with_file = Client::new(&Autotask {
        ca_file: Some(server.certificate().to_owned()),
        ..config("https://webservices.autotask.net/")
    });
    assert!(with_file.is_ok());
}

async fn probe(
    url: &str,
    slots: &Slots,
    credential: &Credential,
    permit: impl FnOnce() -> Result<Permit, &'static str>,
) -> Result<Made, NotMade<&'static str>> {
    let client = Client::new(&config(url)).unwrap();
    let zone = zone_at(url);
    let permit = || async { permit() };
    probe::query::query(
        &client,
        slots,
        "acme/1",
        &zone,
        credential,
        "Companies",
        permit,
    )
    .await
}

#[tokio::test]
async fn a_permit_is_asked_for_only_when_the_request_can_leave() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let slots = Slots::new(4);
    let busy = slots.code_group("acme/1").await;
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let mut was_asked = Box::pin(was_asked);
    let (url, others) = (server.url(), slots.clone());
    let task = tokio::spawn(async move {
        let ask = || {
            asked.send(()).unwrap();
            Ok(permit())
        };
        probe(&url, &others, &credential(), ask).await
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(futures_util::poll!(was_asked.as_mut()).is_pending());
    drop(busy);
    let made = task.await.unwrap().unwrap();
    assert!(was_asked.await.is_ok());
    assert_eq!(made.attempt, "attempt-1");
    assert_eq!(made.probed.finding, QueryFinding::Accepted);
}

#[tokio::test]
async fn without_a_permit_or_a_credential_that_can_be_sent_nothing_is_sent() {
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    let slots = Slots::new(4);
    let refused = probe(&server.url(), &slots, &credential(), || Err("held")).await;
    assert!(matches!(refused, Err(NotMade::NoPermit("held"))));
    let two_lines = Credential {
        secret: "demo-secret-1\ndemo-secret-2".into(),
        ..credential()
    };
    let refused = probe(&server.url(), &slots, &two_lines, || panic!("asked")).await;
    let Err(NotMade::Unsendable(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        why.contains("the secret") && !why.contains("demo-secret"),
        "{why}"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_zone_probe_waits_for_its_slot() {
    let body = r#"{"errors":["Zone information could not be determined"]}"#;
    let server = Server::saying(answer(500, "", body)).await;
    let client = Client::new(&config(&server.url())).unwrap();
    let slots = Slots::new(1);
    let busy = slots.request(client.base_url()).await;
    let (waiting, others) = (client.clone(), slots.clone());
    let task = tokio::spawn(async move {
        probe::zone::look_up(&waiting, &others, &Username::new(USERNAME)).await
    });
    // While another request makes its whole way, this one does not begin.
    client.zone(&Username::new(USERNAME)).await;
    assert_eq!(server.requests().len(), 1);
    drop(busy);
    let Probed { finding, took } = task.await.unwrap();
    assert_eq!(finding, ZoneFinding::Unknown);
    assert!(took > Duration::ZERO);
    assert_eq!(server.requests().len(), 2);
}
