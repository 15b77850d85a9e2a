//! `POST /api/v1/retry`: one attempt for each user of a tenant, or of all, that does not work. Told as NDJSON, or as one
//! document. Every attempt obeys the same limits as one that is asked for by id; this room only chooses and passes on.

mod whom;

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{
    api::{self, NDJSON},
    problem,
    view::{Step, UserView},
};
use crate::{
    app::App,
    attempt::Asker,
    board::Entry,
    schedule::Ask,
    user::{UserId, nearest},
};
use whom::{Choice, Seen, choose};

/// So many checks run at once: hundreds of users must not keep the schedule's own checks out of the slots.
const AT_ONCE: usize = 16;

/// The body.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BulkWish {
    /// All users of this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// All users.
    #[serde(default)]
    pub all: bool,
    /// Although the same credential was retried in vain.
    #[serde(default)]
    pub force: bool,
}

/// One line about one of several users.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// Its id.
    pub user: String,
    /// What there is to say.
    #[serde(flatten)]
    pub what: What,
}

/// See [`Told`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A step of its check.
    Progress(Step),
    /// Where its check left it; without an attempt `not_attempted` says why.
    Result(Box<UserView>),
    /// Its check has no result.
    Error(String),
    /// No attempt is made for it.
    NotRetried(NotRetried),
}

/// Why a user is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NotRetried {
    /// It works.
    Works,
    /// Only its zone may be looked up.
    ZoneOnly,
}

type Lines = mpsc::UnboundedSender<Told>;

pub(super) async fn retry(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (choice, force) = match wished(&app, &body) {
        Ok(wished) => wished,
        Err(refused) => return *refused,
    };
    if let Some(trouble) = app.checker.store.trouble() {
        // Who works is not known either.
        return problem(StatusCode::SERVICE_UNAVAILABLE, trouble.as_sentence());
    }
    let (lines, mut told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // Whoever asked may go: what has begun goes on, and nothing more begins.
        tokio::select! {
            () = lines.closed() => {}
            () = run(&app, choice, force, &lines) => {}
        }
    });
    if api::wants_lines(&headers) {
        let lines = stream::unfold(told, |mut told| async move {
            let line = told.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(api::written(&line)), told))
        });
        return ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response();
    }
    let mut results = Vec::new();
    while let Some(line) = told.recv().await {
        if !matches!(line.what, What::Progress(_)) {
            results.push(line);
        }
    }
    Json(json!({ "results": results })).into_response()
}

fn wished(app: &App, body: &[u8]) -> Result<(Choice, bool), Box<Response>> {
    let bad = |why| Box::new(problem(StatusCode::BAD_REQUEST, why));
    let wish: BulkWish = api::object(body).ok_or_else(|| {
        bad("the body is {\"tenant\": \"NAME\"} or {\"all\": true}, and may say \"force\": true")
    })?;
    let everybody = app.checker.board.all();
    let meant = |entry: &&Arc<Entry>| match &wish.tenant {
        Some(tenant) => entry.user.tenant == *tenant,
        None => true,
    };
    match (&wish.tenant, wish.all) {
        (Some(_), true) => return Err(bad("name a tenant or say \"all\": true, not both")),
        (None, false) => return Err(bad("name a tenant, or say \"all\": true")),
        (Some(tenant), false) if !everybody.iter().any(|entry| meant(&entry)) => {
            let known = everybody.iter().map(|entry| entry.user.tenant.as_str());
            let why = unknown_tenant(tenant, known);
            return Err(Box::new(problem(StatusCode::NOT_FOUND, why)));
        }
        _ => {}
    }
    let seen = everybody.iter().filter(meant);
    Ok((
        choose(seen.map(|entry| Seen::from(&**entry)).collect()),
        wish.force,
    ))
}

fn unknown_tenant<'a>(tenant: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = nearest(tenant, known);
    let near = if near.is_empty() {
        String::new()
    } else {
        format!("; near: {}", near.join(", "))
    };
    format!("no enabled user of tenant {tenant:?} is configured{near}")
}

async fn run(app: &App, choice: Choice, force: bool, lines: &Lines) {
    for (user, why) in choice.spared {
        say(lines, &user, What::NotRetried(why));
    }
    stream::iter(choice.retried)
        .for_each_concurrent(AT_ONCE, |id| async move {
            checked(app, &id, Asker::Operator { force }, lines).await;
        })
        .await;
}

async fn checked(app: &App, id: &UserId, asker: Asker, lines: &Lines) {
    let (progress, mut steps) = mpsc::unbounded_channel();
    let (reply, answer) = oneshot::channel();
    let ask = Ask {
        id: id.clone(),
        asker,
        progress,
        reply,
    };
    // Where the scheduler has ended, the answer says so.
    let _ = app.asks.send(ask).await;
    while let Some(step) = steps.recv().await {
        say(lines, id, What::Progress(step.into()));
    }
    let what = match answer.await {
        Ok(Ok(entry)) => What::Result(Box::new(UserView::from(&*entry))),
        Ok(Err(why)) => What::Error(why.to_string()),
        Err(_) => What::Error("lockwatch is stopping".to_owned()),
    };
    say(lines, id, what);
}

fn say(lines: &Lines, user: &UserId, what: What) {
    // Whoever asked may have gone.
    let _ = lines.send(Told {
        user: user.to_string(),
        what,
    });
}
