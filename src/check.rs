//! One check of one user: zone probe, permit, query probe, diagnosis, incident, commit. The only room that knows the order.

mod attempt;
mod conclude;
pub mod progress;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::Asker,
    board::{Board, Entry},
    metrics::Metrics,
    observation::{Observation, QueryStep, ZoneFinding},
    probe,
    setup::Setup,
    store::{Store, StoreError, users::Claimed},
    user::User,
};
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
    /// The authority.
    pub store: Store,
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
                let renewed = self
                    .store
                    .renew(claim.clone(), self.store.now(), lease)
                    .await;
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
        let target = match &zone.finding {
            ZoneFinding::Found(zone) => Some(zone.clone()),
            // The look-up has been seen to deny users that work; a zone known from before can tell. [S]
            ZoneFinding::Unknown => claimed.record.zone.clone(),
            ZoneFinding::Untrusted { .. } | ZoneFinding::Unclear(_) => None,
        };
        let activation = setup.activation(user, claimed.first_seen.min(at));
        let attempted = match target {
            None => QueryStep::NoZone.into(),
            Some(zone) => match self
                .attempt(setup, user, &claimed, &zone, asker, activation)
                .await
            {
                Ok(attempted) => attempted,
                Err(CheckError::Stopping) => {
                    self.store.release(claimed.claim, None).await?;
                    return Err(CheckError::Stopping);
                }
                Err(other) => return Err(other),
            },
        };
        told(progress::query(&attempted.step));
        let observation = Observation {
            at,
            zone,
            query: attempted.step,
        };
        self.conclude(
            setup,
            user,
            claimed,
            observation,
            (attempted.settlement, attempted.ledgers),
            activation,
        )
        .await
    }
}
