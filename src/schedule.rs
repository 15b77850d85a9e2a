//! Claims users that are due and runs their checks; runs checks that somebody asks for. One flight a user: the claim.
//! Without a usable store there are no claims: `without_store` goes on with zone look-ups.

mod without_store;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, interval, sleep, sleep_until, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    attempt::Asker,
    board::Entry,
    check::{CheckError, Checker, Progress},
    clock,
    setup::Setup,
    store::{
        StoreError,
        users::{Claim, Claimed},
    },
    telemetry::chain,
    user::UserId,
};

/// Claims are made so far ahead, so that checks begin on time.
const HORIZON: Duration = Duration::from_secs(2);
/// The store is asked for due users so often.
const TICK: Duration = Duration::from_millis(500);
/// One claim takes at most so many.
const BATCH: u32 = 500;
/// What is old is swept out so often.
const SWEEP: Duration = Duration::from_hours(24);
/// The budget's clock is read so often.
const METER: Duration = Duration::from_mins(1);

/// The user's next turn after `after`: turns are `interval` apart, at a phase given by a hash of the id, so that users are
/// spread and stay where they are over restarts.
#[must_use]
pub fn next_slot(id: &UserId, interval: Duration, after: Timestamp) -> Timestamp {
    let interval = i64::try_from(interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let phase = spread(id, interval);
    // A check that began a moment early must not have its own slot again.
    let after = after.as_millisecond() + (interval / 4).min(5_000);
    let turns = (after - phase).div_euclid(interval) + 1;
    Timestamp::from_millisecond(phase + turns * interval).unwrap_or(Timestamp::MAX)
}

/// When a user that is new is checked first: soon, but not all at once.
#[must_use]
pub fn first_slot(id: &UserId, interval: Duration, now: Timestamp) -> Timestamp {
    let within = interval.min(Duration::from_secs(30));
    let within = i64::try_from(within.as_millis()).unwrap_or(i64::MAX).max(1);
    now + Duration::from_millis(spread(id, within).unsigned_abs())
}

fn spread(id: &UserId, within: i64) -> i64 {
    let hash = Sha256::digest(id.as_str().as_bytes());
    let number = hash
        .iter()
        .take(7)
        .fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    number % within
}

/// A check that somebody waits for.
#[derive(Debug)]
pub struct Ask {
    /// Whose.
    pub id: UserId,
    /// Within the budget, or in spite of a hold.
    pub asker: Asker,
    /// Told as it happens.
    pub progress: mpsc::UnboundedSender<Progress>,
    /// Told at the end.
    pub reply: oneshot::Sender<Result<Arc<Entry>, AskError>>,
}

/// Why an asked-for check has no result.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No such user.
    #[error("no user {0} is configured")]
    Unknown(UserId),
    /// It stayed in flight.
    #[error("another check of this user is still under way")]
    Busy,
    /// The check itself.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The scheduler has ended.
    #[error("lockwatch is stopping")]
    Stopping,
}

/// Runs until `checker.stopping`.
#[derive(Debug)]
pub struct Scheduler {
    /// Runs the checks.
    pub checker: Arc<Checker>,
    /// The configuration in force.
    pub setup: watch::Receiver<Arc<Setup>>,
    /// Checks that somebody asks for.
    pub asks: mpsc::Receiver<Ask>,
    /// Told after the first claim.
    pub ready: watch::Sender<bool>,
    /// When the scheduler last came round, be there a store or not; `None` before the first time.
    pub turns: watch::Sender<Option<Instant>>,
}

impl Scheduler {
    /// Runs until stopping, then waits for what runs: nothing new starts.
    pub async fn run(mut self) {
        let tracker = TaskTracker::new();
        let stopping = self.checker.stopping.clone();
        let mut tick = Instant::now();
        let mut sweep = interval(SWEEP);
        let mut meter = interval(METER);
        loop {
            tokio::select! {
                () = stopping.cancelled() => break,
                Some(ask) = self.asks.recv() => {
                    let (checker, setup) = (Arc::clone(&self.checker), self.setup.borrow().clone());
                    tracker.spawn(answer(checker, setup, ask));
                }
                _ = sweep.tick() => {
                    let checker = Arc::clone(&self.checker);
                    // Beside the turns: it may take its time.
                    tracker.spawn(async move {
                        if let Ok(store) = checker.store.get()
                            && let Err(cause) = store.sweep(store.now()).await
                        {
                            tracing::error!(cause = chain(&cause), "failed to sweep the store");
                        }
                    });
                }
                _ = meter.tick() => {
                    if let Ok(store) = self.checker.store.get()
                        && let Err(cause) = store.tick(store.now()).await
                    {
                        tracing::error!(cause = chain(&cause), "failed to read the budget's clock");
                    }
                }
                () = sleep_until(tick) => {
                    tick = Instant::now() + self.claim(&tracker).await;
                    self.checker.metrics.turned(clock::now());
                    self.turns.send_replace(Some(Instant::now()));
                }
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    /// Claims what is due and starts it; returns the pause until the next claim.
    async fn claim(&self, tracker: &TaskTracker) -> Duration {
        let setup = self.setup.borrow().clone();
        let Ok(store) = self.checker.store.get() else {
            without_store::turn(&self.checker, &setup, tracker);
            return TICK;
        };
        let back_since = self.checker.store.back_since();
        let claimed = store
            .claim_due(store.now(), HORIZON, setup.lease(), BATCH)
            .await;
        match claimed {
            Ok(claimed) => {
                let full = claimed.len() >= BATCH as usize;
                for user in claimed {
                    let (checker, setup) = (Arc::clone(&self.checker), Arc::clone(&setup));
                    if back_since.is_some_and(|since| user.due < since) {
                        tracker.spawn(without_store::later(checker, setup, user));
                    } else {
                        tracker.spawn(when_due(checker, setup, user));
                    }
                }
                self.ready.send_replace(true);
                if full { Duration::ZERO } else { TICK }
            }
            Err(cause) => {
                tracing::error!(cause = chain(&cause), "failed to claim users");
                self.checker.store.lose(&cause);
                TICK
            }
        }
    }
}

async fn when_due(checker: Arc<Checker>, setup: Arc<Setup>, claimed: Claimed) {
    let now = checker.store.now();
    let wait = Duration::try_from(claimed.due.duration_since(now)).unwrap_or_default();
    tokio::select! {
        () = checker.stopping.cancelled() => {
            give_back(&checker, claimed.claim, None).await;
            return;
        }
        () = sleep(wait.min(HORIZON)) => {}
    }
    #[expect(clippy::cast_precision_loss, reason = "a histogram of seconds")]
    let late = checker.store.now().duration_since(claimed.due).as_millis() as f64 / 1000.0;
    checker.metrics.began(late);
    let id = claimed.claim.id.clone();
    match guarded(&checker, &setup, claimed, Asker::Schedule, &|_| {}).await {
        // That the store was lost meanwhile has been told.
        Ok(_) | Err(CheckError::Stopping | CheckError::Store(StoreError::Unusable(_))) => {}
        Err(CheckError::Overtaken) => tracing::debug!(user.id = %id, "check overtaken"),
        Err(CheckError::Store(cause)) => {
            tracing::error!(user.id = %id, cause = chain(&cause), "failed to keep a check's result");
            checker.store.lose(&cause);
        }
    }
}

async fn answer(checker: Arc<Checker>, setup: Arc<Setup>, ask: Ask) {
    let progress = |step| {
        // Whoever asked may have gone; the check goes on.
        let _ = ask.progress.send(step);
    };
    let result = check_now(&checker, &setup, &ask.id, ask.asker, &progress).await;
    if let Err(AskError::Check(CheckError::Store(cause))) = &result {
        checker.store.lose(cause);
    }
    let _ = ask.reply.send(result);
}

/// Checks one user now, as soon as nobody else does.
///
/// # Errors
/// When there is no such user, it stays in flight, or the result could not be kept.
pub async fn check_now(
    checker: &Checker,
    setup: &Setup,
    id: &UserId,
    asker: Asker,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Arc<Entry>, AskError> {
    if setup.user(id).is_none() {
        return Err(AskError::Unknown(id.clone()));
    }
    // A claim by a process that died ends by itself within one lease.
    let deadline = Instant::now() + setup.lease() + HORIZON;
    let mut changes = checker.board.changes();
    loop {
        let store = checker.store.get().map_err(CheckError::Store)?;
        let claimed = store.claim_one(id, store.now(), setup.lease()).await;
        if let Some(claimed) = claimed.map_err(CheckError::Store)? {
            return Ok(guarded(checker, setup, claimed, asker, progress).await?);
        }
        if Instant::now() >= deadline {
            return Err(AskError::Busy);
        }
        if checker.stopping.is_cancelled() {
            return Err(AskError::Stopping);
        }
        // The end of the other check shows on the board, or, when another process runs it, only in the store.
        let _ = timeout(TICK, changes.changed()).await;
    }
}

/// A panic in a check is a failed check, and nobody else's business.
async fn guarded(
    checker: &Checker,
    setup: &Setup,
    claimed: Claimed,
    asker: Asker,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Arc<Entry>, CheckError> {
    let Some(user) = setup.user(&claimed.claim.id) else {
        // The configuration changed between claim and check.
        give_back(checker, claimed.claim, None).await;
        return Err(CheckError::Overtaken);
    };
    checker.metrics.in_flight.inc();
    let claim = claimed.claim.clone();
    // In a box of its own: thousands wait for their turn, and need not hold what only a check that runs does.
    let check = Box::pin(checker.check(setup, user, claimed, asker, progress));
    let result = AssertUnwindSafe(check).catch_unwind().await;
    checker.metrics.in_flight.dec();
    let Ok(result) = result else {
        tracing::error!(user.id = %user.id, "a check panicked; the user is checked again in its next turn");
        let next = next_slot(&user.id, user.interval, checker.store.now());
        give_back(checker, claim, Some(next)).await;
        return Err(CheckError::Overtaken);
    };
    result
}

async fn give_back(checker: &Checker, claim: Claim, due: Option<Timestamp>) {
    let release = async { checker.store.get()?.release(claim, due).await };
    let result: Result<(), StoreError> = release.await;
    if let Err(cause) = result {
        tracing::warn!(
            cause = chain(&cause),
            "failed to give a claim back; it ends by itself"
        );
    }
}
