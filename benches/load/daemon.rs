//! lockwatch at work: built, started, asked, stopped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use reqwest::header::ACCEPT_ENCODING;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::process::{Usage, usage};

/// Nothing that is waited for takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running daemon; dropping it kills it.
pub struct Daemon {
    child: Child,
    http: reqwest::Client,
    port: u16,
    log: PathBuf,
    /// From the start of the process until it said that it is ready.
    pub ready_after: Duration,
}

/// One answer of the endpoint.
pub struct Answer {
    /// From the request to the last byte.
    pub took: Duration,
    /// As it came over the wire.
    pub body: Vec<u8>,
}

/// The binary as it is released. That of this build has what only tests need, and no link-time optimisation.
///
/// # Errors
/// When it cannot be built.
pub async fn released() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let target = target.context("the target folder")?;
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--release", "--bin", "lockwatch"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target)
        .status()
        .await?;
    ensure!(built.success(), "the release binary cannot be built");
    Ok(target.join("release/lockwatch"))
}

impl Daemon {
    /// Starts it with the configuration in `folder` and waits until it is ready.
    pub async fn start(program: &Path, folder: &Path, port: u16) -> Result<Self> {
        let log = folder.join("log");
        let began = Instant::now();
        let child = Command::new(program)
            .args(["run", "--config"])
            .arg(folder.join("lockwatch.toml"))
            .env_remove("RUST_LOG")
            // As systemd/lockwatch.service and the Dockerfile set it.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("lockwatch does not start")?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        let mut daemon = Self {
            child,
            http,
            port,
            log,
            ready_after: Duration::ZERO,
        };
        loop {
            let ready = daemon.http.get(daemon.url("/-/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            ensure!(
                daemon.child.try_wait()?.is_none() && began.elapsed() < PATIENCE,
                "lockwatch does not become ready: {}",
                daemon.said()
            );
            sleep(Duration::from_millis(5)).await;
        }
        daemon.ready_after = began.elapsed();
        Ok(daemon)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Memory and processor time.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.child.id().context("lockwatch ended")?)
    }

    /// `GET`, with the encoding that the client of the answer asks for.
    pub async fn get(&self, path: &str, encoding: &str) -> Result<Answer> {
        let began = Instant::now();
        let request = self
            .http
            .get(self.url(path))
            .header(ACCEPT_ENCODING, encoding);
        let answer = request.send().await?.error_for_status()?;
        let body = answer.bytes().await?.to_vec();
        let took = began.elapsed();
        Ok(Answer { took, body })
    }

    /// The metrics as text.
    pub async fn metrics(&self) -> Result<String> {
        Ok(String::from_utf8(
            self.get("/metrics", "identity").await?.body,
        )?)
    }

    /// Ends it as an operator does.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.child.id().context("lockwatch ended")?;
        let id = Pid::from_raw(id.try_into()?).context("lockwatch ended")?;
        kill_process(id, Signal::TERM)?;
        let status = timeout(PATIENCE, self.child.wait()).await??;
        ensure!(
            status.success(),
            "lockwatch ended with {status}: {}",
            self.said()
        );
        Ok(())
    }
}
