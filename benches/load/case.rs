//! One fleet, watched for a while: from nothing to ready, and then, restarted with a store that knows everybody for an hour,
//! turn after turn.

use std::{net::TcpListener, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use lockwatch::{
    clock,
    diagnose::Reason,
    record::{PastCheck, Recent},
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    arrivals::Arrivals,
    daemon::{Answer, Daemon},
    process::Usage,
    simulator::Remote,
    town::{self, Settings},
};

/// The checks that began.
pub const LAG_COUNT: &str = "lockwatch_schedule_lag_seconds_count";
/// Checks that lockwatch remembers of a user.
const REMEMBERED: i64 = 120;

/// What is to be watched.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub users: usize,
    pub interval: Duration,
    /// Whole turns that every user has.
    pub rounds: u32,
}

/// What came of it.
pub struct Watched {
    /// From nothing to ready.
    pub cold: Duration,
    /// The same with a store that knows everybody.
    pub warm: Duration,
    pub arrivals: Arrivals,
    /// At the end, after all scrapes.
    pub usage: Usage,
    /// The metrics when everybody had been checked since the start.
    pub settled: String,
    /// Time on a processor for each check, scrapes left out.
    pub cpu: Duration,
    /// The simulator's, for the same.
    pub simulator_cpu: Duration,
    /// `/metrics` as Prometheus asks for it, again and again.
    pub scrapes: Vec<Answer>,
    /// The metrics at the end.
    pub metrics: String,
    /// The page and the list of the API, and how long a request of health had to wait meanwhile.
    pub page: Answer,
    pub api: Answer,
}

impl Case {
    /// Until every user has been checked.
    fn first(&self) -> Duration {
        self.interval + Duration::from_secs(1)
    }

    /// And until each then has had its turns.
    fn time(&self) -> Duration {
        (self.rounds + 1) * self.interval
    }

    pub async fn watch(&self, program: &Path) -> Result<Watched> {
        // On a disk: a store in memory would be no store.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut simulator = Remote::start(self.users).await?;
        let port = free_port()?;
        let settings = Settings {
            autotask: &simulator.base_url,
            port,
            interval: self.interval.as_secs(),
            users: self.users,
        };
        town::write(folder.path(), &settings)?;
        let daemon = Daemon::start(program, folder.path(), port).await?;
        let cold = daemon.ready_after;
        daemon.stop().await?;
        an_hour_later(folder.path()).await?;

        let daemon = Daemon::start(program, folder.path(), port).await?;
        let warm = daemon.ready_after;
        // Who became due while nobody was there is late, and is no measure of the schedule.
        sleep(self.first()).await;
        let settled_at = clock::now();
        let settled = daemon.metrics().await?;
        let (began, simulators) = (daemon.usage()?, simulator.usage()?);
        let end = Instant::now() + self.time();
        let (mut scrapes, mut scraping) = (Vec::new(), Duration::ZERO);
        while Instant::now() < end {
            sleep((self.interval / 2).min(end - Instant::now())).await;
            let before = daemon.usage()?.cpu;
            scrapes.push(daemon.get("/metrics", "gzip").await?);
            scraping += daemon.usage()?.cpu - before;
        }
        let seen = simulator.seen().await?;
        let until = clock::now();
        let arrivals = Arrivals::of(&seen, self.interval, settled_at, until)
            .with_context(|| format!("lockwatch said: {}", daemon.said()))?;
        let (usage, simulated) = (daemon.usage()?, simulator.usage()?);
        let metrics = daemon.metrics().await?;
        let checks = difference(&settled, &metrics, LAG_COUNT)?;
        ensure!(checks > 0.0, "no check was made while it was watched");
        let page = daemon.get("/", "gzip").await?;
        let api = daemon.get("/api/v1/users", "identity").await?;
        ensure!(
            value(
                &metrics,
                "autotask_probes_total{outcome=\"accepted\",probe=\"query\"}"
            )? > 0.0,
            "nobody was accepted"
        );
        ensure!(
            !daemon.said().contains("ERROR"),
            "lockwatch said: {}",
            daemon.said()
        );
        daemon.stop().await?;
        Ok(Watched {
            cold,
            warm,
            arrivals,
            cpu: (usage.cpu - began.cpu)
                .saturating_sub(scraping)
                .div_f64(checks),
            simulator_cpu: (simulated.cpu - simulators.cpu).div_f64(checks),
            usage,
            scrapes,
            settled,
            metrics,
            page,
            api,
        })
    }
}

/// How much a counter grew.
pub fn difference(before: &str, after: &str, series: &str) -> Result<f64> {
    Ok(value(after, series)? - value(before, series)?)
}

/// The value of one series.
pub fn value(metrics: &str, series: &str) -> Result<f64> {
    let line = |line: &str| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned());
    let value = metrics.lines().find_map(line);
    Ok(value.with_context(|| format!("no {series}"))?.parse()?)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Gives everybody as long a history as lockwatch keeps: memory is at its most then.
async fn an_hour_later(folder: &Path) -> Result<()> {
    let past = |nth: i64| PastCheck {
        at: clock::now().as_millisecond() - (REMEMBERED - nth) * 30_000,
        reason: Reason::Ok,
        zone_ms: 40,
        query_ms: Some(80),
    };
    let recent: Recent = (0..REMEMBERED).map(past).collect();
    let options = SqliteConnectOptions::new().filename(folder.join("lockwatch.db"));
    let mut db = SqliteConnection::connect_with(&options).await?;
    sqlx::query("UPDATE users SET recent = $1")
        .bind(recent.packed())
        .execute(&mut db)
        .await?;
    Ok(db.close().await?)
}
