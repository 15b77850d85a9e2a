//! What several sets of values render, as files to read. Rules and dashboards are not in them: `rules` compares those with
//! their sources, so that an alert more changes nothing here.

use crate::house::{HELMS, golden, said, template, values};

/// Without the objects that templates make of files.
fn own(manifests: &str) -> String {
    let of_files = ["prometheusrule.yaml", "dashboards.yaml"];
    let is_own = |part: &&str| {
        let source = part.lines().next().unwrap_or_default();
        !of_files.iter().any(|file| source.ends_with(file))
    };
    let parts: Vec<_> = manifests.split("---\n").filter(is_own).collect();
    parts.join("---\n")
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
