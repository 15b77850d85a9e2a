//! The only code that talks to Autotask: which requests there are, and what each carries. It judges no user and decides
//! nothing about attempts; it takes a permit for each and uses it up.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

pub use super::transport::ClientError;
use super::{
    hosts::{AllowedHosts, is_loopback},
    transport::{self, CONNECT_WITHIN},
    wire,
};
use crate::{
    attempt::Permit,
    config,
    observation::{Probed, QueryFinding, Unclear, Zone, ZoneFinding},
    user::Username,
};

/// An attempt is sent within this time of its record, or not at all.
const SENT_WITHIN: Duration = Duration::from_secs(5);
// Documented as `UserName`, `Secret` and `ApiIntegrationCode` [D]; their case does not matter on the wire.
const USERNAME: HeaderName = HeaderName::from_static("username");
const SECRET: HeaderName = HeaderName::from_static("secret");
const INTEGRATION_CODE: HeaderName = HeaderName::from_static("apiintegrationcode");

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

impl Credential {
    /// Whether it can be sent at all; ask before an attempt is recorded for it.
    ///
    /// # Errors
    /// Which part cannot be sent, a fragment that holds nothing of it.
    pub fn sendable(&self) -> Result<(), &'static str> {
        self.headers().map(|_| ())
    }

    fn headers(&self) -> Result<HeaderMap, &'static str> {
        let parts = [
            (
                USERNAME,
                self.username.as_str(),
                "the username holds a character that no HTTP header can carry",
            ),
            (
                SECRET,
                self.secret.expose_secret(),
                "the secret holds a character that no HTTP header can carry",
            ),
            (
                INTEGRATION_CODE,
                self.integration_code.expose_secret(),
                "the integration code holds a character that no HTTP header can carry",
            ),
        ];
        let mut headers = HeaderMap::new();
        for (name, text, refusal) in parts {
            let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| refusal)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(headers)
    }
}

/// Talks to Autotask. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: Url,
    allowed: Arc<AllowedHosts>,
    proxied: bool,
}

impl fmt::Debug for Client {
    /// Without the HTTP client, whose proxy may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// # Errors
    /// When the CA file cannot be read, the host has no CA certificates, or the proxy is none.
    pub fn new(config: &config::Autotask) -> Result<Self, ClientError> {
        Ok(Self {
            http: transport::build(config)?,
            base_url: config.base_url.clone(),
            allowed: Arc::new(config.allowed_hosts.clone()),
            proxied: config.proxy.is_some(),
        })
    }

    /// Where zone look-ups go.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Looks up the zone of a username. Sends no credential.
    pub async fn zone(&self, username: &Username) -> Probed<ZoneFinding> {
        let mut url = below(
            &self.base_url,
            &["atservicesrest", "v1.0", "zoneInformation"],
        );
        url.query_pairs_mut().append_pair("user", username.as_str());
        let proxied = self.proxied(&url);
        let (answer, took) = transport::exchange(self.http.get(url), proxied).await;
        let finding = match answer {
            Ok(answer) => match answer.cut {
                Some(what) => ZoneFinding::Unclear(unexpected(answer.status, what)),
                None => wire::zone_answer(
                    answer.status,
                    &answer.body,
                    answer.retry_after,
                    &self.allowed,
                ),
            },
            Err(unclear) => ZoneFinding::Unclear(unclear),
        };
        Probed { finding, took }
    }

    /// Whether the zone's API answers at all. Sends no credential.
    ///
    /// # Errors
    /// What was there instead of an answer.
    pub async fn answers(&self, zone: &Zone) -> Result<(), Unclear> {
        let url = below(&zone.api, &["versioninformation"]);
        let proxied = self.proxied(&url);
        let (answer, _) = transport::exchange(self.http.get(url), proxied).await;
        let answer = answer?;
        match answer.cut {
            Some(what) => Err(unexpected(answer.status, what)),
            None => wire::version_answer(answer.status, &answer.body, answer.retry_after),
        }
    }

    /// Presents the credential once, with a read of one row. `granted` is when the permit was asked for: if the request
    /// could not be on its way 5 s later, the permit is void and nothing is sent. Gives the local address, too.
    pub async fn query(
        &self,
        permit: Permit,
        granted: Instant,
        zone: &Zone,
        credential: &Credential,
        entity: &str,
    ) -> (Probed<QueryFinding>, Option<IpAddr>) {
        let not_sent = |unclear| {
            let finding = QueryFinding::Unclear(unclear);
            let took = Duration::ZERO;
            (Probed { finding, took }, None)
        };
        if granted.elapsed() + CONNECT_WITHIN > SENT_WITHIN {
            return not_sent(Unclear::Timeout { connecting: true });
        }
        // The zone may come from the store, and the config may have changed since it was looked up.
        let (Ok(zone), Ok(headers)) = (
            self.allowed.trust(&zone.name, &zone.api),
            credential.headers(),
        ) else {
            return not_sent(Unclear::Connect);
        };
        let url = below(&zone.api, &["v1.0", entity, "query"]);
        let proxied = self.proxied(&url);
        let request = self.http.post(url).headers(headers).body(wire::QUERY);
        let (answer, took) = transport::exchange(request, proxied).await;
        // Used up, whatever came of it.
        drop(permit);
        let (finding, from) = match answer {
            Ok(answer) => (read_query(&answer, credential), answer.from),
            Err(unclear) => (QueryFinding::Unclear(unclear), None),
        };
        (Probed { finding, took }, from)
    }

    /// The proxy never carries what stays on this machine.
    fn proxied(&self, url: &Url) -> bool {
        self.proxied && !is_loopback(url)
    }
}

fn read_query(answer: &transport::Answer, credential: &Credential) -> QueryFinding {
    if let Some(what) = answer.cut {
        return wire::query_cut_off(answer.status, &answer.body, what);
    }
    let hidden = [
        credential.secret.expose_secret(),
        credential.integration_code.expose_secret(),
        credential.username.as_str(),
    ];
    wire::query_answer(answer.status, &answer.body, answer.retry_after, &hidden)
}

fn unexpected(status: u16, what: &str) -> Unclear {
    Unclear::UnexpectedAnswer {
        status,
        what: what.to_owned(),
    }
}

/// `base` with more path segments; what is no segment (`..`, a slash) cannot leave it.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}
