//! The node, which up.bash starts and throws away.

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

/// Where pods find this machine.
pub const IP: &str = "10.98.0.1";
/// Nothing that is waited for takes so long: a pod that is replaced, and files of Secrets that kubelet renews once a minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// See the top of the file. It ends with this guard, or with the process.
pub struct Node {
    child: Child,
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// All that it printed.
    pub said: String,
}

impl Node {
    /// With an image of lockwatch that trusts this authority, and these lines of a hosts file as its DNS.
    pub fn start(authority: &Path, hosts: &str) -> Self {
        // Not in memory, where no store may be.
        let folder = tempfile::Builder::new()
            .prefix("lockwatch-node.")
            .tempdir_in("/var/tmp")
            .unwrap();
        let mut child = Command::new("bash")
            .arg("tests/node/up.bash")
            .arg(folder.path())
            .arg(env!("CARGO_BIN_EXE_lockwatch"))
            .arg(authority)
            .arg(IP)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let this = Self { child, folder };
        let up = said.lines().any(|line| line.unwrap() == "up");
        assert!(up, "the node is not up; what it said stands above");
        this.is_found("site", hosts);
        this
    }

    /// More lines of a hosts file for pods.
    pub fn is_found(&self, name: &str, hosts: &str) {
        std::fs::write(self.folder().join("hosts").join(name), hosts).unwrap();
    }

    /// What is here is thrown away with the node.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// kubectl and helm are those of the node.
    pub fn bash(&self, folder: &Path, text: &str) -> Command {
        let path = format!(
            "{}:{}",
            self.folder().join("bin").display(),
            env::var("PATH").unwrap()
        );
        // One that hangs is ended, with all that it started.
        let mut bash = Command::new("timeout");
        bash.args([
            "--kill-after=5",
            "420",
            "bash",
            "-o",
            "pipefail",
            "-c",
            text,
        ])
        .current_dir(folder)
        .env("PATH", path)
        .env("EDITOR", self.editor())
        .stdin(Stdio::null());
        bash
    }

    /// What is typed for `$EDITOR`.
    pub fn editor(&self) -> PathBuf {
        self.folder().join("bin/editor")
    }

    /// Runs it to its end.
    pub fn run(&self, folder: &Path, text: &str) -> Done {
        let mut said = tempfile::tempfile().unwrap();
        let both: [File; 2] = [said.try_clone().unwrap(), said.try_clone().unwrap()];
        let [out, err] = both;
        let status = self.bash(folder, text).stdout(out).stderr(err).status();
        std::io::Seek::rewind(&mut said).unwrap();
        Done {
            code: status.unwrap().code().unwrap_or(-1),
            said: std::io::read_to_string(said).unwrap(),
        }
    }

    /// What a command prints that must end well; the page does not have it.
    pub fn tells(&self, text: &str) -> String {
        let done = self.run(self.folder(), text);
        assert_eq!(done.code, 0, "{text}: {done:?}");
        done.said.trim().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            let look = "kubectl get events,pods,pvc --all-namespaces; kubectl -n lockwatch logs deployment/lockwatch --tail=20";
            println!("{}", self.run(self.folder(), look).said);
        }
        // Its end is what the node waits for.
        drop(self.child.stdin.take());
        let ended = self.child.wait();
        println!("the node is gone: {ended:?}");
    }
}

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(500));
    }
}
