//! Every rendered object held against the schemas of Kubernetes and of the Prometheus operator.

use std::process::Command;

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
