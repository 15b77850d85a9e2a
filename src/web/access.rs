//! Who may read and who may change. Without a token, changes come from this host only: a loopback peer that also names a
//! loopback host, so that a page on the internet cannot use a browser here.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use url::Host;

use super::problem;
use crate::{app::App, config::Web};

/// Guards reads: open, unless the token protects them.
pub(super) async fn read(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let web = app.setup.borrow().config.web.clone();
    if web.protect_reads
        && let Err(refused) = token(&web, request.headers()).await
    {
        return refused;
    }
    next.run(request).await
}

/// Guards changes: the token, or a loopback peer; and JSON, which a browser does not send across sites unasked.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let web = app.setup.borrow().config.web.clone();
    let headers = request.headers();
    if web.token.is_some() {
        if let Err(refused) = token(&web, headers).await {
            return refused;
        }
    } else if !(peer.ip().to_canonical().is_loopback() && loopback_host(headers)) {
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
    next.run(request).await
}

async fn token(web: &Web, headers: &HeaderMap) -> Result<(), Response> {
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

fn loopback_host(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let url = host.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    match url.as_ref().and_then(url::Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
