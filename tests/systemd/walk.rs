//! Pages typed word for word: by an administrator who is not root and has sudo, in a copy of the repository, on a machine
//! with nothing but what the page says. tests/support/accounts.rs says which commands.

use std::{fs, path::Path, process::Command};

use crate::{
    machine::{Done, Machine, package},
    site::{Site, secret},
    support::{
        accounts::{By, of},
        pages::{Typed, root},
    },
};

/// The user that is watched.
pub const USER: &str = "acme-email2at";
/// Where the administrator is at home.
pub const HOME: &str = "/home/admin";
/// Where the machine, which has nobody to ask, finds Autotask.
const AUTOTASK: &str = "127.0.0.2       webservices.autotask.net\n";

/// See the top of the file.
pub struct Administrator {
    pub site: Site,
    pub machine: Machine,
    /// What is typed in place of what the pages say.
    pub instead: Vec<(&'static str, String)>,
}

impl Administrator {
    /// On a machine with the Debian of this name.
    pub async fn arrives(debian: &str) -> Self {
        let site = Site::of(&[USER]).await;
        let machine = Machine::boot(debian);
        machine.does("useradd --create-home --shell /bin/bash admin");
        machine.write_as(
            "/etc/sudoers.d/admin",
            "admin ALL=(ALL) NOPASSWD: ALL\n",
            0o440,
            "root:root",
        );
        // What is typed in an editor.
        let typed = format!(
            "#!/bin/sh\nfor file; do\ncase ${{file##*/}} in\nlockwatch*) cat {HOME}/config ;;\n\
             {USER}-code*) echo demo-code-of-{USER} ;;\n*) echo {} ;;\nesac >\"$file\"\ndone\n",
            secret(USER)
        );
        let mut this = Self {
            site,
            machine,
            instead: Vec::new(),
        };
        this.will_edit(&typed);
        this.means_to_write(|id| format!("file = \"/etc/lockwatch/secrets/{id}\""));
        for folder in ["config", "deploy", "docs", "systemd", "target/debian"] {
            this.machine
                .does(&format!("mkdir -p {HOME}/lockwatch/{folder}"));
        }
        for folder in ["config", "deploy", "docs", "systemd"] {
            this.bring(&root().join(folder), folder);
        }
        this.bring(&package(), "target/debian");
        this.machine.does(&format!("chown -R admin: {HOME}"));
        this.instead = vec![
            ("127.0.0.1:9477", format!("127.0.0.1:{}", this.site.port())),
            ("/secrets/ID", format!("/secrets/{USER}")),
            // It would not end.
            (" --follow", String::new()),
        ];
        this
    }

    /// A script in place of an editor: what it does to the files that it is given.
    pub fn will_edit(&self, script: &str) {
        self.machine
            .write_as("/usr/local/bin/test-editor", script, 0o755, "root:root");
    }

    /// Puts a copy into the copy of the repository.
    fn bring(&self, from: &Path, to: &str) {
        let to = self.machine.path(&format!("{HOME}/lockwatch/{to}"));
        let mut copy = Command::new("cp");
        if from.is_dir() {
            copy.arg("--recursive").arg("--no-target-directory");
        }
        assert!(copy.arg(from).arg(to).status().unwrap().success());
    }

    /// What the configuration will be when it is next edited.
    fn means_to_write(&self, source: impl Fn(&str) -> String) {
        let text = self.site.config(&[USER], source);
        fs::write(self.machine.path(&format!("{HOME}/config")), text).unwrap();
    }

    /// What building makes, out of the package.
    fn has_built(&self) {
        self.machine.does(&format!(
            "cd {HOME}/lockwatch && mkdir -p target/release target/manual && cp /usr/bin/lockwatch target/release && \
             cp /usr/share/man/man1/lockwatch*.gz target/manual && gunzip target/manual/*.gz && chown -R admin: target"
        ));
    }

    /// Types a command.
    pub fn types(&self, text: &str) -> Done {
        self.machine
            .write(&format!("{HOME}/typed"), &self.puts_in(text));
        self.machine.try_to(&format!(
            "cd {HOME}/lockwatch && runuser -u admin -- env SUDO_EDITOR=/usr/local/bin/test-editor bash {HOME}/typed"
        ))
    }

    /// A command of a page as it is typed.
    pub fn puts_in(&self, text: &str) -> String {
        let put_in = |text: String, (said, meant): &(&str, String)| text.replace(said, meant);
        self.instead.iter().fold(text.to_owned(), put_in)
    }

    /// Types a command of a page, which must go well.
    pub fn types_well(&self, command: &Typed) -> Done {
        let done = self.types(&command.text);
        // Nothing is found where nothing is wrong.
        let well = done.code == 0 || (done.code == 1 && command.text.contains("| grep"));
        let place = format!("{}:{}: {}", command.page, command.line, command.text);
        assert!(well, "{place}: {done:?}\n{}", self.machine.journal());
        done
    }

    /// All commands of these pages.
    fn types_all(&self, is_meant: impl Fn(&str) -> bool) {
        let all = of(|by| by == By::Machine).into_iter();
        let mut typed = 0;
        for command in all.filter(|command| is_meant(&command.page)) {
            let text = &command.text;
            if text.contains("dynamic-user.conf") {
                self.means_to_write(|id| format!("credential = \"secrets_{id}\""));
            }
            let done = self.types_well(&command);
            if text.ends_with("lockwatch validate") {
                assert!(done.said.contains("1 user is watched"), "{text}: {done:?}");
            }
            if text.starts_with("getent ") {
                assert!(done.said.contains(AUTOTASK.trim()), "{text}: {done:?}");
            }
            if text.starts_with("sudo apt install") {
                self.has_built();
            }
            typed += 1;
        }
        assert!(typed >= 5, "only {typed} commands were found");
    }
}

#[tokio::test]
async fn the_readme_then_what_runbooks_say() {
    let administrator = Administrator::arrives("trixie").await;
    administrator.types_all(|page| page == "README.md");
    assert_eq!(administrator.site.mails().len(), 1, "the test mail");
    let machine = &administrator.machine;
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    machine.write("/etc/hosts", AUTOTASK);
    administrator.types_all(|page| page.starts_with("docs/runbooks/"));
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
}

#[tokio::test]
async fn the_page_about_systemd() {
    let administrator = Administrator::arrives("trixie").await;
    administrator.types_all(|page| page == "docs/systemd.md");
    let machine = &administrator.machine;
    machine.until_shows("StatusText", |status| status == "1 user: 1 healthy");
    // All of it was done by the end: another user, other owners, another kind of reload.
    assert_eq!(machine.shows("DynamicUser"), "yes");
    assert_eq!(machine.shows("Type"), "notify-reload");
    let secrets = machine.does("stat --format '%a %U:%G' /etc/lockwatch/secrets/*");
    assert!(
        secrets.lines().all(|line| line == "600 root:root"),
        "{secrets}"
    );
}

#[tokio::test]
async fn what_containers_want_on_the_host() {
    let administrator = Administrator::arrives("trixie").await;
    administrator.types_all(|page| page == "docs/containers.md");
    let machine = &administrator.machine;
    let config = machine
        .does("stat --format '%a %u:%g' /etc/lockwatch/lockwatch.toml /etc/lockwatch/secrets/*");
    assert_eq!(config.lines().count(), 5, "{config}");
    assert!(config.lines().all(|line| line == "640 0:65532"), "{config}");
}
