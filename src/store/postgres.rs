//! The store on a PostgreSQL server. A server that is not there, or says no, is told in its own words; everything that
//! waits for it has an end.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::{
    Connection as _, Error, PgConnection,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    StoreError,
    clock::Clock,
    engine::{Engine, MIGRATIONS, Opened, Tenancy},
    migrated,
    sql::{self, Conn, Pool},
};
use crate::{config::PostgresUrl, telemetry::chain};

/// To connect, and to log in.
const CONNECT: Duration = Duration::from_secs(10);

/// To bring the schema up to date, and to wait for another process that does so.
const MIGRATE: Duration = Duration::from_mins(5);

/// A read waits so long for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Waits for this writer's turn, as BEGIN IMMEDIATE does on SQLite, and says what time it is then. Given back by the end of
/// the transaction, however that comes.
pub(super) const TURN: &str = "SELECT pg_advisory_xact_lock(1819239287, 1), \
     CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now";

/// Given back by the end of the connection.
const ALONE: &str = "SELECT pg_advisory_lock(1819239287, 2)";

/// Where the server shows sessions of other roles to nobody else, neither address nor port is told. A socket's port is -1.
const HOLDER: &str = "SELECT format(': session %s of the server, of %s', pid, COALESCE(host(client_addr), \
     CASE client_port WHEN -1 THEN 'its own host' END, 'an unknown host')) \
     FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE datname = current_database() AND locktype = 'advisory' \
     AND classid = 1819239287 AND objid = 2 AND objsubid = 2 AND granted";

/// A server notices within half a minute that the host of a writer is gone, and gives its locks to others. What was
/// committed is on disk, whatever the database's default is.
const SESSION: &str = "SET lock_timeout = '5s'; SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
     SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off'";

/// Connects by hand first: a pool would only say that it waited in vain.
pub(super) async fn open(url: &PostgresUrl, tenancy: Tenancy) -> Result<Opened, StoreError> {
    let store = url.to_string();
    let fault = |cause| StoreError::Server {
        store: store.clone(),
        why: words(&cause),
    };
    let options = options(url).map_err(fault)?;
    let mut conn = session(&options).await.map_err(fault)?;
    if tenancy == Tenancy::Alone {
        match alone(&mut conn).await {
            Err(Error::Database(told)) if told.code().as_deref() == Some("55P03") => {
                let by = holder(&mut conn).await.unwrap_or_default();
                return Err(StoreError::Taken { store, by });
            }
            other => other.map_err(fault)?,
        }
    }
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(ACQUIRE)
        .connect_lazy_with(options.clone());
    let migrating = MIGRATIONS.run(&pool);
    let late = |_| Err(MigrateError::Execute(sql::late()));
    let done = tokio::time::timeout(MIGRATE, migrating).await;
    migrated(done.unwrap_or_else(late), &store)?;
    let engine = Engine::Postgres(options, tenancy);
    let conn = Conn::Postgres(Box::new(conn));
    sql::in_time(
        CONNECT,
        Opened::new(engine, Clock::database(), conn, Pool::Postgres(pool)),
    )
    .await
    .map_err(fault)
}

/// Another connection in place of one that died.
pub(super) async fn writer(options: &PgConnectOptions, tenancy: Tenancy) -> Result<Conn, Error> {
    let mut conn = session(options).await?;
    if tenancy == Tenancy::Alone {
        alone(&mut conn).await?;
    }
    Ok(Conn::Postgres(Box::new(conn)))
}

/// A server's own words; sqlx's would add the line of the server's source.
fn words(cause: &Error) -> String {
    match cause {
        Error::Database(told) => told.message().to_owned(),
        Error::Io(fault) => fault.to_string(),
        other => chain(other),
    }
}

fn options(url: &PostgresUrl) -> Result<PgConnectOptions, Error> {
    let options: PgConnectOptions = url.whole().expose_secret().parse()?;
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("lockwatch"),
    })
}

async fn session(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connect = async {
        let mut conn = PgConnection::connect_with(options).await?;
        run(&mut conn, SESSION).await?;
        Ok(conn)
    };
    sql::in_time(CONNECT, connect).await
}

async fn alone(conn: &mut PgConnection) -> Result<(), Error> {
    run(conn, ALONE).await
}

/// Whose session holds the lock, for people.
async fn holder(conn: &mut PgConnection) -> Option<String> {
    let asked = sqlx::query_scalar(HOLDER).fetch_optional(conn);
    sql::in_time(CONNECT, asked).await.ok()?
}

async fn run(conn: &mut PgConnection, text: &'static str) -> Result<(), Error> {
    sql::in_time(CONNECT, sqlx::raw_sql(text).execute(conn))
        .await
        .map(drop)
}
