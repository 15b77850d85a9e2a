//! A user goes, or gets another username, while its incident is open: the incident is closed and its end is owed to whoever
//! heard of it, in the transaction that takes the user away. No check would ever find it out.

use jiff::Timestamp;

use super::{
    from_doc, millis, notices,
    sql::{self, Conn, Row},
    to_doc,
    wanted::Telling,
};
use crate::{
    notify::owed::{Gone, farewell},
    record::Record,
};

/// An incident that was closed because its user is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The user.
    pub user: String,
    /// The incident.
    pub incident: String,
    /// How many must be told.
    pub notices: usize,
}

/// Nobody looks at this user any more. A check that is under way has lost its claim: it would open again what is closed here.
pub(super) async fn put_aside(
    conn: &mut Conn,
    id: &str,
    telling: &Telling,
    now: Timestamp,
) -> Result<Option<Parting>, sqlx::Error> {
    let gone = sql::query(
        "UPDATE users SET active = FALSE, removed_at = $1, claim_token = NULL, claimed_until = NULL, failing_since = NULL \
         WHERE id = $2 AND active RETURNING id, username, tenant, record",
    )
    .bind(millis(now))
    .bind(id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = gone else { return Ok(None) };
    let parted = part(conn, &row, telling, now).await?;
    let Some((record, parting)) = parted else {
        return Ok(None);
    };
    sql::query("UPDATE users SET record = $1 WHERE id = $2")
        .bind(to_doc(&record)?)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(parting)
}

/// Another username under an old id is another user: its state starts anew. The ledger is per username anyway.
pub(super) async fn make_room(
    conn: &mut Conn,
    id: &str,
    username: &str,
    telling: &Telling,
    now: Timestamp,
) -> Result<Option<Parting>, sqlx::Error> {
    let gone = sql::query(
        "DELETE FROM users WHERE id = $1 AND username <> $2 RETURNING id, username, tenant, record",
    )
    .bind(id)
    .bind(username)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = gone else { return Ok(None) };
    let parted = part(conn, &row, telling, now).await?;
    Ok(parted.and_then(|(_, parting)| parting))
}

/// The memory that is left of who is gone, and its incident, if one was open. `None` where another version wrote a memory
/// that cannot be read: then nobody can be told.
async fn part(
    conn: &mut Conn,
    row: &Row,
    telling: &Telling,
    now: Timestamp,
) -> Result<Option<(Record, Option<Parting>)>, sqlx::Error> {
    let id: String = row.get("id")?;
    sql::query("UPDATE incidents SET closed_at = $1 WHERE user_id = $2 AND closed_at IS NULL")
        .bind(millis(now))
        .bind(&id)
        .execute(&mut *conn)
        .await?;
    let Ok(mut record) = from_doc::<Record>(&row.get::<String>("record")?) else {
        return Ok(None);
    };
    let Some(incident) = record.state.put_aside() else {
        return Ok(Some((record, None)));
    };
    let username: String = row.get("username")?;
    let tenant: String = row.get("tenant")?;
    let gone = Gone {
        id: &id,
        username: &username,
        tenant: &tenant,
        record: &record,
    };
    let owed = farewell(gone, &incident, &telling.host, now);
    for notice in &owed {
        notices::owe(conn, notice, now + telling.group_wait, telling.unsendable).await?;
    }
    let parting = Parting {
        user: id,
        incident: incident.id,
        notices: owed.len(),
    };
    Ok(Some((record, Some(parting))))
}
