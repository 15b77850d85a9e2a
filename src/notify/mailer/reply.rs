//! What servers say, and what it means for the next attempt. Pure.

use lettre::transport::smtp::{Error as SmtpError, response::Response};

use super::{Class, SendError, Step, printable};

/// What an error of one step means.
pub(super) fn failed(step: Step, error: &SmtpError) -> SendError {
    let code = error.status().map(u16::from);
    let class = match (step, code) {
        // "Authentication required", wherever it is said.
        (_, Some(530)) => Class::Login,
        (Step::Login, _) if error.is_permanent() => Class::Login,
        // Anywhere else a 5xx speaks about our settings, which an operator can correct: the mail must not be lost.
        (Step::Recipient | Step::Data, _) if error.is_permanent() => Class::Permanent,
        _ => Class::Transient,
    };
    SendError {
        step,
        class,
        text: printable(&say(error)),
    }
}

/// The server's words where it spoke, else the innermost cause.
pub(super) fn say(error: &SmtpError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match error.status() {
        Some(code) => format!("the server answered {code} {innermost}"),
        None => innermost.to_string(),
    }
}

pub(super) fn line(reply: &Response) -> String {
    let words: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), words.join(" "))
}
