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
    Ok(Ledgers {
        username: attempts(conn, whose.username, "").await?,
        credential: attempts(conn, whose.username, whose.fingerprint).await?,
        zone: group(conn, whose.zone, "").await?,
        tenant: group(conn, whose.zone, whose.tenant).await?,
    })
}

/// Writes what differs from `before`.
pub(super) async fn save(
    conn: &mut Conn,
    whose: &Whose<'_>,
    before: &Ledgers,
    after: &Ledgers,
    wall: Timestamp,
) -> Result<(), sqlx::Error> {
    if before.username != after.username {
        save_attempts(conn, whose.username, "", &after.username, wall).await?;
    }
    if before.credential != after.credential {
        let doc = &after.credential;
        save_attempts(conn, whose.username, whose.fingerprint, doc, wall).await?;
    }
    if before.zone != after.zone {
        save_group(conn, whose.zone, "", &after.zone, wall).await?;
    }
    if before.tenant != after.tenant {
        save_group(conn, whose.zone, whose.tenant, &after.tenant, wall).await?;
    }
    Ok(())
}

/// The present by the budget's clock. What is older than a minute is read anew: the next reading counts from there.
pub(super) async fn now(conn: &mut Conn, wall: Timestamp) -> Result<Now, sqlx::Error> {
    let row = sql::query("SELECT value FROM meta WHERE key = $1")
        .bind(METER)
        .fetch_optional(&mut *conn)
        .await?;
    let last: Option<Meter> = match row {
        Some(row) => Some(from_doc(&row.get::<String>("value")?)?),
        None => None,
    };
    let meter = last.map_or_else(|| Meter::new(wall), |last| last.read(wall));
    if last.is_none_or(|last| last.is_stale(wall)) {
        sql::query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(METER)
        .bind(to_doc(&meter)?)
        .execute(conn)
        .await?;
    }
    Ok(meter.now())
}

async fn attempts<T: Default + serde::de::DeserializeOwned>(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
) -> Result<T, sqlx::Error> {
    let query = sql::query("SELECT doc FROM ledger WHERE username = $1 AND fingerprint = $2");
    document(conn, query.bind(username).bind(fingerprint)).await
}

async fn group<T: Default + serde::de::DeserializeOwned>(
    conn: &mut Conn,
    zone: &str,
    tenant: &str,
) -> Result<T, sqlx::Error> {
    let query = sql::query("SELECT doc FROM groups_ledger WHERE zone = $1 AND tenant = $2");
    document(conn, query.bind(zone).bind(tenant)).await
}

async fn document<T: Default + serde::de::DeserializeOwned>(
    conn: &mut Conn,
    query: sql::Query,
) -> Result<T, sqlx::Error> {
    match query.fetch_optional(conn).await? {
        Some(row) => from_doc(&row.get::<String>("doc")?),
        None => Ok(T::default()),
    }
}

async fn save_attempts<T: serde::Serialize + Sync>(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
    doc: &T,
    wall: Timestamp,
) -> Result<(), sqlx::Error> {
    sql::query(
        "INSERT INTO ledger (username, fingerprint, doc, touched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (username, fingerprint) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    )
    .bind(username)
    .bind(fingerprint)
    .bind(to_doc(doc)?)
    .bind(millis(wall))
    .execute(conn)
    .await?;
    Ok(())
}

async fn save_group<T: serde::Serialize + Sync>(
    conn: &mut Conn,
    zone: &str,
    tenant: &str,
    doc: &T,
    wall: Timestamp,
) -> Result<(), sqlx::Error> {
    sql::query(
        "INSERT INTO groups_ledger (zone, tenant, doc, touched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (zone, tenant) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    )
    .bind(zone)
    .bind(tenant)
    .bind(to_doc(doc)?)
    .bind(millis(wall))
    .execute(conn)
    .await?;
    Ok(())
}
