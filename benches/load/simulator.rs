//! The simulated Autotask in a process of its own: this program started anew with another argument. It says where it is,
//! and, for every line that it reads, what it has seen.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result};
use lockwatch::demo::Simulator;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use url::Url;

use crate::{
    process::{Usage, usage},
    town,
};

/// The argument that makes the simulator of this program.
pub const ROLE: &str = "simulator";

/// What was seen of one user. Times are milliseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    /// When its zone was looked up.
    pub look_ups: Vec<i64>,
    /// When its credential was presented.
    pub attempts: Vec<i64>,
    /// How often the credential was found good.
    pub accepted: u32,
    /// Attempts whose client did not wait for the answer.
    pub lost: u32,
}

/// Serves until the standard input ends, which it does with whoever started it.
pub async fn serve(users: usize) -> Result<()> {
    let simulator = Simulator::start(town::world(users)).await?;
    say(simulator.base_url().as_str())?;
    // This thread is none of those that serve.
    for line in std::io::stdin().lines() {
        line?;
        let millis = |times: Vec<jiff::Timestamp>| -> Vec<i64> {
            times.iter().map(|at| at.as_millisecond()).collect()
        };
        let seen: Vec<Seen> = simulator.world().with(|world| {
            let seen = |number| {
                let username = town::username(number);
                let stats = world.stats(&username);
                Seen {
                    look_ups: millis(world.looked_up(&username)),
                    attempts: millis(world.presented(&username)),
                    accepted: stats.accepted,
                    lost: stats.lost,
                }
            };
            (0..users).map(seen).collect()
        });
        say(&serde_json::to_string(&seen)?)?;
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// The other process, which ends with this guard.
pub struct Remote {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// What `autotask.base_url` is set to.
    pub base_url: Url,
}

impl Remote {
    /// Starts it and waits until it serves.
    pub async fn start(users: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ROLE, &users.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the simulator does not start")?;
        let ask = child.stdin.take().context("its standard input")?;
        let out = child.stdout.take().context("its standard output")?;
        let mut answers = BufReader::new(out).lines();
        let line = answers.next_line().await?.context("the simulator ended")?;
        Ok(Self {
            child,
            ask,
            answers,
            base_url: line.parse()?,
        })
    }

    /// What it has seen of every user so far.
    pub async fn seen(&mut self) -> Result<Vec<Seen>> {
        self.ask.write_all(b"\n").await?;
        let line = self.answers.next_line().await?;
        Ok(serde_json::from_str(&line.context("the simulator ended")?)?)
    }

    /// Its memory and processor time.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.child.id().context("the simulator ended")?)
    }
}
