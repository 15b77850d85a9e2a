//! `/api/v1`: users as JSON, and checks that somebody asks for, told as they happen where the client takes NDJSON.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{
    no_such_user,
    once::Once,
    problem,
    view::{UserView, Users},
};
use crate::{
    app::App,
    attempt::Asker,
    board::Entry,
    check::Progress,
    schedule::{Ask, AskError},
    user::UserId,
};

/// The content type of a check told as it happens.
pub const NDJSON: &str = "application/x-ndjson";

/// The body of a retry or probe; may be empty.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Retry: although the same credential was retried in vain. Probe: one attempt in spite of a hold.
    #[serde(default)]
    pub force: bool,
}

/// One line of NDJSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress(Progress),
    Result(Box<UserView>),
    Error(String),
}

pub(super) async fn users(State(app): State<Arc<App>>, once: Once) -> Response {
    match once.get(move || serde_json::to_vec(&all(&app)).ok()).await {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed to write the users",
        ),
    }
}

fn all(app: &App) -> Users {
    let users = app
        .checker
        .board
        .all()
        .iter()
        .map(|entry| UserView::from(&**entry))
        .collect();
    let outbox_pending = app.checker.metrics.outbox_waiting();
    let config = app
        .config_path
        .as_deref()
        .and_then(|path| std::path::absolute(path).ok());
    Users {
        users,
        outbox_pending,
        outbox: app.outbox_view(),
        store_trouble: app
            .checker
            .store
            .trouble()
            .map(|trouble| trouble.as_sentence()),
        reload_refused: app.reload_refused(),
        config,
    }
}

/// An id as the path has it. What is not even text is nobody's.
pub(super) struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| {
            problem(
                StatusCode::NOT_FOUND,
                "no user with this id is configured: an id is text",
            )
        })
    }
}

pub(super) async fn user(State(app): State<Arc<App>>, Named(id): Named) -> Response {
    match find(&app, &id) {
        Ok(entry) => {
            let mut view = json!(UserView::from(&*entry));
            let checks = entry.recent.checks().into_iter().map(|check| {
                json!({ "at": Timestamp::from_millisecond(check.at).ok(), "reason": check.reason.as_str(), "zone_ms": check.zone_ms, "query_ms": check.query_ms })
            });
            view["recent"] = checks.collect();
            Json(view).into_response()
        }
        Err(refused) => *refused,
    }
}

pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Named(id): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Ok(entry) = find(&app, &id)
        && let Some(why) = entry.user.known.refuses_attempts()
    {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, format!("{id}: {why}"));
    }
    wished(&app, &id, &headers, &body, |wish| Asker::Operator {
        force: wish.force,
    })
    .await
}

pub(super) async fn probe(
    State(app): State<Arc<App>>,
    Named(id): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asker = |wish: Wish| {
        if wish.force {
            Asker::Operator { force: true }
        } else {
            Asker::Schedule
        }
    };
    wished(&app, &id, &headers, &body, asker).await
}

fn find(app: &App, id: &str) -> Result<Arc<Entry>, Box<Response>> {
    let entry = UserId::parse(id)
        .ok()
        .and_then(|id| app.checker.board.get(&id));
    entry.ok_or_else(|| {
        let why = no_such_user(&app.checker.board, id);
        Box::new(problem(StatusCode::NOT_FOUND, why))
    })
}

async fn wished(
    app: &App,
    id: &str,
    headers: &HeaderMap,
    body: &[u8],
    asker: impl FnOnce(Wish) -> Asker,
) -> Response {
    let entry = match find(app, id) {
        Ok(entry) => entry,
        Err(refused) => return *refused,
    };
    let wish = if body.is_empty() {
        Some(Wish::default())
    } else {
        object(body)
    };
    let Some(wish) = wish else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the body is empty or {\"force\": true}",
        );
    };
    let (progress, steps) = mpsc::unbounded_channel();
    let (reply, result) = oneshot::channel();
    let ask = Ask {
        id: entry.user.id.clone(),
        asker: asker(wish),
        progress,
        reply,
    };
    if app.asks.send(ask).await.is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "lockwatch is stopping");
    }
    if wants_lines(headers) {
        return (
            [(header::CONTENT_TYPE, NDJSON)],
            Body::from_stream(lines(steps, result)),
        )
            .into_response();
    }
    match result.await {
        Ok(Ok(entry)) => Json(UserView::from(&*entry)).into_response(),
        Ok(Err(why)) => problem(status_of(&why), why.to_string()),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "lockwatch is stopping"),
    }
}

fn status_of(why: &AskError) -> StatusCode {
    match why {
        AskError::Unknown(_) => StatusCode::NOT_FOUND,
        AskError::Busy => StatusCode::CONFLICT,
        AskError::Check(_) | AskError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

type Outcome = oneshot::Receiver<Result<Arc<Entry>, AskError>>;

/// Each step as a line, and the result as the last.
fn lines(
    steps: mpsc::UnboundedReceiver<Progress>,
    result: Outcome,
) -> impl stream::Stream<Item = Result<String, std::convert::Infallible>> {
    stream::unfold((steps, Some(result)), |(mut steps, result)| async move {
        let line = match steps.recv().await {
            Some(step) => return Some((Ok(written(&Line::Progress(step))), (steps, result))),
            None => match result?.await {
                Ok(Ok(entry)) => Line::Result(Box::new(UserView::from(&*entry))),
                Ok(Err(why)) => Line::Error(why.to_string()),
                Err(_) => Line::Error("lockwatch is stopping".to_owned()),
            },
        };
        Some((Ok(written(&line)), (steps, None)))
    })
}

/// A body that is an object of this shape. An array of the values alone would be read as one as well.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let object: serde_json::Map<_, _> = serde_json::from_slice(body).ok()?;
    serde_json::from_value(object.into()).ok()
}

pub(super) fn wants_lines(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == NDJSON)
}

pub(super) fn written(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
