//! The peer: blackbox_exporter, driven by a Prometheus, looking up the zones of as many users as often. It makes one of a
//! check's two requests, on a connection of its own each time, and remembers nothing; Prometheus keeps its schedule.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use url::Url;

use crate::{
    process::{Usage, usage},
    simulator::Remote,
    town,
};

/// What is waited for takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The programs, as tests/tools.bash finds or gets them.
pub struct Tools {
    prometheus: PathBuf,
    blackbox: PathBuf,
}

/// What came of it.
pub struct Peer {
    /// Look-ups that arrived at the simulator.
    pub probes: u32,
    /// blackbox_exporter's time on a processor for each of them.
    pub cpu: Duration,
    /// Prometheus's.
    pub prometheus_cpu: Duration,
    pub resident: u64,
    pub prometheus_resident: u64,
    /// Mean duration of a probe, by its own measure.
    pub took: Duration,
}

impl Tools {
    /// # Errors
    /// What is missing on this machine.
    pub async fn find() -> Result<Self> {
        let script = "source tests/tools.bash && prometheus_on_path && blackbox_found && \
                      command -v prometheus && printf '%s\\n' \"$LOCKWATCH_BENCH_BLACKBOX\"";
        let found = Command::new("bash")
            .args(["-c", script, "benches/load"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."),
            )
            .output()
            .await?;
        let said = String::from_utf8(found.stdout)?;
        let mut lines = said.lines().map(PathBuf::from);
        let (Some(prometheus), Some(blackbox)) = (lines.next(), lines.next()) else {
            anyhow::bail!(
                "{}",
                String::from_utf8_lossy(&found.stderr).trim().to_owned()
            );
        };
        Ok(Self {
            prometheus,
            blackbox,
        })
    }

    /// Probes `users` every `interval` for two intervals, after one to begin with.
    pub async fn probe(&self, users: usize, interval: Duration) -> Result<Peer> {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut simulator = Remote::start(users).await?;
        let blackbox = Server::start(&self.blackbox, folder.path(), "blackbox", |command| {
            let config = folder.path().join("blackbox.yml");
            let module = json!({ "modules": { "zone": { "prober": "http", "timeout": "10s",
                "http": { "preferred_ip_protocol": "ip4", "follow_redirects": false } } } });
            fs::write(&config, module.to_string())?;
            command.arg(format!("--config.file={}", config.display()));
            Ok(())
        })
        .await?;
        let prometheus = Server::start(&self.prometheus, folder.path(), "prometheus", |command| {
            let config = folder.path().join("prometheus.yml");
            let told = scrapes(&simulator.base_url, &blackbox.address, users, interval);
            fs::write(&config, told.to_string())?;
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.tsdb.path={}/data",
                    folder.path().display()
                ));
            Ok(())
        })
        .await?;
        sleep(interval).await;
        let before = (
            blackbox.usage()?,
            prometheus.usage()?,
            look_ups(&mut simulator).await?,
        );
        sleep(2 * interval).await;
        let after = (
            blackbox.usage()?,
            prometheus.usage()?,
            look_ups(&mut simulator).await?,
        );
        let probes = after.2 - before.2;
        ensure!(probes > 0, "blackbox_exporter made no probe");
        Ok(Peer {
            probes,
            cpu: (after.0.cpu - before.0.cpu) / probes,
            prometheus_cpu: (after.1.cpu - before.1.cpu) / probes,
            resident: after.0.resident,
            prometheus_resident: after.1.resident,
            took: prometheus.mean_duration().await?,
        })
    }
}

async fn look_ups(simulator: &mut Remote) -> Result<u32> {
    let seen = simulator.seen().await?;
    let all: usize = seen.iter().map(|user| user.look_ups.len()).sum();
    Ok(all.try_into()?)
}

/// The configuration of a Prometheus that has blackbox_exporter look up everybody's zone.
fn scrapes(base_url: &Url, blackbox: &str, users: usize, interval: Duration) -> Value {
    let target = |number: usize| {
        let mut url = base_url.clone();
        url.set_path("atservicesrest/v1.0/zoneInformation");
        url.query_pairs_mut()
            .append_pair("user", &town::username(number));
        url
    };
    let targets: Vec<Url> = (0..users).map(target).collect();
    json!({
        "global": { "scrape_interval": format!("{}s", interval.as_secs()), "scrape_timeout": "10s" },
        "scrape_configs": [{
            "job_name": "zones",
            "metrics_path": "/probe",
            "params": { "module": ["zone"] },
            "static_configs": [{ "targets": targets }],
            "relabel_configs": [
                { "source_labels": ["__address__"], "target_label": "__param_target" },
                { "source_labels": ["__param_target"], "target_label": "instance" },
                { "target_label": "__address__", "replacement": blackbox },
            ],
        }],
    })
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    async fn start(
        program: &Path,
        folder: &Path,
        name: &str,
        dress: impl FnOnce(&mut Command) -> Result<()>,
    ) -> Result<Self> {
        let address = {
            let free = std::net::TcpListener::bind("127.0.0.1:0")?;
            free.local_addr()?.to_string()
        };
        let log = folder.join(format!("{name}.log"));
        let mut command = Command::new(program);
        dress(&mut command)?;
        let mut child = command
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            ensure!(
                child.try_wait()?.is_none() && Instant::now() < deadline,
                "{name} does not listen: {}",
                fs::read_to_string(&log)?
            );
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, address })
    }

    fn usage(&self) -> Result<Usage> {
        usage(self.child.id().context("it ended")?)
    }

    async fn mean_duration(&self) -> Result<Duration> {
        let mut url: Url = format!("http://{}/api/v1/query", self.address).parse()?;
        url.query_pairs_mut().append_pair(
            "query",
            "avg(probe_duration_seconds and probe_success == 1)",
        );
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        let answer: Value = http.get(url).send().await?.json().await?;
        let seconds = answer["data"]["result"][0]["value"][1].as_str();
        let seconds: f64 = seconds
            .with_context(|| format!("no probe succeeded: {answer}"))?
            .parse()?;
        Ok(Duration::from_secs_f64(seconds))
    }
}
