//! docs/monitoring.md typed from its beginning to its end, on the Debian that it is for, with the services of Prometheus and
//! Alertmanager as Debian runs them. Between the commands is looked at what the page says they bring.
//!
//! Other than there: addresses and ports, for the machine shares the network with the test, and half a minute that Alertmanager
//! waits before it mails.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    machine::{Done, PATIENCE, eventually, within},
    site::free_port,
    support::{
        accounts::{By, of},
        pages::{Page, Typed, read},
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
        // What is recommended watches the whole host, at a port of its own. Who is asked says yes.
        machine.write(
            "/etc/apt/apt.conf.d/walk",
            "APT::Install-Recommends false;\nAPT::Get::Assume-Yes true;\n",
        );
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
    fn types_said(&self, said: &str, put_in: impl Fn(&str) -> String) {
        let page = Page::read(PAGE);
        assert!(page.spans.iter().any(|span| span == said), "{PAGE}: {said}");
        let done = self.administrator.types(&put_in(said));
        assert_eq!(done.code, 0, "{said}: {done:?}");
    }

    /// Writes the next line of the page, `ARGS="..."`, into a file.
    fn writes_next(&mut self, file: &str) {
        let line = self.next("ARGS=\"").text;
        let machine = &self.administrator.machine;
        let file = machine.path(file);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains("\nARGS=\"\"\n"),
            "nothing stands there: {text}"
        );
        std::fs::write(&file, text.replace("ARGS=\"\"", &line)).unwrap();
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

    /// Runs the demonstration as in a terminal of its own, until Prometheus has seen what the page says.
    fn watches_the_demonstration(&mut self) {
        let demo = self.next("lockwatch demo");
        let Administrator { machine, .. } = &self.administrator;
        machine.write(
            &format!("{HOME}/typed"),
            &self.administrator.puts_in(&demo.text),
        );
        machine.does(&format!(
            "systemd-run --quiet --unit=terminal --uid=admin --property=RemainAfterExit=yes bash {HOME}/typed"
        ));
        for name in ["AutotaskUserFailing", "AutotaskUserLockedOut"] {
            self.until_alerts(|rules| {
                let is_it = |rule: &&Value| rule["name"] == name && rule["state"] == "firing";
                rules.iter().any(|rule| is_it(&rule))
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
    fn until_mailed(&self, sink: &Sink, holds: &[&str]) -> String {
        eventually(
            || format!("no mail with {holds:?}: {:#?}", sink.delivered()),
            || {
                // Long lines are folded so.
                let mails = sink.delivered();
                let mut mails = mails.iter().map(|mail| mail.replace("=\n", ""));
                mails.find(|mail| holds.iter().all(|part| mail.contains(part)))
            },
        )
    }
}

#[tokio::test]
async fn from_nothing_to_the_first_alert() {
    let login = format!("alertmanager:{PASSWORD}");
    let server = Sink::start(&[
        "--tls",
        "starttls",
        "--login",
        &login,
        // It asks for a login in other words than Alertmanager understands.
        "--mechanism",
        "PLAIN",
        "--greylist",
    ])
    .await;
    let relay = Sink::start(&[]).await;
    let mut reader = Reader::begins().await;
    let machine = &reader.administrator.machine;
    let ca = std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap();
    machine.write("/usr/local/share/ca-certificates/walk.crt", &ca);
    machine.does("update-ca-certificates");

    reader.types_to("sudo systemctl reload prometheus");
    let machine = &reader.administrator.machine;
    machine.does("cd /etc/prometheus && ls prometheus.yml.~1~ alertmanager.yml.~1~");
    // "On /targets the job is UP now, and on /alerts stand twelve alerts, green all of them".
    reader.until(&reader.prometheus, "/api/v1/targets", |answer| {
        let targets = answer["data"]["activeTargets"].as_array()?;
        let up = |target: &&Value| target["health"] == "up";
        (targets.len() == 3 && targets.iter().filter(up).count() == 3).then_some(())
    });
    reader.until_alerts(|rules| {
        let green = |rule: &Value| rule["health"] == "ok" && rule["state"] == "inactive";
        rules.len() == 12 && rules.iter().all(green)
    });

    // A mail server with TLS and a login.
    reader.administrator.will_edit(&format!(
        "#!/bin/sh\necho {PASSWORD} >\"$1\"\n\
         exec sed -i 's/smtp.msp.example:587/127.0.0.1:{}/; s/group_wait: 30s/group_wait: 1s/' \"$2\"\n",
        server.port
    ));
    let routed = reader.types_to("amtool config routes test");
    assert!(routed.said.starts_with("acme,on-call\n"), "{routed:?}");
    reader.types_to("amtool alert add");
    // It asks for patience first.
    let search = reader.next("sudo journalctl -u prometheus-alertmanager | grep");
    eventually(
        || {
            format!(
                "{} finds nothing: {} {:?}",
                search.text,
                reader.journal(),
                server.delivered()
            )
        },
        || {
            let found = reader.administrator.types_well(&search);
            found
                .said
                .contains("greylisted, come back later")
                .then_some(())
        },
    );
    reader.until_mailed(
        &server,
        &[
            "X-Rcpt-To: on-call@msp.example",
            "X-Auth: alertmanager",
            "[FIRING:1] Test ",
        ],
    );

    reader.writes_next("/etc/default/prometheus");
    reader.writes_next("/etc/default/prometheus-alertmanager");
    reader.types_said(
        "sudo systemctl restart prometheus prometheus-alertmanager",
        str::to_owned,
    );
    reader.until(&reader.alertmanager, "/api/v2/status", |_| Some(()));
    let silence = reader.types_to("amtool silence add").said;
    let state = |wanted: &str| {
        reader.until(&reader.alertmanager, "/api/v2/silences", |answer| {
            let first = &answer[0];
            let is_it = first["matchers"][0]["value"] == USER && first["status"]["state"] == wanted;
            is_it.then_some(())
        });
    };
    state("active");
    reader.types_said("amtool silence expire ID", |said| {
        let url = &reader.alertmanager;
        said.replace(
            "ID",
            &format!("{} --alertmanager.url={url}", silence.trim()),
        )
    });
    state("expired");

    // "Let all receivers be yourself first, and reload"; by a relay without login and TLS this time.
    reader.administrator.will_edit(&format!(
        "#!/bin/sh\nexec sed -i '/smtp_auth_/d; s/to: .*/to: me@msp.example/; \
         s/smtp_smarthost: .*/smtp_smarthost: 127.0.0.1:{}\\n  smtp_require_tls: false/' \"$1\"\n",
        relay.port
    ));
    reader
        .administrator
        .types("sudoedit /etc/prometheus/alertmanager.yml");
    reader
        .administrator
        .types("sudo systemctl reload prometheus-alertmanager");
    reader.types_to("sudo systemctl stop lockwatch");
    reader.watches_the_demonstration();
    for name in ["AutotaskUserFailing", "AutotaskUserLockedOut"] {
        reader.until_mailed(
            &relay,
            &[
                "X-Rcpt-To: me@msp.example",
                "X-Auth: none",
                &format!("] {name} lockwatch "),
                "http://monitor.msp.example:9090/graph",
                "http://monitor.msp.example:9093/#/alerts",
            ],
        );
    }
    reader.types_to("sudo systemctl start lockwatch");
    let machine = &reader.administrator.machine;
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");

    // To the end of the page.
    while !reader.rest.is_empty() {
        reader.types_to("");
    }
    let machine = &reader.administrator.machine;
    machine.does("cd /etc/prometheus && ls alerts.yml.~1~ recording.yml.~1~");
    let page = read(PAGE);
    let docs = "https://git.msp.example/lockwatch/src/branch/main/docs/";
    assert!(page.contains(docs), "{PAGE} names another address");
    reader.until_alerts(|rules| {
        let here = |rule: &Value| {
            rule["annotations"]["runbook_url"]
                .as_str()
                .is_some_and(|url| url.starts_with(docs))
        };
        rules.iter().all(here)
    });
    let dashboards = format!("{HOME}/lockwatch/deploy/grafana/dashboards");
    for address in [docs, "https://lockwatch.msp.example"] {
        machine.does(&format!("grep --quiet '{address}' {dashboards}/*.json"));
    }
}
