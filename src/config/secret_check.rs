//! For `validate`: reads every secret of a configuration once and says which cannot be read and which look suspicious.
//! Names the source and the user, never the content.

use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Config, Database, Place, Problem, StoreLocation, Transport,
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
    /// Where the user's table begins, or the main file; whose secret: `users.acme-email2at.secret`, `email.smtp.password`; what
    /// is wrong, naming the source.
    pub problem: Problem,
}

impl fmt::Display for SecretFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// What a secret is for: what is unusual depends on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Secret,
    Code,
    Password,
    Token,
}

/// A secret that is needed.
struct Needed<'a> {
    purpose: Purpose,
    place: Option<&'a Place>,
    key: String,
    source: &'a SecretSource,
}

impl Needed<'_> {
    /// Equal where many need one secret, as the code of an integration: it is read once, and a program is asked once.
    fn once(&self) -> (Purpose, String) {
        let place = self.source.place();
        (self.purpose, place.unwrap_or_else(|| self.key.clone()))
    }
}

/// Reads all secrets of enabled users, the mail login and the token, and says what is wrong with them, in the order
/// of the users.
pub async fn secret_problems(config: &Config) -> Vec<SecretFinding> {
    let needed = needed(config);
    let folders: Vec<_> = config
        .files
        .iter()
        .filter_map(|file| file.parent())
        .collect();
    let once: BTreeMap<_, _> = needed.iter().map(|each| (each.once(), each)).collect();
    let checks = once.into_iter().map(async |(place, needed)| {
        let found = check(needed, &folders).await;
        (place, found)
    });
    let checks = stream::iter(checks).buffer_unordered(AT_ONCE);
    let found: BTreeMap<_, _> = checks.collect().await;
    let findings = needed.iter().flat_map(|needed| {
        let found = found.get(&needed.once()).into_iter().flatten();
        found.map(|(severity, message)| SecretFinding {
            severity: *severity,
            problem: Problem {
                file: needed
                    .place
                    .map_or(main(config), |place| place.file.to_path_buf()),
                at: needed.place.map(|place| place.at),
                key: needed.key.clone(),
                message: message.clone(),
            },
        })
    });
    findings.chain(database(config).await).collect()
}

/// What is no user's is told in the main file alone.
fn main(config: &Config) -> PathBuf {
    config.files.first().cloned().unwrap_or_default()
}

fn needed(config: &Config) -> Vec<Needed<'_>> {
    let users = config.users.iter().filter(|user| user.enabled);
    let of_users = users.flat_map(|user| {
        let (secret, code) = match &user.known {
            Known::All {
                secret,
                integration_code,
            } => (Some(secret), Some(integration_code)),
            Known::Secret(secret) => (Some(secret), None),
            // What is never used need not be there.
            Known::Nothing => (None, None),
        };
        let of_user = |purpose, name, source| Needed {
            purpose,
            place: user.place.as_ref(),
            key: format!("users.{}.{name}", user.id),
            source,
        };
        let secret = secret.map(|source| of_user(Purpose::Secret, "secret", source));
        let code = code.map(|source| of_user(Purpose::Code, "integration_code", source));
        secret.into_iter().chain(code)
    });
    let login = match config.email.as_ref().map(|email| &email.transport) {
        Some(Transport::Smtp(smtp)) => smtp.login.as_ref(),
        _ => None,
    };
    let password = login.map(|login| Needed {
        purpose: Purpose::Password,
        place: None,
        key: "email.smtp.password".to_owned(),
        source: &login.password,
    });
    let token = config.web.token.as_ref().map(|source| Needed {
        purpose: Purpose::Token,
        place: None,
        key: "web.token".to_owned(),
        source,
    });
    of_users.chain(password).chain(token).collect()
}

/// What is to be said of a source, whosever it is.
async fn check(needed: &Needed<'_>, folders: &[&Path]) -> Vec<(Severity, String)> {
    let Needed {
        purpose, source, ..
    } = *needed;
    let secret = match source.read_beside(folders).await {
        Ok(secret) => secret,
        Err(error) => return vec![(Severity::Error, error.to_string())],
    };
    if purpose == Purpose::Code
        && let Some(what) = no_code_in(&secret)
    {
        return vec![(Severity::Error, format!("{} {what}", source.describe()))];
    }
    let suspicious = suspicious(purpose, &secret).into_iter().map(str::to_owned);
    suspicious
        .chain(open_to_others(source))
        .map(|what| (Severity::Warning, format!("{} {what}", source.describe())))
        .collect()
}

/// The file that holds the address of the store, with its password.
async fn database(config: &Config) -> Vec<SecretFinding> {
    let StoreLocation::Postgres(file @ Database::File(path)) = &config.store else {
        return Vec::new();
    };
    let finding = |severity, message| SecretFinding {
        severity,
        problem: Problem {
            file: main(config),
            at: None,
            key: "store.url_file".to_owned(),
            message,
        },
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
