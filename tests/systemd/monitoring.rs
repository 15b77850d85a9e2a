//! docs/monitoring.md typed from its beginning to its end, on the Debian that it is for, by reader.rs. Between the
//! commands is looked at what the page says they bring. Alertmanager waits a second before it mails, for the page's
//! halves of a minute are nothing to learn from.

use std::fs;

use crate::{
    machine::eventually,
    reader::Reader,
    support::smtp::Sink,
    walk::{HOME, USER},
};

const PASSWORD: &str = "demo-smtp-password";

#[tokio::test]
async fn from_nothing_to_the_first_alert() {
    let login = format!("alertmanager:{PASSWORD}");
    let server = ["--tls", "starttls", "--greylist", "--login", &login];
    // It asks for a login in other words than Alertmanager understands.
    let server = Sink::start(&[&server[..], &["--mechanism", "PLAIN"]].concat()).await;
    let relay = Sink::start(&[]).await;
    let mut reader = Reader::begins().await;
    prometheus(&mut reader);
    alertmanager(&mut reader, &server);
    links_and_silences(&mut reader);
    the_first_alert(&mut reader, &relay);
    changes(&mut reader);
}

fn prometheus(reader: &mut Reader) {
    reader.types_to("sudo systemctl reload prometheus");
    let machine = &reader.administrator.machine;
    machine.does("cd /etc/prometheus && ls prometheus.yml.~1~ alertmanager.yml.~1~");
    reader.until(&reader.prometheus, "/api/v1/targets", |answer| {
        let targets = answer["data"]["activeTargets"].as_array()?;
        let up = targets.iter().filter(|target| target["health"] == "up");
        (targets.len() == 3 && up.count() == 3).then_some(())
    });
    reader.until_each_alert(|rule| rule["health"] == "ok" && rule["state"] == "inactive");
}

/// With a mail server that wants TLS and a login, and refuses a mail at first.
fn alertmanager(reader: &mut Reader, server: &Sink) {
    let machine = &reader.administrator.machine;
    let ca = fs::read_to_string(server.ca.as_ref().unwrap()).unwrap();
    machine.write("/usr/local/share/ca-certificates/walk.crt", &ca);
    // What runs has read whom it trusts.
    machine.does("update-ca-certificates && systemctl restart prometheus-alertmanager");
    reader.until(&reader.alertmanager, "/api/v2/status", |_| Some(()));
    reader.administrator.will_edit(&format!(
        "#!/bin/sh\necho {PASSWORD} >\"$1\"\n\
         exec sed -i 's/smtp.msp.example:587/127.0.0.1:{}/; s/group_wait: 30s/group_wait: 1s/' \"$2\"\n",
        server.port
    ));
    let routed = reader.types_to("amtool config routes test");
    assert!(routed.said.starts_with("acme,on-call\n"), "{routed:?}");
    reader.types_to("amtool alert add");
    // The page asks for patience first.
    let search = reader.next("sudo journalctl -u prometheus-alertmanager | grep");
    eventually(
        || format!("{} finds nothing: {}", search.text, reader.journal()),
        || {
            let found = reader.administrator.types_well(&search).said;
            found.contains("greylisted, come back later").then_some(())
        },
    );
    let to = "X-Rcpt-To: on-call@msp.example";
    reader.until_mailed(server, &[to, "X-Auth: alertmanager", "[FIRING:1] Test "]);
}

fn links_and_silences(reader: &mut Reader) {
    reader.writes_next("/etc/default/prometheus");
    reader.writes_next("/etc/default/prometheus-alertmanager");
    reader.types_said(
        "sudo systemctl restart prometheus prometheus-alertmanager",
        "",
    );
    reader.until(&reader.alertmanager, "/api/v2/status", |_| Some(()));
    let id = reader.types_to("amtool silence add").said;
    let is = |wanted: &str| {
        reader.until(&reader.alertmanager, "/api/v2/silences", |all| {
            let (user, state) = (&all[0]["matchers"][0]["value"], &all[0]["status"]["state"]);
            (user == USER && state == wanted).then_some(())
        });
    };
    is("active");
    reader.types_said(
        "amtool silence expire ID --alertmanager.url=http://127.0.0.1:9093",
        id.trim(),
    );
    is("expired");
}

/// By a relay without login and TLS this time.
fn the_first_alert(reader: &mut Reader, relay: &Sink) {
    reader.administrator.will_edit(&format!(
        "#!/bin/sh\nexec sed -i '/smtp_auth_/d; s/to: .*/to: me@msp.example/; \
         s/smtp_smarthost: .*/smtp_smarthost: 127.0.0.1:{}\\n  smtp_require_tls: false/' \"$1\"\n",
        relay.port
    ));
    reader.types("sudoedit /etc/prometheus/alertmanager.yml");
    reader.types("sudo systemctl reload prometheus-alertmanager");
    reader.types_to("sudo systemctl stop lockwatch");
    reader.watches_the_demonstration();
    for name in ["AutotaskUserFailing", "AutotaskUserLockedOut"] {
        let holds = [
            "X-Rcpt-To: me@msp.example",
            "X-Auth: none",
            &format!("] {name} lockwatch "),
            // As $ARGS says.
            "http://monitor.msp.example:9090/graph",
            "http://monitor.msp.example:9093/#/alerts",
        ];
        reader.until_mailed(relay, &holds);
    }
    reader.types_to("sudo systemctl start lockwatch");
    let machine = &reader.administrator.machine;
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
}

/// To the end of the page.
fn changes(reader: &mut Reader) {
    reader.types_said("promtool check rules /etc/prometheus/alerts.yml", "");
    while reader.has_more() {
        reader.types_to("");
    }
    let machine = &reader.administrator.machine;
    machine.does("cd /etc/prometheus && ls alerts.yml.~1~ recording.yml.~1~");
    let docs = "https://git.msp.example/lockwatch/src/branch/main/docs/";
    reader.until_each_alert(|rule| {
        let url = rule["annotations"]["runbook_url"].as_str();
        url.is_some_and(|url| url.starts_with(docs))
    });
    let dashboards = format!("{HOME}/lockwatch/deploy/grafana/dashboards");
    for address in [docs, "https://lockwatch.msp.example"] {
        machine.does(&format!("grep --quiet '{address}' {dashboards}/*.json"));
    }
}
