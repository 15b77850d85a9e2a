//! docs/api.md against the program: which fields there are and of what type, and with which status it says no.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lockwatch::web::{
    outbox_view::{DeadLetterView, OutboxView},
    view::{ReloadRefused, Users},
};
use serde_json::{Value, json};

use crate::{house::House, support::pages::read};

/// The rows of the tables below a heading: the field, and its type in words.
fn documented(heading: &str) -> BTreeMap<String, String> {
    let page = read("docs/api.md");
    let (_, below) = page.split_once(&format!(" {heading}\n")).unwrap();
    let rows = below.lines().take_while(|line| !line.starts_with('#'));
    let field = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name.to_owned(), cells.next()?.to_owned()))
    };
    rows.filter_map(field).collect()
}

fn is_of(value: &Value, kind: &str) -> bool {
    let kind = kind.trim_end_matches(", or absent");
    match value {
        Value::Null => kind.ends_with("or null"),
        Value::Bool(_) => kind.starts_with("true"),
        Value::Number(_) => kind.starts_with("number"),
        Value::String(text) if kind.starts_with("time") => text.parse::<Timestamp>().is_ok(),
        Value::String(_) => kind.starts_with("text"),
        Value::Array(_) => kind == "list",
        Value::Object(_) => kind.starts_with("object"),
    }
}

/// All fields of `value` are in the table below `heading`, with their types, and no others.
fn is_as_documented(value: &Value, heading: &str) {
    let said = documented(heading);
    let there = value.as_object().unwrap();
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(there.keys().collect()),
        names(said.keys().collect()),
        "{heading}"
    );
    for (name, value) in there {
        let kind = &said[name];
        assert!(is_of(value, kind), "{name} is no {kind}: {value}");
    }
}

/// Its fields stand in the one line of the page that begins so.
fn is_told(value: &Value, begins: &str) {
    let page = read("docs/api.md");
    let line = page.lines().find(|line| line.starts_with(begins)).unwrap();
    for name in value.as_object().unwrap().keys() {
        assert!(line.contains(&format!("`{name}`")), "{name}: {line}");
    }
}

#[test]
fn what_is_seldom_there() {
    let letter = DeadLetterView::default();
    let refused = ReloadRefused {
        since: Timestamp::UNIX_EPOCH,
        why: String::new(),
        problems: Vec::new(),
    };
    let all = Users {
        users: Vec::new(),
        outbox_pending: 1,
        outbox: Some(OutboxView {
            dead_letters: vec![letter],
            ..OutboxView::default()
        }),
        store_trouble: Some(String::new()),
        reload_refused: Some(refused),
        config: Some("/etc/lockwatch/lockwatch.toml".into()),
    };
    let all = json!(all);
    is_as_documented(&all, "All users");
    is_as_documented(&all["outbox"], "Mail");
    is_told(&all["outbox"]["dead_letters"][0], "A dead letter has");
    is_told(&all["reload_refused"], "| `reload_refused`");
}

#[tokio::test]
async fn users_as_the_daemon_tells_them() {
    let (house, _daemon) = House::one_fails().await;
    let told: Value = serde_json::from_str(&house.get("/api/v1/users").await.body).unwrap();
    for user in told["users"].as_array().unwrap() {
        is_as_documented(user, "A user");
    }
    let incident = &told["users"][1]["incident"];
    is_as_documented(incident, "An incident");
    is_told(&incident["causes"][0], "| `causes`");
    let one = house.user("wrong").await;
    let past = &one["recent"][0];
    is_told(past, "`recent`, which");
    assert!(is_of(&past["at"], "time"), "{past}");

    // The statuses of the page, those of tokens, slowness and faults aside, which tests/daemon has.
    let said = read("docs/api.md");
    for (path, body, status) in [
        ("/api/v1/users/works/retry", "[]", 400),
        ("/api/v1/users/wroks/retry", "", 404),
        ("/api/v1/retry", "{\"tenant\": \"acmee\"}", 404),
        ("/metrics", "", 405),
    ] {
        let answer = house.post(path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(said.contains(&format!("| {status} | ")), "{status}");
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(error["error"].is_string(), "{path}: {error}");
    }
    let several = house.post("/api/v1/retry", "{\"all\": true}").await;
    let several: Value = serde_json::from_str(&several.body).unwrap();
    let of = |id: &str| {
        let all = several["results"].as_array().unwrap();
        all.iter().find(|told| told["user"] == id).unwrap().clone()
    };
    assert_eq!(of("works")["not_retried"], json!({ "why": "works" }));
    is_as_documented(&of("wrong")["result"], "A user");
}
