//! The store is the authority: schedule, ledger, incidents, mails and history live here. Every write goes through one
//! writer (`writer`), which groups what is waiting into one transaction; reads have connections of their own.
//! The SQL keeps to what SQLite and PostgreSQL share.

pub mod commit;
pub mod keeper;
pub mod ledger;
pub mod mails;
pub mod notices;
pub mod place;
pub mod trouble;
pub mod users;
pub mod wanted;
mod writer;

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use sqlx::{
    SqlitePool,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::config::StoreLocation;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("failed to open the store {path}")]
    Open {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The file is not a store, or is damaged, or SQLite says no.
    #[error(
        "failed to use the store {path}: is it lockwatch's own file, on a disk that can be written? (store.url)"
    )]
    Use {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        cause: sqlx::Error,
    },
    /// Written by a newer lockwatch.
    #[error(
        "the store {path} was written by a newer lockwatch (schema {version}): install that version, or name another store.url"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema.
        version: i64,
    },
    /// The schema could not be brought up to date.
    #[error("failed to bring the schema of the store {path} up to date")]
    Migrate {
        /// The file.
        path: String,
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
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    writer: writer::Writer,
    fingerprint_key: Arc<SecretBox<[u8]>>,
}

impl Store {
    /// Opens the store, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be used, or a newer lockwatch wrote it.
    pub async fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        let StoreLocation::Sqlite(path) = location;
        let name = path.display().to_string();
        make_private(path).map_err(|cause| StoreError::Open {
            path: name.clone(),
            cause,
        })?;
        let _alone = alone(path).await;
        let fault = |cause| StoreError::Use {
            path: name.clone(),
            cause,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options.clone())
            .await
            .map_err(fault)?;
        migrate(&pool, &name).await?;
        let fingerprint_key = fingerprint_key(&pool).await.map_err(fault)?;
        let writer = writer::Writer::start(&options).await.map_err(fault)?;
        Ok(Self {
            pool,
            writer,
            fingerprint_key: Arc::new(fingerprint_key),
        })
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

/// The file is made before SQLite makes it, so that only its owner can read it. One that exists is left to SQLite: a file
/// that is opened and closed past it loses its locks.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => Err(fault),
        _ => Ok(()),
    }
}

/// Until it is dropped, no other process opens a store in this folder: making the file and its schema is nothing that
/// SQLite lets two do at once. Where folders cannot be locked, it goes without.
async fn alone(path: &Path) -> Option<fs::File> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let lock = move || {
        let folder = fs::File::open(folder).ok()?;
        folder.lock().ok().map(|()| folder)
    };
    tokio::task::spawn_blocking(lock).await.ok().flatten()
}

async fn migrate(pool: &SqlitePool, path: &str) -> Result<(), StoreError> {
    sqlx::migrate!("src/store/migrations")
        .run(pool)
        .await
        .map_err(|cause| match cause {
            MigrateError::VersionMissing(version) => StoreError::Newer {
                path: path.to_owned(),
                version,
            },
            cause => StoreError::Migrate {
                path: path.to_owned(),
                cause,
            },
        })
}

async fn fingerprint_key(pool: &SqlitePool) -> Result<SecretBox<[u8]>, sqlx::Error> {
    let fresh: [u8; 32] = rand::random();
    sqlx::query(
        "INSERT INTO meta (key, value) VALUES ('fingerprint_key', $1) ON CONFLICT DO NOTHING",
    )
    .bind(hex(&fresh))
    .execute(pool)
    .await?;
    let (key,): (String,) = sqlx::query_as("SELECT value FROM meta WHERE key = 'fingerprint_key'")
        .fetch_one(pool)
        .await?;
    Ok(SecretBox::new(key.into_bytes().into_boxed_slice()))
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
