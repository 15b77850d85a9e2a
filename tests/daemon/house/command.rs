//! The other commands, run to their end.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use super::House;
use crate::support::PATIENCE;

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Done {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

impl House {
    /// Runs `lockwatch` with these arguments and the house's configuration.
    pub async fn lockwatch(&self, arguments: &[&str]) -> Done {
        self.lockwatch_told(arguments, "", &[]).await
    }

    /// The same with standard input and more environment.
    pub async fn lockwatch_told(
        &self,
        arguments: &[&str],
        input: &str,
        environment: &[(&str, &str)],
    ) -> Done {
        let config = self.config();
        let mut all = vec![("LOCKWATCH_CONFIG", config.to_str().unwrap())];
        all.extend(environment);
        let done = lockwatch(arguments, input, &all, self.folder()).await;
        self.hear(done.stdout.as_bytes());
        self.hear(done.stderr.as_bytes());
        done
    }
}

/// Runs `lockwatch` with a state folder below `home`.
pub async fn lockwatch(
    arguments: &[&str],
    input: &str,
    environment: &[(&str, &str)],
    home: &Path,
) -> Done {
    let mut lockwatch = Command::new(cargo_bin!("lockwatch"));
    lockwatch
        .args(arguments)
        .env_remove("RUST_LOG")
        .env_remove("LOCKWATCH_CONFIG")
        .env_remove("LOCKWATCH_TOKEN")
        .env("XDG_STATE_HOME", home.join("state"))
        .envs(environment.iter().copied());
    let output = ended(&mut lockwatch, input, PATIENCE).await;
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs any program to its end, with this standard input.
pub async fn ended(program: &mut Command, input: &str, patience: Duration) -> Output {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read its input may be gone by now.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = timeout(patience, child.wait_with_output()).await;
    output
        .unwrap_or_else(|_| panic!("{:?} does not end", program.as_std()))
        .unwrap()
}
