//! Who may read and who may change. Without a token, changes come from this host only: a loopback peer that also names a
//! loopback host, so that a page on the internet cannot use a browser here.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, timeout};
use url::Host;

use super::{BODY_LIMIT, BODY_PATIENCE, problem};
use crate::{app::App, config::Web};

/// Between two lines of the log about wrong tokens.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// What decides about a request.
pub(super) struct Guard {
    app: Arc<App>,
    wrong: Mutex<Wrong>,
}

/// Wrong tokens that were given.
#[derive(Default)]
struct Wrong {
    untold: u64,
    told: Option<Instant>,
}

impl Guard {
    pub(super) fn of(app: &Arc<App>) -> Self {
        let (app, wrong) = (Arc::clone(app), Mutex::default());
        Self { app, wrong }
    }

    fn web(&self) -> Web {
        self.app.setup.borrow().config.web.clone()
    }

    /// Somebody may be trying tokens, or uses an old one: told at once, and then once a minute however many they are.
    fn wrong_token(&self, peer: SocketAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.untold += 1;
        let now = Instant::now();
        if wrong.told.is_none_or(|told| now - told >= TOLD_EVERY) {
            let requests = std::mem::take(&mut wrong.untold);
            wrong.told = Some(now);
            tracing::warn!(requests, peer = %peer.ip(), "a wrong token was given and refused");
        }
    }
}

/// Without a host, or with two, nobody knows whom a request means. HTTP/1.0 knows no hosts.
pub(super) async fn one_host(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() > Version::HTTP_10) {
        return problem(
            StatusCode::BAD_REQUEST,
            "a request names its host once, in one Host header",
        );
    }
    next.run(request).await
}

/// Guards reads: open, unless the token protects them; but not to a page of somebody else, whose name leads a browser on this
/// host to us.
pub(super) async fn read(
    State(guard): State<Arc<Guard>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let web = guard.web();
    if web.protect_reads {
        if let Err(refused) = token(&guard, &web, peer, request.headers()).await {
            return refused;
        }
    } else if is_here(peer) && !named(&request).is_none_or(|host| is_ours(&host, &web, &guard.app))
    {
        return problem(
            StatusCode::FORBIDDEN,
            "this name is not one of lockwatch's: ask on 127.0.0.1, or set web.external_url to the address that it is part of",
        );
    }
    next.run(request).await
}

/// Guards changes: the token, or a loopback peer; and JSON, which a browser does not send across sites unasked.
pub(super) async fn change(
    State(guard): State<Arc<Guard>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    // Nothing but POST changes anything here; the router says so.
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let web = guard.web();
    let headers = request.headers();
    if web.token.is_some() {
        if let Err(refused) = token(&guard, &web, peer, headers).await {
            return refused;
        }
    } else if !(is_here(peer) && named(&request).is_some_and(|host| is_loopback(&host))) {
        return problem(
            StatusCode::FORBIDDEN,
            "without web.token, changes are taken from this host only: set web.token, or ask on 127.0.0.1",
        );
    }
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        })
    });
    if !json {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a changing request needs the header Content-Type: application/json",
        );
    }
    match whole(request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => *refused,
    }
}

/// The request with all of its body, which a slow client does not send for ever.
async fn whole(request: Request) -> Result<Request, Box<Response>> {
    let refused = |status, error: &str| Box::new(problem(status, error));
    let (head, body) = request.into_parts();
    let body = timeout(BODY_PATIENCE, to_bytes(body, BODY_LIMIT))
        .await
        .map_err(|_| {
            refused(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come within 10 s",
            )
        })?
        .map_err(|_| {
            let error = "the body is longer than 16 KiB, or did not come whole";
            refused(StatusCode::PAYLOAD_TOO_LARGE, error)
        })?;
    Ok(Request::from_parts(head, Body::from(body)))
}

async fn token(
    guard: &Guard,
    web: &Web,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<(), Response> {
    let Some(source) = &web.token else {
        return Ok(());
    };
    // A request without a token costs no reading of ours.
    if let Some(given) = given_token(headers) {
        let expected = source.read().await.map_err(|why| {
            tracing::error!(cause = %why, "web.token cannot be read: every request that needs it is refused");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be checked; see the log")
        })?;
        let (given, expected) = (given.expose_secret(), expected.expose_secret());
        if given.as_bytes().ct_eq(expected.as_bytes()).into() {
            return Ok(());
        }
        guard.wrong_token(peer);
    }
    let refused = problem(
        StatusCode::UNAUTHORIZED,
        "this needs the token of web.token: Bearer, or Basic with it as the password",
    );
    Err((
        [(header::WWW_AUTHENTICATE, "Basic realm=\"lockwatch\"")],
        refused,
    )
        .into_response())
}

/// Bearer, or Basic with any name and the token as password.
fn given_token(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().into());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.into())
}

fn is_here(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// The host that a request means: of its target where that is a whole address, else of its header. `None` when it names none,
/// `Err` in it when it names something that is no host.
fn named(request: &Request) -> Option<Result<Host, ()>> {
    let header = || {
        let host = request.headers().get(header::HOST)?;
        Some(Authority::try_from(host.as_bytes()).map_err(drop))
    };
    let target = request.uri().authority().cloned().map(Ok);
    let authority = target.or_else(header)?;
    Some(authority.and_then(|authority| {
        let host = authority.host();
        // A user before it would be taken for a part of the name by some, and by others not.
        let whole = authority.as_str().starts_with(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        Host::parse(host)
            .map_err(drop)
            .and_then(|host| whole.then_some(host).ok_or(()))
    }))
}

fn is_loopback(host: &Result<Host, ()>) -> bool {
    match host {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => IpAddr::from(*address).is_loopback(),
        Ok(Host::Ipv6(address)) => IpAddr::from(*address).to_canonical().is_loopback(),
        Err(()) => false,
    }
}

/// An address is nobody's name, and neither is a name of one label outside of this network. Any other name can be made to lead
/// here by whoever owns it, unless it is known to be ours.
fn is_ours(host: &Result<Host, ()>, web: &Web, app: &App) -> bool {
    let Ok(Host::Domain(name)) = host else {
        return host.is_ok();
    };
    let external = web.external_url.as_ref().and_then(|url| url.domain());
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    !name.contains('.')
        || external == Some(name.as_str())
        || first(name) == first(&app.checker.host)
}
