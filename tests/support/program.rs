//! A program that a test starts: it ends when the guard is dropped, however the test ends.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::PATIENCE;

/// A running program.
pub struct Program {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts `command`. Its standard input stays open as long as the guard lives: a program that reads it to the end knows
    /// when the test is over, even if the test was killed.
    pub fn start(mut command: Command) -> Self {
        let name = format!("{:?}", command.as_std().get_program());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, lines }
    }

    /// Waits for the next line of standard output that begins with `prefix`, and returns the rest of it.
    pub async fn wait_for(&mut self, prefix: &str) -> String {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if let Some(rest) = line.strip_prefix(prefix) {
                    return rest.trim().to_owned();
                }
            }
            let mut complaint = String::new();
            let mut stderr = self.child.stderr.take().unwrap();
            stderr.read_to_string(&mut complaint).await.unwrap();
            panic!("{} ended without saying {prefix:?}: {complaint}", self.name);
        };
        timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_| panic!("{} did not say {prefix:?} in time", self.name))
    }
}
