//! The place where commands are run here: a house with a daemon, a copy of what pages copy from, and programs by their usual
//! names. Paths, hosts and ports of the pages are put in; nothing else of a command is changed.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use assert_cmd::cargo::cargo_bin;
use tokio::process::Command;

use crate::{
    house::{
        Daemon, House,
        command::{Done, ended},
    },
    support::{PATIENCE, pages::root},
};

/// The user of the pages.
pub const USER: &str = "acme-email2at";

/// See the top of the file.
pub struct Place {
    pub house: House,
    _daemon: Daemon,
}

impl Place {
    /// With a daemon that watches one user.
    pub async fn make() -> Self {
        let house = House::of(&[USER]);
        let daemon = house.start().await;
        house.until_state(USER, "healthy", "ok").await;
        let place = Self {
            house,
            _daemon: daemon,
        };
        let bin = place.bin();
        for folder in [&bin, &place.work()] {
            fs::create_dir_all(folder).unwrap();
        }
        place.program("sudo", "[ \"$1\" != -u ] || shift 2\nexec \"$@\"");
        let lockwatch = cargo_bin!("lockwatch").display().to_string();
        place.program("lockwatch", &format!("exec '{lockwatch}' \"$@\""));
        for (name, variable) in [
            ("kubectl", "LOCKWATCH_TEST_KUBECTL"),
            ("helm", "LOCKWATCH_TEST_HELM"),
        ] {
            let path = env::var(variable).unwrap_or_else(|_| panic!("tests/run gets {name}"));
            let home = place.house.folder().display();
            place.program(name, &format!("HOME='{home}' exec '{path}' \"$@\""));
        }
        place.copy("deploy");
        place.copy("tests/grafana");
        place
    }

    /// Where commands are run.
    pub fn work(&self) -> PathBuf {
        self.house.folder().join("work")
    }

    fn bin(&self) -> PathBuf {
        self.house.folder().join("bin")
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.bin().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A folder of the repository, to be changed at will.
    fn copy(&self, folder: &str) {
        let mut folders = vec![PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            fs::create_dir_all(self.work().join(&folder)).unwrap();
            for entry in fs::read_dir(root().join(&folder)).unwrap() {
                let name = folder.join(entry.unwrap().file_name());
                if root().join(&name).is_dir() {
                    folders.push(name);
                } else {
                    fs::copy(root().join(&name), self.work().join(&name)).unwrap();
                }
            }
        }
    }

    /// A command with the paths, hosts and ports of this place, and a user for what stands for one.
    pub fn put_in(&self, text: &str) -> String {
        let folder = self.house.folder().display().to_string();
        let autotask = self.house.autotask().as_str().trim_end_matches('/');
        let own = self.house.url("");
        let own = own.trim_end_matches('/');
        let own_host = own.trim_start_matches("http://");
        let tmp = self.work().join("manual").display().to_string();
        let manifest = root().join("Cargo.toml");
        let cargo = format!("cargo run --locked --manifest-path {}", manifest.display());
        let mut text = text.to_owned();
        for (there, here) in [
            ("cargo run --release -- ", "lockwatch "),
            ("cargo run --locked", &cargo),
            ("https://webservices.autotask.net", autotask),
            ("https://ZONE_HOST", autotask),
            ("ZONE_HOST", "localhost"),
            ("http://LOCKWATCH_HOST:9477", own),
            ("http://127.0.0.1:9477/", &format!("{own}/")),
            ("127.0.0.1:9477/", &format!("{own_host}/")),
            ("/etc/lockwatch/secrets", &folder),
            ("/var/lib/lockwatch", &folder),
            ("target/tools/python/bin/python", &python()),
            ("target/manual", &tmp),
        ] {
            text = text.replace(there, here);
        }
        for (word, meant) in [
            ("ID", USER),
            ("TENANT", "acme"),
            ("USERNAME", "acme-email2at@acme.example"),
            ("ADDRESS", "somebody@msp.example"),
        ] {
            text = put_word(&text, word, meant);
        }
        if text == "lockwatch demo" {
            text += " --listen 127.0.0.1:0 --for 3s";
        }
        text
    }

    /// Runs a command with bash, as `put_in` has it.
    pub async fn run(&self, text: &str) -> Done {
        let path = format!("{}:{}", self.bin().display(), env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", text])
            .current_dir(self.work())
            .env("PATH", path)
            .env("LOCKWATCH_CONFIG", self.house.config())
            .env("KUBECONFIG", self.house.folder().join("no-cluster"))
            .env("EDITOR", "true");
        // One of them builds a program.
        let output = ended(&mut bash, "", 30 * PATIENCE).await;
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Writes a file where commands are run.
    pub fn write(&self, name: impl AsRef<Path>, text: &str) {
        fs::write(self.work().join(name), text).unwrap();
    }
}

fn python() -> String {
    env::var("LOCKWATCH_TEST_PYTHON").unwrap_or_else(|_| panic!("tests/run names a Python"))
}

/// Puts `meant` in for a whole word.
fn put_word(text: &str, word: &str, meant: &str) -> String {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        done += before;
        let is_word = !before.ends_with(inside) && !after.starts_with(inside);
        done += if is_word { meant } else { word };
        rest = after;
    }
    done + rest
}
