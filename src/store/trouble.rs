//! Why the store cannot be used, in words: the cause, and what to do about it. No clock, no I/O.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{error::ErrorKind, sqlite::SqliteError};

use super::StoreError;
use crate::telemetry::chain;

/// The store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong with which store, without a full stop.
    pub why: String,
    /// What to do, one sentence or more.
    pub advice: String,
}

/// The kinds of trouble that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Newer,
    Damaged,
    Full,
    ReadOnly,
    Locked,
    Gone,
    Another,
    Away,
    Taken,
    Names,
    Other,
}

impl Trouble {
    /// What `error` means for the store called `name`.
    #[must_use]
    pub fn of(error: &StoreError, name: &str, since: Timestamp) -> Self {
        let (what, advice) = Fault::of(error).words();
        let advice = match error {
            StoreError::Names { store, .. } => apart(store),
            _ => advice.to_owned(),
        };
        // The outermost text names the store or the operation, which `why` does by itself.
        let cause = std::error::Error::source(error).map_or_else(String::new, |source| {
            format!(" ({})", one_line(&chain(source)))
        });
        let why = match error {
            StoreError::Newer { version, .. } => {
                format!("the store {name} was written by a newer lockwatch (schema {version})")
            }
            // The server's own words, and the address that was asked.
            StoreError::Server { store, why } => {
                format!("the store {store} {what} ({})", one_line(why))
            }
            StoreError::Taken { store, by } => {
                format!("another lockwatch uses the store {store}{by}")
            }
            StoreError::Names { store, names } => {
                format!("the store {store} {what} ({names} hard links)")
            }
            StoreError::Lock { lock, cause } => {
                format!("the store {name} {what} (its lock {lock}: {cause})")
            }
            StoreError::NoAddress(why) => format!("the address of the store cannot be had: {why}"),
            _ => format!("the store {name} {what}{cause}"),
        };
        Self { since, why, advice }
    }

    /// One line for logs, pages and commands.
    #[must_use]
    pub fn as_sentence(&self) -> String {
        format!(
            "{}; no attempt is made since {}. {}",
            self.why,
            self.since.strftime("%F %T UTC"),
            self.advice
        )
    }
}

/// Whether `error` says that the store as a whole cannot be used. What concerns one row or one write says nothing about the
/// others.
#[must_use]
pub fn is_of_the_store(error: &StoreError) -> bool {
    let cause = match error {
        StoreError::Read(cause) => cause,
        StoreError::Write(cause) => cause.as_ref(),
        _ => return true,
    };
    match cause {
        sqlx::Error::Database(said) => said.kind() == ErrorKind::Other,
        sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => false,
        _ => true,
    }
}

impl Fault {
    fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Newer { .. } => return Self::Newer,
            StoreError::Gone => return Self::Gone,
            StoreError::Another => return Self::Another,
            StoreError::Server { .. } => return Self::Away,
            StoreError::Taken { .. } => return Self::Taken,
            StoreError::Names { .. } => return Self::Names,
            _ => {}
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = cause {
            if let Some(fault) = Self::named_by(inner) {
                return fault;
            }
            cause = inner.source();
        }
        Self::Other
    }

    fn named_by(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge => Some(Self::Full),
                std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                    Some(Self::ReadOnly)
                }
                std::io::ErrorKind::BrokenPipe
                | std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::TimedOut
                | std::io::ErrorKind::UnexpectedEof => Some(Self::Away),
                _ => None,
            };
        }
        // A write's failure is shared by its group.
        let shared = error.downcast_ref::<Arc<sqlx::Error>>().map(Arc::as_ref);
        let said = match shared.or_else(|| error.downcast_ref::<sqlx::Error>())? {
            sqlx::Error::Database(said) => said,
            sqlx::Error::PoolTimedOut => return Some(Self::Away),
            _ => return None,
        };
        let Some(said) = said.try_downcast_ref::<SqliteError>() else {
            // PostgreSQL's: https://www.postgresql.org/docs/current/errcodes-appendix.html
            return match said.code()?.as_ref() {
                "53100" => Some(Self::Full),
                // Waited for longer than `lock_timeout`.
                "55P03" => Some(Self::Locked),
                "25006" | "42501" => Some(Self::ReadOnly),
                "42P01" | "42703" | "XX001" | "XX002" => Some(Self::Damaged),
                "53300" | "57P01" | "57P02" | "57P03" => Some(Self::Away),
                _ => None,
            };
        };
        let code = sqlx::error::DatabaseError::code(said)?
            .parse::<i32>()
            .ok()?;
        // The low byte is SQLite's primary result code: https://sqlite.org/rescode.html
        match code & 0xff {
            5 | 6 => Some(Self::Locked),
            8 | 14 | 23 => Some(Self::ReadOnly),
            11 | 26 => Some(Self::Damaged),
            13 => Some(Self::Full),
            // A store's tables are not there, or are others.
            1 => Some(Self::Damaged),
            _ => None,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Newer => (
                "was written by a newer lockwatch",
                "Install that version, or restart lockwatch with another store.url.",
            ),
            Self::Damaged => (
                "is damaged, or is no store of lockwatch",
                "Put a good copy in its place. Or stop lockwatch, move the file away together with its -wal and -shm, and \
                 start lockwatch: it begins with an empty store then, and has forgotten every attempt it made.",
            ),
            Self::Full => (
                "cannot be written: its disk is full",
                "Free space on its disk.",
            ),
            Self::ReadOnly => (
                "cannot be opened for writing",
                "Make the file, its folder and its disk writable for the account that lockwatch runs as; a database, for the role \
                 that store.url names.",
            ),
            Self::Locked => (
                "is locked by another program",
                "End the program that holds its lock, such as a shell of sqlite3 or psql, or a backup.",
            ),
            Self::Gone => (
                "was removed or replaced while lockwatch ran",
                "Put it back. Or restart lockwatch: it begins with what is there then, and has forgotten every attempt that \
                 is not counted there.",
            ),
            Self::Another => (
                "is another store than the one that lockwatch ran with",
                "Put that one back. Or restart lockwatch: it goes on with this one then, and has forgotten every attempt \
                 that is not counted there.",
            ),
            Self::Away => (
                "is not to be had",
                "Look at the server, the way to it, and the account that store.url names; lockwatch connects by itself when it is \
                 there.",
            ),
            Self::Taken => (
                "is used by another lockwatch",
                "End the other one: one lockwatch works on a store at a time.",
            ),
            Self::Names => (
                "has several names",
                // `apart` says it, with the file.
                "Remove all but one of its names.",
            ),
            Self::Other => (
                "cannot be used",
                "Look at its disk: space, quota, limits of the account, cables; and at the log of the system.",
            ),
        }
    }
}

/// How a file that has several names gets one back, whether the others may go or are a backup.
fn apart(store: &str) -> String {
    format!(
        "SQLite would take each name for another store. Remove all but one; this shows them: find \"$(stat -c %m {store})\" -xdev \
         -samefile {store}. Where the others are a backup (cp -al, rsnapshot), stop lockwatch and make this one a file of its \
         own: cp -p {store} {store}.new && mv {store}.new {store}"
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    async fn failure(statements: &[&'static str]) -> sqlx::Error {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for statement in statements {
            if let Err(error) = sqlx::query(*statement).execute(&mut conn).await {
                return error;
            }
        }
        panic!("nothing failed")
    }

    #[tokio::test]
    async fn a_full_disk_is_told_from_a_write_that_is_wrong() {
        let full = failure(&[
            "PRAGMA page_size = 512",
            "PRAGMA max_page_count = 4",
            "CREATE TABLE t (x BLOB UNIQUE)",
            "INSERT INTO t VALUES (zeroblob(100000))",
        ])
        .await;
        let full = StoreError::Write(Arc::new(full));
        assert!(is_of_the_store(&full));
        let trouble = Trouble::of(&full, "/s/lockwatch.db", Timestamp::UNIX_EPOCH);
        assert_eq!(
            trouble.why,
            "the store /s/lockwatch.db cannot be written: its disk is full (error returned from database: (code: 13) \
             database or disk is full)"
        );
        assert_eq!(trouble.advice, "Free space on its disk.");

        let twice = failure(&[
            "CREATE TABLE t (x TEXT UNIQUE)",
            "INSERT INTO t VALUES ('a')",
            "INSERT INTO t VALUES ('a')",
        ])
        .await;
        assert!(!is_of_the_store(&StoreError::Write(Arc::new(twice))));
        assert!(!is_of_the_store(&StoreError::Read(
            sqlx::Error::RowNotFound
        )));
        assert!(is_of_the_store(&StoreError::Closed));
    }

    #[tokio::test]
    async fn what_is_told_apart() {
        let io = |kind: std::io::ErrorKind| StoreError::Open {
            store: "/s/x.db".to_owned(),
            cause: kind.into(),
        };
        let denied = failure(&["PRAGMA query_only = 1", "CREATE TABLE t (x TEXT)"]).await;
        let empty = failure(&["SELECT x FROM users"]).await;
        for (error, fault) in [
            (io(std::io::ErrorKind::PermissionDenied), Fault::ReadOnly),
            (io(std::io::ErrorKind::ReadOnlyFilesystem), Fault::ReadOnly),
            (io(std::io::ErrorKind::StorageFull), Fault::Full),
            (io(std::io::ErrorKind::NotFound), Fault::Other),
            (StoreError::Write(Arc::new(denied)), Fault::ReadOnly),
            (StoreError::Read(empty), Fault::Damaged),
            (StoreError::Gone, Fault::Gone),
            (StoreError::Another, Fault::Another),
            (StoreError::Closed, Fault::Other),
        ] {
            assert_eq!(Fault::of(&error), fault, "{error:?}");
        }
    }
}
