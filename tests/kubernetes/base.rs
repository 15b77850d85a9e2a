//! The plain base: what the chart renders of deploy/kubernetes/base/values.yaml, without what only Helm needs, and with a
//! configuration that kustomize puts into a ConfigMap.

use serde_json::Value;

use crate::house::{HELMS, golden, objects, one, program, said, template};

const BASE: &str = "deploy/kubernetes/base";

#[test]
fn the_base_is_what_the_chart_renders() {
    let values = format!("{BASE}/values.yaml");
    let rendered = said(&mut template(HELMS[1], &values, &["--no-hooks"]), "");
    let of_helm = [
        "app.kubernetes.io/managed-by:",
        "helm.sh/chart:",
        "# Source:",
    ];
    let plain: String = rendered
        .split_inclusive('\n')
        .filter(|line| {
            !of_helm
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        })
        .collect();
    let head =
        "# Rendered from the chart beside this folder with values.yaml; not edited by hand.\n";
    golden(
        &format!("{BASE}/lockwatch.yaml"),
        &(head.to_owned() + &plain),
    );
}

#[test]
fn kustomize_builds_it() {
    let mut command = program("LOCKWATCH_TEST_KUBECTL");
    let built = objects(&said(command.args(["kustomize", BASE]), ""));
    let config = built
        .iter()
        .find(|object| object["kind"] == "ConfigMap")
        .expect("the configuration");
    let name = config["metadata"]["name"].as_str().unwrap();
    assert!(
        name.starts_with("lockwatch-config-"),
        "its hash is in its name: {name}"
    );
    assert!(config["data"]["lockwatch.toml"].is_string());
    let deployment = one(&built, "Deployment", "lockwatch");
    let volumes = deployment["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .unwrap();
    let named: Vec<&Value> = volumes
        .iter()
        .map(|volume| &volume["configMap"]["name"])
        .collect();
    assert!(
        named.contains(&&Value::from(name)),
        "another configuration makes another pod: {named:?}"
    );
}
