//! Chart and base as a real API server of Kubernetes takes them. What the objects mean for pods is not tried here.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "../kubernetes/house.rs"]
#[expect(dead_code, reason = "it serves the tests of the chart too")]
mod house;
#[path = "../support/ports.rs"]
mod ports;
mod server;

use house::{CHART, HELMS, objects, output, said, template, values};
use serde_json::Value;
use server::Server;

/// The accounts of a cluster with the Prometheus operator.
fn cluster() -> Server {
    let server = Server::start();
    said(
        &mut server.kubectl(&[
            "apply",
            "--server-side",
            "-f",
            "tests/cluster/beforehand.yaml",
        ]),
        "",
    );
    for name in ["servicemonitors", "prometheusrules"] {
        let crd = format!("crd/{name}.monitoring.coreos.com");
        said(
            &mut server.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &crd]),
            "",
        );
    }
    server
}

fn namespace(server: &Server, name: &str) {
    said(&mut server.kubectl(&["create", "namespace", name]), "");
}

/// The chart's render, as an API server that does not know ReadWriteOncePod takes it too.
fn manifests(path: &str) -> String {
    said(
        &mut template(
            HELMS[1],
            path,
            &["--set", "persistence.accessMode=ReadWriteOnce"],
        ),
        "",
    )
}

#[test]
fn every_object_is_applied_on_the_server_side() {
    let server = cluster();
    let plain = said(
        &mut server.kubectl(&["kustomize", "deploy/kubernetes/base"]),
        "",
    );
    let mut all = vec![("base".to_owned(), plain)];
    all.extend(
        values()
            .into_iter()
            .map(|(name, path)| (name, manifests(path.to_str().unwrap()))),
    );
    for (name, manifests) in all {
        namespace(&server, &name);
        // Helm's render names its namespace nowhere.
        let apply = [
            "apply",
            "--server-side",
            "--validate=true",
            "-n",
            &name,
            "-f",
            "-",
        ];
        let told = said(&mut server.kubectl(&apply), &manifests);
        assert_eq!(
            told.lines().count(),
            objects(&manifests).len(),
            "{name}: {told}"
        );
        assert!(
            told.lines()
                .all(|line| line.ends_with(" serverside-applied")),
            "{name}: {told}"
        );
        // Once more changes nothing.
        let everything = || {
            let kinds = "all,cm,pvc,networkpolicies,servicemonitors,prometheusrules";
            let told = said(
                &mut server.kubectl(&["get", kinds, "-n", &name, "-o", "json"]),
                "",
            );
            let mut list: Value = serde_json::from_str(&told).unwrap();
            for item in list["items"].as_array_mut().unwrap() {
                // An older server counts an apply that changes nothing.
                item["metadata"]["resourceVersion"].take();
            }
            list
        };
        let before = everything();
        assert!(before["items"].as_array().unwrap().len() >= 3, "{before}");
        said(&mut server.kubectl(&apply), &manifests);
        assert_eq!(everything(), before);
    }
    // It can fail.
    let wrong = manifests("tests/kubernetes/values/defaults.yaml")
        .replace("containerPort: 9477", "containerPort: 94770");
    let done = output(
        &mut server.kubectl(&["apply", "--server-side", "-n", "base", "-f", "-"]),
        &wrong,
    );
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && told.contains("must be between 1 and 65535"),
        "{told}"
    );
}

/// Without hooks, for nothing here runs the pods they are.
#[test]
fn helm_installs_upgrades_rolls_back_and_uninstalls() {
    let server = cluster();
    for helm in HELMS {
        let name = helm.to_lowercase().replace('_', "-");
        namespace(&server, &name);
        let run = |arguments: &[&str]| {
            let mut command = server.client(helm);
            command
                .args(arguments)
                .args(["--no-hooks", "--namespace", &name]);
            said(&mut command, "")
        };
        let image = || {
            let path = "jsonpath={.spec.template.spec.containers[0].image}";
            said(
                &mut server.kubectl(&["get", "deployment", "watch", "-n", &name, "-o", path]),
                "",
            )
        };
        let set = "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true,networkPolicy.enabled=true";
        let fixed = [
            "--set",
            set,
            "--set",
            "fullnameOverride=watch,existingSecret=lockwatch-secrets",
        ];
        let with = |arguments: &[&str]| run(&[arguments, &fixed[..]].concat());

        let told = with(&["install", "watch", CHART, "--set", "image.tag=0.1.1"]);
        assert!(
            told.contains(&format!(
                "kubectl -n {name} exec deployment/watch -- lockwatch validate"
            )),
            "{told}"
        );
        assert_eq!(image(), "lockwatch:0.1.1");
        with(&["upgrade", "watch", CHART, "--set", "image.tag=0.1.2"]);
        assert_eq!(image(), "lockwatch:0.1.2");
        run(&["rollback", "watch", "1"]);
        assert_eq!(image(), "lockwatch:0.1.1");
        run(&["uninstall", "watch"]);
        let left = [
            "get",
            "all,cm,pvc,networkpolicies,servicemonitors,prometheusrules",
            "-n",
            &name,
            "-o",
            "name",
        ];
        let left = said(&mut server.kubectl(&left), "");
        let ours: Vec<_> = left.lines().filter(|line| line.contains("watch")).collect();
        assert_eq!(
            ours,
            ["persistentvolumeclaim/watch-data"],
            "what holds the attempts stays"
        );
    }
}
