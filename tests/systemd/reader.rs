//! Somebody who types docs/monitoring.md command by command, with the services of Prometheus and Alertmanager as Debian
//! runs them, and looks at what these say in between. Other than on the page: addresses and ports, for the machine
//! shares the network with the test; and Prometheus looks each 2 seconds.

use std::{collections::VecDeque, fs};

use serde_json::Value;

use crate::{
    machine::{Done, PATIENCE, eventually, within},
    support::{
        accounts::{By, of},
        pages::{Page, Typed},
        ports,
        smtp::Sink,
    },
    walk::{Administrator, HOME, USER},
};

const PAGE: &str = "docs/monitoring.md";

/// See the top of the file.
pub struct Reader {
    /// Who types.
    pub administrator: Administrator,
    /// What is not yet typed.
    rest: VecDeque<Typed>,
    /// Where it is.
    pub prometheus: String,
    /// Where it is.
    pub alertmanager: String,
}

impl Reader {
    /// With lockwatch on the machine, and the page not yet begun.
    pub async fn begins() -> Self {
        let mut administrator = Administrator::arrives("bookworm").await;
        let (site, machine) = (&administrator.site, &administrator.machine);
        machine.install(&crate::machine::package());
        site.configure(machine, &[USER]);
        machine.does("systemctl start lockwatch");
        let [prometheus, alertmanager] = ports::free().map(|port: u16| format!("127.0.0.1:{port}"));
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
    pub fn next(&mut self, begins: &str) -> Typed {
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
    pub fn types_to(&mut self, begins: &str) -> Done {
        loop {
            let next = self.next("");
            let done = self.administrator.types_well(&next);
            if next.text.starts_with(begins) {
                return done;
            }
        }
    }

    /// Types what stands within a sentence of the page.
    pub fn types_said(&self, said: &str, id: &str) {
        let page = Page::read(PAGE);
        assert!(page.spans.iter().any(|span| span == said), "{PAGE}: {said}");
        self.types(&said.replace("ID", id));
    }

    /// Types what the page asks for in words.
    pub fn types(&self, text: &str) {
        let done = self.administrator.types(text);
        assert_eq!(done.code, 0, "{text}: {done:?}");
    }

    /// Writes the next line of the page, `ARGS="..."`, into a file.
    pub fn writes_next(&mut self, file: &str) {
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
    pub fn journal(&self) -> String {
        let journal = "journalctl --unit='prometheus*' --lines=30 --output=cat";
        self.administrator.machine.try_to(journal).said
    }

    /// Waits until it answers what is wanted.
    pub fn until<T>(&self, server: &str, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
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
    pub fn until_each_alert(&self, so: impl Fn(&Value) -> bool) {
        self.until_alerts(|rules| rules.len() == 12 && rules.iter().all(&so));
    }

    /// Runs the demonstration as in a terminal of its own, until Prometheus has seen what the page says.
    pub fn watches_the_demonstration(&mut self) {
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
    pub fn until_mailed(&self, sink: &Sink, holds: &[&str]) {
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

    /// Whether there is more to type.
    pub fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }
}
