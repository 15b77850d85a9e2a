//! Checks in this process, where no daemon answers: the store is opened here, and left to the daemon that has it after all.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::Prober;
use crate::{
    app::host_name,
    board::Board,
    check::Checker,
    cli::{exit::Failure, report},
    config::{Config, StoreLocation},
    metrics::Metrics,
    setup::Setup,
    store::{
        Store, StoreError,
        keeper::Keeper,
        place::{self, other_owner},
        tenure::Tenure,
    },
    user::UserId,
};

/// Another probe has the store for itself for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// Meanwhile it is looked so often.
const AGAIN: Duration = Duration::from_millis(100);

/// Everything that a check needs, in this process. Where a daemon works on the store after all, it is its guest: the budget
/// is in the store, and so are the users, which are the daemon's to change.
pub(super) async fn here(config: Config, ids: &[UserId]) -> Result<Prober, Failure> {
    if let StoreLocation::Sqlite(path) = &config.store {
        owns(path)?;
    }
    place::make_ready(&config.store, config.ephemeral)?;
    let setup = Setup::new(config)?;
    let location = &setup.config.store;
    let taken = match alone_in_step(location, &setup).await {
        Err(StoreError::Taken { store, by }) => Some(format!("{store}{by}")),
        other => other
            .map(|()| None)
            .map_err(|why| unusable(&why, location))?,
    };
    let opened = Store::open(location).await;
    let store = opened.map_err(|why| unusable(&why, location))?;
    if let Some(taken) = taken {
        report::note(format!(
            "no daemon answers, but one works on the store {taken}; probing from the same budget"
        ));
        for id in ids {
            let name = setup.user(id).map(|user| user.username.key());
            let known = store.watches(id, &name.unwrap_or_default()).await;
            if !known.map_err(|why| unusable(&why, location))? {
                return Err(Failure::config(format!(
                    "{id} is not among the users of that lockwatch: reload it, or end it; no attempt was made"
                )));
            }
        }
    }
    let checker = checker(Keeper::of(store, location))?;
    Ok(Prober::Here(Box::new(checker), Box::new(setup)))
}

/// Whether a store belongs to us, or would; if not, what to run instead.
fn owns(store: &Path) -> Result<(), Failure> {
    // Where there is none yet, root must not make it in the daemon's place.
    let Some(owner) = other_owner(store) else {
        return Ok(());
    };
    if !rustix::process::geteuid().is_root() && matches!(store.try_exists(), Ok(false)) {
        // Whoever may write there makes a store of its own; whoever may not is told so when it is opened.
        return Ok(());
    }
    Err(Failure::usage(format!(
        "no daemon answers, and the store {} belongs to another user (uid {owner}): start the daemon, or run this command as that user, for example with: sudo -u '#{owner}' lockwatch …",
        store.display(),
    ))
    .advise(format!(
        "in a container: what is mounted at {} must belong to the container's user, uid {}",
        store.parent().unwrap_or(store).display(),
        rustix::process::geteuid().as_raw(),
    )))
}

/// Alone for no longer than that: a daemon that starts now must not wait for us. Another probe is as brief, and is waited for;
/// a daemon stays.
async fn alone_in_step(location: &StoreLocation, setup: &Setup) -> Result<(), StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tenure = Tenure::default();
        match Store::open_alone(location, &tenure).await {
            Err(StoreError::Taken { .. }) if Instant::now() < deadline => sleep(AGAIN).await,
            opened => {
                let alone = opened?;
                let done = bring_in_step(&alone, setup).await;
                alone.close().await;
                return done;
            }
        }
    }
}

/// The store, open and in step with the configuration. Here nobody waits for one that cannot be used.
pub(in crate::cli) async fn opened(config: Config) -> Result<(Checker, Setup), Failure> {
    let setup = Setup::new(config)?;
    let location = &setup.config.store;
    let open = async {
        let store = Store::open(location).await?;
        bring_in_step(&store, &setup).await?;
        Ok(store)
    };
    let store = open.await.map_err(|why| unusable(&why, location))?;
    Ok((checker(Keeper::of(store, location))?, setup))
}

async fn bring_in_step(store: &Store, setup: &Setup) -> Result<(), StoreError> {
    let now = store.now();
    let wants = setup.wants(&host_name(), now);
    store.sync(wants, setup.limits(), now).await.map(drop)
}

/// The same words as the daemon's.
fn unusable(why: &StoreError, location: &StoreLocation) -> Failure {
    let trouble = Keeper::without(location, why).trouble();
    let said = trouble.map_or_else(
        || why.to_string(),
        |trouble| format!("{}; no attempt was made. {}", trouble.why, trouble.advice),
    );
    Failure::config(said)
}

fn checker(store: Keeper) -> Result<Checker, Failure> {
    let metrics = Metrics::new().map_err(|why| Failure::internal(why.to_string()))?;
    Ok(Checker {
        store,
        metrics: Arc::new(metrics),
        board: Arc::new(Board::default()),
        host: host_name(),
        outbox: Arc::new(Notify::new()),
        stopping: CancellationToken::new(),
    })
}
