//! docs/monitoring.md typed from its beginning to its end, on the Debian that it is for, with the services of Prometheus and
//! Alertmanager as Debian runs them. Between the commands is looked at what the page says they bring.
//!
//! Other than there: addresses and ports, for the machine shares the network with the test; and Prometheus looks each 2 seconds,
//! Alertmanager waits one before it mails, for the page's quarters and halves of a minute are nothing to learn from.

use std::{collections::VecDeque, fs};

use serde_json::Value;

use crate::{
    machine::{Done, PATIENCE, eventually, within},
    site::free_port,
    support::{
        accounts::{By, of},
        pages::{Page, Typed},
        smtp::Sink,
    },
    walk::{Administrator, HOME, USER},
};

const PAGE: &str = "docs/monitoring.md";
const PASSWORD: &str = "demo-smtp-password";

/// See the top of the file.
struct Reader {
    administrator: Administrator,
    rest: VecDeque<Typed>,
    prometheus: String,
    alertmanager: String,
}

impl Reader {
    /// With lockwatch on the machine, and the page not yet begun.
    async fn begins() -> Self {
        let mut administrator = Administrator::arrives("bookworm").await;
        let (site, machine) = (&administrator.site, &administrator.machine);
        machine.install(&crate::machine::package());
        site.configure(machine, &[USER]);
        machine.does("systemctl start lockwatch");
        let address = || format!("127.0.0.1:{}", free_port());
        let (prometheus, alertmanager) = (address(), address());
        for (service, options) in [
            ("prometheus", format!("--web.listen-address={prometheus}")),
            (
                "prometheus-alertmanager",
                format!("--web.listen-address={alertmanager} --cluster.listen-address="),
            ),
        ] {
            // $ARGS is the administrator's.
            machine.write(
                &format!("/etc/systemd/system/{service}.service.d/ports.conf"),
                &format!("[Service]\nExecStart=\nExecStart=/usr/bin/{service} {options} $ARGS\n"),
            );
        }
        // Who is asked says yes.
        machine.write("/etc/apt/apt.conf.d/walk", "APT::Get::Assume-Yes true;\n");
        let deploy = format!("{HOME}/lockwatch/deploy");
        machine.does(&format!(
            "sed -i 's|localhost:9090|{prometheus}|; s|15s|2s|' {deploy}/prometheus/prometheus.yml && \
             sed -i 's|127.0.0.1:9477|127.0.0.1:{}|' {deploy}/grafana/dashboards/*.json",
            site.port()
        ));
        administrator
            .instead
            .push(("127.0.0.1:9093", alertmanager.clone()));
        let all = of(|by| by == By::Machine).into_iter();
        Self {
            administrator,
            rest: all.filter(|typed| typed.page == PAGE).collect(),
            prometheus: format!("http://{prometheus}"),
            alertmanager: format!("http://{alertmanager}"),
        }
    }

    /// The next command, which begins so.
    fn next(&mut self, begins: &str) -> Typed {
        let next = self.rest.pop_front();
        let next = next.unwrap_or_else(|| panic!("{PAGE} ends before {begins:?}"));
        assert!(
            next.text.starts_with(begins),
            "{PAGE}:{}: not {begins:?}: {}",
            next.line,
            next.text
        );
        next
    }

    /// Types all up to the next that begins so, and that one.
    fn types_to(&mut self, begins: &str) -> Done {
        loop {
            let next = self.next("");
            let done = self.administrator.types_well(&next);
            if next.text.starts_with(begins) {
                return done;
            }
        }
    }

    /// Types what stands within a sentence of the page.
    fn types_said(&self, said: &str, id: &str) {
        let page = Page::read(PAGE);
        assert!(page.spans.iter().any(|span| span == said), "{PAGE}: {said}");
        self.types(&said.replace("ID", id));
    }

    /// Types what the page asks for in words.
    fn types(&self, text: &str) {
        let done = self.administrator.types(text);
        assert_eq!(done.code, 0, "{text}: {done:?}");
    }

    /// Writes the next line of the page, `ARGS="..."`, into a file.
    fn writes_next(&mut self, file: &str) {
        let line = self.next("ARGS=\"").text;
        let machine = &self.administrator.machine;
        let file = machine.path(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("\nARGS=\"\"\n"), "it says more: {text}");
        fs::write(&file, text.replace("ARGS=\"\"", &line)).unwrap();
    }

    /// What Prometheus or Alertmanager answers.
    fn asks(&self, server: &str, path: &str) -> Option<Value> {
        let machine = &self.administrator.machine;
        let done = machine.try_to(&format!("curl -sS --fail '{server}{path}'"));
        serde_json::from_str(&done.said).ok()
    }

    /// What both have logged last.
    fn journal(&self) -> String {
        let journal = "journalctl --unit='prometheus*' --lines=30 --output=cat";
        self.administrator.machine.try_to(journal).said
    }

    /// Waits until it answers what is wanted.
    fn until<T>(&self, server: &str, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        // A minute is what some conditions must hold.
        within(
            3 * PATIENCE,
            || {
                let last = self.asks(server, path);
                format!("{path}: {last:?} {}", self.journal())
            },
            || wanted(&self.asks(server, path)?),
        )
    }

    /// Waits until the rules that are alerts are so.
    fn until_alerts(&self, so: impl Fn(&[Value]) -> bool) {
        let path = "/api/v1/rules?type=alert";
        self.until(&self.prometheus, path, |answer| {
            let groups = answer["data"]["groups"].as_array()?;
            let rules = groups.iter().flat_map(|group| group["rules"].as_array());
            so(&rules.flatten().cloned().collect::<Vec<_>>()).then_some(())
        });
    }

    /// Waits until there are all of the alerts, each of them so.
    fn until_each_alert(&self, so: impl Fn(&Value) -> bool) {
        self.until_alerts(|rules| rules.len() == 12 && rules.iter().all(&so));
    }

    /// Runs the demonstration as in a terminal of its own, until Prometheus has seen what the page says.
    fn watches_the_demonstration(&mut self) {
        let demo = self.next("lockwatch demo");
        let machine = &self.administrator.machine;
        let typed = self.administrator.puts_in(&demo.text);
        machine.write(&format!("{HOME}/typed"), &typed);
        machine.does(&format!(
            "systemd-run --quiet --unit=terminal --uid=admin --property=RemainAfterExit=yes bash {HOME}/typed"
        ));
        for name in ["AutotaskUserFailing", "AutotaskUserLockedOut"] {
            self.until_alerts(|rules| {
                let fires = |rule: &Value| rule["name"] == name && rule["state"] == "firing";
                rules.iter().any(fires)
            });
        }
        machine.does("systemctl kill --signal=INT terminal");
        let result = "systemctl show --property=SubState,Result terminal";
        eventually(
            || format!("{}: {}", demo.text, machine.try_to(result).said),
            || (machine.does(result) == "Result=success\nSubState=exited").then_some(()),
        );
    }

    /// Waits for a mail that holds all of this.
    fn until_mailed(&self, sink: &Sink, holds: &[&str]) {
        eventually(
            || format!("no mail with {holds:?}: {:#?}", sink.delivered()),
            || {
                // Long lines are folded so.
                let mails = sink.delivered();
                let mut mails = mails.iter().map(|mail| mail.replace("=\n", ""));
                let is_it = |mail: String| holds.iter().all(|part| mail.contains(part));
                mails.any(is_it).then_some(())
            },
        )
    }
}

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
    let id = format!("{} --alertmanager.url={}", id.trim(), reader.alertmanager);
    reader.types_said("amtool silence expire ID", &id);
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
    while !reader.rest.is_empty() {
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
