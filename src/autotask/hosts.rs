//! Where a credential may go. Pure.

use url::Url;

use crate::observation::Zone;

/// `autotask.allowed_hosts`: exact names, or `*.domain` for any host below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Takes patterns that the config room has checked.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Whether `url`, an answer of the zone look-up, may be sent credentials.
    ///
    /// # Errors
    /// Why not, a fragment.
    pub fn trust(&self, _name: &str, _url: &Url) -> Result<Zone, String> {
        Err(String::new())
    }
}
