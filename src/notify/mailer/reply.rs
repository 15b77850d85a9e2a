//! What servers say, and what it means for the next attempt. Pure.

use lettre::transport::smtp::{
    Error as SmtpError,
    response::{Response, Severity},
};

use super::{Class, SendError, Step, printable};

/// What an error of one step means.
pub(super) fn failed(step: Step, error: &SmtpError) -> SendError {
    let code = error.status().map(u16::from);
    let class = match (step, code) {
        // "Authentication required", wherever it is said.
        (_, Some(530)) => Class::Login,
        (Step::Login, _) if error.is_permanent() => Class::Login,
        (Step::Recipient, _) if error.is_permanent() && bars_us(error) => Class::Barred,
        // Anywhere else a 5xx speaks about our settings, which an operator can correct: the mail must not be lost.
        (Step::Recipient | Step::Data, _) if error.is_permanent() => Class::Permanent,
        (Step::Sender, Some(code)) if error.is_permanent() && too_big(code, error) => {
            Class::Permanent
        }
        _ => Class::Transient,
    };
    let said = say(error);
    let text = match class {
        Class::Barred => format!(
            "{said}; the server does not let us send there: it wants a login (email.smtp), must relay for this host, or lets only some write to this recipient"
        ),
        _ => said,
    };
    SendError {
        step,
        class,
        text: printable(&text),
        in_doubt: false,
    }
}

/// Whether RCPT TO was refused because of who we are (RFC 3463: X.7, security or policy) rather than whom it names. Exim
/// and others say it without such a code.
fn bars_us(error: &SmtpError) -> bool {
    let words = innermost(error).to_string().to_lowercase();
    match words.split_whitespace().next() {
        Some(enhanced) if enhanced.starts_with("5.") => enhanced.starts_with("5.7."),
        _ => words.contains("relay") || words.contains("authenticat"),
    }
}

/// Whether MAIL FROM was refused because of the size that it tells (RFC 1870). 552 alone says so too, but it is also what a
/// sender hears whose mailbox is full.
fn too_big(code: u16, error: &SmtpError) -> bool {
    let words = innermost(error).to_string();
    match words.split_whitespace().next() {
        Some("5.3.4" | "5.2.3") => true,
        Some(enhanced) if enhanced.starts_with("5.") => false,
        _ => code == 552,
    }
}

/// What became of the message once it was on its way: unknown without a reply that says so.
pub(super) fn failed_on_its_way(error: &SmtpError) -> SendError {
    SendError {
        in_doubt: error.status().is_none(),
        ..failed(Step::Data, error)
    }
}

/// lettre takes any 2xx and 3xx for good; DATA and the message's end must hear one of them each.
pub(super) fn expect(
    severity: Severity,
    reply: Response,
    in_doubt: bool,
) -> Result<Response, SendError> {
    if reply.code().severity == severity {
        return Ok(reply);
    }
    let text = format!("the server answered out of turn: {}", line(&reply));
    Err(SendError {
        in_doubt,
        ..SendError::transient(Step::Data, text)
    })
}

/// The server's words where it spoke, else the innermost cause.
pub(super) fn say(error: &SmtpError) -> String {
    let words = innermost(error);
    match error.status() {
        Some(code) => format!("the server answered {code} {words}"),
        None => words.to_string(),
    }
}

fn innermost(error: &SmtpError) -> &dyn std::error::Error {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

pub(super) fn line(reply: &Response) -> String {
    let words: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), words.join(" "))
}
