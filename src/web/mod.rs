//! The endpoint: metrics, health, API and page. Reads the board; changes go through the scheduler and `App::reload`.

mod access;
pub mod api;
pub mod bulk;
mod connections;
mod once;
pub mod outbox_view;
pub mod page;
pub mod view;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioTimer;
use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer,
    set_header::SetResponseHeaderLayer,
};

use self::once::Once;
use crate::{
    app::{App, ReloadError},
    board::Board,
    user::{UserId, nearest},
};

/// A request's head must come within this.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// No request's head is longer.
const HEAD_LIMIT: usize = 32 * 1024;
/// A request's body must come within this.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// Nothing that a client sends is longer.
const BODY_LIMIT: usize = 16 * 1024;
/// Among more users no id is looked for that is like a wrong one.
const MOST_COMPARED: usize = 1_000;
/// Answers under way at the end have so long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The scheduler comes round twice a second.
const STUCK: Duration = Duration::from_mins(1);

/// A running endpoint.
pub struct Served {
    handle: axum_server::Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
}

impl Served {
    /// Ends it; answers under way may end.
    pub async fn shutdown(self) {
        self.handle.graceful_shutdown(Some(LAST_ANSWERS));
        // Its end is all that is wanted.
        let _ = self.task.await;
    }
}

/// Serves `app` on `listener` until shut down.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(app: Arc<App>, listener: std::net::TcpListener) -> anyhow::Result<Served> {
    let handle = axum_server::Handle::new();
    connections::bound(&listener).context("failed to bound the connections of the endpoint")?;
    let mut server = axum_server::from_tcp(listener)
        .context("failed to serve the endpoint")?
        .acceptor(connections::Door::default())
        .http1_only()
        .handle(handle.clone());
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_LIMIT);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(server.serve(service));
    Ok(Served { handle, task })
}

fn router(app: Arc<App>) -> Router {
    let guard = Arc::new(access::Guard::of(&app));
    let (shown, listed) = (Once::default(), Once::default());
    let reads = Router::new()
        .route("/", get(|state| page::overview(state, shown)))
        .route("/users/{id}", get(page::user))
        .route("/metrics", get(metrics))
        .route("/api/v1/users", get(|state| api::users(state, listed)))
        .route("/api/v1/users/{id}", get(api::user))
        .layer(from_fn_with_state(Arc::clone(&guard), access::read));
    let changes = Router::new()
        .route("/-/reload", post(reload))
        .route("/api/v1/retry", post(bulk::retry))
        .route("/api/v1/users/{id}/retry", post(api::retry))
        .route("/api/v1/users/{id}/probe", post(api::probe))
        .layer(from_fn_with_state(guard, access::change));
    let fixed =
        |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Router::new()
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .merge(reads)
        .merge(changes)
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here; try /, /metrics or /api/v1/users") })
        .method_not_allowed_fallback(|| async {
            let error = "this is not done by this method; the header Allow says by which";
            problem(StatusCode::METHOD_NOT_ALLOWED, error)
        })
        .layer(from_fn(access::one_host))
        // Ten thousand users are 20 MB of metrics: harder compression would take longer than making them.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(CatchPanicLayer::new())
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ))
        .with_state(app)
}

/// An answer that says what is wrong.
fn problem(status: StatusCode, error: impl AsRef<str>) -> Response {
    (status, Json(json!({ "error": error.as_ref() }))).into_response()
}

/// Says so, and which ids look like it.
fn no_such_user(board: &Board, id: &str) -> String {
    let entries = board.all();
    unknown(id, entries.iter().map(|entry| entry.user.id.as_str()))
}

/// Everybody may ask for any id, so the search for one that is like it must cost little.
fn unknown<'a>(id: &str, known: impl ExactSizeIterator<Item = &'a str>) -> String {
    let near = if known.len() <= MOST_COMPARED && UserId::parse(id).is_ok() {
        nearest(id, known)
    } else {
        Vec::new()
    };
    if near.is_empty() {
        "no user with this id is configured".to_owned()
    } else {
        format!(
            "no user with this id is configured; did you mean {}?",
            near.join(" or ")
        )
    }
}

/// Without a turn of the scheduler for a minute a restart is what helps. A store that is away is no reason: its time-outs are
/// shorter.
async fn healthy(State(app): State<Arc<App>>) -> Response {
    let last_turn = *app.turns.borrow();
    if is_stuck(last_turn, Instant::now()) && !app.stopping.is_cancelled() {
        let why = "stuck: the scheduler has not come round for a minute\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    "alive\n".into_response()
}

fn is_stuck(last_turn: Option<Instant>, now: Instant) -> bool {
    last_turn.is_some_and(|last| now - last > STUCK)
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let why = match app.checker.store.trouble() {
        Some(trouble) => trouble.as_sentence(),
        None if *app.ready.borrow() && !app.stopping.is_cancelled() => {
            return "ready\n".into_response();
        }
        None => "the first claim of users is not done".to_owned(),
    };
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("not ready: {why}\n"),
    )
        .into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let metrics = Arc::clone(&app.checker.metrics);
    metrics.store_usable(app.checker.store.trouble().is_none());
    // Each takes turns with the others, part by part. A permit for all of it could be kept by those who take it slowly, and
    // Prometheus would wait for them.
    let parts = stream::iter(metrics.parts(app.checker.board.all())).then(async |part| {
        // Others' turn: together the parts of many users take long.
        tokio::task::yield_now().await;
        // Prometheus only sees an answer that breaks off.
        part.inspect_err(|why| tracing::error!(error = %why, "failed to encode the metrics"))
    });
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}

async fn reload(State(app): State<Arc<App>>) -> Response {
    match app.reload().await {
        Ok(()) => Json(json!({ "reloaded": true })).into_response(),
        Err(why) => {
            let answer = json!({ "error": why.to_string(), "problems": why.problems() });
            let status = match why {
                ReloadError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            (status, Json(answer)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_id_is_looked_for_among_a_thousand_and_no_more() {
        let known = |users| vec!["acme-email2at"; users];
        let suggests = |id: &str, users| {
            unknown(id, known(users).into_iter()).contains("did you mean acme-email2at?")
        };
        assert!(suggests("acme-email2ta", MOST_COMPARED));
        assert!(!suggests("acme-email2ta", MOST_COMPARED + 1));
        let filled = |length| format!("{:m<length$}", "acme-email2at");
        assert!(suggests(&filled(64), 1));
        assert!(!suggests(&filled(65), 1), "no id is so long");
    }

    #[test]
    fn a_scheduler_is_stuck_after_a_minute_and_not_before_it_began() {
        let last = Instant::now();
        assert!(!is_stuck(Some(last), last + STUCK));
        assert!(is_stuck(
            Some(last),
            last + STUCK + Duration::from_millis(1)
        ));
        assert!(!is_stuck(None, last));
    }
}
