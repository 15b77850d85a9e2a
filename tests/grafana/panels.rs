//! What every panel must have to be read by somebody who did not make it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use lockwatch::board::STATES;
use serde_json::{Value, json};

use crate::dashboard::{Dashboard, all, metrics, queries, root};

/// Types of Grafana's core that are not on their way out.
const TYPES: [&str; 5] = ["bargauge", "stat", "state-timeline", "table", "timeseries"];

fn said(dashboard: &Dashboard, panel: &Value) -> String {
    format!(
        "{}, panel {}: {}",
        dashboard.file, panel["id"], panel["title"]
    )
}

#[test]
fn dashboards_are_found_where_links_look_for_them() {
    for dashboard in all() {
        let name = dashboard.file.strip_suffix(".json").unwrap();
        assert_eq!(dashboard.text("uid"), format!("lockwatch-{name}"));
        assert!(dashboard.text("title").starts_with("lockwatch"));
        assert!(dashboard.text("description").len() > 40);
        assert_eq!(dashboard.text("refresh"), "1m");
        // What Grafana 11.0 wrote; newer ones bring it up to date when they read it.
        assert_eq!(dashboard.json["schemaVersion"], 39);
        assert_eq!(
            dashboard.json["id"],
            Value::Null,
            "an id belongs to one Grafana"
        );
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    for dashboard in all() {
        for panel in dashboard.panels() {
            let at = said(&dashboard, panel);
            assert!(TYPES.contains(&panel["type"].as_str().unwrap()), "{at}");
            assert!(
                panel["title"].as_str().is_some_and(|text| text.len() > 2),
                "{at}"
            );
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.len() > 20 && description.ends_with('.'), "{at}");
            assert_eq!(panel["datasource"], datasource, "{at}");
            assert!(!queries(panel).is_empty(), "{at}");
            for query in queries(panel) {
                // A data source of its own would not follow the variable.
                assert_eq!(query["datasource"], Value::Null, "{at}");
            }
            numbers_are_told(panel, &at);
        }
        for asked in dashboard.annotations().iter().chain(dashboard.variables()) {
            if !["datasource", "constant"].contains(&asked["type"].as_str().unwrap_or_default()) {
                assert_eq!(
                    asked["datasource"], datasource,
                    "{}: {}",
                    dashboard.file, asked["name"]
                );
            }
        }
    }
}

/// A number has a unit, or every value that it can have has words.
fn numbers_are_told(panel: &Value, at: &str) {
    let defaults = &panel["fieldConfig"]["defaults"];
    if panel["type"] == "state-timeline" {
        let options = &defaults["mappings"][0]["options"];
        let words = options.as_object().unwrap();
        assert!(words.len() >= 2, "{at}");
        for meaning in words.values() {
            // Colour alone tells nothing to those who do not see it.
            assert!(
                meaning["text"].as_str().is_some_and(|text| text.len() > 3),
                "{at}"
            );
            assert!(meaning["color"].is_string(), "{at}");
        }
    } else {
        assert!(defaults["unit"].is_string(), "{at} has no unit");
    }
    if panel["type"] == "table" {
        assert!(
            queries(panel)
                .iter()
                .all(|query| query["format"] == "table" && query["instant"] == true),
            "{at}"
        );
    }
}

#[test]
fn panels_have_their_own_ids_and_their_own_places() {
    for dashboard in all() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in dashboard.json["panels"].as_array().unwrap() {
            let at = said(&dashboard, panel);
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{at}: its id is taken"
            );
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{at} is out of the grid");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{at} lies over another panel");
                }
            }
        }
        // Grafana would close a gap, and the next look at the file would differ from what people see.
        let height = taken.iter().map(|(_, y)| y + 1).max().unwrap();
        assert_eq!(
            taken.len() as u64,
            24 * height,
            "{} has gaps",
            dashboard.file
        );
    }
}

#[test]
fn every_metric_of_a_query_is_documented() {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let mut used = 0;
    for dashboard in all() {
        for expression in dashboard.expressions() {
            for metric in metrics(expression) {
                let documented =
                    page.contains(&format!("| `{metric}` |")) || metric.starts_with("process_");
                assert!(documented, "{}: {metric}", dashboard.file);
                used += 1;
            }
        }
    }
    assert!(used > 80, "only {used} were found");
}

#[test]
fn the_number_of_a_state_is_shown_as_its_name() {
    for dashboard in all() {
        let mut shown = 0;
        for panel in dashboard.panels() {
            for query in queries(panel) {
                let numbers = numbers_of_states(query["expr"].as_str().unwrap());
                if numbers.is_empty() {
                    continue;
                }
                let at = said(&dashboard, panel);
                let states: BTreeSet<_> = numbers.values().map(String::as_str).collect();
                assert_eq!(states, STATES.into_iter().collect(), "{at}");
                let words = words_of_states(panel);
                assert!(words.contains(&numbers), "{at}: {words:?}");
                shown += 1;
            }
        }
        assert_eq!(shown, 2, "{}", dashboard.file);
    }
}

/// `N * autotask_user_state{… state="X"}`
fn numbers_of_states(expression: &str) -> BTreeMap<String, String> {
    let parts: Vec<_> = expression.split(" * autotask_user_state{").collect();
    parts
        .windows(2)
        .map(|pair| {
            let number = pair[0].rsplit(' ').next().unwrap();
            let state = pair[1].split("state=\"").nth(1).unwrap();
            (
                number.to_owned(),
                state.split('"').next().unwrap().to_owned(),
            )
        })
        .collect()
}

/// The value mappings of a panel and its columns, in the form of state names.
fn words_of_states(panel: &Value) -> Vec<BTreeMap<String, String>> {
    let columns = panel["fieldConfig"]["overrides"].as_array().unwrap();
    let properties = columns
        .iter()
        .flat_map(|column| column["properties"].as_array().unwrap());
    let mappings = properties
        .filter(|property| property["id"] == "mappings")
        .map(|property| &property["value"]);
    mappings
        .chain([&panel["fieldConfig"]["defaults"]["mappings"]])
        .filter_map(|mappings| mappings[0]["options"].as_object())
        .map(|options| {
            let word = |meaning: &Value| meaning["text"].as_str().unwrap().replace(' ', "_");
            options
                .iter()
                .map(|(number, meaning)| (number.clone(), word(meaning)))
                .collect()
        })
        .collect()
}
