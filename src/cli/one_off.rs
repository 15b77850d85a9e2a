//! `probe --username`: a user that is not configured. Its attempts are counted in a small store of their own, because
//! Autotask counts them too: two in 24 h.

mod wait;

use std::{
    env,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    ConfigArg, DEFAULT_CONFIG,
    daemon::Step,
    exit::{Exit, Failure},
    probe::opened,
    report,
    wait::Teller,
};
use crate::{
    app,
    attempt::Asker,
    autotask::hosts::AllowedHosts,
    config::{
        self, Config, Ephemeral, StoreLocation,
        secret::{CodeText, SecretSource},
    },
    schedule::check_now,
    telemetry::LogLevel,
    user::{Known, User, UserId, Username},
    web::view::{UserView, Users},
};

pub(super) async fn probe(
    config: &ConfigArg,
    username: &str,
    json: bool,
    wait: bool,
) -> Result<Exit, Failure> {
    let username = Username::parse(username.trim()).map_err(|shape| {
        Failure::usage(format!(
            "--username wants the API user's username (key): {shape}"
        ))
    })?;
    let (autotask, activation) = match app::load(&config.path).await {
        Ok(config) => {
            if let Some(user) = config
                .users
                .iter()
                .find(|user| user.username.key() == username.key())
            {
                let instead = if user.enabled {
                    format!(
                        "run `lockwatch probe {}`, which spends that user's budget",
                        user.id
                    )
                } else {
                    format!("the user {} is not enabled", user.id)
                };
                return Err(Failure::usage(format!(
                    "this username is configured: {instead}"
                )));
            }
            (config.autotask, config.lockout.activation)
        }
        // A configuration that is there, or that somebody named, must be readable: it may hold this very user.
        Err(problems) if !is_default(config) || !matches!(config.path.try_exists(), Ok(false)) => {
            return Err(problems.into());
        }
        Err(_) => (default_autotask()?, config::DEFAULT_ACTIVATION),
    };
    let (secret, code) = tokio::task::spawn_blocking(ask)
        .await
        .map_err(|why| Failure::internal(why.to_string()))??;
    let key = username.key();
    let id = UserId::parse("one-off").map_err(Failure::internal)?;
    let config = one_user(
        &id,
        username,
        secret,
        code,
        autotask,
        state_folder()?.join("probes.db"),
    );
    let (checker, setup) = opened(config).await?;
    let tell = |step: crate::check::Progress| {
        if !json {
            report::step(&Step::from(step));
        }
    };
    let teller = wait.then(|| Teller::new(json));
    let result = match &teller {
        Some(teller) => wait::wait(&checker, &setup, &id, activation, teller).await,
        None => check_now(&checker, &setup, &id, Asker::OneOff, &tell)
            .await
            .map(Some)
            .map_err(|why| Failure::internal(why.to_string())),
    };
    let left = match checker.store.get() {
        Ok(store) => store.one_off_left(&key).await,
        Err(why) => Err(why),
    };
    checker.store.close().await;
    let Some(entry) = result? else {
        return Ok(Exit::Interrupted);
    };
    let user = unconfigured(UserView::from(&*entry), left?);
    let found = entry
        .record
        .zone_probe
        .as_ref()
        .is_some_and(|probe| probe.success);
    if let Some(why) = user.not_attempted.as_ref().filter(|_| found) {
        // What an earlier call found says nothing about what was typed now.
        return Err(Failure::usage(format!(
            "no attempt was made, so nothing is known about this credential: {why}"
        )));
    }
    let exit = Exit::of_states([user.state.as_str()]);
    match teller {
        Some(teller) => teller.result(entry.user.username.as_str(), &user),
        None if json => report::json(&Users {
            users: vec![user],
            outbox_pending: 0,
            outbox: None,
            store_trouble: None,
            reload_refused: None,
            config: None,
        }),
        None => report::result(&user),
    }
    Ok(exit)
}

/// A view of a user that no daemon watches: nothing is held, and the last step of each remedy, which is lockwatch's own
/// configuration, does not apply.
fn unconfigured(mut user: UserView, left: Result<usize, Timestamp>) -> UserView {
    let step = match left {
        Ok(2..) => "Probe it again; two attempts within 24 h are possible.".to_owned(),
        Ok(_) => "Probe it again; one more attempt within 24 h is possible.".to_owned(),
        Err(until) => format!(
            "Probe it again after {}: two attempts within 24 h are made, and none is left before.",
            until.strftime("%F %T UTC")
        ),
    };
    user.held = false;
    user.held_why = None;
    for cause in user
        .incident
        .iter_mut()
        .flat_map(|incident| &mut incident.causes)
    {
        cause.steps.pop();
        cause.steps.push(step.clone());
    }
    user
}

/// Whether nobody named another configuration.
fn is_default(config: &ConfigArg) -> bool {
    config.path == Path::new(DEFAULT_CONFIG)
}

/// Both secrets: from the terminal, the first one hidden; else two lines of standard input.
fn ask() -> Result<(SecretString, SecretString), Failure> {
    let failed = |why: io::Error| Failure::usage(format!("failed to read the secret: {why}"));
    let line = || -> Result<String, Failure> {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(failed)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    let secret = if io::stdin().is_terminal() {
        rpassword::prompt_password("Secret (not shown): ").map_err(failed)?
    } else {
        line()?
    };
    if io::stdin().is_terminal() {
        let mut out = io::stderr();
        // The prompt is a courtesy; what is typed counts.
        let _ = write!(out, "Integration code: ").and_then(|()| out.flush());
    }
    let code = line()?;
    if secret.is_empty() || code.is_empty() {
        return Err(Failure::usage(
            "the secret and the integration code must not be empty",
        ));
    }
    if CodeText::of(&code) != CodeText::Code {
        return Err(Failure::usage(
            "--username wants the integration code itself; for a user whose code only the vendor knows, write integration_code = \"vendor-held\" into the configuration",
        ));
    }
    Ok((secret.into(), code.into()))
}

fn state_folder() -> Result<PathBuf, Failure> {
    let base = env::var_os("XDG_STATE_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let base = base.or_else(home).filter(|path| path.is_absolute());
    let base = base.ok_or_else(|| {
        Failure::usage(
            "there is no folder to count attempts in: set XDG_STATE_HOME to an absolute path",
        )
    })?;
    Ok(base.join("lockwatch"))
}

fn default_autotask() -> Result<config::Autotask, Failure> {
    let base_url = "https://webservices.autotask.net/";
    Ok(config::Autotask {
        base_url: base_url
            .parse()
            .map_err(|_| Failure::internal("the vendor's address is none"))?,
        allowed_hosts: AllowedHosts::new(vec!["*.autotask.net".to_owned()]),
        timeout: Duration::from_secs(10),
        ca_file: None,
        proxy: None,
    })
}

/// A configuration of this one user. One rejection is all there will be, so it is judged at once.
fn one_user(
    id: &UserId,
    username: Username,
    secret: SecretString,
    code: SecretString,
    autotask: config::Autotask,
    store: PathBuf,
) -> Config {
    let tenant = username
        .as_str()
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_owned();
    let user = User {
        id: id.clone(),
        username,
        known: Known::All {
            secret: SecretSource::Plain(secret),
            integration_code: SecretSource::Plain(code),
        },
        notify: Vec::new(),
        tenant,
        integration: None,
        entity: "Companies".to_owned(),
        interval: Duration::from_mins(5),
        enabled: true,
        created: None,
        place: None,
        labels: std::collections::BTreeMap::default(),
    };
    Config {
        files: Vec::new(),
        include: Vec::new(),
        sha256: String::new(),
        autotask,
        schedule: config::Schedule { max_in_flight: 1 },
        lockout: config::Lockout {
            max_rejections: 1,
            max_unanswered: 4,
            activation: Duration::ZERO,
            confirm_after: Duration::ZERO,
            retry_held_after: Vec::new(),
        },
        store: StoreLocation::Sqlite(store),
        // Somebody sits at the keyboard: no restart loop spends attempts, and a home in memory is no fault.
        ephemeral: Ephemeral::Allowed,
        email: None,
        web: config::Web {
            listen: ([127, 0, 0, 1], 0).into(),
            token: None,
            protect_reads: false,
            external_url: None,
        },
        log_level: LogLevel::default(),
        users: vec![Arc::new(user)],
    }
}
