//! Every query of every panel, asked as Grafana asks, of a real Prometheus that scrapes `lockwatch demo`: its users are in
//! every state.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    asked::{Over, ask, now, until},
    dashboard::{Dashboard, all, queries},
    support::{program::Program, prometheus::Prometheus},
    truth,
};

/// The time range of the dashboards, in seconds.
const RANGE: f64 = 120.0;

/// What a panel may wait for.
const STORY: [&str; 5] = [
    r#"autotask_user_state{state="locked_out"} == 1"#,
    r#"autotask_user_state{state="zone_only"} == 1"#,
    r#"ALERTS{alertstate="firing", user="globex-email2at"}"#,
    r#"count(autotask_user_failure) >= 5 and sum(autotask_user_held) >= 3"#,
    r#"increase(lockwatch_notices_total{kind="locked_out", outcome="sent"}[1m]) > 0"#,
];

pub(crate) struct Scene {
    _demo: Program,
    _home: tempfile::TempDir,
    pub(crate) prometheus: Prometheus,
    pub(crate) users: Vec<String>,
}

impl Scene {
    async fn played() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("lockwatch"));
        command
            .args(["demo", "--json", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", home.path());
        let mut demo = Program::start(command);
        let said = demo.wait_for("{").await;
        let said: Value = serde_json::from_str(&format!("{{{said}")).unwrap();
        let web = said["web"].as_str().unwrap().parse().unwrap();
        let users = said["users"].as_array().unwrap().iter();
        let users = users
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect();
        let prometheus = Prometheus::start(home.path(), &web, None).await;
        until(&prometheus, &STORY).await;
        Self {
            _demo: demo,
            _home: home,
            prometheus,
            users,
        }
    }

    /// The series of each query of a panel.
    pub(crate) async fn shown(&self, panel: &Value, variables: &[(&str, &str)]) -> Vec<Vec<Value>> {
        let end = now();
        let mut shown = Vec::new();
        for query in queries(panel) {
            let expression = filled_in(query["expr"].as_str().unwrap(), panel, variables);
            let over = if query["instant"] == true {
                Over::Instant(end)
            } else {
                Over::Range(end - RANGE, end, 1.0)
            };
            let series = ask(&self.prometheus, &expression, &over).await;
            shown.push(
                series.unwrap_or_else(|error| panic!("{}: {error}\n{expression}", panel["title"])),
            );
        }
        shown
    }

    /// Every panel of a dashboard shows something. Says how much of what.
    async fn fills(&self, dashboard: &Dashboard, variables: &[(&str, &str)], tell: bool) {
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            let shown = self.shown(panel, variables).await;
            if tell {
                for (query, series) in queries(panel).iter().zip(&shown) {
                    let expression = query["expr"]
                        .as_str()
                        .unwrap()
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ");
                    println!(
                        "{} | {title} | {} | {} series | {expression}",
                        dashboard.file,
                        query["refId"],
                        series.len()
                    );
                }
                assert!(
                    shown.iter().all(|series| !series.is_empty()),
                    "{title} is empty"
                );
                columns_exist(panel, &shown);
            } else {
                // Where nobody is broken, a panel that says so may be empty.
                let may_be_empty = panel["fieldConfig"]["defaults"]["noValue"].is_string();
                let empty = shown.iter().all(Vec::is_empty);
                assert!(!empty || may_be_empty, "{title} is empty for {variables:?}");
            }
        }
    }
}

/// Variables as Grafana fills them in for a panel.
fn filled_in(expression: &str, panel: &Value, variables: &[(&str, &str)]) -> String {
    let least: u32 = panel["interval"].as_str().map_or(1, |text| {
        let minutes: u32 = text.strip_suffix('m').unwrap().parse().unwrap();
        60 * minutes
    });
    // At least four scrapes; else the step and one scrape.
    let rate = (least + 1).max(4);
    let mut filled = expression
        .replace("$__rate_interval", &format!("{rate}s"))
        .replace("$__range", &format!("{RANGE}s"))
        .replace("$__interval", &format!("{least}s"));
    for (name, value) in variables {
        filled = filled.replace(&format!("${name}"), value);
    }
    filled
}

/// A table names its columns by labels and queries that are there; a misspelt one would be a column that is missing.
fn columns_exist(panel: &Value, shown: &[Vec<Value>]) {
    let mut there: BTreeSet<String> = ["Value".to_owned()].into();
    for (query, series) in queries(panel).iter().zip(shown) {
        there.insert(format!("Value #{}", query["refId"].as_str().unwrap()));
        there.extend(series[0]["metric"].as_object().unwrap().keys().cloned());
    }
    for step in panel["transformations"].as_array().into_iter().flatten() {
        let options = &step["options"];
        let names = ["renameByName", "indexByName"].map(|list| options[list].as_object());
        let named = names.into_iter().flatten().flat_map(|list| list.keys());
        for name in named.map(String::as_str).chain(options["byField"].as_str()) {
            assert!(
                there.contains(name),
                "{}: no column {name} in {there:?}",
                panel["title"]
            );
        }
        let shown: Vec<_> = names[0]
            .into_iter()
            .flat_map(|list| list.values())
            .collect();
        for column in panel["fieldConfig"]["overrides"].as_array().unwrap() {
            let name = &column["matcher"]["options"];
            assert!(
                shown.is_empty() || shown.contains(&name),
                "{}: no column {name}",
                panel["title"]
            );
        }
    }
}

#[tokio::test]
async fn every_panel_has_something_to_show() {
    let [overview, user]: [Dashboard; 2] = all().try_into().ok().unwrap();
    let scene = Scene::played().await;

    scene.fills(&overview, &[("tenant", ".*")], true).await;
    // One tenant without anybody broken, two as Grafana writes several.
    for tenant in ["initech", "(acme|hooli)"] {
        scene.fills(&overview, &[("tenant", tenant)], false).await;
    }
    assert!(scene.users.len() > 10);
    for (told, id) in scene.users.iter().enumerate() {
        let variables = [("tenant", ".*"), ("user", id.as_str())];
        scene.fills(&user, &variables, told == 0).await;
    }
    annotations_can_be_asked(&scene, &[&overview, &user]).await;

    truth::the_overview_tells_the_truth(&scene, &overview).await;
    truth::the_page_of_a_user_tells_the_truth(&scene, &user).await;
    truth::silence_is_not_taken_for_health(&scene, &overview, &user).await;
}

async fn annotations_can_be_asked(scene: &Scene, dashboards: &[&Dashboard]) {
    for dashboard in dashboards {
        for annotation in dashboard.annotations() {
            let expression = annotation["expr"]
                .as_str()
                .unwrap()
                .replace("$user", "globex-email2at");
            let over = Over::Range(now() - RANGE, now(), 1.0);
            let series = ask(&scene.prometheus, &expression, &over).await.unwrap();
            assert!(!series.is_empty(), "{expression}");
        }
    }
}
