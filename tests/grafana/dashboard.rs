//! The files of deploy/grafana as data: dashboards, their panels and queries.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct Dashboard {
    pub(crate) file: String,
    pub(crate) json: Value,
}

/// Every dashboard in the folder, so that none can be added without being looked at.
pub(crate) fn all() -> Vec<Dashboard> {
    let folder = root().join("deploy/grafana/dashboards");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            Dashboard {
                file: path.file_name().unwrap().to_str().unwrap().to_owned(),
                json: serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap(),
            }
        })
        .collect();
    found.sort_by(|one, other| one.file.cmp(&other.file));
    let names: Vec<_> = found.iter().map(|dashboard| &dashboard.file).collect();
    assert_eq!(names, ["overview.json", "user.json"]);
    found
}

impl Dashboard {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_default()
    }

    /// All panels but rows, which only group the others.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = self.json["panels"].as_array().unwrap();
        panels.iter().filter(|panel| panel["type"] != "row")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        self.json["templating"]["list"].as_array().unwrap()
    }

    pub(crate) fn annotations(&self) -> &[Value] {
        self.json["annotations"]["list"].as_array().unwrap()
    }

    /// Every expression of the file: of panels, annotations and variables.
    pub(crate) fn expressions(&self) -> Vec<&str> {
        let asked = self.panels().flat_map(queries).chain(self.annotations());
        asked
            .filter_map(|query| query["expr"].as_str())
            .chain(
                self.variables()
                    .iter()
                    .filter_map(|variable| variable["definition"].as_str()),
            )
            .collect()
    }
}

pub(crate) fn queries(panel: &Value) -> &[Value] {
    panel["targets"].as_array().unwrap()
}

/// The names of metrics in an expression. `ALERTS` is Prometheus' own.
pub(crate) fn metrics(expression: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    expression
        .split(word)
        .filter(|word| {
            ["autotask_", "lockwatch_", "process_"]
                .iter()
                .any(|prefix| word.starts_with(prefix))
        })
        .filter(|word| *word != "autotask_zone")
        .map(|word| {
            // A histogram is documented by its family.
            word.strip_suffix("_bucket").unwrap_or(word)
        })
        .collect()
}
