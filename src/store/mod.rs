//! The store is the authority: schedule, ledger, incidents, mails and history live here. Every write goes through one
//! writer (`writer`), which groups what is waiting into one transaction; reads have connections of their own.
//! The SQL keeps to what SQLite and PostgreSQL share.

mod books;
mod clock;
pub mod commit;
mod desk;
mod engine;
mod forward;
pub mod freezing;
mod given;
pub mod keeper;
pub mod ledger;
pub mod letters;
pub mod logins;
pub mod mails;
pub mod notices;
mod parting;
pub mod place;
mod postgres;
mod sql;
mod sqlite;
mod sweep;
pub mod tenure;
pub mod together;
pub mod trouble;
pub mod users;
pub mod wanted;
mod writer;

use std::{fmt, io, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use sqlx::migrate::MigrateError;

use crate::config::StoreLocation;
use engine::{Opened, Tenancy};
use tenure::Tenure;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("failed to open the store {store}")]
    Open {
        /// The store, without its password.
        store: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The file is not a store, or is damaged, or SQLite says no.
    #[error(
        "failed to use the store {store}: is it lockwatch's own file, on a disk that can be written? (store.url)"
    )]
    Use {
        /// The store, without its password.
        store: String,
        /// The cause.
        #[source]
        cause: sqlx::Error,
    },
    /// The server is not to be had, or does not let us in.
    #[error("failed to use the store {store} (store.url): {why}")]
    Server {
        /// The store, without its password.
        store: String,
        /// The cause, in the server's words where it has some.
        why: String,
    },
    /// The file that holds the address cannot be read, or holds something else.
    #[error("failed to open the store (store.url_file): {0}")]
    NoAddress(String),
    /// Another process works on it.
    #[error(
        "another lockwatch uses the store {store}{by}; one lockwatch works on a store at a time: end that one, or give this \
         one a store of its own (store.url)"
    )]
    Taken {
        /// The store, without its password.
        store: String,
        /// Who, as far as that is known, after a colon.
        by: String,
    },
    /// What keeps others from it cannot be made or opened.
    #[error("failed to open {lock}, which keeps a second lockwatch from the store")]
    Lock {
        /// The file that is locked.
        lock: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The file has several names.
    #[error("the store {store} has {names} names (hard links)")]
    Names {
        /// The file.
        store: String,
        /// How many.
        names: u64,
    },
    /// Written by a newer lockwatch.
    #[error(
        "the store {store} was written by a newer lockwatch (schema {version}): install that version, or name another store.url"
    )]
    Newer {
        /// The store, without its password.
        store: String,
        /// Its schema.
        version: i64,
    },
    /// The schema could not be brought up to date.
    #[error("failed to bring the schema of the store {store} up to date")]
    Migrate {
        /// The store, without its password.
        store: String,
        /// The cause.
        #[source]
        cause: MigrateError,
    },
    /// A read failed.
    #[error("failed to read the store")]
    Read(#[source] sqlx::Error),
    /// A write failed; nothing of it was kept.
    #[error("failed to write the store")]
    Write(#[source] Arc<sqlx::Error>),
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
    /// The file is not the one that was opened.
    #[error("the store was removed or replaced")]
    Gone,
    /// It has another key, so another ledger.
    #[error("the store is another one than before")]
    Another,
    /// It was found unusable before; see `keeper`.
    #[error("{0}: no attempt is made")]
    Unusable(String),
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    pool: sql::Pool,
    writer: writer::Writer,
    clock: Arc<clock::Clock>,
    fingerprint_key: Arc<SecretBox<[u8]>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store, makes it where there is none, and brings its schema up to date. Others may have it open too.
    ///
    /// # Errors
    /// When it cannot be used, or a newer lockwatch wrote it.
    pub async fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        Self::open_as(location, None).await
    }

    /// The same for a daemon, of which a store has one at a time, as long as `tenure` lives; on PostgreSQL as long as the
    /// store is open.
    ///
    /// # Errors
    /// As `open`, and when there is another one.
    pub async fn open_alone(location: &StoreLocation, tenure: &Tenure) -> Result<Self, StoreError> {
        Self::open_as(location, Some(tenure)).await
    }

    async fn open_as(
        location: &StoreLocation,
        tenure: Option<&Tenure>,
    ) -> Result<Self, StoreError> {
        let Opened { link, pool, key } = match location {
            StoreLocation::Sqlite(path) => sqlite::open(path, tenure).await?,
            StoreLocation::Postgres(database) => {
                let url = database.url().await.map_err(StoreError::NoAddress)?;
                let tenancy = tenure.map_or(Tenancy::Shared, |_| Tenancy::Alone);
                postgres::open(&url, tenancy).await?
            }
        };
        Ok(Self {
            pool,
            clock: Arc::clone(&link.clock),
            writer: writer::Writer::start(link),
            fingerprint_key: Arc::new(key),
        })
    }

    /// The store's clock: what is stored is dated by it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A keyed fingerprint of `parts`: equal for equal parts, useless without the store's key.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&SecretString]) -> String {
        let mut mac = self.mac();
        for part in parts {
            let bytes = part.expose_secret().as_bytes();
            // The length keeps ("ab", "c") apart from ("a", "bc").
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        }
        hex(&mac.finalize().into_bytes())
    }

    /// A short keyed hash of a name, for labels that must not hold the name.
    #[must_use]
    pub fn name_hash(&self, name: &str) -> String {
        let mut mac = self.mac();
        mac.update(b"name");
        mac.update(name.as_bytes());
        hex(&mac.finalize().into_bytes()[..8])
    }

    /// Ends the writer after what it was given, and closes the file.
    pub async fn close(&self) {
        self.writer.end().await;
        self.pool.close().await;
    }

    fn mac(&self) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        Hmac::new_from_slice(self.fingerprint_key.expose_secret()).expect("any key length")
    }
}

/// Does what waits for a disk where nobody else is held up by it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// Says what it means that the schema could not be brought up to date.
fn migrated(result: Result<(), MigrateError>, store: &str) -> Result<(), StoreError> {
    let store = store.to_owned();
    result.map_err(|cause| match cause {
        MigrateError::VersionMissing(version) => StoreError::Newer { store, version },
        cause => StoreError::Migrate { store, cause },
    })
}

/// A fresh random id: 16 hexadecimal digits unless more are wanted.
#[must_use]
pub fn fresh_id() -> String {
    hex(&rand::random::<[u8; 8]>())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn to_doc<T: serde::Serialize>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|fault| sqlx::Error::Encode(fault.into()))
}

fn from_doc<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|fault| sqlx::Error::Decode(fault.into()))
}
