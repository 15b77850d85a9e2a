//! Sees that there is a usable store: looks after the one that is open, and tries the one that is not again. When it is back,
//! users and board are brought in step with it, and normal work goes on without a restart.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{App, host_name, shown::entries};
use crate::{
    board::Entry,
    check::Checker,
    config::StoreLocation,
    metrics::Metrics,
    notify::Kind,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, tenure::Tenure},
    telemetry::chain,
};

/// An open store is looked at, and an unusable one tried, so often.
const LOOK: Duration = Duration::from_secs(5);
/// Another daemon that is asked to end needs `Setup::patience` for it, and a little more.
const SLACK: Duration = Duration::from_secs(3);
/// It is waited for no longer, however long its requests may take: systemd and others give a start about a minute or two.
const LONGEST: Duration = Duration::from_secs(30);
/// While it is waited for, it is looked so often.
const AGAIN: Duration = Duration::from_millis(250);

/// Opens the store of a configuration and brings it in step, or keeps its place until it can be used.
///
/// # Errors
/// When waiting mends nothing: another lockwatch works on it, or its address is not to be had.
pub(super) async fn open(setup: &Setup, metrics: &Metrics) -> Result<Keeper, StoreError> {
    let location = &setup.config.store;
    let tenure = Tenure::default();
    match open_after_others(location, &tenure, setup, metrics).await {
        Ok(store) => Ok(Keeper::of(store, location).holding(tenure)),
        Err(why @ (StoreError::Taken { .. } | StoreError::NoAddress(_))) => Err(why),
        Err(cause) => {
            let keeper = Keeper::without(location, &cause).holding(tenure);
            if let Some(trouble) = keeper.trouble() {
                tracing::error!(
                    advice = trouble.advice,
                    "{}: no attempt is made; zones are looked up, and the store is tried again every {} s",
                    trouble.why,
                    LOOK.as_secs()
                );
            }
            Ok(keeper)
        }
    }
}

/// Where another daemon works on the store, it may be about to end: a restart that overlaps.
async fn open_after_others(
    location: &StoreLocation,
    tenure: &Tenure,
    setup: &Setup,
    metrics: &Metrics,
) -> Result<Store, StoreError> {
    let patience = (setup.patience() + SLACK).min(LONGEST);
    let deadline = Instant::now() + patience;
    let mut told = false;
    loop {
        match open_in_step(location, tenure, setup, metrics).await {
            Err(StoreError::Taken { store, by }) if Instant::now() < deadline => {
                if !told {
                    tracing::warn!(
                        "another lockwatch uses the store {store}{by}; waiting up to {} s for its end",
                        patience.as_secs()
                    );
                }
                told = true;
                sleep(AGAIN).await;
            }
            opened => return opened,
        }
    }
}

async fn open_in_step(
    location: &StoreLocation,
    tenure: &Tenure,
    setup: &Setup,
    metrics: &Metrics,
) -> Result<Store, StoreError> {
    let store = Store::open_alone(location, tenure).await?;
    let now = store.now();
    // Also the proof that it can be written.
    bring_in_step(&store, setup, &host_name(), metrics, now).await?;
    Ok(store)
}

/// The users become those of the configuration. Whoever goes while its incident is open leaves notices, which are counted.
pub(super) async fn bring_in_step(
    store: &Store,
    setup: &Setup,
    host: &str,
    metrics: &Metrics,
    now: Timestamp,
) -> Result<(), StoreError> {
    let wants = setup.wants(host, now);
    let outcome = match wants.telling.unsendable {
        Some(_) => "not_configured",
        None => "owed",
    };
    let partings = store.sync(wants, setup.limits(), now).await?;
    for _ in 0..partings.iter().map(|parting| parting.notices).sum() {
        metrics.noticed(Kind::Recovered.as_str(), outcome);
    }
    Ok(())
}

/// Runs until stopping.
pub(super) async fn care(app: Arc<App>) {
    // What died before the start is known from the start.
    if let Ok(store) = app.checker.store.get()
        && let Err(cause) = report_outbox(&app, &store).await
    {
        heard(&app, &cause);
    }
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = sleep(LOOK) => {}
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = look(&app) => {}
        }
    }
}

async fn look(app: &App) {
    let keeper = &app.checker.store;
    let result = match keeper.get() {
        // Small reads: the writer alone would not notice a damaged file for long.
        Ok(store) => match keeper.tenure().keep(keeper.location()).await {
            Ok(()) => report_outbox(app, &store).await,
            Err(taken) => Err(taken),
        },
        Err(_) => try_again(app).await,
    };
    if let Err(cause) = result {
        heard(app, &cause);
    }
}

/// A failure that is not the store's would be nobody's.
fn heard(app: &App, cause: &StoreError) {
    app.checker.store.lose(cause);
    if app.checker.store.trouble().is_none() {
        tracing::error!(cause = chain(cause), "failed to look at the outbox");
    }
}

/// Keeps what waits and what will never arrive, for whoever asks.
async fn report_outbox(app: &App, store: &Store) -> Result<(), StoreError> {
    let report = store.outbox_report(store.now()).await?;
    app.checker.metrics.dead_letters(report.letters_total);
    app.outbox.send_replace(Some(report));
    Ok(())
}

async fn try_again(app: &App) -> Result<(), StoreError> {
    // A reload would change the users in between.
    let _one_at_a_time = app.reloading.lock().await;
    let keeper = &app.checker.store;
    if keeper.is_gone() {
        return Err(StoreError::Gone);
    }
    let setup = app.setup.borrow().clone();
    let store = Store::open_alone(keeper.location(), keeper.tenure()).await?;
    keeper.recognise(&store)?;
    let now = store.now();
    let Checker { host, metrics, .. } = &*app.checker;
    bring_in_step(&store, &setup, host, metrics, now).await?;
    let board = &app.checker.board;
    let stored = entries(&store, &setup).await?.into_iter();
    let stored = stored.map(|entry| match board.get(&entry.user.id) {
        Some(shown) => with_look_ups(entry, &shown),
        None => entry,
    });
    board.replace(stored.collect());
    let since = keeper.trouble().map(|trouble| trouble.since.to_string());
    keeper.regain(store);
    app.checker.outbox.notify_one();
    tracing::info!(
        lost_since = since,
        "the store works again: users are checked as before"
    );
    Ok(())
}

/// What the store knows of a user, and what look-ups have shown since.
fn with_look_ups(mut entry: Entry, shown: &Entry) -> Entry {
    if shown.record.last_check > entry.record.last_check {
        entry.record.last_check = shown.record.last_check;
        entry.record.zone_probe.clone_from(&shown.record.zone_probe);
        if shown.record.zone.is_some() {
            entry.record.zone.clone_from(&shown.record.zone);
        }
    }
    entry
}
