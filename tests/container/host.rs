//! A host on which docs/containers.md is typed: a copy of the repository, programs by the names that the page uses, and an
//! editor that knows what to write.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Command,
};

use tempfile::TempDir;

use super::{
    image::{REVISION, image, options, root},
    monitors,
    outside::{CREDENTIAL, Outside, PASSWORD},
    podman::{podman, program},
    stand::{USER, hand_over},
};
use crate::{
    house::command::{Done, ended},
    support::{PATIENCE, pages::read, ports},
};

const TOKEN: &str = "demo-web-token-of-some-length";
const GRAFANA: &str = "demo-password-of-grafana";

/// See the top of the file.
pub struct Host {
    /// What its containers find outside.
    pub outside: Outside,
    /// Where compose publishes Prometheus, once it is told.
    pub prometheus: u16,
    folder: TempDir,
}

impl Host {
    /// With what a reader has who has cloned the repository and has docker.
    pub async fn make() -> Self {
        assert_eq!(image(), "lockwatch:0.1.0", "the page's name of it");
        let folder = tempfile::tempdir().unwrap();
        monitors::make(folder.path());
        let this = Self {
            outside: Outside::make(folder.path()).await,
            prometheus: 0,
            folder,
        };
        this.put_repository();
        this.put_programs();
        this.put_into_editor();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// What the commands of the page read of it, to be changed at will.
    fn put_repository(&self) {
        fs::create_dir(self.path("repository")).unwrap();
        let mut copy = Command::new("cp");
        copy.current_dir(root()).arg("--archive");
        copy.args([".dockerignore", "Dockerfile", "Cargo.toml", "Cargo.lock"])
            .args(["LICENSE", "build.rs", "src", "templates", "deploy"])
            .arg(self.path("repository"));
        assert!(copy.status().unwrap().success());
    }

    /// What compose is told where the page says, and the ports of which there is no choice. It starts right after.
    pub fn tells_compose(&mut self) {
        let [lockwatch, others @ ..] = ports::free::<4>();
        self.prometheus = others[0];
        let etc = self.shown("etc/lockwatch");
        let told = format!(
            "LOCKWATCH_ETC={etc}\nLOCKWATCH_PORT={lockwatch}\nALERTMANAGER_CONFIG={etc}-monitoring/alertmanager.yml\n\
             ALERTMANAGER_SMTP_PASSWORD_FILE={etc}-monitoring/smtp-password\n\
             GRAFANA_ADMIN_PASSWORD_FILE={etc}-monitoring/grafana-admin\n"
        );
        fs::write(self.path("repository/deploy/.env"), told).unwrap();
        let mut compose = read("deploy/compose.yaml");
        for (there, here) in [9090, 9093, 3000].into_iter().zip(others) {
            let fixed = format!("\"127.0.0.1:{there}:{there}\"");
            assert!(compose.contains(&fixed), "{fixed}: {compose}");
            compose = compose.replace(&fixed, &format!("\"127.0.0.1:{here}:{there}\""));
        }
        fs::write(self.path("repository/deploy/compose.yaml"), compose).unwrap();
    }

    /// podman by the name of docker, its containers with the names of who is outside; and what root needs not ask for.
    fn put_programs(&self) {
        fs::create_dir(self.path("bin")).unwrap();
        let config = env::var("LOCKWATCH_TEST_PODMAN_CONFIG").unwrap();
        let config = fs::read_to_string(config).unwrap();
        let hosts = format!(
            "[containers]\nbase_hosts_file = \"{}\"",
            self.shown("hosts")
        );
        let config = config.replace("[containers]", &hosts);
        fs::write(self.path("containers.conf"), config).unwrap();
        let python = env::var("LOCKWATCH_TEST_PYTHON").unwrap();
        let (podman, build) = (program(), options().join(" "));
        self.program(
            "docker",
            &format!(
                "export LOCKWATCH_TEST_CONTAINERS_CONF='{}'\ncase $1 in\n\
                 build) shift; exec '{podman}' build {build} \"$@\" ;;\n\
                 compose) shift; exec '{python}' -m podman_compose --podman-path '{podman}' \"$@\" ;;\n\
                 *) exec '{podman}' \"$@\" ;;\nesac",
                self.shown("containers.conf")
            ),
        );
        // So that the build is that of the other tests, and finds its layers.
        self.program("git", &format!("echo {REVISION}"));
        self.program("sudo", "exec \"$@\"");
        self.program(
            "sudoedit",
            &format!(
                "for file; do cat \"{}/${{file##*/}}\" >\"$file\" || exit; done",
                self.shown("typed")
            ),
        );
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What will be written: the examples as they are, lockwatch's with an authority that only this test knows, and more
    /// haste.
    fn put_into_editor(&self) {
        let mut config = read("deploy/compose/lockwatch.toml");
        let authority = "ca_file = \"ca.pem\"\n";
        for (there, more) in [
            ("[email.smtp]\n", authority.to_owned()),
            (
                "[web]\n",
                format!(
                    "[autotask]\n{authority}[schedule]\ninterval = \"1s\"\n[lockout]\nconfirm_after = \"1s\"\n"
                ),
            ),
        ] {
            assert!(config.contains(there), "{there}: {config}");
            let here = if there.starts_with("[web]") {
                more + there
            } else {
                there.to_owned() + &more
            };
            config = config.replacen(there, &here, 1);
        }
        fs::create_dir(self.path("typed")).unwrap();
        let alertmanager = read("deploy/prometheus/alertmanager.yml");
        for (name, text) in [
            ("lockwatch.toml", config.as_str()),
            ("web-token", TOKEN),
            ("smtp-password", PASSWORD),
            ("acme-email2at", CREDENTIAL[0]),
            ("acme-email2at-code", CREDENTIAL[1]),
            ("grafana-admin", GRAFANA),
            ("alertmanager.yml", &alertmanager),
        ] {
            fs::write(self.path("typed").join(name), text).unwrap();
        }
    }

    /// A command of the page with what is put in: folders of this host, not those of the same name in containers, and a
    /// port. It ends.
    pub fn put_in(&self, text: &str) -> String {
        let etc = self.shown("etc/lockwatch");
        let demo = " demo --listen 0.0.0.0:9477";
        text.replace("/etc/lockwatch", &etc)
            .replace(&format!(":{etc}"), ":/etc/lockwatch")
            .replace("/srv/lockwatch", &self.shown("srv"))
            .replace(
                "127.0.0.1:9477:9477",
                &format!("127.0.0.1:{}:9477", ports::free::<1>()[0]),
            )
            .replace(demo, &format!("{demo} --for 1s"))
    }

    /// Runs a command in the copy of the repository, as it is.
    pub async fn run(&self, text: &str) -> Done {
        let mut paths = vec![self.path("bin")];
        paths.extend(env::split_paths(&env::var_os("PATH").unwrap()));
        let mut bash = tokio::process::Command::new("bash");
        bash.args(["-o", "pipefail", "-c", text])
            .current_dir(self.path("repository"))
            .env("PATH", env::join_paths(paths).unwrap());
        let output = ended(&mut bash, "", 30 * PATIENCE).await;
        let done = Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        for private in [TOKEN, PASSWORD, CREDENTIAL[0], CREDENTIAL[1], GRAFANA] {
            let shown = done.stdout.contains(private) || done.stderr.contains(private);
            assert!(!shown, "{text} shows {private}: {done:?}");
        }
        done
    }

    /// The folder of the configuration is as the page says, and gets the authority of who is outside.
    pub fn is_set_up(&self) {
        let etc = self.path("etc/lockwatch");
        for (name, mode) in [
            ("", 0o750),
            ("secrets", 0o750),
            ("lockwatch.toml", 0o640),
            ("secrets/web-token", 0o640),
        ] {
            let told = fs::metadata(etc.join(name)).unwrap();
            let told = (told.uid(), told.gid(), told.mode() & 0o7777);
            assert_eq!(told, (0, USER, mode), "{name}");
        }
        fs::copy(self.path("ca.pem"), etc.join("ca.pem")).unwrap();
        hand_over(&etc.join("ca.pem"));
    }

    /// Somebody puts another secret in the place of the user's.
    pub fn gets_secret(&self, secret: &str) {
        let (new, file) = (
            "etc/lockwatch/secrets/new",
            "etc/lockwatch/secrets/acme-email2at",
        );
        fs::write(self.path(new), secret).unwrap();
        hand_over(&self.path(new));
        fs::rename(self.path(new), self.path(file)).unwrap();
    }

    /// The store is in the folder of the host that is made for it.
    pub fn counts_in_folder(&self) {
        let store = fs::metadata(self.path("srv/lockwatch.db")).unwrap();
        assert_eq!(store.uid(), USER);
    }
}

impl Drop for Host {
    /// What the page has left where it was typed to its end, and more where it was not.
    fn drop(&mut self) {
        let mut down = Command::new(self.path("bin/docker"));
        down.args(["compose", "--file"])
            .arg(self.path("repository/deploy/compose.yaml"))
            .args(["down", "--volumes"]);
        let _ = down.output();
        podman(&["rm", "--force", "--time", "0", "lockwatch"]);
        // Which compose leaves.
        podman(&["volume", "rm", "--force", "lockwatch-state"]);
    }
}
