//! Values that are refused, and what is said about them.

use crate::house::{HELMS, output, template};

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
        "{persistence: {enabled: false}}",
        "persistence.enabled: false wants a PostgreSQL store (store.url or store.url_file in config)",
    ),
    (
        "{extraConfigFiles: {users-a.toml: ''}}",
        r#"extraConfigFiles: the config reads none of them; write include = ["users-*.toml"] at its top"#,
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
