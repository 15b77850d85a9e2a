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

#[tokio::test]
async fn the_queries_of_the_documentation_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9/".parse().unwrap();
    let prometheus = Prometheus::start(folder.path(), &nobody, None).await;
    let mut asked = 0;
    for name in ["metrics.md", "monitoring.md"] {
        let page = fs::read_to_string(root().join("docs").join(name)).unwrap();
        for block in page.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // A query goes on in lines that are set in.
            let code = block
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty());
            let queries = code.fold(Vec::<String>::new(), |mut queries, line| {
                match queries.last_mut() {
                    Some(query) if line.starts_with(' ') => query.push_str(line),
                    _ => queries.push(line.to_owned()),
                }
                queries
            });
            for query in queries {
                if let Err(why) = prometheus.query(&query).await {
                    panic!("docs/{name}: {query}: {why}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked >= 14, "only {asked} queries were found");
}
