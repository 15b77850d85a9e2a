//! The HTTP client: the only code that talks to Autotask.

use std::{net::IpAddr, time::Duration};

use secrecy::SecretString;

use crate::{
    attempt::Permit,
    config,
    observation::{Probed, QueryFinding, Zone, ZoneFinding},
    user::Username,
};

/// A credential on its way to the wire.
#[derive(Debug)]
pub struct Credential {
    /// Sent as `UserName`.
    pub username: Username,
    /// Sent as `Secret`.
    pub secret: SecretString,
    /// Sent as `ApiIntegrationCode`.
    pub integration_code: SecretString,
}

/// Talks to Autotask.
#[derive(Clone, Debug)]
pub struct Client {}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {}

impl Client {
    /// # Errors
    /// When the CA file cannot be read or the host has no CA certificates.
    pub fn new(_config: &config::Autotask) -> Result<Self, ClientError> {
        Ok(Self {})
    }

    /// Looks up the zone of a username. Sends no credential.
    pub async fn zone(&self, _username: &Username) -> Probed<ZoneFinding> {
        todo!()
    }

    /// Presents the credential once, with a read of one row. `granted` is when the permit was asked for: after 5 s it
    /// is void and nothing is sent.
    pub async fn query(
        &self,
        _permit: Permit,
        _granted: tokio::time::Instant,
        _zone: &Zone,
        _credential: &Credential,
        _entity: &str,
    ) -> (Probed<QueryFinding>, Option<IpAddr>) {
        let _ = Duration::ZERO;
        todo!()
    }
}
