//! Values that are refused, and what is said about them.

use crate::house::{CHART, HELMS, output, program, template};

/// Values, and what the message must hold. Of the schema's messages, which are helm's, the place.
const BAD: &[(&str, &str)] = &[
    // Misspelt or unknown.
    ("{replicas: 2}", "replicas"),
    ("{image: {tags: x}}", "tags"),
    (
        "{prometheusRule: {alerts: {LockwatchAbsent: {sevrity: critical}}}}",
        "sevrity",
    ),
    ("{extraEnv: [{name: A, val: x}]}", "val"),
    // Another type.
    ("{networkPolicy: {enabled: 'yes'}}", "enabled"),
    ("{service: {port: '9477'}}", "port"),
    ("{podAnnotations: {a: 1}}", "a"),
    ("{config: {web: {}}}", "config"),
    ("{existingSecret: [a]}", "existingSecret"),
    // Out of what is possible.
    ("{config: ''}", "config"),
    ("{service: {port: 70000}}", "port"),
    ("{image: {repository: 'lockwatch:1'}}", "repository"),
    ("{image: {digest: abc}}", "digest"),
    ("{image: {pullPolicy: Sometimes}}", "pullPolicy"),
    ("{persistence: {size: 1GB}}", "size"),
    ("{persistence: {accessMode: ReadWriteMany}}", "accessMode"),
    (
        "{terminationGracePeriodSeconds: 5}",
        "terminationGracePeriodSeconds",
    ),
    ("{serviceMonitor: {interval: 30}}", "interval"),
    ("{serviceMonitor: {tokenSecret: {name: a}}}", "key"),
    (
        "{extraConfigFiles: {'users.d/a.toml': ''}}",
        "users.d/a.toml",
    ),
    ("{extraConfigFiles: {lockwatch.toml: ''}}", "lockwatch.toml"),
    ("{extraSecrets: [a, a]}", "extraSecrets"),
    ("{prometheusRule: {runbookBase: docs}}", "runbookBase"),
    (
        "{prometheusRule: {alerts: {LockwatchAbsent: {for: five}}}}",
        "for",
    ),
    (
        "{prometheusRule: {alerts: {LockwatchAbsent: {severity: bad}}}}",
        "severity",
    ),
    ("{prometheusRule: {runbookBase: ''}}", "runbookBase"),
    ("{runbookBase: 'https://a.example/\"'}", "runbookBase"),
    ("{dashboards: {lockwatchUrl: lockwatch}}", "lockwatchUrl"),
    (
        "{dashboards: {lockwatchUrl: 'https://${a}'}}",
        "lockwatchUrl",
    ),
    ("{podSecurityContext: {runAsUser: 0}}", "runAsUser"),
    ("{podSecurityContext: {fsGroup: '65532'}}", "fsGroup"),
    ("{podSecurityContext: {privileged: true}}", "privileged"),
    // The chart's own words.
    ("{config: '[web'}", "config: not TOML: "),
    (
        "{config: web = 3}",
        "config: web is not a table; write [web]",
    ),
    (
        "{config: 'email = { smtp = 3 }'}",
        "config: email.smtp is not a table; write [email.smtp]",
    ),
    (
        "{config: '[email]'}",
        r#"config: web.listen is "127.0.0.1:9477", where neither the probes nor Prometheus reach it; write listen = "0.0.0.0:9477" below [web]"#,
    ),
    (
        r#"{config: 'web = { listen = "0.0.0.0:80" }'}"#,
        r#"config: web.listen is "0.0.0.0:80", where neither"#,
    ),
    (
        r#"{config: "web = { listen = '0.0.0.0:9477' }\nstore = { url = 'sqlite:///data/x.db' }"}"#,
        r#"config: store.url is "sqlite:///data/x.db", which is not on the volume"#,
    ),
    (
        r#"{config: "web = { listen = '0.0.0.0:9477' }\nstore = { url = 'postgres://a@db/b?sslmode=require&port=6432' }"}"#,
        "config: store.url has its port behind the question mark, where lockwatch reads none; write postgres://user@host:port/database",
    ),
    (
        "{persistence: {enabled: false}}",
        "persistence.enabled: false wants a PostgreSQL store (store.url or store.url_file in config)",
    ),
    (
        r#"{serviceMonitor: {enabled: true}, config: "[web]\nlisten = '0.0.0.0:9477'\nprotect_reads = true\n"}"#,
        "serviceMonitor.tokenSecret: web.protect_reads wants the token of Prometheus too",
    ),
    (
        "{extraConfigFiles: {users-a.toml: ''}}",
        r#"extraConfigFiles: the config reads none of them; write include = ["users-*.toml"] at its top"#,
    ),
    (
        "{fullnameOverride: 1lock}",
        r#"the name "1lock", of the release or of fullnameOverride, can be no Service's: it begins with a letter"#,
    ),
    ("{fullnameOverride: a.b}", r#"the name "a.b", of the"#),
    (
        "{nameOverride: a.b}",
        r#"the name "lockwatch-a.b", of the release or"#,
    ),
    (
        "{podLabels: {app.kubernetes.io/name: x}}",
        "podLabels: app.kubernetes.io/name is the chart's own; leave it out",
    ),
    (
        "{podLabels: {app.kubernetes.io/instance: x}}",
        "podLabels: app.kubernetes.io/instance is the chart's own",
    ),
    (
        "{podLabels: {app.kubernetes.io/component: x}}",
        "podLabels: app.kubernetes.io/component is the chart's own",
    ),
    (
        "{serviceMonitor: {enabled: true, labels: {helm.sh/chart: x}}}",
        "serviceMonitor.labels: helm.sh/chart is the chart's own",
    ),
    (
        "{prometheusRule: {enabled: true, labels: {app.kubernetes.io/name: x}}}",
        "prometheusRule.labels: app.kubernetes.io/name is the chart's own",
    ),
    (
        "{dashboards: {enabled: true, labels: {app.kubernetes.io/managed-by: x}}}",
        "dashboards.labels: app.kubernetes.io/managed-by is the chart's own",
    ),
    (
        "{prometheusRule: {enabled: true, alerts: {LockwatchAway: {enabled: false}}}}",
        r#"prometheusRule.alerts: there is no alert "LockwatchAway"; there are "#,
    ),
];

#[test]
fn bad_values_are_refused_with_a_word_about_why() {
    // The older helm has other words for what the schema says.
    let own = BAD.iter().filter(|(_, wanted)| wanted.contains(": "));
    let older = own.map(|row| (HELMS[0], row));
    for (helm, (values, wanted)) in BAD.iter().map(|row| (HELMS[1], row)).chain(older) {
        let done = output(&mut template(helm, "-", &[]), values);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success(), "{values} is taken");
        let told: Vec<_> = told
            .lines()
            .filter(|line| !line.contains("symbolic link"))
            .collect();
        assert!(
            told.iter().any(|line| line.contains(wanted)),
            "{values}: {told:#?}"
        );
    }
}

/// What helm takes for a release's name is more than what a Service may be called.
#[test]
fn a_release_that_no_service_can_be_called_is_refused() {
    for helm in HELMS {
        for release in ["1rel", "a.b"] {
            let render = |values: &str| {
                let mut command = program(helm);
                command.args(["template", release, CHART, "--values", "-"]);
                output(&mut command, values)
            };
            let done = render("{}");
            let told = String::from_utf8_lossy(&done.stderr);
            let wanted = format!("the name \"{release}-lockwatch\", of the release");
            assert!(!done.status.success() && told.contains(&wanted), "{told}");
            assert!(told.contains("set fullnameOverride"), "{told}");
            assert!(render("{fullnameOverride: watch-1}").status.success());
        }
    }
}
