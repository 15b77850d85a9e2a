//! The zone probe: where does this username live? Sends no credential, so it is always safe.

use crate::{
    autotask::client::Client,
    observation::{Probed, ZoneFinding},
    probe::slots::Slots,
    user::Username,
};

/// Looks the zone up as soon as there is room.
pub async fn look_up(client: &Client, slots: &Slots, username: &Username) -> Probed<ZoneFinding> {
    let _slot = slots.request(client.base_url()).await;
    // In a box, so that who waits in line holds no request.
    Box::pin(client.zone(username)).await
}
