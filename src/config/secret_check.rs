//! For `validate`: reads every secret of a configuration once and says which cannot be read and which look suspicious.
//! Names the source and the user, never the content.

use std::{fmt, fs, os::unix::fs::PermissionsExt, path::Path};

use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Config, Database, StoreLocation, Transport,
    secret::{SecretSource, mangled, no_code_in},
};
use crate::{observation::Mangled, user::Known};

/// Secrets read at the same time.
const AT_ONCE: usize = 16;
/// A shorter token is guessed too easily.
const TOKEN_LENGTH: usize = 16;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `validate` fails.
    Error,
    /// It is told.
    Warning,
}

/// One finding about one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFinding {
    /// How bad it is.
    pub severity: Severity,
    /// Whose secret: `users.acme-email2at.secret`, `email.smtp.password`.
    pub key: String,
    /// What is wrong, naming the source, a fragment.
    pub message: String,
}

impl fmt::Display for SecretFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// What a secret is for: what is unusual depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Secret,
    Code,
    Password,
    Token,
}

/// Reads all secrets of enabled users, the mail login and the token, and says what is wrong with them, in the order
/// of the users.
pub async fn secret_problems(config: &Config) -> Vec<SecretFinding> {
    let users = config.users.iter().filter(|user| user.enabled);
    let mut wanted: Vec<_> = users
        .flat_map(|user| {
            let key = |name| format!("users.{}.{name}", user.id);
            let (secret, code) = match &user.known {
                Known::All {
                    secret,
                    integration_code,
                } => (Some(secret), Some(integration_code)),
                Known::Secret(secret) => (Some(secret), None),
                // What is never used need not be there.
                Known::Nothing => (None, None),
            };
            let secret = secret.map(|source| (Purpose::Secret, key("secret"), source));
            let code = code.map(|source| (Purpose::Code, key("integration_code"), source));
            secret.into_iter().chain(code)
        })
        .collect();
    if let Some(Transport::Smtp(smtp)) = config.email.as_ref().map(|email| &email.transport)
        && let Some(login) = &smtp.login
    {
        let key = "email.smtp.password".to_owned();
        wanted.push((Purpose::Password, key, &login.password));
    }
    if let Some(token) = &config.web.token {
        wanted.push((Purpose::Token, "web.token".to_owned(), token));
    }
    let folders: Vec<_> = config
        .files
        .iter()
        .filter_map(|file| file.parent())
        .collect();
    let checks = wanted
        .into_iter()
        .map(|(purpose, key, source)| check(purpose, key, source, &folders));
    let findings: Vec<_> = stream::iter(checks).buffered(AT_ONCE).collect().await;
    let users = findings.into_iter().flatten();
    users.chain(database(&config.store).await).collect()
}

async fn check(
    purpose: Purpose,
    key: String,
    source: &SecretSource,
    folders: &[&Path],
) -> Vec<SecretFinding> {
    let finding = |severity, message| SecretFinding {
        severity,
        key: key.clone(),
        message,
    };
    let secret = match source.read_beside(folders).await {
        Ok(secret) => secret,
        Err(error) => return vec![finding(Severity::Error, error.to_string())],
    };
    if purpose == Purpose::Code
        && let Some(what) = no_code_in(&secret)
    {
        let message = format!("{} {what}", source.describe());
        return vec![finding(Severity::Error, message)];
    }
    let suspicious = suspicious(purpose, &secret).into_iter().map(str::to_owned);
    suspicious
        .chain(open_to_others(source))
        .map(|what| finding(Severity::Warning, format!("{} {what}", source.describe())))
        .collect()
}

/// The file that holds the address of the store, with its password.
async fn database(store: &StoreLocation) -> Vec<SecretFinding> {
    let StoreLocation::Postgres(file @ Database::File(path)) = store else {
        return Vec::new();
    };
    let finding = |severity, message| SecretFinding {
        severity,
        key: "store.url_file".to_owned(),
        message,
    };
    if let Err(why) = file.url().await {
        return vec![finding(Severity::Error, why)];
    }
    let source = SecretSource::File(path.clone());
    open_to_others(&source)
        .map(|what| finding(Severity::Warning, format!("{} {what}", source.describe())))
        .into_iter()
        .collect()
}

fn suspicious(purpose: Purpose, secret: &SecretString) -> Vec<&'static str> {
    let short = purpose == Purpose::Token && secret.expose_secret().len() < TOKEN_LENGTH;
    mangled(secret)
        .into_iter()
        .filter(|what| match what {
            Mangled::UnusualLength => purpose == Purpose::Secret,
            // A mail server may take any password; the others are sent as headers.
            Mangled::NotAscii => purpose != Purpose::Password,
            _ => true,
        })
        .map(|what| match what {
            Mangled::SurroundingQuotes => "begins and ends with a quote: is the quote part of it?",
            Mangled::OuterWhiteSpace => "begins or ends with white space",
            Mangled::InnerWhiteSpace => "holds white space",
            Mangled::Backslash => {
                "holds a backslash before a special character, as shells leave it"
            }
            Mangled::UnusualLength => "has an unusual length: Autotask generates 25 characters",
            Mangled::NotAscii => {
                "holds characters other than ASCII, such as a typographic quote or a space that cannot be seen"
            }
        })
        .chain(short.then_some("is shorter than 16 characters and easily guessed"))
        .collect()
}

fn open_to_others(source: &SecretSource) -> Option<String> {
    // What systemd passes lies in a folder that only the service may enter.
    let SecretSource::File(path) = source else {
        return None;
    };
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        format!(
            "may be read by everybody (mode {:04o}); chmod o= it",
            mode & 0o7777
        )
    })
}
