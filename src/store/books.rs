//! The documents that an attempt is decided on and written into: of the username, the credential, the zone and the tenant,
//! and the meter of the budget's time. Loading and saving only; the rules are `attempt`'s.

use jiff::Timestamp;

use super::{
    from_doc, millis,
    sql::{self, Conn},
    to_doc,
};
use crate::attempt::{Ledgers, Meter, Now};

/// Whose documents.
pub(super) struct Whose<'a> {
    /// Lower-cased.
    pub(super) username: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) zone: &'a str,
    pub(super) tenant: &'a str,
}

const METER: &str = "meter";

pub(super) async fn load(conn: &mut Conn, whose: &Whose<'_>) -> Result<Ledgers, sqlx::Error> {
    let attempts = sql::query(
        "SELECT fingerprint AS whose, doc FROM ledger WHERE username = $1 AND fingerprint IN ('', $2)",
    )
    .bind(whose.username)
    .bind(whose.fingerprint)
    .fetch_all(&mut *conn)
    .await?;
    let groups = sql::query(
        "SELECT tenant AS whose, doc FROM groups_ledger WHERE zone = $1 AND tenant IN ('', $2)",
    )
    .bind(whose.zone)
    .bind(whose.tenant)
    .fetch_all(conn)
    .await?;
    Ok(Ledgers {
        username: document(&attempts, "")?,
        credential: document(&attempts, whose.fingerprint)?,
        zone: document(&groups, "")?,
        tenant: document(&groups, whose.tenant)?,
    })
}

/// The document of a row, or that of nobody yet.
fn document<T: Default + serde::de::DeserializeOwned>(
    rows: &[sql::Row],
    whose: &str,
) -> Result<T, sqlx::Error> {
    for row in rows {
        if row.get::<String>("whose")? == whose {
            return from_doc(&row.get::<String>("doc")?);
        }
    }
    Ok(T::default())
}

/// Writes what differs from `before`; `counted` is the present by the budget's clock, which says when a row is old.
pub(super) async fn save(
    conn: &mut Conn,
    whose: &Whose<'_>,
    before: &Ledgers,
    after: &Ledgers,
    counted: Timestamp,
) -> Result<(), sqlx::Error> {
    if before.username != after.username {
        save_attempts(conn, whose.username, "", &after.username, counted).await?;
    }
    if before.credential != after.credential {
        let doc = &after.credential;
        save_attempts(conn, whose.username, whose.fingerprint, doc, counted).await?;
    }
    if before.zone != after.zone {
        save_group(conn, whose.zone, "", &after.zone, counted).await?;
    }
    if before.tenant != after.tenant {
        save_group(conn, whose.zone, whose.tenant, &after.tenant, counted).await?;
    }
    Ok(())
}

/// The present by the budget's clock. What is older than a minute is read anew: the next reading counts from there.
pub(super) async fn now(conn: &mut Conn, wall: Timestamp) -> Result<Now, sqlx::Error> {
    let last = meter(conn).await?;
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

/// The same, but nothing is written: who asks spends nothing.
pub(super) async fn counted(conn: &mut Conn, wall: Timestamp) -> Result<Timestamp, sqlx::Error> {
    let last = meter(conn).await?;
    Ok(last.unwrap_or(Meter::new(wall)).now(wall).counted)
}

async fn meter(conn: &mut Conn) -> Result<Option<Meter>, sqlx::Error> {
    let row = sql::query("SELECT value FROM meta WHERE key = $1")
        .bind(METER)
        .fetch_optional(conn)
        .await?;
    row.map(|row| from_doc(&row.get::<String>("value")?))
        .transpose()
}

async fn save_attempts<T: serde::Serialize + Sync>(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
    doc: &T,
    counted: Timestamp,
) -> Result<(), sqlx::Error> {
    sql::query(
        "INSERT INTO ledger (username, fingerprint, doc, touched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (username, fingerprint) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    )
    .bind(username)
    .bind(fingerprint)
    .bind(to_doc(doc)?)
    .bind(millis(counted))
    .execute(conn)
    .await?;
    Ok(())
}

async fn save_group<T: serde::Serialize + Sync>(
    conn: &mut Conn,
    zone: &str,
    tenant: &str,
    doc: &T,
    counted: Timestamp,
) -> Result<(), sqlx::Error> {
    sql::query(
        "INSERT INTO groups_ledger (zone, tenant, doc, touched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (zone, tenant) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    )
    .bind(zone)
    .bind(tenant)
    .bind(to_doc(doc)?)
    .bind(millis(counted))
    .execute(conn)
    .await?;
    Ok(())
}
