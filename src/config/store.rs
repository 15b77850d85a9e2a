//! Where the store is. A password in its address is a secret: it is shown nowhere.

use std::{fmt, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::secret::SecretSource;

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// `sqlite:///path`
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres(Database),
}

/// Where the address of a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// `store.url`, without a password.
    Url(PostgresUrl),
    /// `store.url_file`: with its password, read when the store is opened.
    File(PathBuf),
}

impl Database {
    /// The address.
    ///
    /// # Errors
    /// When the file that holds it cannot be read, or holds something else. Nothing of it is told.
    pub async fn url(&self) -> Result<PostgresUrl, String> {
        let path = match self {
            Self::Url(url) => return Ok(url.clone()),
            Self::File(path) => path.clone(),
        };
        let source = SecretSource::File(path);
        let text = source.read().await.map_err(|why| why.to_string())?;
        PostgresUrl::parse(text.expose_secret())
            .map_err(|what| format!("the content of {} {what}", source.describe()))
    }
}

/// The address of a database, checked; shown without its password and parameters.
#[derive(Clone)]
pub struct PostgresUrl {
    whole: SecretString,
    shown: String,
    has_password: bool,
}

/// What may stand behind the question mark. Anything else is refused: a misspelt `sslmode` would leave TLS to chance.
pub(super) const PARAMETERS: [&str; 7] = [
    "application_name",
    "host",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

pub(super) const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

impl PostgresUrl {
    /// Whether a text means to be such an address.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong with it, in words that hold nothing of it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| NO_ADDRESS)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(NO_ADDRESS);
        }
        let database = url.path().trim_start_matches('/');
        // Behind an unencoded character of a password everything else is somewhere else.
        if url.fragment().is_some() || database.contains(['/', '@', ':']) {
            return Err(NO_ADDRESS);
        }
        let mut user = url.username().to_owned();
        let mut host = url.host_str().unwrap_or_default().to_owned();
        for (key, value) in url.query_pairs() {
            match &*key {
                "password" => return Err("holds a password behind the question mark"),
                "sslmode" if !SSL_MODES.contains(&&*value) => {
                    return Err("has an sslmode that PostgreSQL does not know");
                }
                "host" => host = value.into_owned(),
                "user" => user = value.into_owned(),
                key if !PARAMETERS.contains(&key) => {
                    return Err("has a parameter that is not known");
                }
                _ => {}
            }
        }
        if user.is_empty() {
            Err("names no user")
        } else if host.is_empty() {
            Err("names no server")
        } else if database.is_empty() {
            Err("names no database")
        } else {
            let port = url.port().map(|port| format!(":{port}"));
            let port = port.unwrap_or_default();
            Ok(Self {
                shown: format!("postgres://{user}@{host}{port}/{database}"),
                whole: SecretString::from(text),
                has_password: url.password().is_some(),
            })
        }
    }

    /// Whether it holds a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.has_password
    }

    /// The whole address, for the one who connects.
    #[must_use]
    pub const fn whole(&self) -> &SecretString {
        &self.whole
    }
}

const NO_ADDRESS: &str =
    "is not the address of a database (special characters of a password are percent-encoded)";

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.whole.expose_secret() == other.whole.expose_secret()
    }
}

impl Eq for PostgresUrl {}
