//! The query probe: does the credential work? One read of one row, once, with a permit that is asked for when the request
//! can leave at once.

use std::net::IpAddr;

use tokio::time::Instant;

use crate::{
    attempt::Permit,
    autotask::client::{Client, Credential},
    observation::{Probed, QueryFinding, Zone},
    probe::slots::Slots,
};

/// An attempt that was made.
#[derive(Debug)]
pub struct Made {
    /// The attempt's id, with which it is settled.
    pub attempt: String,
    /// Its finding.
    pub probed: Probed<QueryFinding>,
    /// The local address it was sent from, where known.
    pub from: Option<IpAddr>,
}

/// Why no attempt was made.
#[derive(Debug)]
pub enum NotMade<E> {
    /// The credential cannot be sent at all; a fragment that holds nothing of it. No permit was asked for.
    Unsendable(&'static str),
    /// No permit was given.
    NoPermit(E),
}

/// Presents `credential` to `zone`, reading `entity`. Attempts with the same `group` (tenant and integration code) run one
/// after the other. `permit` is called when everything else is ready, and what it gives is used at once.
///
/// # Errors
/// When no attempt was made.
pub async fn query<F, Fut, E>(
    client: &Client,
    slots: &Slots,
    group: &str,
    zone: &Zone,
    credential: &Credential,
    entity: &str,
    permit: F,
) -> Result<Made, NotMade<E>>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Permit, E>>,
{
    credential.sendable().map_err(NotMade::Unsendable)?;
    let _group = slots.code_group(group).await;
    let _slot = slots.request(&zone.api).await;
    let granted = Instant::now();
    let permit = permit().await.map_err(NotMade::NoPermit)?;
    let attempt = permit.id().to_owned();
    let (probed, from) = client
        .query(permit, granted, zone, credential, entity)
        .await;
    Ok(Made {
        attempt,
        probed,
        from,
    })
}
