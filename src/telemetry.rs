//! Logs: lines for people on standard error. What is never logged: secrets, integration codes, mail content, recipients.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for this process. `RUST_LOG` narrows or widens it.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // journald has times of its own.
    let result = if std::env::var_os("JOURNAL_STREAM").is_some() {
        logs.without_time().try_init()
    } else {
        logs.try_init()
    };
    // A second start in one process (a test) keeps the first.
    drop(result);
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
