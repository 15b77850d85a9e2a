//! `lockwatch run` as a process: started, watched, signalled; it ends with the test.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use assert_cmd::cargo::cargo_bin;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{House, eventually};
use crate::support::PATIENCE;

/// A running daemon; dropping it kills it.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it and waits for nothing. What it writes goes into a log in the house's folder.
    pub fn spawn(house: &House, environment: &[(&str, &str)]) -> Self {
        Self::spawn_with(house, &[], environment)
    }

    /// The same with more arguments.
    pub fn spawn_with(house: &House, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let log = house.folder().join("daemon.log");
        let open = || {
            fs::File::options()
                .create(true)
                .append(true)
                .open(&log)
                .unwrap()
        };
        let child = Command::new(cargo_bin!("lockwatch"))
            .args(["run", "--config"])
            .arg(house.config())
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(open())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Everything that was logged in this house so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log says `text`.
    pub async fn says(&self, text: &str) {
        eventually(
            || format!("lockwatch did not log {text:?}: {}", self.log()),
            async || self.log().contains(text).then_some(()),
        )
        .await;
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for its end; the exit code, `None` after a signal.
    pub async fn ended(&mut self, within: Duration) -> Option<i32> {
        let Ok(status) = timeout(within, self.child.wait()).await else {
            panic!("lockwatch still runs after {within:?}: {}", self.log());
        };
        status.unwrap().code()
    }

    /// Ends it as an operator does.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended(PATIENCE).await, Some(0), "{}", self.log());
    }

    /// `kill -9`
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
