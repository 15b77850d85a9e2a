//! Every rendered object held against the schemas of Kubernetes and of the Prometheus operator, and against what the chart
//! promises of its pods.

use std::process::Command;

use serde_json::{Value, json};

use crate::house::{HELMS, objects, output, program, read, said, template, values};

fn check(manifests: &str) -> (bool, String) {
    let mut command: Command = program("LOCKWATCH_TEST_PYTHON");
    let done = output(command.arg("tests/kubernetes/manifests.py"), manifests);
    let told = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(told).unwrap())
}

fn everything() -> String {
    let all = values()
        .into_iter()
        .map(|(_, path)| said(&mut template(HELMS[1], path.to_str().unwrap(), &[]), ""));
    all.collect()
}

#[test]
fn kubernetes_knows_every_key() {
    let all = everything() + "---\n" + &read("deploy/kubernetes/base/lockwatch.yaml");
    let (good, told) = check(&all);
    assert!(good, "{told}");
    assert_eq!(told.trim(), objects(&all).len().to_string());
    // It can fail.
    for (right, wrong, complaint) in [
        (
            "enableServiceLinks: false",
            "enableServiceLink: false",
            "enableServiceLink",
        ),
        (
            "containerPort: 9477",
            "containerPort: http",
            "containerPort",
        ),
        ("scrapeTimeout: 20s", "scrapeTimeout: 20 s", "scrapeTimeout"),
        (
            "scrapeTimeout: 20s",
            "scrapeTimeouts: 20s",
            "scrapeTimeouts",
        ),
        (
            "annotations:\n          description:",
            "annotation:\n          description:",
            "annotation",
        ),
    ] {
        let one = all.split("---\n").find(|part| part.contains(right));
        let wronged = one.unwrap().replacen(right, wrong, 1);
        let (good, told) = check(&wronged);
        assert!(!good && told.contains(complaint), "{wrong}: {told}");
    }
}

/// What Kubernetes' level "restricted" asks of every pod, and more.
#[test]
fn every_pod_is_restricted() {
    let all = objects(&everything());
    let pods = all
        .iter()
        .filter_map(|object| match object["kind"].as_str() {
            Some("Pod") => Some(&object["spec"]),
            Some("Deployment" | "Job") => Some(&object["spec"]["template"]["spec"]),
            _ => None,
        });
    let mut seen = 0;
    for pod in pods {
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["runAsUser"], 65532);
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        for key in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
            assert_eq!(pod[key], Value::Null, "{key}");
        }
        for container in pod["containers"].as_array().unwrap() {
            let wanted = json!({
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
            });
            assert_eq!(container["securityContext"], wanted);
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert!(volume["hostPath"].is_null(), "{volume}");
            if !volume["projected"].is_null() {
                assert_eq!(volume["projected"]["defaultMode"], 0o440);
                assert_eq!(context["fsGroup"], 65532);
            }
        }
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}
