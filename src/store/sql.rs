//! One SQL text for both engines: a query with its arguments, a connection and a row, each of them SQLite's or
//! PostgreSQL's. Not `sqlx::Any`, which knows neither BOOLEAN on SQLite nor sums on PostgreSQL, and prints passwords.

use std::time::Duration;

use sqlx::{
    Connection, Decode, Error, PgConnection, PgPool, Postgres, QueryBuilder, Row as _, Sqlite,
    SqliteConnection, SqlitePool, Type, postgres::PgRow, sqlite::SqliteRow,
};

/// A read that took longer has failed: the server is not there any more.
const READ: Duration = Duration::from_secs(10);

/// A connection for writing.
pub(super) enum Conn {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

/// A few connections for reading.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Where a query runs.
pub(super) enum On<'c> {
    Conn(&'c mut Conn),
    Pool(&'c Pool),
}

/// A statement and its arguments; `$1` is the first.
pub(super) struct Query {
    text: &'static str,
    args: Vec<Arg>,
}

/// An argument. A missing one has a type too: PostgreSQL wants to know.
#[derive(Clone)]
pub(super) enum Arg {
    Int(Option<i64>),
    Bool(bool),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// What a query gives.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What both engines have columns of: i64, bool, String, bytes, and each of them missing.
pub(super) trait Column:
    Type<Sqlite> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + for<'r> Decode<'r, Postgres>
{
}

impl<T> Column for T where
    T: Type<Sqlite> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + for<'r> Decode<'r, Postgres>
{
}

/// A query without arguments yet.
pub(super) fn query(text: &'static str) -> Query {
    let args = Vec::new();
    Query { text, args }
}

/// sqlx's query for the engine that the context wants.
macro_rules! bound {
    ($query:expr) => {{
        let Query { text, args } = $query;
        args.into_iter()
            .fold(sqlx::query(text), |query, arg| match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Bool(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
            })
    }};
}

/// sqlx's query of many rows for an engine.
macro_rules! of_rows {
    ($engine:ty, $before:expr, $rows:expr, $after:expr) => {{
        let mut query = QueryBuilder::<$engine>::new($before);
        query.push_values($rows, |mut row, args| {
            for arg in args {
                match arg {
                    Arg::Int(value) => row.push_bind(value),
                    Arg::Bool(value) => row.push_bind(value),
                    Arg::Text(value) => row.push_bind(value),
                    Arg::Bytes(value) => row.push_bind(value),
                };
            }
        });
        query.push($after);
        query
    }};
}

/// Writes rows, of which there are some, by one statement: `before`, their `VALUES`, `after`. It is prepared each time: kept
/// ones, of every length, would drive those of the checks out.
pub(super) async fn insert(
    conn: &mut Conn,
    before: &'static str,
    rows: impl Iterator<Item = Vec<Arg>>,
    after: &'static str,
) -> Result<(), Error> {
    match conn {
        Conn::Sqlite(conn) => {
            let mut query = of_rows!(Sqlite, before, rows, after);
            query
                .build()
                .persistent(false)
                .execute(conn)
                .await
                .map(drop)
        }
        Conn::Postgres(conn) => {
            let mut query = of_rows!(Postgres, before, rows, after);
            let query = query.build().persistent(false);
            query.execute(&mut **conn).await.map(drop)
        }
    }
}

impl Query {
    /// Adds the next argument.
    pub(super) fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// How many rows it changed.
    pub(super) async fn execute(self, conn: &mut Conn) -> Result<u64, Error> {
        match conn {
            Conn::Sqlite(conn) => Ok(bound!(self).execute(conn).await?.rows_affected()),
            Conn::Postgres(conn) => Ok(bound!(self).execute(&mut **conn).await?.rows_affected()),
        }
    }

    /// Every row.
    pub(super) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, Error> {
        let sqlite = |rows: Vec<SqliteRow>| rows.into_iter().map(Row::Sqlite).collect();
        let postgres = |rows: Vec<PgRow>| rows.into_iter().map(Row::Postgres).collect();
        match on.into() {
            On::Conn(Conn::Sqlite(conn)) => bound!(self).fetch_all(conn).await.map(sqlite),
            On::Pool(Pool::Sqlite(pool)) => bound!(self).fetch_all(pool).await.map(sqlite),
            On::Conn(Conn::Postgres(conn)) => {
                bound!(self).fetch_all(&mut **conn).await.map(postgres)
            }
            On::Pool(Pool::Postgres(pool)) => in_time(READ, bound!(self).fetch_all(pool))
                .await
                .map(postgres),
        }
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional<'c>(
        self,
        on: impl Into<On<'c>>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.fetch_all(on).await?.into_iter().next())
    }

    /// The first row.
    pub(super) async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<Row, Error> {
        self.fetch_optional(on).await?.ok_or(Error::RowNotFound)
    }
}

/// The same with an end.
pub(super) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// What is said of work that had to end.
pub(super) fn late() -> Error {
    Error::Io(std::io::ErrorKind::TimedOut.into())
}

impl Row {
    /// The value of a column.
    pub(super) fn get<T: Column>(&self, column: &str) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

impl Conn {
    /// Statements without arguments and rows.
    pub(super) async fn run(&mut self, text: &'static str) -> Result<(), Error> {
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(text).execute(conn).await.map(drop),
            Self::Postgres(conn) => sqlx::raw_sql(text).execute(&mut **conn).await.map(drop),
        }
    }

    pub(super) async fn close(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(conn) => conn.close().await,
            Self::Postgres(conn) => conn.close().await,
        }
    }
}

impl Pool {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl<'c> From<&'c mut Conn> for On<'c> {
    fn from(conn: &'c mut Conn) -> Self {
        Self::Conn(conn)
    }
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        Self::Pool(pool)
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<Vec<u8>> for Arg {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Arg {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}
