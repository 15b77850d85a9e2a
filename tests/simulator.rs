//! The simulated Autotask over real HTTP: every documented answer to the byte, and the state behind it.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "simulator/troubles.rs"]
mod troubles;

use std::time::Duration;

use lockwatch::{
    clock,
    demo::{
        Announced, ApiUser, Ending, Level, Place, RawAnswer, Reach, Right, Rights, Simulator, World,
    },
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

const USER: &str = "k3jx7q@acme.example";
const SECRET: &str = "demo-secret-1";
const CODE: &str = "demo-code-1";
const QUERY: &str =
    r#"{"filter":[{"op":"gte","field":"id","value":0}],"maxRecords":1,"includeFields":["id"]}"#;

fn world() -> World {
    World::new()
        .zone("AE02", 14)
        .zone("AE05", 5)
        .tenant("acme", "AE02")
        .tenant("globex", "AE05")
        .with(ApiUser::new(USER, SECRET, CODE, "acme"))
}

async fn simulator() -> Simulator {
    Simulator::start(world()).await.unwrap()
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

/// A client as careful as ours: no redirects, no retries.
#[expect(
    clippy::disallowed_methods,
    reason = "tests may talk to the simulator as they like"
)]
fn client() -> Client {
    Client::new()
}

async fn call(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = client().request(method, url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await.unwrap(),
    }
}

async fn look_up(simulator: &Simulator, query: &str) -> Answer {
    let url = format!(
        "{}atservicesrest/v1.0/zoneInformation{query}",
        simulator.base_url()
    );
    call(Method::GET, &url, &[], "").await
}

fn credential(secret: &str) -> [(&str, &str); 4] {
    [
        ("UserName", USER),
        ("Secret", secret),
        ("ApiIntegrationCode", CODE),
        ("Content-Type", "application/json"),
    ]
}

/// The query probe, at the zone `AE02`.
async fn query(simulator: &Simulator, secret: &str) -> Answer {
    let url = zone(simulator, "v1.0/Companies/query");
    call(Method::POST, &url, &credential(secret), QUERY).await
}

async fn get(simulator: &Simulator, path: &str) -> Answer {
    let url = zone(simulator, path);
    call(Method::GET, &url, &credential(SECRET), "").await
}

fn zone(simulator: &Simulator, path: &str) -> String {
    format!("{}{path}", simulator.zone_url("AE02").unwrap())
}

fn content_type(answer: &Answer) -> &str {
    answer.headers["content-type"].to_str().unwrap()
}

#[tokio::test]
async fn a_zone_is_found_whatever_the_case_of_path_and_user() {
    let simulator = simulator().await;
    let url = simulator.zone_url("AE02").unwrap();
    assert_eq!(
        (url.scheme(), url.host_str(), url.path()),
        ("http", Some("127.0.0.1"), "/ATServicesRest/")
    );
    let wanted = format!(
        r#"{{"zoneName":"AE02","url":"{url}","webUrl":"https://ww14.autotask.net/","ci":513558}}"#
    );
    for path in [
        "atservicesrest/v1.0/zoneInformation?user=k3jx7q%40acme.example",
        "ATServicesRest/V1.0/ZONEINFORMATION?user=K3JX7Q@ACME.example",
    ] {
        let url = format!("{}{path}", simulator.base_url());
        let answer = call(Method::GET, &url, &[], "").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, wanted.as_str()),
            "{path}"
        );
        assert_eq!(content_type(&answer), "application/json; charset=utf-8");
    }
    assert_eq!(simulator.world().with(|world| world.stats(USER).lookups), 2);
}

#[tokio::test]
async fn an_unknown_or_blank_user_has_no_zone() {
    let simulator = simulator().await;
    for query in ["?user=nobody%40acme.example", "?user=", "?user=%20", ""] {
        let answer = look_up(&simulator, query).await;
        assert_eq!(answer.status, 500, "{query}");
        assert_eq!(
            answer.body,
            r#"{"errors":["Zone information could not be determined"]}"#
        );
    }
}

#[tokio::test]
async fn a_look_up_can_name_another_zone_another_host_or_nothing() {
    let simulator = simulator().await;
    let world = simulator.world();
    let cases = [
        (Announced::Zone("AE05".into()), r#""zoneName":"AE05""#),
        (
            Announced::Url("https://elsewhere.example/".into()),
            r#""url":"https://elsewhere.example/""#,
        ),
        (Announced::Unknown, "could not be determined"),
    ];
    for (announced, wanted) in cases {
        world.with(|world| world.change(USER, |user| user.announced = announced));
        let answer = look_up(&simulator, "?user=k3jx7q%40acme.example").await;
        assert!(answer.body.contains(wanted), "{wanted}: {}", answer.body);
    }
}

#[tokio::test]
async fn version_information_needs_no_credential() {
    let simulator = simulator().await;
    let central = format!("{}atservicesrest/versioninformation", simulator.base_url());
    for url in [central, zone(&simulator, "versioninformation")] {
        let answer = call(Method::GET, &url, &[], "").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"apiVersions":["V1.0"]}"#)
        );
    }
    assert_eq!(
        simulator.world().with(|world| world.stats(USER).attempts),
        0
    );
}

#[tokio::test]
async fn a_good_credential_gets_the_documented_page() {
    let simulator = simulator().await;
    let answer = query(&simulator, SECRET).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        r#"{"items":[{"id":0}],"pageDetails":{"count":1,"requestCount":500,"prevPageUrl":null,"nextPageUrl":null}}"#
    );
    let url = zone(
        &simulator,
        "v1.0/Companies/query?search=%7B%22Filter%22%3A%5B%5D%2C%22MaxRecords%22%3A2%7D",
    );
    let upper_case = [
        ("USERNAME", "K3JX7Q@acme.example"),
        ("SECRET", SECRET),
        ("APIINTEGRATIONCODE", CODE),
    ];
    let answer = call(Method::GET, &url, &upper_case, "").await;
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(page["items"][1]["companyName"], "Alder Dental", "{page}");
    assert_eq!(page["pageDetails"]["count"], 2);
}

#[tokio::test]
async fn a_query_wants_a_filter() {
    let simulator = simulator().await;
    let url = zone(&simulator, "v1.0/Companies/query");
    for body in [r#"{"maxRecords":1}"#, "", "no json"] {
        let answer = call(Method::POST, &url, &credential(SECRET), body).await;
        assert_eq!(answer.status, 500, "{body}");
        assert_eq!(
            answer.body,
            r#"{"errors":["Value cannot be null.\r\nParameter name: filters"]}"#
        );
    }
}

#[tokio::test]
async fn everything_wrong_about_a_credential_is_the_same_empty_401() {
    let simulator = simulator().await;
    let world = simulator.world();
    let url = zone(&simulator, "v1.0/Companies/query");
    let in_an_hour = clock::now() + Duration::from_hours(1);
    type Change = Box<dyn FnOnce(&mut ApiUser)>;
    let cases: Vec<(&str, Change)> = vec![
        (
            "wrong secret",
            Box::new(|user| user.secret = "demo-secret-2".into()),
        ),
        (
            "an ordinary user",
            Box::new(|user| user.level = Level::Ordinary),
        ),
        ("inactive", Box::new(|user| user.active = false)),
        ("locked", Box::new(|user| user.locked = true)),
        (
            "not yet active",
            Box::new(move |user| user.activates_at = Some(in_an_hour)),
        ),
        (
            "another tenant's zone",
            Box::new(|user| user.tenant = "globex".into()),
        ),
    ];
    for (number, (what, change)) in (1..).zip(cases) {
        world.with(|world| {
            world.add(ApiUser::new(USER, SECRET, CODE, "acme"));
            world.change(USER, change);
        });
        let answer = call(Method::POST, &url, &credential(SECRET), QUERY).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{what}");
        assert_eq!(answer.headers["content-length"], "0");
        assert_eq!(
            answer.headers["www-authenticate"],
            r#"Basic Realm="webservices14.autotask.net""#
        );
        assert_eq!(
            world.with(|world| world.stats(USER).rejections),
            number,
            "{what} counts"
        );
        assert_eq!(
            world.with(|world| world.user(USER).unwrap().failures_in_row),
            1,
            "{what}"
        );
    }
}

#[tokio::test]
async fn without_the_headers_a_request_is_401_too_basic_or_not() {
    let simulator = simulator().await;
    let url = zone(&simulator, "v1.0/Companies/query");
    for headers in [vec![], vec![("Authorization", "Basic ZGVtbzpkZW1v")]] {
        let answer = call(Method::POST, &url, &headers, QUERY).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, ""));
    }
    assert_eq!(
        simulator.world().with(|world| world.stats(USER).attempts),
        0
    );
    let central = format!(
        "{}atservicesrest/v1.0/Companies/query",
        simulator.base_url()
    );
    let answer = call(Method::POST, &central, &credential(SECRET), QUERY).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.headers["www-authenticate"],
        r#"Basic Realm="webservices.autotask.net""#
    );
}

#[tokio::test]
async fn a_wrong_code_is_500_and_costs_nothing() {
    let simulator = simulator().await;
    let headers = [
        ("UserName", USER),
        ("Secret", SECRET),
        ("ApiIntegrationCode", "demo-code-2"),
    ];
    let url = zone(&simulator, "v1.0/Companies/query");
    for _ in 0..6 {
        let answer = call(Method::POST, &url, &headers, QUERY).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (500, r#"{"errors":["IntegrationCode is invalid"]}"#)
        );
    }
    assert_eq!(query(&simulator, SECRET).await.status, 200);
}

#[tokio::test]
async fn the_fifth_rejection_in_a_row_locks_until_an_administrator_unlocks() {
    let simulator = simulator().await;
    let world = simulator.world();
    let fail = async |times| {
        for _ in 0..times {
            assert_eq!(query(&simulator, "demo-secret-2").await.status, 401);
        }
    };
    for round in 0..2 {
        fail(4).await;
        let answer = query(&simulator, SECRET).await;
        assert_eq!(answer.status, 200, "round {round}: four are forgiven");
    }
    fail(5).await;
    for _ in 0..2 {
        let answer = query(&simulator, SECRET).await;
        assert_eq!(answer.status, 401, "now it is locked");
    }
    let stats = world.with(|world| world.stats(USER));
    assert_eq!(
        (stats.attempts, stats.accepted, stats.rejections),
        (17, 2, 15)
    );
    assert_eq!(
        (stats.rejections_in_row, stats.max_rejections_in_row),
        (7, 7)
    );
    assert_eq!(stats.lockouts, 1);
    assert!(world.with(|world| world.unlock(USER)));
    fail(4).await;
    let answer = query(&simulator, SECRET).await;
    assert_eq!(answer.status, 200, "the count began anew");
    let stats = world.with(|world| world.stats(USER));
    assert_eq!(
        (stats.rejections_in_row, stats.max_rejections_in_row),
        (0, 11)
    );
}

#[tokio::test]
async fn another_integration_can_lock_a_user_that_we_never_presented_wrongly() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.with(|world| world.tenants.get_mut("acme").unwrap().lock_after = 3);
    for wanted in [200, 200, 401] {
        world.with(|world| world.someone_else_fails(USER));
        if wanted == 200 {
            // Keeps the count at one: a success of ours ends their streak too.
            assert_eq!(query(&simulator, SECRET).await.status, wanted);
        }
    }
    world.with(|world| (0..2).for_each(|_| world.someone_else_fails(USER)));
    assert_eq!(query(&simulator, SECRET).await.status, 401);
    let stats = world.with(|world| world.stats(USER));
    assert_eq!((stats.lockouts, stats.max_rejections_in_row), (1, 1));
}

#[tokio::test]
async fn a_new_user_works_once_it_is_active() {
    let simulator = simulator().await;
    let world = simulator.world();
    let at = |span: jiff::SignedDuration| clock::now() + span;
    let later = at(jiff::SignedDuration::from_hours(1));
    let earlier = at(jiff::SignedDuration::from_secs(-1));
    for (activates, status) in [(later, 401), (earlier, 200)] {
        world.with(|world| world.change(USER, |user| user.activates_at = Some(activates)));
        assert_eq!(query(&simulator, SECRET).await.status, status);
    }
}

#[tokio::test]
async fn a_missing_permission_is_500_and_a_restricted_one_an_empty_page() {
    let simulator = simulator().await;
    let world = simulator.world();
    let grant = |query| {
        let rights = Rights {
            query,
            update: Right::Restricted,
            ..Rights::default()
        };
        world.with(|world| world.change(USER, |user| user.set_rights("Companies", rights)));
    };
    grant(Right::None);
    let answer = query(&simulator, SECRET).await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.body,
        r#"{"errors":["The logged in Resource does not have the adequate permissions to query this entity type."]}"#
    );
    grant(Right::Restricted);
    let answer = query(&simulator, SECRET).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (
            200,
            r#"{"items":[],"pageDetails":{"count":0,"requestCount":500,"prevPageUrl":null,"nextPageUrl":null}}"#
        )
    );
    let answer = get(&simulator, "v1.0/Companies/entityInformation").await;
    assert_eq!(
        answer.body,
        r#"{"info":{"name":"Company","canCreate":true,"canDelete":false,"canQuery":true,"canUpdate":true,"userAccessForCreate":"All","userAccessForDelete":"None","userAccessForQuery":"Restricted","userAccessForUpdate":"Restricted","hasUserDefinedFields":true,"supportsWebhookCallouts":true}}"#
    );
}

#[tokio::test]
async fn requests_are_counted_per_tenant_slowed_and_at_last_refused() {
    let simulator = simulator().await;
    let world = simulator.world();
    query(&simulator, SECRET).await;
    query(&simulator, "demo-secret-2").await;
    let answer = get(&simulator, "v1.0/ThresholdInformation").await;
    assert_eq!(
        answer.body,
        r#"{"externalRequestThreshold":10000,"requestThresholdTimeframe":60,"currentTimeframeRequestCount":2}"#
    );
    let elsewhere = |requests| {
        world.with(|world| world.tenants.get_mut("acme").unwrap().used_elsewhere = requests);
    };
    elsewhere(5_000);
    let begun = tokio::time::Instant::now();
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    assert!(
        begun.elapsed() >= Duration::from_millis(500),
        "half used: half a second slower"
    );
    elsewhere(10_000);
    let answer = query(&simulator, SECRET).await;
    assert_eq!(answer.status, 429);
    assert!(
        answer.body.contains("threshold of 10000 requests"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn the_fourth_request_at_once_is_429_and_a_finished_one_makes_room() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.with(|world| world.zones.get_mut("AE02").unwrap().delay = Duration::from_millis(300));
    let at_once = futures_util::future::join_all((0..4).map(|_| query(&simulator, SECRET))).await;
    let refused: Vec<_> = at_once
        .iter()
        .filter(|answer| answer.status != 200)
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].status, 429);
    assert_eq!(
        refused[0].body,
        r#"{"errors":["The Autotask API thread threshold of 3 threads has been exceeded. Method: query"]}"#
    );
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    assert_eq!(world.with(|world| world.most_at_once("acme", CODE)), 3);
}

#[tokio::test]
async fn a_request_given_up_by_its_client_makes_room_too() {
    let simulator = simulator().await;
    simulator
        .set_reach(&Place::Zone("AE02".into()), Reach::Hang)
        .await;
    for nth in 1..=3 {
        let arrived = async {
            let seen = || simulator.world().with(|world| world.stats(USER).attempts);
            while seen() < nth {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            answer = query(&simulator, SECRET) => panic!("it hangs, and answers {}", answer.status),
            () = arrived => {}
        }
    }
    simulator
        .set_reach(&Place::Zone("AE02".into()), Reach::Up)
        .await;
    let deadline = Duration::from_secs(5);
    tokio::time::timeout(deadline, async {
        while query(&simulator, SECRET).await.status != 200 {}
    })
    .await
    .unwrap();
    let stats = simulator.world().with(|world| world.stats(USER));
    assert_eq!(
        (stats.unanswered_in_row, stats.max_unanswered_in_row),
        (0, 3)
    );
    assert!(
        stats.accepted >= 4,
        "lost answers were given all the same: {stats:?}"
    );
}

#[tokio::test]
async fn an_unknown_path_is_a_page_of_the_web_server_and_no_attempt() {
    let simulator = simulator().await;
    for path in [
        "v1.0/Nonsense/query",
        "v2.0/Companies/query",
        "v1.0/Companies/query/all",
        "",
    ] {
        let answer = get(&simulator, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(content_type(&answer), "text/html");
        assert!(answer.body.contains("404 - File or directory not found."));
    }
    assert_eq!(
        simulator.world().with(|world| world.stats(USER).attempts),
        0
    );
}

#[tokio::test]
async fn outages_answer_as_outages_and_leave_the_credential_alone() {
    let simulator = simulator().await;
    let zone = Place::Zone("AE02".into());
    for (reach, status) in [(Reach::Outage, 503), (Reach::Maintenance, 200)] {
        simulator.set_reach(&zone, reach).await;
        let answer = query(&simulator, "demo-secret-2").await;
        assert_eq!(
            (answer.status, content_type(&answer)),
            (status, "text/html")
        );
        assert!(answer.body.starts_with("<!DOCTYPE"), "{}", answer.body);
        assert_eq!(
            look_up(&simulator, "?user=k3jx7q%40acme.example")
                .await
                .status,
            200
        );
    }
    simulator.set_reach(&zone, Reach::Up).await;
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    let stats = simulator.world().with(|world| world.stats(USER));
    assert_eq!((stats.attempts, stats.rejections), (3, 0));
}

#[tokio::test]
async fn a_refusing_zone_refuses_the_connection_and_comes_back_on_its_port() {
    let simulator = simulator().await;
    let place = Place::Zone("AE02".into());
    let url = zone(&simulator, "versioninformation");
    let client = client();
    for _ in 0..3 {
        assert_eq!(
            client.get(&url).send().await.unwrap().status(),
            StatusCode::OK
        );
        simulator.set_reach(&place, Reach::Refuse).await;
        let error = client.get(&url).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        simulator.set_reach(&place, Reach::Up).await;
    }
    simulator.set_reach(&Place::Central, Reach::Refuse).await;
    let central = simulator.base_url().clone();
    assert!(client.get(central).send().await.unwrap_err().is_connect());
    assert!(
        client.get(&url).send().await.is_ok(),
        "the zone is another server"
    );
}

#[tokio::test]
async fn scripted_answers_come_once_each_as_they_are() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.with(|world| {
        world.script_next(
            USER,
            RawAnswer::new(418, "text/plain", "short").header("retry-after", "7"),
        );
        world.script_next(
            USER,
            RawAnswer::errors(401, &["The user account has been locked."]),
        );
        world.script_next_lookup(
            USER,
            RawAnswer::new(302, "text/plain", "").header("location", "/x"),
        );
    });
    let answer = query(&simulator, SECRET).await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "short"));
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(query(&simulator, SECRET).await.status, 401);
    assert_eq!(
        world.with(|world| world.user(USER).unwrap().failures_in_row),
        1
    );
    assert_eq!(query(&simulator, SECRET).await.status, 200);
    assert_eq!(
        look_up(&simulator, "?user=k3jx7q%40acme.example")
            .await
            .status,
        404,
        "redirected"
    );
    assert_eq!(
        look_up(&simulator, "?user=k3jx7q%40acme.example")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn answers_can_be_cut_before_the_status_or_within_the_body() {
    let simulator = simulator().await;
    let world = simulator.world();
    let url = zone(&simulator, "v1.0/Companies/query");
    let send = || {
        let mut request = client().post(&url).body(QUERY);
        for (name, value) in credential(SECRET) {
            request = request.header(name, value);
        }
        request.send()
    };
    let page = || RawAnswer::json(200, &json!({"items": [], "pageDetails": {}}));
    world.with(|world| {
        world.script_next(USER, page().ending(Ending::CutBeforeStatus));
        world.script_next(USER, page().ending(Ending::CutBodyAt(5)));
    });
    let error = send().await.unwrap_err();
    assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
    let stats = world.with(|world| world.stats(USER));
    assert_eq!((stats.attempts, stats.unanswered_in_row), (1, 1));
    let mut response = send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.chunk().await.unwrap().unwrap().as_ref(),
        br#"{"ite"#
    );
    assert!(response.chunk().await.is_err());
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_sibling_can_read_who_is_active_and_what_a_licence_is_called() {
    let simulator = simulator().await;
    let world = simulator.world();
    let other = "m8wz2p@acme.example";
    world.with(|world| {
        world.add(
            ApiUser::new(other, "demo-secret-2", "demo-code-2", "acme").level(Level::Ordinary),
        );
        world.change(other, |user| user.active = false);
    });
    let url = zone(&simulator, "v1.0/Resources/query");
    let body = json!({
        "filter": [{"op": "eq", "field": "userName", "value": other}],
        "includeFields": ["userName", "isActive", "licenseType"]
    });
    let answer = call(Method::POST, &url, &credential(SECRET), &body.to_string()).await;
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        page["items"],
        json!([{"userName": other, "isActive": false, "licenseType": 1}])
    );
    let fields = get(&simulator, "v1.0/Resources/entityInformation/fields").await;
    let fields: Value = serde_json::from_str(&fields.body).unwrap();
    let fields = fields["fields"].as_array().unwrap();
    let licence = fields
        .iter()
        .find(|field| field["name"] == "licenseType")
        .unwrap();
    assert_eq!(licence["picklistValues"][0]["label"], "Professional");
    let count = zone(&simulator, "v1.0/Resources/query/count");
    let answer = call(
        Method::POST,
        &count,
        &credential(SECRET),
        r#"{"filter":[]}"#,
    )
    .await;
    assert_eq!(answer.body, r#"{"queryCount":2}"#);
    let item = get(&simulator, "v1.0/Companies/175").await.body;
    assert!(item.contains("Birch & Sons"), "{item}");
    assert_eq!(
        get(&simulator, "v1.0/Companies/9").await.body,
        r#"{"item":null}"#
    );
}

#[tokio::test]
async fn a_moved_tenant_is_refused_in_its_old_zone() {
    let simulator = simulator().await;
    simulator
        .world()
        .with(|world| world.move_tenant("acme", "AE05"));
    assert_eq!(query(&simulator, SECRET).await.status, 401);
    let found: Value = serde_json::from_str(
        &look_up(&simulator, "?user=k3jx7q%40acme.example")
            .await
            .body,
    )
    .unwrap();
    assert_eq!(found["zoneName"], "AE05");
    let url = format!("{}v1.0/Companies/query", found["url"].as_str().unwrap());
    let answer = call(Method::POST, &url, &credential(SECRET), QUERY).await;
    assert_eq!(answer.status, 200);
}

#[test]
fn it_runs_without_a_runtime_and_ends_when_dropped() {
    let simulator = Simulator::start_on_thread(world()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(query(&simulator, SECRET)).status, 200);
    let url = zone(&simulator, "versioninformation");
    drop(simulator);
    let closed = runtime.block_on(async {
        let refused = async { while client().get(&url).send().await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(5), refused).await
    });
    assert!(closed.is_ok(), "the port is still open");
}
