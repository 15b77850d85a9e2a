//! A command that takes its time: what it says while it runs, and what ends it.

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use assert_cmd::cargo::cargo_bin;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::timeout,
};

use super::{House, command::Done, eventually};
use crate::support::PATIENCE;

/// See the top of the file. Dropping it kills it.
pub struct Waiting {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl House {
    /// Begins `lockwatch` with these arguments, the house's configuration and this standard input.
    pub async fn begin(&self, arguments: &[&str], input: &str) -> Waiting {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let stdout = self.folder().join(format!("waiting-{nth}.out"));
        let stderr = self.folder().join(format!("waiting-{nth}.err"));
        let mut child = Command::new(cargo_bin!("lockwatch"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("LOCKWATCH_TOKEN")
            .env("LOCKWATCH_CONFIG", self.config())
            .env("XDG_STATE_HOME", self.folder().join("state"))
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&stdout).unwrap())
            .stderr(fs::File::create(&stderr).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        Waiting {
            child,
            stdout,
            stderr,
        }
    }
}

impl Waiting {
    /// Waits until it has said `text`.
    pub async fn says(&self, text: &str) {
        let said = || fs::read_to_string(&self.stdout).unwrap() + &self.complaints();
        eventually(
            || format!("it did not say {text:?}: {}", said()),
            async || said().contains(text).then_some(()),
        )
        .await;
    }

    fn complaints(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for its end.
    pub async fn done(mut self) -> Done {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            panic!(
                "it does not end: {} {}",
                fs::read_to_string(&self.stdout).unwrap(),
                self.complaints()
            );
        };
        Done {
            code: status.unwrap().code().unwrap(),
            stdout: fs::read_to_string(&self.stdout).unwrap(),
            stderr: self.complaints(),
        }
    }
}
