//! One check of one user: zone probe, permit, query probe, diagnosis, incident, commit. The only room that knows the order.

mod attempt;
mod conclude;
mod denied;
mod log;
mod matters;
mod present;
pub mod progress;
mod vendor;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Activation, Asker},
    board::{Board, Entry},
    metrics::Metrics,
    observation::{Fleet, Observation, QueryStep, Zone, ZoneFinding},
    probe,
    record::Record,
    setup::Setup,
    store::{StoreError, keeper::Keeper, users::Claimed},
    user::{Known, User},
};
use attempt::Attempted;
use conclude::Rest;
pub use progress::{OnProgress, Progress};

/// Why a check has no result.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The program is ending; the claim was given back.
    #[error("lockwatch is stopping")]
    Stopping,
    /// Somebody else took the claim over.
    #[error("another check of this user took over")]
    Overtaken,
    /// The result could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs checks.
#[derive(Debug)]
pub struct Checker {
    /// The authority, as long as it can be used.
    pub store: Keeper,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The live view.
    pub board: Arc<Board>,
    /// Named in mails.
    pub host: String,
    /// Wakes the outbox.
    pub outbox: Arc<Notify>,
    /// No attempt starts after this.
    pub stopping: CancellationToken,
}

impl Checker {
    /// Runs one check under `claimed`, keeping the claim alive while it waits for its turn.
    ///
    /// # Errors
    /// When the result could not be kept.
    pub async fn check(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        asker: Asker,
        told: OnProgress<'_>,
    ) -> Result<Arc<Entry>, CheckError> {
        let claim = claimed.claim.clone();
        let lease = setup.lease();
        let keep_claim = async {
            loop {
                tokio::time::sleep(lease / 3).await;
                let Ok(store) = self.store.get() else {
                    continue;
                };
                let renewed = store.renew(claim.clone(), store.now(), lease).await;
                if !renewed.unwrap_or(true) {
                    // Lost: the permit and the commit will be refused, there is nothing left to keep.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            result = self.round(setup, user, claimed, asker, told) => result,
            () = keep_claim => Err(CheckError::Overtaken),
        }
    }

    async fn round(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        asker: Asker,
        told: OnProgress<'_>,
    ) -> Result<Arc<Entry>, CheckError> {
        let at = self.store.now();
        let zone = probe::zone::look_up(&setup.client, &setup.slots, &user.username).await;
        self.metrics.zone_probed(&zone);
        told(progress::zone(&zone));
        let round = Round {
            setup,
            user,
            activation: setup.activation(user, claimed.first_seen.min(at)),
            claimed: &claimed,
            asker: vendor::asker(&user.known, asker),
        };
        let attempted = match target(&zone.finding, &claimed.record, at) {
            _ if matches!(user.known, Known::Nothing) => QueryStep::VendorHeld.into(),
            None => QueryStep::NoZone.into(),
            // The halves of a check are in boxes: while it waits for its first request it holds neither.
            Some((zone, found)) => match Box::pin(self.attempt(&round, zone, found)).await {
                Ok(attempted) => attempted,
                Err(CheckError::Stopping) => {
                    self.store.get()?.release(claimed.claim, None).await?;
                    return Err(CheckError::Stopping);
                }
                Err(other) => return Err(other),
            },
        };
        told(progress::query(&attempted.step, &user.known));
        let denied = Box::pin(self.others_denied(&round, &zone.finding)).await?;
        let activation = round.activation;
        let observation = Observation {
            at,
            zone: attempted.zone.unwrap_or(zone),
            query: attempted.step,
            fleet: Fleet {
                denied,
                ..attempted.fleet
            },
        };
        let rest = Rest {
            settlement: attempted.settlement,
            standing: attempted.standing,
            activation,
        };
        Box::pin(self.conclude(setup, user, claimed, observation, rest)).await
    }
}

/// A check, as its parts see it.
struct Round<'a> {
    setup: &'a Setup,
    user: &'a User,
    claimed: &'a Claimed,
    asker: Asker,
    activation: Activation,
}

/// Where a credential may go, and whether the look-up says so now. While it is away, the zone of the last hours serves.
fn target(finding: &ZoneFinding, record: &Record, at: Timestamp) -> Option<(Zone, bool)> {
    match finding {
        ZoneFinding::Found(zone) => Some((zone.clone(), true)),
        // The look-up has been seen to deny users that work; a zone known from before can tell. [S]
        ZoneFinding::Unknown => record.zone.clone().map(|zone| (zone, false)),
        ZoneFinding::Unclear(_) => record.recent_zone(at).map(|zone| (zone.clone(), false)),
        ZoneFinding::Untrusted { .. } => None,
    }
}
