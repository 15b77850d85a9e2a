//! What the chart promises of its pods: the daemon's, that of the Job before an upgrade, and that of `helm test`.

use serde_json::{Value, json};

use crate::house::{HELMS, objects, rendered, said, template, values};

/// The specs of all pods of a render.
fn pods(manifests: &str) -> Vec<Value> {
    let spec = |object: &Value| match object["kind"].as_str() {
        Some("Pod") => Some(object["spec"].clone()),
        Some("Deployment" | "Job") => Some(object["spec"]["template"]["spec"].clone()),
        _ => None,
    };
    objects(manifests).iter().filter_map(spec).collect()
}

/// What Kubernetes' level "restricted" asks of every pod, and more.
#[test]
fn every_pod_is_restricted() {
    let mut seen = 0;
    for (_, values) in values() {
        let manifests = said(
            &mut template(HELMS[1], values.to_str().unwrap(), &["--is-upgrade"]),
            "",
        );
        for pod in pods(&manifests) {
            let context = &pod["securityContext"];
            assert_eq!(context["runAsNonRoot"], true);
            assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
            assert_eq!(pod["automountServiceAccountToken"], false);
            for key in ["runAsUser", "runAsGroup", "fsGroup"] {
                assert!(context[key].as_u64() > Some(0), "{key}: {context}");
            }
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
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 11, "{seen}");
}

/// OpenShift puts in its own.
#[test]
fn users_and_groups_can_be_left_out() {
    let all = [
        "{podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}}",
        "{podSecurityContext: null}",
    ];
    for (helm, values) in HELMS
        .iter()
        .flat_map(|helm| all.map(|values| (helm, values)))
    {
        let pods = pods(&said(&mut template(helm, "-", &[]), values));
        assert_eq!(pods.len(), 3);
        for pod in pods {
            let context = &pod["securityContext"];
            for key in ["runAsUser", "runAsGroup", "fsGroup"] {
                assert_eq!(context[key], Value::Null, "{key}");
            }
            assert_eq!(context["runAsNonRoot"], true);
        }
    }
}

/// Else the Job's image is not pulled, or it fits on no node, and every upgrade fails.
#[test]
fn all_pods_run_where_the_daemon_does() {
    let everything = "tests/kubernetes/values/everything.yaml";
    let more = ["--set", "validateBeforeUpgrade=true", "--is-upgrade"];
    let pods = pods(&said(&mut template(HELMS[1], everything, &more), ""));
    assert_eq!(pods.len(), 3);
    for key in [
        "serviceAccountName",
        "imagePullSecrets",
        "priorityClassName",
        "nodeSelector",
        "tolerations",
        "affinity",
    ] {
        let wanted = &pods[0][key];
        assert!(!wanted.is_null(), "{key}");
        assert!(pods.iter().all(|pod| pod[key] == *wanted), "{key}");
    }
}

/// One that is there already is, and one of the chart's only when there is something to upgrade.
#[test]
fn the_job_has_an_account_that_is_there() {
    let account = |values: &str, more: &[&str]| {
        let manifests = said(&mut template(HELMS[1], "-", more), values);
        let jobs = objects(&manifests);
        let job = jobs.iter().find(|object| object["kind"] == "Job").unwrap();
        job["spec"]["template"]["spec"]["serviceAccountName"].clone()
    };
    let there = "{serviceAccount: {create: false, name: puller}}";
    assert_eq!(account(there, &[]), "puller");
    assert_eq!(account(there, &["--is-upgrade"]), "puller");
    assert_eq!(account("{}", &["--is-upgrade"]), "lockwatch");
    assert_eq!(account("{}", &[]), Value::Null);
}

/// The ports of a database's address, as the network policy opens them.
#[test]
fn the_database_is_let_out_to() {
    for (url, port) in [
        ("postgres://a@db.msp.example/b", 5432),
        ("postgres://a@db.msp.example:6432/b?sslmode=require", 6432),
        ("postgresql://a@[2001:db8::1]:6433/b", 6433),
        ("postgresql://a@[2001:db8::1]/b", 5432),
        // Not a parameter.
        ("postgres://a@db.msp.example/b?application_name=port", 5432),
    ] {
        let manifests = rendered(&format!(
            r#"{{config: "web = {{ listen = '0.0.0.0:9477' }}\nstore = {{ url = '{url}' }}", networkPolicy: {{enabled: true}}}}"#
        ));
        let policy = objects(&manifests);
        let policy = policy
            .iter()
            .find(|object| object["kind"] == "NetworkPolicy");
        let ports = &policy.unwrap()["spec"]["egress"][1]["ports"];
        let ports: Vec<_> = ports
            .as_array()
            .unwrap()
            .iter()
            .map(|port| &port["port"])
            .collect();
        assert_eq!(ports, [&json!(443), &json!(port)], "{url}");
    }
}
