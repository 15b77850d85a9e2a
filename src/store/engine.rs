//! What differs between the engines: how a connection is made, and how a writer gets its turn.

use std::{sync::Arc, time::Duration};

use secrecy::SecretBox;
use sqlx::{
    Connection as _, Error, SqliteConnection, migrate::Migrator, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use super::{
    clock::Clock,
    hex, postgres,
    sql::{self, Conn, Pool},
};

/// The same files for both.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// A group of writes on PostgreSQL takes no longer; its statements and locks have shorter deadlines of the server's.
const GROUP: Duration = Duration::from_secs(20);

/// Whether another daemon may work on the same database. A file has a `Tenure` for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenancy {
    /// Writers take turns.
    Shared,
    /// Nobody else may ask to be alone.
    Alone,
}

/// How connections are made. It has no Debug: the options would print the password.
pub(super) enum Engine {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions, Tenancy),
}

/// The writer's connection; there is none after a fault, until the next group.
pub(super) struct Link {
    pub(super) engine: Engine,
    pub(super) clock: Arc<Clock>,
    pub(super) conn: Option<Conn>,
}

/// A store whose schema is up to date.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) pool: Pool,
    pub(super) key: SecretBox<[u8]>,
}

impl Link {
    /// The connection, or another in its place. Who takes it gives it back when it is still good.
    pub(super) async fn take(&mut self) -> Result<Conn, Error> {
        match self.conn.take() {
            Some(conn) => Ok(conn),
            None => self.engine.connect().await,
        }
    }
}

impl Opened {
    /// The first write: the key of the fingerprints, where there is none yet. It sets the clock too.
    pub(super) async fn new(
        engine: Engine,
        clock: Clock,
        mut conn: Conn,
        pool: Pool,
    ) -> Result<Self, Error> {
        conn.run(engine.begin()).await?;
        engine.turn(&mut conn, &clock).await?;
        let key = fingerprint_key(&mut conn).await?;
        conn.run("COMMIT").await?;
        let (clock, conn) = (Arc::new(clock), Some(conn));
        let link = Link {
            engine,
            clock,
            conn,
        };
        Ok(Self { link, pool, key })
    }
}

async fn fingerprint_key(conn: &mut Conn) -> Result<SecretBox<[u8]>, Error> {
    sql::query(
        "INSERT INTO meta (key, value) VALUES ('fingerprint_key', $1) ON CONFLICT DO NOTHING",
    )
    .bind(hex(&rand::random::<[u8; 32]>()))
    .execute(&mut *conn)
    .await?;
    let row = sql::query("SELECT value FROM meta WHERE key = 'fingerprint_key'")
        .fetch_one(conn)
        .await?;
    let key: String = row.get("value")?;
    Ok(SecretBox::new(key.into_bytes().into_boxed_slice()))
}

impl Engine {
    /// A connection that the writer can use.
    pub(super) async fn connect(&self) -> Result<Conn, Error> {
        match self {
            Self::Sqlite(options) => SqliteConnection::connect_with(options)
                .await
                .map(Conn::Sqlite),
            Self::Postgres(options, tenancy) => postgres::writer(options, *tenancy).await,
        }
    }

    /// The statement that begins a group. Until its end nobody else writes: what one write reads, it may rely on.
    pub(super) const fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            // Each statement sees what was committed before it, and the first one waits for its turn.
            Self::Postgres(..) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// The first statement of a group.
    pub(super) async fn turn(&self, conn: &mut Conn, clock: &Clock) -> Result<(), Error> {
        if let Self::Postgres(..) = self {
            let turn = sql::query(postgres::TURN).fetch_one(conn).await?;
            clock.set(turn.get("now")?);
        }
        Ok(())
    }

    /// SQLite has its own deadlines; a server may be gone without a word.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self {
            Self::Sqlite(_) => work.await,
            Self::Postgres(..) => sql::in_time(GROUP, work).await,
        }
    }
}
