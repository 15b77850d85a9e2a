//! What several sets of values render, as files to read. Rules and dashboards are not in them: `rules` compares those with
//! their sources, so that an alert more changes nothing here.

use crate::house::{HELMS, golden, said, template, values};

/// Without the objects that templates make of files.
fn own(manifests: &str) -> String {
    let of_files = ["prometheusrule.yaml", "dashboards.yaml"];
    manifests
        .split_inclusive("---\n# Source: ")
        .collect::<String>()
        .split("---\n")
        .filter(|part| {
            !of_files
                .iter()
                .any(|file| part.lines().next().is_some_and(|line| line.ends_with(file)))
        })
        .collect::<Vec<_>>()
        .join("---\n")
}

#[test]
fn the_chart_renders_what_it_did() {
    for (name, path) in values() {
        for helm in HELMS {
            let mut command = template(helm, path.to_str().unwrap(), &[]);
            golden(
                &format!("tests/kubernetes/golden/{name}.yaml"),
                &own(&said(&mut command, "")),
            );
        }
    }
}
