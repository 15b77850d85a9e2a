//! The documents that an attempt is decided on and written into: of the username, the credential, the zone and the tenant,
//! and the meter of the budget's time. Loading and saving only; the rules are `attempt`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    from_doc, millis,
    sql::{self, Conn, Pool},
    to_doc,
};
use crate::attempt::{Ledgers, Meter, Now, UsernameLedger};

/// Whose documents.
pub(super) struct Whose<'a> {
    /// Lower-cased.
    pub(super) username: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) zone: &'a str,
    pub(super) tenant: &'a str,
    /// The user whose check it is.
    pub(super) user: &'a str,
}

/// What is on disk when an attempt is decided on, or ends.
pub(super) struct Books {
    pub(super) ledgers: Ledgers,
    pub(super) now: Now,
    /// The user is noted as refused.
    pub(super) refused: bool,
}

const METER: &str = "meter";

/// One document, or two, of a username.
const ATTEMPTS: [&str; 2] = [
    "INSERT INTO ledger (username, touched_at, fingerprint, doc) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (username, fingerprint) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    "INSERT INTO ledger (username, touched_at, fingerprint, doc) VALUES ($1, $2, $3, $4), ($1, $2, $5, $6) \
     ON CONFLICT (username, fingerprint) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
];
/// The same of a zone.
const GROUPS: [&str; 2] = [
    "INSERT INTO groups_ledger (zone, touched_at, tenant, doc) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (zone, tenant) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    "INSERT INTO groups_ledger (zone, touched_at, tenant, doc) VALUES ($1, $2, $3, $4), ($1, $2, $5, $6) \
     ON CONFLICT (zone, tenant) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
];

/// All of it by one statement: each is a change of threads on SQLite, and a way to the server on PostgreSQL.
pub(super) async fn load(
    conn: &mut Conn,
    whose: &Whose<'_>,
    wall: Timestamp,
) -> Result<Books, sqlx::Error> {
    let rows = sql::query(
        "SELECT 'meta' AS book, key AS whose, value AS doc FROM meta WHERE key = $1 \
         UNION ALL SELECT 'attempts', fingerprint, doc FROM ledger WHERE username = $2 AND fingerprint IN ('', $3) \
         UNION ALL SELECT 'groups', tenant, doc FROM groups_ledger WHERE zone = $4 AND tenant IN ('', $5) \
         UNION ALL SELECT 'refused', id, '' FROM users WHERE id = $6 AND refused_since IS NOT NULL",
    )
    .bind(METER)
    .bind(whose.username)
    .bind(whose.fingerprint)
    .bind(whose.zone)
    .bind(whose.tenant)
    .bind(whose.user)
    .fetch_all(&mut *conn)
    .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let (book, whose): (String, String) = (row.get("book")?, row.get("whose")?);
        found.insert((book, whose), row.get::<String>("doc")?);
    }
    let mut of = |book: &str, whose: &str| found.remove(&(book.to_owned(), whose.to_owned()));
    Ok(Books {
        refused: of("refused", whose.user).is_some(),
        now: present(conn, of("meta", METER), wall).await?,
        ledgers: Ledgers {
            username: document(of("attempts", ""))?,
            credential: document(of("attempts", whose.fingerprint))?,
            zone: document(of("groups", ""))?,
            tenant: document(of("groups", whose.tenant))?,
        },
    })
}

/// What is on disk of a lower-cased username, whatever its credential.
pub(super) async fn username(pool: &Pool, username: &str) -> Result<UsernameLedger, sqlx::Error> {
    let row = sql::query("SELECT doc FROM ledger WHERE username = $1 AND fingerprint = ''")
        .bind(username)
        .fetch_optional(pool)
        .await?;
    document(row.map(|row| row.get("doc")).transpose()?)
}

/// What was found, or the document of nobody yet.
fn document<T: Default + serde::de::DeserializeOwned>(
    found: Option<String>,
) -> Result<T, sqlx::Error> {
    found.map_or_else(|| Ok(T::default()), |doc| from_doc(&doc))
}

/// Writes what differs from `before`; `counted` is the present by the budget's clock, which says when a row is old.
pub(super) async fn save(
    conn: &mut Conn,
    whose: &Whose<'_>,
    before: &Ledgers,
    after: &Ledgers,
    counted: Timestamp,
) -> Result<(), sqlx::Error> {
    let username = changed(&before.username, &after.username)?;
    let credential = changed(&before.credential, &after.credential)?;
    let attempts = [("", username), (whose.fingerprint, credential)];
    save_of(conn, &ATTEMPTS, whose.username, attempts, counted).await?;
    let zone = changed(&before.zone, &after.zone)?;
    let tenant = changed(&before.tenant, &after.tenant)?;
    let groups = [("", zone), (whose.tenant, tenant)];
    save_of(conn, &GROUPS, whose.zone, groups, counted).await
}

fn changed<T: PartialEq + serde::Serialize>(
    before: &T,
    after: &T,
) -> Result<Option<String>, sqlx::Error> {
    (before != after).then(|| to_doc(after)).transpose()
}

/// The present by the budget's clock. What is older than a minute is read anew: the next reading counts from there.
pub(super) async fn now(conn: &mut Conn, wall: Timestamp) -> Result<Now, sqlx::Error> {
    let last = meter(conn).await?;
    present(conn, last, wall).await
}

/// The same, but nothing is written: who asks spends nothing.
pub(super) async fn counted(conn: &mut Conn, wall: Timestamp) -> Result<Timestamp, sqlx::Error> {
    let last: Option<Meter> = meter(conn).await?.map(|doc| from_doc(&doc)).transpose()?;
    Ok(last.unwrap_or(Meter::new(wall)).now(wall).counted)
}

async fn meter(conn: &mut Conn) -> Result<Option<String>, sqlx::Error> {
    let row = sql::query("SELECT value FROM meta WHERE key = $1")
        .bind(METER)
        .fetch_optional(conn)
        .await?;
    row.map(|row| row.get("value")).transpose()
}

async fn present(
    conn: &mut Conn,
    last: Option<String>,
    wall: Timestamp,
) -> Result<Now, sqlx::Error> {
    let last: Option<Meter> = last.map(|doc| from_doc(&doc)).transpose()?;
    let meter = last.unwrap_or(Meter::new(wall));
    if last.is_none() || meter.is_stale(wall) {
        sql::query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(METER)
        .bind(to_doc(&meter.read(wall))?)
        .execute(conn)
        .await?;
    }
    Ok(meter.now(wall))
}

/// Writes the documents that there are, of a username or a zone.
async fn save_of(
    conn: &mut Conn,
    [one, two]: &[&'static str; 2],
    of: &str,
    documents: [(&str, Option<String>); 2],
    counted: Timestamp,
) -> Result<(), sqlx::Error> {
    let documents = documents.into_iter();
    let documents: Vec<_> = documents
        .filter_map(|(whose, doc)| Some((whose, doc?)))
        .collect();
    let text = match documents.len() {
        0 => return Ok(()),
        1 => one,
        _ => two,
    };
    let statement = sql::query(text).bind(of).bind(millis(counted));
    let statement = documents
        .into_iter()
        .fold(statement, |statement, (whose, doc)| {
            statement.bind(whose).bind(doc)
        });
    statement.execute(conn).await.map(drop)
}
