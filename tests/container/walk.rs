//! docs/containers.md as somebody types it, from top to bottom: the commands of its blocks and of its prose, with podman in
//! the place of docker.

use super::{
    host::Host,
    podman::{inspect, must, podman},
};
use crate::support::{
    accounts::{By, account},
    pages::{Page, Typed, commands},
};

const PAGE: &str = "docs/containers.md";
const USER: &str = "acme-email2at";

/// What a command prints, or what is printed by those that hold the same words.
const PRINTS: [(&str, &str); 9] = [
    (" validate", "1 user is watched"),
    (" probe ", "healthy: ok"),
    (" test-mail", "250 2.0.0 kept"),
    (" /usr/bin/lockwatch status", USER),
    ("lockwatch lockwatch status", USER),
    ("docker logs", "lockwatch"),
    ("{{.State.Health.Status}}", "healthy"),
    (" demo ", "http://"),
    (" ps", "lockwatch"),
];

struct Walk {
    host: Host,
    typed: Vec<Typed>,
    /// What later commands know from earlier ones.
    variables: String,
}

impl Walk {
    async fn types(&mut self, typed: &Typed) {
        let text = self.host.put_in(&typed.text);
        let mails = self.host.mails();
        let done = self.host.run(&format!("{}{text}", self.variables)).await;
        let place = format!("{PAGE}:{}: {text}: {done:?}", typed.line);
        // One attempt a minute is made because somebody asks, and this user needs none.
        let well = done.code == 0 || (done.code == 64 && text.contains("lockwatch retry"));
        assert!(well, "{place}\n{:?}", podman(&["logs", "lockwatch"]));
        for (part, says) in PRINTS {
            let said = done.stdout.contains(says) || done.stderr.contains(says);
            assert!(said || !text.contains(part), "{says:?}: {place}");
        }
        if text.contains(" test-mail") {
            assert_eq!(self.host.mails(), mails + 1, "{place}");
        }
        if text.starts_with("volume=") {
            self.variables = format!("{text}\n");
        }
        println!("{place}");
    }

    /// The one command of the page that holds this.
    fn that(&self, part: &str) -> Typed {
        let mut all = self.typed.iter().filter(|typed| typed.text.contains(part));
        let found = all
            .next()
            .unwrap_or_else(|| panic!("{PAGE} has no {part:?}"));
        assert!(all.next().is_none(), "{PAGE} has several {part:?}");
        found.clone()
    }

    /// Runs the daemon as the page says.
    async fn runs(&mut self) {
        let run = self.that("docker run --detach");
        self.types(&run).await;
        self.host.until_well("lockwatch").await;
    }
}

#[tokio::test]
async fn the_page_about_containers() {
    let host = Host::make().await;
    let typed = commands(PAGE);
    let mut walk = Walk {
        host,
        typed: typed.clone(),
        variables: String::new(),
    };
    let mut count = 0;
    for typed in typed {
        let (_, by) = account(&typed).unwrap();
        if !matches!(by, By::Podman | By::Machine) {
            continue;
        }
        let text = typed.text.as_str();
        let is = |part: &str| text.contains(part);
        if is("volume create") && count > 20 {
            // The volume is lost.
            must(&["rm", "--force", "--time", "20", "lockwatch"]);
            must(&["volume", "rm", "lockwatch-state"]);
        }
        walk.types(&typed).await;
        count += 1;
        if is("sudoedit /etc/lockwatch/") {
            walk.host.bring_authority();
            walk.host.is_set_up();
        }
        if is("lockwatch:0.1.0 validate") {
            // With these in its place, as the prose says.
            let spans = Page::read(PAGE).spans;
            for other in ["probe acme-email2at", "test-mail"] {
                assert!(spans.iter().any(|span| span == other), "{other}");
                let mut typed = typed.clone();
                typed.text = text.replace("validate", other);
                walk.types(&typed).await;
            }
        }
        if is("docker run --detach") || is("docker start") {
            walk.host.until_well("lockwatch").await;
        }
        if is("up --detach") {
            walk.host.until_well("lockwatch_lockwatch_1").await;
        }
        if is("sudo chmod 0700 \"$volume\"") {
            let before = walk.host.stats();
            println!("{before:?}");
            walk.runs().await;
        }
        if is("docker rm lockwatch") {
            walk.runs().await;
            must(&["rm", "--force", "--time", "20", "lockwatch"]);
        }
    }
    let _ = inspect("volume", "lockwatch_state");
    assert!(count > 40, "only {count} commands were typed");
}
