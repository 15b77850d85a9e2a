//! How lockwatch stands under load: `cargo bench --bench load` runs the release binary against the simulated Autotask in
//! another process, a peer for as many users, and the least that the same requests cost, and prints one table. A number over
//! its limit is told, not failed: it depends on the machine. What must hold on any machine fails.
//!
//! `cargo test` runs a small fleet for some seconds, for what must hold.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program for whoever develops: it prints, and a panic says what is wrong"
)]

mod arrivals;
mod bare;
mod case;
mod daemon;
mod peer;
mod process;
mod simulator;
mod table;
mod town;

use std::{env, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;

use bare::Cost;
use case::{Case, LAG_COUNT, Watched, difference};
use peer::{Peer, Tools};
use table::{Against, Report, mebibytes, micros, millis};

/// How lockwatch stands under load.
#[derive(Parser)]
struct Options {
    /// Users of the largest fleet.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Seconds between two of their checks.
    #[arg(long, default_value_t = 30)]
    interval: u64,
    /// Whole turns that every user is watched for.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only the largest fleet.
    #[arg(long)]
    only: bool,
    /// `cargo bench` says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What `cargo test` may call it by.
const LAW: &str = "load::law";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, users] if role == simulator::ROLE => simulator::serve(users.parse()?).await,
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            bench(&Options::parse()).await
        }
        // As other targets of tests: those that are asked for by name, or all.
        _ if arguments.iter().any(|argument| argument == "--list") => Ok(()),
        _ => {
            let mut names = arguments.iter().filter(|word| !word.starts_with('-'));
            if names.clone().next().is_none() || names.any(|name| LAW.contains(name.as_str())) {
                law().await
            } else {
                Ok(())
            }
        }
    }
}

/// A small fleet and its laws, for `cargo test`.
async fn law() -> Result<()> {
    let case = Case {
        users: 20,
        interval: Duration::from_secs(1),
        rounds: 3,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_lockwatch"));
    let watched = case.watch(program).await?;
    println!(
        "{} checks, each made once and accepted",
        watched.arrivals.checks
    );
    Ok(())
}

async fn bench(options: &Options) -> Result<()> {
    let large = Case {
        users: options.users,
        interval: Duration::from_secs(options.interval),
        rounds: options.rounds,
    };
    let program = daemon::released().await?;
    let mut report = Report::new();
    eprintln!("the least that a check costs");
    let (requests, commit) = least(&large).await?;
    let watched = fleet(&mut report, &program, &large).await?;
    report.row(
        "processor time a check, against two bare requests and two bare commits",
        micros(watched.cpu),
        "µs",
        Against::Other(micros(requests.cpu + 2 * commit.cpu)),
    );
    eprintln!("blackbox_exporter for as many");
    compare(&mut report, &large, &watched).await?;
    report.case("the least");
    report.row(
        "two requests, processor time of the client",
        micros(requests.cpu),
        "µs",
        Against::Nothing,
    );
    report.row(
        "two requests, time",
        millis(requests.wall),
        "ms",
        Against::Nothing,
    );
    report.row(
        "a commit on this disk, processor time",
        micros(commit.cpu),
        "µs",
        Against::Nothing,
    );
    report.row(
        "a commit on this disk, time",
        millis(commit.wall),
        "ms",
        Against::Nothing,
    );
    if !options.only {
        fleet(
            &mut report,
            &program,
            &Case {
                users: 1_000,
                interval: Duration::from_mins(1),
                rounds: 1,
            },
        )
        .await?;
        fleet(
            &mut report,
            &program,
            &Case {
                users: 100,
                interval: Duration::from_secs(10),
                rounds: 2,
            },
        )
        .await?;
    }
    println!("{report}");
    Ok(())
}

async fn least(case: &Case) -> Result<(Cost, Cost)> {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let simulator = simulator::Remote::start(case.users).await?;
    let requests = bare::requests(&simulator.base_url, case.users, 5_000).await?;
    let commits = bare::commits(folder.path(), 1_000).await?;
    Ok((requests, commits))
}

/// Watches one fleet and tells how it went.
async fn fleet(report: &mut Report, program: &Path, case: &Case) -> Result<Watched> {
    let name = format!(
        "{} users, each every {} s",
        case.users,
        case.interval.as_secs()
    );
    eprintln!("{name}");
    let watched = case.watch(program).await.context(name.clone())?;
    report.case(&name);
    let limit = |limit: f64, when: bool| {
        if when {
            Against::Limit(limit)
        } else {
            Against::Nothing
        }
    };
    let large = case.users >= 10_000;
    let Watched {
        arrivals,
        metrics,
        settled,
        scrapes,
        ..
    } = &watched;
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let count = |number: usize| number as f64;
    report.row(
        "start to ready, a new store",
        millis(watched.cold),
        "ms",
        limit(2_000.0, large),
    );
    report.row(
        "start to ready, a store that knows everybody",
        millis(watched.warm),
        "ms",
        limit(2_000.0, large),
    );
    report.row("checks", count(arrivals.checks), "", Against::Nothing);
    report.row(
        &format!("turns without a check, of {}", arrivals.turns),
        count(arrivals.missed),
        "",
        Against::Limit(0.0),
    );
    let all = difference(settled, metrics, LAG_COUNT)?;
    let in_time = "lockwatch_schedule_lag_seconds_bucket{le=\"0.1\"}";
    let late = all - difference(settled, metrics, in_time)?;
    report.row(
        "checks begun over 0.1 s late, by its own measure",
        100.0 * late / all,
        "%",
        Against::Limit(1.0),
    );
    for of_a_hundred in [50, 99] {
        report.row(
            &format!("look-up after its turn, as the simulator saw it, p{of_a_hundred}"),
            millis(arrivals.late(of_a_hundred)),
            "ms",
            limit(100.0, of_a_hundred == 99),
        );
    }
    let resident = if large { 150.0 } else { 20.0 };
    report.row(
        "resident, with whole histories, after scrapes",
        mebibytes(watched.usage.resident),
        "MiB",
        limit(resident, large || case.users <= 100),
    );
    report.row(
        "resident at most",
        mebibytes(watched.usage.resident_most),
        "MiB",
        Against::Nothing,
    );
    let mut took: Vec<_> = scrapes.iter().map(|scrape| scrape.took).collect();
    took.sort_unstable();
    report.row(
        "/metrics with gzip, median",
        millis(took[took.len() / 2]),
        "ms",
        Against::Limit(300.0),
    );
    report.row(
        "/metrics with gzip, slowest",
        millis(took[took.len() - 1]),
        "ms",
        Against::Limit(300.0),
    );
    report.row(
        "/metrics, length",
        mebibytes(metrics.len() as u64),
        "MiB",
        Against::Nothing,
    );
    report.row(
        "/ with gzip",
        millis(watched.page.took),
        "ms",
        Against::Nothing,
    );
    report.row(
        "/api/v1/users",
        millis(watched.api.took),
        "ms",
        Against::Nothing,
    );
    report.row(
        "/api/v1/users, length",
        mebibytes(watched.api.body.len() as u64),
        "MiB",
        Against::Nothing,
    );
    report.row(
        "processor time a check",
        micros(watched.cpu),
        "µs",
        Against::Nothing,
    );
    report.row(
        "the simulator's",
        micros(watched.simulator_cpu),
        "µs",
        Against::Nothing,
    );
    Ok(watched)
}

async fn compare(report: &mut Report, case: &Case, watched: &Watched) -> Result<()> {
    let peer = "against blackbox_exporter";
    let tools = match Tools::find().await {
        Ok(tools) => tools,
        Err(why) => {
            report.without(peer, &why.to_string());
            return Ok(());
        }
    };
    let Peer {
        probes,
        cpu,
        prometheus_cpu,
        resident,
        prometheus_resident,
        took,
    } = tools.probe(case.users, case.interval).await?;
    let grown = |part: &str| {
        let series = format!("autotask_probe_latency_seconds_{part}{{probe=\"zone\"}}");
        difference(&watched.settled, &watched.metrics, &series)
    };
    let mean = grown("sum")? / grown("count")?;
    report.row("processor time a check of two requests, against a probe of one request by blackbox_exporter", micros(watched.cpu), "µs", Against::Other(micros(cpu)));
    report.row(
        "the same, with the Prometheus that schedules it",
        micros(watched.cpu),
        "µs",
        Against::Other(micros(cpu + prometheus_cpu)),
    );
    let ours = mebibytes(watched.usage.resident);
    report.row(
        "resident, against blackbox_exporter",
        ours,
        "MiB",
        Against::Other(mebibytes(resident)),
    );
    report.row(
        "resident, against it and its Prometheus",
        ours,
        "MiB",
        Against::Other(mebibytes(resident + prometheus_resident)),
    );
    report.row(
        "mean time of a look-up, against its probe",
        1e3 * mean,
        "ms",
        Against::Other(millis(took)),
    );
    report.row(
        "its probes in two intervals",
        f64::from(probes),
        "",
        Against::Nothing,
    );
    Ok(())
}
