//! How a request travels: the HTTP client's settings, and what its failures are called. It knows nothing of Autotask's
//! shapes, and never sends a request twice or anywhere else than it was told.

use std::{error::Error, fs, io, net::IpAddr, path::PathBuf, time::Duration};

use hyper_util::client::legacy::{self, connect::HttpInfo};
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy, RequestBuilder, Response, header};
use tokio::time::Instant;

use crate::{
    autotask::{hosts::is_loopback, text::printable, tls, wire},
    clock, config,
    observation::Unclear,
    telemetry,
};

/// A connection, name look-up and TLS handshake included, stands within this time or the request is not sent.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Autotask's servers keep idle connections for minutes; letting go of them early means that a request hardly ever meets
/// one that is just being closed, which would count as an unanswered attempt.
const IDLE_AT_MOST: Duration = Duration::from_secs(15);
/// Longer bodies are not read.
const MAX_BODY: usize = 1024 * 1024;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `autotask.ca_file` is missing or not readable.
    #[error("failed to read autotask.ca_file {}", path.display())]
    ReadCaFile {
        /// As configured.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// `autotask.ca_file` holds something else than certificates.
    #[error("autotask.ca_file {} holds no usable certificate in PEM format", path.display())]
    NoCertificate {
        /// As configured.
        path: PathBuf,
    },
    /// The host has no CA certificates, and none are configured.
    #[error(
        "found no CA certificates on this host, so no https server can be trusted: install the package ca-certificates, or set autotask.ca_file"
    )]
    NoRoots,
    /// `autotask.proxy` cannot be used; the text is not repeated, it may hold a password.
    #[error("autotask.proxy is not the url of a proxy that can be used")]
    Proxy,
    /// Anything else.
    #[error("failed to set up the HTTP client")]
    Build(#[source] reqwest::Error),
}

/// Makes the one HTTP client.
pub(super) fn build(config: &config::Autotask) -> Result<reqwest::Client, ClientError> {
    let certificates = certificates(config)?;
    match settings(config)?
        .tls_certs_merge(certificates.clone())
        .build()
    {
        Ok(client) => Ok(client),
        // Where nothing but this machine is asked, the system's roots are not missed.
        Err(_) if is_loopback(&config.base_url) && config.allowed_hosts.only_loopback() => {
            let roots = settings(config)?.tls_certs_only(certificates);
            roots.build().map_err(|error| build_error(error, config))
        }
        Err(error) => Err(build_error(error, config)),
    }
}

fn settings(config: &config::Autotask) -> Result<ClientBuilder, ClientError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("lockwatch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_WITHIN.min(config.timeout.mul_f64(0.75)))
        .timeout(config.timeout)
        .pool_idle_timeout(IDLE_AT_MOST);
    let Some(proxy) = &config.proxy else {
        return Ok(builder);
    };
    let proxy = Proxy::all(proxy.clone()).map_err(|_| ClientError::Proxy)?;
    // Plain http is trusted on this machine only: a proxy would carry it elsewhere.
    let here = NoProxy::from_string("localhost, 127.0.0.0/8, ::1");
    Ok(builder.proxy(proxy.no_proxy(here)))
}

fn certificates(config: &config::Autotask) -> Result<Vec<Certificate>, ClientError> {
    let Some(path) = &config.ca_file else {
        return Ok(Vec::new());
    };
    let bytes = fs::read(path).map_err(|source| ClientError::ReadCaFile {
        path: path.clone(),
        source,
    })?;
    match Certificate::from_pem_bundle(&bytes) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(ClientError::NoCertificate { path: path.clone() }),
    }
}

fn build_error(error: reqwest::Error, config: &config::Autotask) -> ClientError {
    match (tls_error(&error), &config.ca_file) {
        (Some(rustls::Error::General(_)), None) => ClientError::NoRoots,
        (Some(_), Some(path)) => ClientError::NoCertificate { path: path.clone() },
        _ => ClientError::Build(error.without_url()),
    }
}

/// An answer whose status has come.
pub(super) struct Answer {
    pub(super) status: u16,
    /// As much of it as came.
    pub(super) body: Vec<u8>,
    /// Why the body is not whole, if so.
    pub(super) cut: Option<&'static str>,
    pub(super) retry_after: Option<Duration>,
    /// The local address that the request left from.
    pub(super) from: Option<IpAddr>,
}

/// Sends one request, once, and reads its answer. Gives the time it took, too.
pub(super) async fn exchange(
    request: RequestBuilder,
    proxied: bool,
) -> (Result<Answer, Unclear>, Duration) {
    let begun = Instant::now();
    let answer = match request.send().await {
        Ok(response) => Ok(receive(response).await),
        Err(error) => Err(why_unanswered(&error, proxied)),
    };
    (answer, begun.elapsed())
}

async fn receive(mut response: Response) -> Answer {
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| wire::retry_after(value, clock::now()));
    let from = response
        .extensions()
        .get::<HttpInfo>()
        .map(|info| info.local_addr().ip());
    let mut body = Vec::new();
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                break Some("a body larger than 1 MiB");
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) if error.is_timeout() => break Some("a body that did not come in time"),
            Err(_) => break Some("a body that was cut off"),
        }
    };
    Answer {
        status: response.status().as_u16(),
        body,
        cut,
        retry_after,
        from,
    }
}

/// What a failure before the status is called. Only what happened before the connection stood can be sure to have sent
/// nothing.
fn why_unanswered(error: &reqwest::Error, proxied: bool) -> Unclear {
    let connecting = error.is_connect();
    if error.is_timeout() {
        return Unclear::Timeout { connecting };
    }
    if !connecting {
        let unreadable = find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
        return if unreadable {
            Unclear::NotHttp
        } else {
            Unclear::Reset
        };
    }
    let cause = find::<legacy::Error>(error).and_then(Error::source);
    // What fails before the connection stands has an error of its own around it; what is left is the handshake.
    if let Some(handshake) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
        return Unclear::Tls {
            cause: printable(&handshake_words(handshake), 300),
        };
    }
    if proxied {
        let cause = cause.map_or_else(|| "no connection".to_owned(), telemetry::chain);
        return Unclear::Proxy {
            cause: printable(&cause, 200),
        };
    }
    if error.is_dns() {
        Unclear::Dns
    } else {
        Unclear::Connect
    }
}

fn handshake_words(error: &io::Error) -> String {
    match tls_error(error) {
        Some(cause) => tls::words(cause),
        None => "the connection ended during the handshake".to_owned(),
    }
}

/// The first error of this kind in a chain of causes.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    error.downcast_ref().or_else(|| find(error.source()?))
}

/// The TLS failure in a chain of causes; `io::Error` hides its own cause from `source`.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .and_then(|inner| tls_error(inner));
    inner.or_else(|| tls_error(error.source()?))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use reqwest::dns::{Addrs, Name, Resolve, Resolving};
    use url::Url;

    use super::*;
    use crate::{attempt::Outcome, autotask::hosts::AllowedHosts, observation::QueryFinding};

    /// A resolver that finds these addresses, or does not answer.
    struct Resolver(Option<Vec<SocketAddr>>);

    impl Resolve for Resolver {
        fn resolve(&self, _: Name) -> Resolving {
            let found = self.0.clone();
            Box::pin(async {
                match found {
                    Some(found) => Ok(Box::new(found.into_iter()) as Addrs),
                    None => std::future::pending().await,
                }
            })
        }
    }

    async fn with(resolver: Option<Resolver>, url: &str, timeout: Duration) -> Unclear {
        let config = config::Autotask {
            base_url: Url::parse("https://webservices.autotask.net/").unwrap(),
            allowed_hosts: AllowedHosts::new(Vec::new()),
            timeout,
            ca_file: None,
            proxy: None,
        };
        let mut client = settings(&config).unwrap().tls_certs_only([]);
        if let Some(resolver) = resolver {
            client = client.dns_resolver(Arc::new(resolver));
        }
        let request = client.build().unwrap().get(url);
        let (answer, _) = exchange(request, false).await;
        let unclear = answer.err().unwrap();
        let outcome = QueryFinding::Unclear(unclear.clone()).outcome();
        assert_eq!(outcome, Outcome::NotSent);
        unclear
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_sends_nothing() {
        let url = "https://webservices.autotask.net/";
        // The system's own resolver refuses such a name without asking anybody.
        let too_long = format!("http://{}.example/", "a".repeat(64));
        let long = Duration::from_secs(30);
        assert_eq!(with(None, &too_long, long).await, Unclear::Dns);
        let to_nothing = with(Some(Resolver(Some(Vec::new()))), url, long).await;
        assert_eq!(to_nothing, Unclear::Connect);
        let silent = with(Some(Resolver(None)), url, Duration::from_millis(400)).await;
        assert_eq!(silent, Unclear::Timeout { connecting: true });
    }
}
