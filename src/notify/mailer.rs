//! How a mail leaves: an SMTP dialogue, step by step so that each failure names its step, or a file. One attempt per call;
//! retries are `outbox`'s. The bytes are sent as they are. Secrets are read for one dialogue and never repeated in errors.

mod connect;
mod dialogue;
mod file;
mod reply;

use std::fmt;

use email_address::EmailAddress;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::config::{Email, Transport};

/// Sends mails as `[email]` says.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: EmailAddress,
    transport: Transport,
}

/// A frozen mail on its way.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The mail's id, the same for every attempt.
    pub id: &'a str,
    /// The mail's date, the same for every attempt.
    pub date: Timestamp,
    /// The recipient's address.
    pub to: &'a str,
    /// The whole message.
    pub bytes: &'a [u8],
}

/// What an attempt is made of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Settings, addresses, certificates and the password are made ready; nothing is sent.
    Prepare,
    /// The TCP connection.
    Connect,
    /// The TLS handshake of `tls = "implicit"`.
    Tls,
    /// The server's greeting and its answer to EHLO.
    Greeting,
    /// STARTTLS, its handshake and EHLO again.
    StartTls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, the message and the server's word that it has it.
    Data,
    /// The file is written.
    Write,
}

impl Step {
    /// A word or two for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::StartTls => "starttls",
            Self::Login => "login",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Data => "data",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keeps to a width, so that steps can stand below each other.
        f.pad(self.as_str())
    }
}

/// The mail has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The server's last word, or the file.
    pub detail: String,
}

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same mail may leave later: network, 4xx, and settings that an operator can correct.
    Transient,
    /// The server refuses us for this recipient: it does not relay, or not without a login, or lets only some write there. An
    /// operator can correct that.
    Barred,
    /// The server refuses this recipient or this mail for good.
    Permanent,
    /// The server refuses our login, or wants one: more attempts at once may lock the account.
    Login,
}

/// Why a mail did not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed at step {step}: {text}")]
pub struct SendError {
    /// Where.
    pub step: Step,
    /// What it means.
    pub class: Class,
    /// Printable, short, without secrets; a fragment.
    pub text: String,
    /// Whether the mail may have been delivered nevertheless: the message was on its way, and the server gave no answer that
    /// says what became of it.
    pub in_doubt: bool,
}

impl SendError {
    fn transient(step: Step, text: impl AsRef<str>) -> Self {
        Self {
            step,
            class: Class::Transient,
            text: printable(text.as_ref()),
            in_doubt: false,
        }
    }

    /// Whether it concerns every mail: the recipient was not named yet, and the sender is a setting.
    #[must_use]
    pub fn is_of_the_server(&self) -> bool {
        !matches!(self.step, Step::Recipient | Step::Data)
    }

    /// The same in words that do not name `recipient`, as logs want it: servers like to repeat the address, in a spelling
    /// of theirs, or what stands before its @.
    #[must_use]
    pub fn without(&self, recipient: &str) -> String {
        let text = hidden(&self.text, recipient);
        let local = recipient
            .rsplit_once('@')
            .map_or(recipient, |(local, _)| local);
        // Shorter ones are in too many words, and tell nobody.
        let text = if local.len() > 2 {
            hidden(&text, local)
        } else {
            text
        };
        format!("failed at step {}: {text}", self.step)
    }
}

/// `text` without `name` where that stands by itself, however it is spelt.
fn hidden(text: &str, name: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    // ASCII alone, so that places in one are places in the other.
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut out = String::new();
    let mut rest = 0;
    for (at, _) in lower.match_indices(&name) {
        let end = at + name.len();
        let is_within = lower[..at].ends_with(char::is_alphanumeric)
            || lower[end..].starts_with(char::is_alphanumeric);
        if !is_within {
            out.push_str(&text[rest..at]);
            out.push_str("the recipient");
            rest = end;
        }
    }
    out.push_str(&text[rest..]);
    out
}

/// Is told each step as it ends: what is worth saying about it, or why it failed. A failure is the last call.
pub type OnStep<'a> = dyn FnMut(Step, Result<&str, &SendError>) + Send + 'a;

/// Where an attempt is.
struct Progress<'a, 'b> {
    step: Step,
    /// The server may have the message by now.
    on_its_way: bool,
    on_step: &'a mut OnStep<'b>,
}

impl Progress<'_, '_> {
    fn begin(&mut self, step: Step) {
        self.step = step;
    }

    fn done(&mut self, detail: &str) {
        (self.on_step)(self.step, Ok(&printable(detail)));
    }
}

impl Mailer {
    /// A mailer for these settings. Opens nothing yet.
    #[must_use]
    pub fn new(email: &Email) -> Self {
        Self {
            from: email.from.clone(),
            transport: email.transport.clone(),
        }
    }

    /// What makes the account at the mail server: settings, and the password as it is now. `None` without a login, and where
    /// the password cannot be read.
    pub async fn account(&self) -> Option<[SecretString; 2]> {
        let Transport::Smtp(smtp) = &self.transport else {
            return None;
        };
        let login = smtp.login.as_ref()?;
        let password = login.password.read().await.ok()?;
        let settings = format!(
            "{}:{} {:?} {}",
            smtp.host, smtp.port, smtp.tls, login.username
        );
        Some([settings.into(), password])
    }

    /// Makes one attempt to send `letter`.
    ///
    /// # Errors
    /// When it did not leave, or nobody knows whether it did.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<Sent, SendError> {
        self.try_out(letter, &mut |_, _| {}).await
    }

    /// The same, telling each step.
    ///
    /// # Errors
    /// As [`Mailer::send`].
    pub async fn try_out(
        &self,
        letter: &Letter<'_>,
        on_step: &mut OnStep<'_>,
    ) -> Result<Sent, SendError> {
        let mut progress = Progress {
            step: Step::Prepare,
            on_its_way: false,
            on_step,
        };
        let result = match &self.transport {
            Transport::File { directory } => file::write(directory, letter, &mut progress).await,
            Transport::Smtp(smtp) => dialogue::hold(smtp, &self.from, letter, &mut progress).await,
        };
        if let Err(error) = &result {
            (progress.on_step)(error.step, Err(error));
        }
        result
    }
}

/// One line of at most 300 characters: servers may say anything.
fn printable(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    line.trim().to_owned()
}
