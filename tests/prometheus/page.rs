//! docs/monitoring.md against the rules, and the queries of docs/metrics.md against Prometheus.

use std::{collections::BTreeMap, fs};

use crate::{
    rules::{alerts, root},
    support::prometheus::Prometheus,
};

/// The first four cells of the table of alerts, by name.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = fs::read_to_string(root().join("docs/monitoring.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| [`")?.split('`').next()?.to_owned();
        let cells = line
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']).to_owned());
        Some((name, cells.take(3).collect()))
    });
    rows.collect()
}

#[test]
fn the_table_of_alerts_is_that_of_the_rules() {
    let expected: BTreeMap<String, Vec<String>> = alerts()
        .into_iter()
        .map(|(name, rule)| {
            let cells = vec![
                format!("[`{name}`](runbooks/alerts/{name}.md)"),
                rule["labels"]["severity"].as_str().unwrap().to_owned(),
                rule["for"].as_str().unwrap_or("0").to_owned(),
            ];
            (name, cells)
        })
        .collect();
    assert_eq!(documented(), expected);
}

/// Queries of a list: items that begin with code about metrics.
fn listed(page: &str) -> Vec<String> {
    let items = page.lines().filter_map(|line| line.strip_prefix("- `"));
    let code = items.filter_map(|item| Some(item.split_once('`')?.0.to_owned()));
    code.filter(|code| code.contains("autotask_") || code.contains("lockwatch_"))
        .collect()
}

#[tokio::test]
async fn the_queries_of_the_documentation_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9/".parse().unwrap();
    let prometheus = Prometheus::start(folder.path(), &nobody, None).await;
    let mut asked = 0;
    for name in ["metrics.md", "monitoring.md"] {
        let page = fs::read_to_string(root().join("docs").join(name)).unwrap();
        let mut queries = listed(&page);
        for block in page.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // One query, so that the block can be pasted as it is.
            queries.push(block.to_owned());
        }
        for query in queries {
            if let Err(why) = prometheus.query(&query).await {
                panic!("docs/{name}: {query}: {why}");
            }
            asked += 1;
        }
    }
    assert!(asked >= 14, "only {asked} queries were found");
}
