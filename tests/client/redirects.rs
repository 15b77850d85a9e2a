//! A redirect is an answer, and no way: neither a credential nor a look-up goes where it points.

use lockwatch::{attempt::Outcome, observation::QueryFinding};

use super::{
    ACCEPTED, config, query_with,
    server::{Server, answer},
    unclear_with, unexpected,
};

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        let elsewhere = Server::saying(answer(200, "", ACCEPTED)).await;
        for target in [&elsewhere.url(), "/elsewhere", "//localhost/", "https:///"] {
            let location = format!("Location: {target}\r\n");
            let server = Server::saying(answer(status, &location, "")).await;
            let what = unexpected(status, "a redirect, which is never followed");
            let config = config(&server.url());
            assert_eq!(unclear_with(&config).await, what, "{status} to {target}");
            let lines: Vec<_> = server.requests().into_iter().map(|it| it.line).collect();
            assert_eq!(lines.len(), 3, "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("elsewhere")));
        }
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_that_says_more_says_nothing() {
    let locked = r#"{"errors":["The user account has been locked."]}"#;
    for body in [ACCEPTED, locked, "", "<html>"] {
        let server = Server::saying(answer(307, "Location: /\r\n", body)).await;
        let finding = query_with(&config(&server.url())).await;
        assert_eq!(finding.outcome(), Outcome::AnsweredUnclearly, "{body}");
        assert!(matches!(finding, QueryFinding::Unclear(_)));
    }
}
