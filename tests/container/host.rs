//! A host on which docs/containers.md is typed: a copy of the repository, programs by the names that the page uses, and an
//! editor that knows what to write. Its containers find Autotask and the mail server by their names, at their usual ports, by
//! TLS: what there is outside is simulated, and /etc/hosts says where.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use lockwatch::demo::{ApiUser, Simulator, Stats, World};
use tempfile::TempDir;

use super::{
    image::{REVISION, image, options, root},
    podman::{Container, must, podman, program},
    stand::{USER, hand_over},
};
use crate::{
    house::{
        command::{Done, ended},
        eventually,
    },
    support::{PATIENCE, certificates::Certificates, pages::read, program::Program, smtp::Sink},
};

const USERNAME: &str = "k3jx7q@acme.example";
/// Who is outside: the look-up, the user's zone, the mail server.
const OUTSIDE: [&str; 3] = [
    "webservices.autotask.net",
    "webservices2.autotask.net",
    "smtp.msp.example",
];
/// Everything that an editor writes and nothing may show.
const PRIVATE: [&str; 5] = [
    "demo-web-token-of-24-letters",
    "demo-password-of-the-mail-server",
    "demo-secret-of-acme",
    "demo-code-of-acme",
    "demo-password-of-grafana",
];

/// See the top of the file.
pub struct Host {
    simulator: Simulator,
    sink: Sink,
    port: u16,
    folder: TempDir,
    _outside: (Program, Container),
}

impl Host {
    /// With what a reader has who has cloned the repository and has podman.
    pub async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new().zone("AE02", 14).tenant("acme", "AE02");
        world.add(ApiUser::new(USERNAME, PRIVATE[2], PRIVATE[3], "acme"));
        let simulator = Simulator::start_on_thread(world).unwrap();
        let made = Certificates::make(folder.path(), &OUTSIDE);
        let login = format!("lockwatch:{}", PRIVATE[1]);
        let sink = Sink::start_at(0, &["--tls", "starttls", "--login", &login], &made).await;
        let outside = outside(&simulator, &sink, &made).await;
        let hosts = format!("{} {}\n", outside.1.address(), OUTSIDE.join(" "));
        fs::write(folder.path().join("hosts"), hosts).unwrap();
        let this = Self {
            simulator,
            sink,
            port: free_port(),
            folder,
            _outside: outside,
        };
        this.put_repository();
        this.put_programs();
        this.put_into_editor();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the commands of the page read of it, to be changed at will.
    fn put_repository(&self) {
        fs::create_dir(self.path("repository")).unwrap();
        let files = [
            ".dockerignore",
            "Dockerfile",
            "Cargo.toml",
            "Cargo.lock",
            "LICENSE",
            "build.rs",
            "src",
            "templates",
            "deploy",
        ];
        let mut copy = Command::new("cp");
        copy.arg("--archive")
            .args(files)
            .arg(self.path("repository"));
        assert!(copy.current_dir(root()).status().unwrap().success());
        let env = format!(
            "LOCKWATCH_ETC={}\nLOCKWATCH_PORT={}\n",
            self.path("etc/lockwatch").display(),
            self.port
        );
        fs::write(self.path("repository/deploy/.env"), env).unwrap();
    }

    fn put_programs(&self) {
        fs::create_dir(self.path("bin")).unwrap();
        let python = env::var("LOCKWATCH_TEST_PYTHON").unwrap();
        let (podman, build) = (program(), options().join(" "));
        let config = fs::read_to_string(env::var("LOCKWATCH_TEST_PODMAN_CONFIG").unwrap()).unwrap();
        let hosts = format!(
            "[containers]\nbase_hosts_file = \"{}\"",
            self.path("hosts").display()
        );
        let config = config.replace("[containers]", &hosts);
        let file = self.path("containers.conf");
        fs::write(&file, config).unwrap();
        self.program(
            "docker",
            &format!(
                "export LOCKWATCH_TEST_CONTAINERS_CONF='{}'\ncase $1 in\n\
                 build) shift; exec '{podman}' build {build} \"$@\" ;;\n\
                 compose) shift; exec '{python}' -m podman_compose --podman-path '{podman}' \"$@\" ;;\n\
                 *) exec '{podman}' \"$@\" ;;\nesac",
                file.display()
            ),
        );
        // So that the build is that of the other tests.
        self.program("git", &format!("echo {REVISION}"));
        self.program("sudo", "exec \"$@\"");
        let typed = self.path("typed").display().to_string();
        self.program(
            "sudoedit",
            &format!("for file; do cat \"{typed}/${{file##*/}}\" >\"$file\" || exit; done"),
        );
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What will be written: the example as it is, with an authority that only this test knows, and more haste.
    fn put_into_editor(&self) {
        let mut config = read("deploy/compose/lockwatch.toml");
        let more = "ca_file = \"ca.pem\"\n";
        for (there, here) in [
            (
                "[web]\n",
                format!("[autotask]\n{more}[schedule]\ninterval = \"1s\"\n[web]\n"),
            ),
            ("[email.smtp]\n", format!("[email.smtp]\n{more}")),
        ] {
            assert!(config.contains(there), "{there}: {config}");
            config = config.replacen(there, &here, 1);
        }
        fs::create_dir(self.path("typed")).unwrap();
        let alertmanager = read("deploy/prometheus/alertmanager.yml");
        for (name, text) in [
            ("lockwatch.toml", config.as_str()),
            ("web-token", PRIVATE[0]),
            ("smtp-password", PRIVATE[1]),
            ("acme-email2at", PRIVATE[2]),
            ("acme-email2at-code", PRIVATE[3]),
            ("grafana-admin", PRIVATE[4]),
            ("alertmanager.yml", &alertmanager),
        ] {
            fs::write(self.path("typed").join(name), text).unwrap();
        }
    }

    /// A command of the page with what is put in: the host's folders and a free port. That the containers see their
    /// /etc/lockwatch is untouched.
    pub fn put_in(&self, text: &str) -> String {
        let etc = self.path("etc/lockwatch").display().to_string();
        text.replace("/etc/lockwatch", &etc)
            .replace(&format!(":{etc}"), ":/etc/lockwatch")
            .replace("/srv/lockwatch", &self.path("srv").display().to_string())
            .replace(
                "127.0.0.1:9477:9477",
                &format!("127.0.0.1:{}:9477", self.port),
            )
            // It would not end.
            .replace(
                " demo --listen 0.0.0.0:9477",
                " demo --listen 0.0.0.0:9477 --for 1s",
            )
            // The others' images are in registries only.
            .replace(" up --detach", " up --detach lockwatch")
    }

    /// Runs a command in the copy of the repository, as it is.
    pub async fn run(&self, text: &str) -> Done {
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            env::var("PATH").unwrap()
        );
        let mut bash = tokio::process::Command::new("bash");
        bash.args(["-o", "pipefail", "-c", text])
            .current_dir(self.path("repository"))
            .env("PATH", path);
        let output = ended(&mut bash, "", 30 * PATIENCE).await;
        let done = Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        for private in PRIVATE {
            let shown = done.stdout.contains(private) || done.stderr.contains(private);
            assert!(!shown, "{text} shows {private}: {done:?}");
        }
        done
    }

    /// The authority of both servers, where the configuration names it.
    pub fn bring_authority(&self) {
        let ca = self.path("etc/lockwatch/ca.pem");
        fs::copy(self.path("ca.pem"), &ca).unwrap();
        hand_over(&ca);
    }

    /// Mails so far.
    pub fn mails(&self) -> usize {
        self.sink.delivered().len()
    }

    /// What Autotask has seen of the user.
    pub fn stats(&self) -> Stats {
        let world = self.simulator.world();
        world.with(|world| world.stats(USERNAME))
    }

    /// Waits until the daemon in this container says that all users are well, as nobody who types has to; podman without
    /// systemd then wants to be asked for its health.
    pub async fn until_well(&self, container: &str) {
        let status = ["exec", container, "/usr/bin/lockwatch", "status"];
        eventually(
            || format!("{:?} {:?}", podman(&status), podman(&["logs", container])),
            async || (podman(&status).code == 0).then_some(()),
        )
        .await;
        must(&["healthcheck", "run", container]);
    }

    /// Whether the folder of the configuration is as the page says.
    pub fn is_set_up(&self) {
        for (name, wanted) in [
            ("", 0o750),
            ("secrets", 0o750),
            ("secrets/web-token", 0o640),
        ] {
            use std::os::unix::fs::MetadataExt;
            let told = fs::metadata(self.path("etc/lockwatch").join(name)).unwrap();
            let told = (told.uid(), told.gid(), told.mode() & 0o777);
            assert_eq!(told, (0, USER, wanted), "{name}");
        }
    }

    /// The copy of the repository.
    pub fn repository(&self) -> PathBuf {
        self.path("repository")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let compose = self.repository().join("deploy/compose.yaml");
        let down = Command::new(self.path("bin/docker"))
            .args(["compose", "--file"])
            .arg(compose)
            .args(["down", "--volumes"])
            .output();
        podman(&["rm", "--force", "--time", "0", "lockwatch"]);
        podman(&["volume", "rm", "--force", "lockwatch-state"]);
        podman(&["volume", "rm", "--force", "lockwatch_state"]);
        drop(down);
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The world outside, in the network of a container that never begins.
async fn outside(simulator: &Simulator, sink: &Sink, made: &Certificates) -> (Program, Container) {
    let container = Container::prepare(image());
    let central = simulator.base_url().port().unwrap();
    let zone = simulator.zone_url("AE02").unwrap().port().unwrap();
    simulator.world().with(|world| {
        let url = format!("https://{}/ATServicesRest/", OUTSIDE[1]);
        world.zones.get_mut("AE02").unwrap().url = url;
    });
    let python = env::var("LOCKWATCH_TEST_PYTHON").unwrap();
    let mut command = tokio::process::Command::new(python);
    command
        .arg(root().join("tests/container/outside.py"))
        .arg("--network")
        .arg(container.network())
        .arg("--cert")
        .arg(&made.cert)
        .arg("--key")
        .arg(&made.key)
        .args(["--name", OUTSIDE[0], &central.to_string()])
        .args(["--name", OUTSIDE[1], &zone.to_string()])
        .args(["--mail", &sink.port.to_string()]);
    let mut program = Program::start(command);
    program.wait_for("listening").await;
    (program, container)
}
