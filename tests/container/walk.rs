//! docs/containers.md as somebody types it, from top to bottom: the commands of its blocks and of its prose, with podman by
//! the name of docker. What people do between commands is done here: they wait, look at what runs, and lose a volume.

use serde_json::Value;

use super::{
    host::Host,
    outside::{CREDENTIAL, PASSWORD},
    podman::{must, podman},
};
use crate::{
    house::{client, within},
    support::{
        accounts::{By, account},
        pages::{Page, commands},
        prometheus::LONG,
    },
};

const PAGE: &str = "docs/containers.md";
const DAEMON: &str = "lockwatch";
/// The names that compose makes up.
const COMPOSED: &str = "lockwatch_lockwatch_1";
const ALERTMANAGER: &str = "lockwatch_alertmanager_1";
const GRAFANA: &str = "lockwatch_grafana_1";

/// What a command prints that holds these words.
const PRINTS: [(&str, &str); 8] = [
    (" validate", "1 user is watched"),
    (" probe ", "healthy: ok"),
    (" test-mail", "250 2.0.0 kept"),
    ("lockwatch status", "1 user: 1 healthy"),
    ("docker logs", "watching; metrics at"),
    ("{{.State.Health.Status}}", "healthy\n"),
    (" demo ", "http://0.0.0.0:9477/"),
    ("compose.yaml ps", COMPOSED),
];

struct Walk {
    host: Host,
    spans: Vec<String>,
    /// `validate` and `run` as the page has them, for when it comes back to them.
    validate: String,
    run: String,
    /// How many rejections Autotask has seen when lockwatch moves to compose; before, none.
    rejected: u32,
    /// Since when the user is as it is, by the store.
    since: Value,
    /// What later commands know from earlier ones.
    variables: String,
}

impl Walk {
    /// Types a command, which must go well.
    async fn types(&mut self, text: &str) {
        let text = self.host.put_in(text);
        let mails = self.host.outside.mails();
        let done = self.host.run(&format!("{}{text}", self.variables)).await;
        let told = format!("{PAGE}: {text}: {done:?}");
        assert_eq!(done.code, 0, "{told} {:?}", podman(&["logs", DAEMON]));
        for (part, says) in PRINTS {
            let said = done.stdout.contains(says) || done.stderr.contains(says);
            assert!(said || !text.contains(part), "{says:?} {told}");
        }
        if text.contains(" test-mail") {
            assert_eq!(self.host.outside.mails(), mails + 1, "{told}");
        }
        if text.starts_with("volume=") {
            self.variables = format!("{text}\n");
        }
    }

    /// The same, with something else in the place of a part; the prose says what.
    async fn types_with(&mut self, text: &str, part: &str, other: &str) {
        assert!(self.spans.iter().any(|span| span == other), "{other}");
        assert!(text.contains(part), "{part}: {text}");
        self.types(&text.replace(part, other)).await;
    }

    /// What is done before a command.
    async fn before(&mut self, text: &str) {
        if text == "docker volume create lockwatch-state" && !self.run.is_empty() {
            // The page comes to this again where the volume is lost.
            self.since = until_well(DAEMON).await;
            must(&["rm", "--force", "--time", "20", DAEMON]);
            must(&["volume", "rm", "lockwatch-state"]);
        } else if text.contains("compose.yaml run ") {
            self.host.tells_compose();
        }
    }

    /// What is done after a command.
    async fn after(&mut self, text: &str) {
        if text.starts_with("sudoedit /etc/lockwatch/") {
            self.host.is_set_up();
        } else if text.ends_with("lockwatch:0.1.0 validate") {
            text.clone_into(&mut self.validate);
            for other in ["probe acme-email2at", "test-mail"] {
                self.types_with(text, "validate", other).await;
            }
        } else if text.starts_with("docker run --detach") {
            text.clone_into(&mut self.run);
            until_well(DAEMON).await;
        } else if text == "docker start lockwatch" {
            until_well(DAEMON).await;
        } else if text.ends_with(" /srv/lockwatch") {
            // Whoever makes an attempt writes it down there.
            let there = self.validate.replace("lockwatch-state:", "/srv/lockwatch:");
            assert_ne!(there, self.validate);
            self.types_with(&there, "validate", "probe acme-email2at")
                .await;
            self.host.counts_in_folder();
        } else if text.starts_with("sudo chmod 0700 \"$volume\"") {
            // Podman's way of being there after a reboot.
            let run = self.run.clone();
            self.types_with(&run, "--restart unless-stopped", "--restart always")
                .await;
            assert_eq!(
                until_well(DAEMON).await,
                self.since,
                "the copy is forgotten"
            );
        } else if text == "docker rm lockwatch" && self.rejected == 0 {
            let run = self.run.clone();
            let json = "--env LOCKWATCH_LOG_FORMAT=json";
            self.types_with(&run, "--restart unless-stopped", json)
                .await;
            assert_eq!(until_well(DAEMON).await, self.since);
            let log = podman(&["logs", DAEMON]).stderr;
            let first = log.lines().next().map(serde_json::from_str::<Value>);
            assert!(matches!(first, Some(Ok(_))), "{log}");
            self.is_rejected().await;
        } else if text.ends_with("compose.yaml up --detach") {
            self.goes_on_counting().await;
            self.until_all_see_each_other().await;
            let password = "/etc/alertmanager/smtp-password";
            assert_eq!(must(&["exec", ALERTMANAGER, "cat", password]), PASSWORD);
            let has_read = ["exec", GRAFANA, "test", "-e", "/tmp/has-read"];
            within(
                LONG,
                || format!("{:?}", podman(&["logs", GRAFANA])),
                async || (podman(&has_read).code == 0).then_some(()),
            )
            .await;
        } else if text.ends_with("restart prometheus alertmanager") {
            self.until_all_see_each_other().await;
        } else if text.ends_with("compose.yaml down") {
            assert_ne!(podman(&["container", "exists", COMPOSED]).code, 0);
            self.types(&format!("{text} --volumes")).await;
            assert_ne!(podman(&["volume", "exists", "lockwatch_grafana"]).code, 0);
            let run = self.run.clone();
            self.types(&run).await;
            assert_eq!(until_well(DAEMON).await, self.since, "not the same volume");
        }
    }

    /// Puts a wrong secret there, and waits until lockwatch tries it no more. No copy knows of that.
    async fn is_rejected(&mut self) {
        self.host.gets_secret("demo-another-secret");
        until(DAEMON, |_, user| {
            (user["rejections"] == 2 && user["held"] == true).then_some(())
        })
        .await;
        self.rejected = self.host.outside.stats().rejections;
        assert_eq!(self.rejected, 2);
    }

    /// Under compose the count is the same, and nothing is tried; until the secret is right.
    async fn goes_on_counting(&mut self) {
        let told = until(COMPOSED, |_, user| Some(user.clone())).await;
        assert_eq!(told["rejections"], 2, "{told}");
        assert_eq!(told["held"], true, "{told}");
        let lookups = || self.host.outside.stats().lookups;
        let enough = lookups() + 2;
        within(
            LONG,
            || format!("it does not check: {:?}", podman(&["logs", COMPOSED])),
            async || (lookups() >= enough).then_some(()),
        )
        .await;
        assert_eq!(self.host.outside.stats().rejections, self.rejected);
        self.host.gets_secret(CREDENTIAL[0]);
        self.since = until_well(COMPOSED).await;
    }

    /// Waits until Prometheus has scraped lockwatch, itself and Alertmanager, and knows where that is.
    async fn until_all_see_each_other(&self) {
        let prometheus = format!("http://127.0.0.1:{}/api/v1/", self.host.prometheus);
        let http = client();
        let ask = async |what: &str| -> Option<Value> {
            let answer = http.get(format!("{prometheus}{what}")).send().await.ok()?;
            answer.json().await.ok()
        };
        let logs = || podman(&["logs", "lockwatch_prometheus_1"]);
        within(
            LONG,
            || format!("Prometheus does not see all: {:?}", logs()),
            async || {
                let up = ask("query?query=sum(up)").await?;
                let to = ask("alertmanagers").await?;
                let found = to["data"]["activeAlertmanagers"].as_array()?.len();
                (up["data"]["result"][0]["value"][1] == "3" && found == 1).then_some(())
            },
        )
        .await;
    }
}

/// Waits until all users are well, as people do without noticing; since when they are. Then podman is asked for the health,
/// which without systemd it looks at only then.
async fn until_well(container: &str) -> Value {
    let since = until(container, |code, user| {
        (code == 0).then(|| user["since"].clone())
    })
    .await;
    assert!(since.is_string(), "{since}");
    must(&["healthcheck", "run", container]);
    since
}

/// Waits until the exit code of `status`, and what it says of the user, are what is wanted.
async fn until<T>(container: &str, wanted: impl Fn(i32, &Value) -> Option<T>) -> T {
    let status = ["exec", container, "/usr/bin/lockwatch", "status", "--json"];
    within(
        LONG,
        || format!("{:?} {:?}", podman(&status), podman(&["logs", container])),
        async || {
            let done = podman(&status);
            let told: Value = serde_json::from_str(&done.stdout).ok()?;
            wanted(done.code, &told["users"][0])
        },
    )
    .await
}

#[tokio::test]
async fn the_page_about_containers() {
    let all = commands(PAGE);
    let mut walk = Walk {
        rejected: 0,
        host: Host::make().await,
        spans: Page::read(PAGE).spans,
        validate: String::new(),
        run: String::new(),
        since: Value::Null,
        variables: String::new(),
    };
    let mut count = 0;
    for typed in all {
        let (_, by) = account(&typed).unwrap();
        // All of the page: what a machine with systemd runs of it is what the rest begins with.
        assert!(matches!(by, By::Podman | By::Machine), "{typed:?}: {by:?}");
        walk.before(&typed.text).await;
        walk.types(&typed.text).await;
        walk.after(&typed.text).await;
        count += 1;
    }
    assert!(count > 45, "only {count} commands were typed");
}
