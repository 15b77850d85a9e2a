//! Who may read and who may change. Without a token, changes come from this host only: a loopback peer that also names a
//! loopback host, so that a page on the internet cannot use a browser here.

mod name;
mod seldom;
mod token;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use self::{
    name::{is_loopback, is_ours, named},
    seldom::Seldom,
    token::{Reader, given},
};
use super::{BODY_LIMIT, BODY_PATIENCE, problem};
use crate::{app::App, config::Web};

/// What decides about a request.
pub(super) struct Guard {
    app: Arc<App>,
    token: Reader,
    wrong_tokens: Seldom,
    unreadable: Seldom,
    strange_names: Seldom,
}

impl Guard {
    pub(super) fn of(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            token: Reader::default(),
            wrong_tokens: Seldom::default(),
            unreadable: Seldom::default(),
            strange_names: Seldom::default(),
        }
    }

    fn web(&self) -> Web {
        self.app.setup.borrow().config.web.clone()
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
    } else if is_here(peer)
        && !named(&request).is_none_or(|host| is_ours(&host, &web, &guard.app.checker.host))
        // A page that leads a browser here does not know the token.
        && !(given(request.headers()).is_some()
            && web.token.is_some()
            && token(&guard, &web, peer, request.headers()).await.is_ok())
    {
        if let Some(requests) = guard.strange_names.due() {
            tracing::warn!(
                requests,
                peer = %peer.ip(),
                "a client on this host asked under a name that is not known to be lockwatch's, and was refused: \
                 where a proxy passes the name on, set web.external_url to it"
            );
        }
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
    if let Some(token) = given(headers) {
        let right = guard.token.is_right(&token, source).await.map_err(|why| {
            if let Some(requests) = guard.unreadable.due() {
                tracing::error!(requests, cause = %why, "web.token cannot be read: every request that needs it is refused");
            }
            problem(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be checked; see the log")
        })?;
        if right {
            return Ok(());
        }
        // Somebody may be trying tokens, or uses an old one.
        if let Some(requests) = guard.wrong_tokens.due() {
            tracing::warn!(requests, peer = %peer.ip(), "a wrong token was given and refused");
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

fn is_here(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}
