//! Where a store is: a folder of its own, or a database.

use std::path::PathBuf;

use lockwatch::{
    config::{self, PostgresUrl, StoreLocation},
    store::Store,
};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection, postgres::PgRow,
    sqlite::SqliteRow,
};
use tempfile::TempDir;

use super::{LIMITS, start, support::postgres::Database, wanted};

/// The place of one test's store; it ends with this guard.
pub enum Place {
    File(TempDir),
    Database(Database),
}

/// Somebody else at the store, past all rooms.
pub enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Place {
    pub fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub async fn database() -> Self {
        Self::Database(Database::new().await)
    }

    /// Another place of the same kind.
    pub async fn another(&self) -> Self {
        match self {
            Self::File(_) => Self::file(),
            Self::Database(_) => Self::database().await,
        }
    }

    /// The store's file, which only one on a file has.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("lockwatch.db"),
            Self::Database(_) => panic!("a store without a file"),
        }
    }

    /// The store's database, which only one on a server has.
    pub fn server(&self) -> &Database {
        match self {
            Self::Database(database) => database,
            Self::File(_) => panic!("a store without a server"),
        }
    }

    pub fn location(&self) -> StoreLocation {
        match self {
            Self::File(_) => StoreLocation::Sqlite(self.path()),
            Self::Database(database) => {
                let url = PostgresUrl::parse(database.url.as_str()).unwrap();
                StoreLocation::Postgres(config::Database::Url(url))
            }
        }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.location()).await.unwrap()
    }

    /// A store that holds these users, all due at the start.
    pub async fn with(&self, users: &[&str]) -> Store {
        let store = self.open().await;
        let users: Vec<_> = users.iter().map(|text| wanted(text, start())).collect();
        store.sync(users, LIMITS, start()).await.unwrap();
        store
    }

    /// As if a lockwatch had been there to see all the time until now pass: the budget's clock is read anew.
    pub async fn all_was_seen(&self) {
        let mut sql = self.sql().await;
        sql.run("DELETE FROM meta WHERE key = 'meter'").await;
    }

    /// To look at what no room gives away, and to be in the way.
    pub async fn sql(&self) -> Sql {
        match self {
            Self::File(_) => {
                let path = self.path().display().to_string();
                Sql::Sqlite(SqliteConnection::connect(&path).await.unwrap())
            }
            Self::Database(database) => Sql::Postgres(database.connect().await),
        }
    }
}

impl Sql {
    pub async fn run(&mut self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
            Self::Postgres(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
        }
        .unwrap();
    }

    /// Rows of a query whose columns are all TEXT.
    pub async fn texts(&mut self, text: &str) -> Vec<Vec<Option<String>>> {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Sqlite(conn) => {
                let rows = sqlx::query(text).fetch_all(conn).await.unwrap();
                let cells = |row: &SqliteRow| (0..row.len()).map(|cell| row.get(cell)).collect();
                rows.iter().map(cells).collect()
            }
            Self::Postgres(conn) => {
                let rows = sqlx::query(text).fetch_all(conn).await.unwrap();
                let cells = |row: &PgRow| (0..row.len()).map(|cell| row.get(cell)).collect();
                rows.iter().map(cells).collect()
            }
        }
    }

    /// Lets nobody write until it is let go.
    pub async fn lock(&mut self) {
        match self {
            Self::Sqlite(_) => self.run("BEGIN IMMEDIATE").await,
            Self::Postgres(_) => self.run("BEGIN; LOCK TABLE users, ledger").await,
        }
    }
}
