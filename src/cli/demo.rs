//! `demo`: the daemon's main job against a simulated Autotask, on a fast clock, with mails in files.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{sync::mpsc, time::interval};

use super::{
    address, duration,
    exit::{Exit, Failure},
    report, run,
};
use crate::{
    app::Daemon,
    autotask::hosts::AllowedHosts,
    board::Entry,
    clock,
    config::{self, Config, Ephemeral, StoreLocation, Transport, secret::SecretSource},
    demo::{
        Simulator,
        scenario::{self, CodeIs, DemoUser},
        table::{LiveTable, Row},
    },
    telemetry::LogLevel,
    user::{Known, User, UserId, Username},
};

/// A demo's five minutes.
const INTERVAL: Duration = Duration::from_secs(2);
const CONFIRM_AFTER: Duration = Duration::from_millis(1500);
const ACTIVATION: Duration = Duration::from_secs(16);
const GROUP_WAIT: Duration = Duration::from_secs(2);
const REOPEN_WITHIN: Duration = Duration::from_secs(10);
const UNCLEAR_AFTER: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End by itself after this, such as 30s.
    #[arg(long = "for", value_parser = duration, value_name = "DURATION")]
    duration: Option<Duration>,
    /// Where the endpoint listens; without it 127.0.0.1:9477, or a free port when that is taken.
    #[arg(long, value_parser = address)]
    listen: Option<SocketAddr>,
    /// Print one line of JSON with addresses and users, and nothing else on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) async fn demo(args: Args) -> Result<Exit, Failure> {
    let (world, users, events) = scenario::scenario();
    let simulator = Simulator::start(world).await.map_err(|why| {
        Failure::internal(format!("failed to start the simulated Autotask: {why}"))
    })?;
    let folder = tempfile::Builder::new()
        .prefix("lockwatch-demo-")
        .tempdir()
        .map_err(|why| Failure::internal(format!("failed to make a folder: {why}")))?
        .keep();
    let daemon = prepare(args.listen, &users, &simulator, &folder).await?;
    let app = daemon.app();
    run::Signals::listen()?.obey(&app);
    let web = daemon
        .address()
        .map_err(|why| Failure::internal(why.to_string()))?;
    let mail = folder.join("mail");
    let mut table = introduce(&args, &users, &simulator, web, &mail);

    let (tell, mut tellings) = mpsc::unbounded_channel();
    let stopping = app.stopping.clone();
    let world = simulator.world();
    let story = async {
        scenario::play(&world, &events, &stopping, |what| {
            // Ends with the demo; nobody misses what comes after.
            let _ = tell.send(what.to_owned());
        })
        .await;
        stopping.cancelled().await;
    };
    let end = async {
        match args.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
        app.stopping.cancel();
        std::future::pending::<()>().await;
    };
    let show = async {
        let mut tick = interval(Duration::from_millis(250));
        let mut told = clock::now();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    table.update(&rows(&app.checker.board.all(), &users));
                    // A store that cannot be read now is read at the next tick.
                    let sent = async { app.checker.store.get()?.sent_after(told).await };
                    for sent in sent.await.unwrap_or_default() {
                        table.event(&format!("mail to {}: {} {}", sent.recipient, sent.kind, sent.user));
                        told = sent.at;
                    }
                }
                Some(what) = tellings.recv() => table.event(&what),
            }
        }
    };
    let daemon = tokio::spawn(daemon.run());
    let ended = tokio::select! {
        ended = daemon => ended,
        () = async { tokio::join!(story, end, show); } => Ok(Ok(())),
    };
    // The last picture stands before what is printed next.
    drop(table);
    ended.map_err(|why| Failure::internal(why.to_string()))??;
    simulator.shutdown();
    report::note(format!("mails stay in {}", mail.display()));
    Ok(Exit::Ok)
}

async fn prepare(
    listen: Option<SocketAddr>,
    users: &[DemoUser],
    simulator: &Simulator,
    folder: &Path,
) -> Result<Daemon, Failure> {
    let first = listen.unwrap_or(config::DEFAULT_LISTEN);
    let prepared = Daemon::prepare(config(users, simulator, folder, first)?, None).await;
    match prepared {
        Err(_) if listen.is_none() => {
            let any = ([127, 0, 0, 1], 0).into();
            Ok(Daemon::prepare(config(users, simulator, folder, any)?, None).await?)
        }
        prepared => Ok(prepared?),
    }
}

/// The demo's lockwatch is configured like any other, only faster.
fn config(
    users: &[DemoUser],
    simulator: &Simulator,
    folder: &Path,
    listen: SocketAddr,
) -> Result<Config, Failure> {
    let address = |text: &str| {
        text.parse()
            .map_err(|_| Failure::internal(format!("{text} is no address")))
    };
    let mut configured = Vec::new();
    for user in users {
        configured.push(Arc::new(User {
            id: UserId::parse(user.id).map_err(Failure::internal)?,
            username: Username::new(user.username),
            known: known(user),
            notify: vec![address(&format!("it@{}.example", user.tenant))?],
            tenant: user.tenant.to_owned(),
            integration: Some(user.integration.to_owned()),
            entity: user.entity.to_owned(),
            interval: INTERVAL,
            enabled: true,
            // Everybody but the new one has been there for long.
            created: Some(if user.is_new {
                clock::now()
            } else {
                clock::now() - Duration::from_hours(1)
            }),
            place: None,
            labels: BTreeMap::new(),
        }));
    }
    configured.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Config {
        files: Vec::new(),
        include: Vec::new(),
        sha256: "demo".to_owned(),
        autotask: config::Autotask {
            base_url: simulator.base_url().clone(),
            allowed_hosts: AllowedHosts::new(vec!["127.0.0.1".to_owned()]),
            timeout: Duration::from_secs(1),
            ca_file: None,
            proxy: None,
        },
        schedule: config::Schedule { max_in_flight: 64 },
        lockout: config::Lockout {
            max_rejections: 2,
            max_unanswered: 4,
            activation: ACTIVATION,
            confirm_after: CONFIRM_AFTER,
            // Nobody waits so long here.
            retry_held_after: Vec::new(),
        },
        log_level: LogLevel::default(),
        store: StoreLocation::Sqlite(folder.join("lockwatch.db")),
        ephemeral: Ephemeral::Allowed,
        email: Some(config::Email {
            from: address("lockwatch@msp.example")?,
            to: vec![address("ops@msp.example")?],
            copy_operator: true,
            // Nobody watches so long.
            remind_every: None,
            group_wait: GROUP_WAIT,
            reopen_within: REOPEN_WITHIN,
            unclear_after: UNCLEAR_AFTER,
            transport: Transport::File {
                directory: folder.join("mail"),
            },
        }),
        web: config::Web {
            listen,
            token: None,
            protect_reads: false,
            external_url: None,
        },
        users: configured,
    })
}

fn known(user: &DemoUser) -> Known {
    let secret = SecretSource::Plain(user.secret.into());
    match user.code {
        CodeIs::Known => Known::All {
            secret,
            integration_code: SecretSource::Plain(user.integration_code.into()),
        },
        CodeIs::VendorHeldVerified => Known::Secret(secret),
        CodeIs::VendorHeld => Known::Nothing,
    }
}

fn introduce(
    args: &Args,
    users: &[DemoUser],
    simulator: &Simulator,
    web: SocketAddr,
    mail: &PathBuf,
) -> LiveTable {
    let page = format!("http://{web}/");
    let mut addresses = vec![
        format!("page     {page}"),
        format!("metrics  {page}metrics"),
        format!("mails    {}", mail.display()),
        format!("Autotask {} (simulated)", simulator.base_url()),
        format!("try      lockwatch status --url {page}"),
    ];
    if !web.ip().to_canonical().is_loopback() {
        addresses.push(format!(
            "open     everybody who reaches port {} of this host may read all of this, for there is no token",
            web.port()
        ));
    }
    if !args.json {
        return LiveTable::new(&addresses);
    }
    let users: Vec<_> = users
        .iter()
        .map(|user| {
            json!({
                "id": user.id,
                "username": user.username,
                "secret": user.secret,
                "integration_code": user.integration_code,
            })
        })
        .collect();
    let first = json!({
        "autotask": simulator.base_url(),
        "web": page,
        "mail": mail,
        "users": users,
    });
    report::say(first.to_string());
    LiveTable::lines(Box::new(io::stderr()), &addresses)
}

fn rows(entries: &[Arc<Entry>], users: &[DemoUser]) -> Vec<Row> {
    let story = |id: &UserId| {
        users
            .iter()
            .find(|user| user.id == id.as_str())
            .map_or("", |user| user.story)
    };
    entries
        .iter()
        .map(|entry| Row {
            id: entry.user.id.to_string(),
            tenant: entry.user.tenant.clone(),
            state: entry.state().to_owned(),
            reason: entry.record.state.reason.as_str().to_owned(),
            detail: story(&entry.user.id).to_owned(),
        })
        .collect()
}
