//! An API server of Kubernetes with the etcd it needs, thrown away at the end. Neither schedules nor starts anything.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::ports;

/// How often it is asked whether it is ready: a minute and more.
const LOOKS: u32 = 600;

pub struct Server {
    folder: TempDir,
    children: Vec<Child>,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [etcd, peers, api] = ports::free();
        let mut server = Self {
            folder,
            children: Vec::new(),
        };
        fs::write(
            server.path("tokens.csv"),
            "demo-token,admin,1,system:masters\n",
        )
        .unwrap();
        fs::write(server.path("kubeconfig"), kubeconfig(api)).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(server.path("sa.key"), key.serialize_pem()).unwrap();
        fs::write(server.path("sa.pub"), key.public_key_pem()).unwrap();

        let (clients, of_peers) = (url(etcd), url(peers));
        server.run(
            Path::new("etcd"),
            &[
                "--data-dir=etcd",
                &format!("--listen-client-urls={clients}"),
                &format!("--advertise-client-urls={clients}"),
                &format!("--listen-peer-urls={of_peers}"),
                &format!("--initial-advertise-peer-urls={of_peers}"),
                &format!("--initial-cluster=default={of_peers}"),
            ],
        );
        server.run(
            Path::new(&program("LOCKWATCH_TEST_KUBE_APISERVER")),
            &[
                &format!("--etcd-servers={clients}"),
                "--bind-address=127.0.0.1",
                &format!("--secure-port={api}"),
                "--cert-dir=certificates",
                // Only written down, never connected to.
                "--advertise-address=192.0.2.1",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=sa.pub",
                "--service-account-signing-key-file=sa.key",
                "--token-auth-file=tokens.csv",
                "--authorization-mode=RBAC",
                // Nobody makes the accounts of namespaces here.
                "--disable-admission-plugins=ServiceAccount",
            ],
        );
        let ready = (0..LOOKS).any(|_| {
            thread::sleep(Duration::from_millis(100));
            server.all_run() && {
                let mut asking = server.kubectl(&["get", "--raw=/readyz"]);
                asking.output().unwrap().status.success()
            }
        });
        assert!(ready, "no answer: {}", server.log());
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, program: &Path, arguments: &[&str]) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}", program.display()));
        self.children.push(child);
    }

    /// Panics when one ended by itself.
    fn all_run(&mut self) -> bool {
        let ends = self
            .children
            .iter_mut()
            .map(|child| child.try_wait().unwrap());
        let ended: Vec<_> = ends.flatten().collect();
        assert!(ended.is_empty(), "{ended:?}: {}", self.log());
        true
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A program that talks to this server.
    pub fn client(&self, variable: &str) -> Command {
        let mut command = Command::new(program(variable));
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("KUBECONFIG", self.path("kubeconfig"))
            // What helm and kubectl keep for the next time.
            .env("HOME", self.folder.path());
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = self.client("LOCKWATCH_TEST_KUBECTL");
        command.args(arguments);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What tests/run names.
fn program(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable}: start the tests with tests/run"))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn kubeconfig(port: u16) -> String {
    format!(
        r#"apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: u, user: {{token: demo-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"#
    )
}
