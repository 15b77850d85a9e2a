//! The pages: a table of all users, worst first, and one user with its causes and steps. No scripts.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;

use super::{no_such_user, once::Once, problem, view::UserView};
use crate::{app::App, board::STATES, user::UserId};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    users: Vec<UserView>,
    mail: Vec<String>,
    trouble: Option<String>,
    refused: Vec<String>,
}

#[derive(Template)]
#[template(path = "nobody.html")]
struct Nobody {
    why: String,
}

#[derive(Template)]
#[template(path = "user.html")]
struct OneUser {
    user: UserView,
}

pub(super) async fn overview(State(app): State<Arc<App>>, once: Once) -> Response {
    let page = once.get(move || overview_of(&app).render().ok().map(String::into_bytes));
    match page.await {
        Some(page) => Html(page).into_response(),
        None => not_rendered(),
    }
}

fn overview_of(app: &App) -> Overview {
    let mut users: Vec<_> = app
        .checker
        .board
        .all()
        .iter()
        .map(|entry| UserView::from(&**entry))
        .collect();
    users.sort_by_key(|user| (badness(&user.state), user.id.clone()));
    Overview {
        users,
        mail: app
            .outbox_view()
            .map(|outbox| outbox.sentences())
            .unwrap_or_default(),
        trouble: app
            .checker
            .store
            .trouble()
            .map(|trouble| trouble.as_sentence()),
        refused: app
            .reload_refused()
            .map(|refused| refused.sentences())
            .unwrap_or_default(),
    }
}

pub(super) async fn user(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let entry = UserId::parse(&id)
        .ok()
        .and_then(|id| app.checker.board.get(&id));
    match entry {
        Some(entry) => rendered(&OneUser {
            user: UserView::from(&*entry),
        }),
        None => {
            let why = no_such_user(&app.checker.board, &id);
            (StatusCode::NOT_FOUND, rendered(&Nobody { why })).into_response()
        }
    }
}

fn rendered(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => not_rendered(),
    }
}

fn not_rendered() -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "failed to render the page",
    )
}

/// The place of a state in a table, the worst first.
#[must_use]
pub fn badness(state: &str) -> usize {
    const WORST_FIRST: [&str; STATES.len()] = [
        "locked_out",
        "failing",
        "unclear",
        "activating",
        "paused",
        "zone_only",
        "healthy",
    ];
    WORST_FIRST
        .iter()
        .position(|known| *known == state)
        .unwrap_or(WORST_FIRST.len())
}

/// A time for people; a dash for what never happened.
#[expect(clippy::ref_option, reason = "templates hand out references")]
fn time(at: &Option<Timestamp>) -> String {
    at.as_ref().map_or_else(|| "–".to_owned(), self::at)
}

/// A number for people; a dash where there is nothing to count.
#[expect(clippy::ref_option, reason = "templates hand out references")]
fn count(number: &Option<u32>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| number.to_string())
}

fn at(at: &Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_server_says_is_text_and_not_markup() {
        let page = |mail: &[&str]| {
            let overview = Overview {
                users: Vec::new(),
                mail: mail.iter().map(|line| (*line).to_owned()).collect(),
                trouble: None,
                refused: Vec::new(),
            };
            overview.render().unwrap()
        };
        let shown = page(&["550 <script>alert(1)</script> & \"more\""]);
        assert!(
            shown.contains(
                "<p>550 &#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;more&#34;</p>"
            ),
            "{shown}"
        );
        assert!(!shown.contains("<script"), "{shown}");
        assert!(shown.contains("<h2>Mail</h2>"), "{shown}");
        assert!(!page(&[]).contains("Mail"), "nothing to say");
    }
}
