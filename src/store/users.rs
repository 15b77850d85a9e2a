//! The users' rows: who is due (`claim`), giving a claim back, and what is remembered of everybody.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError, fresh_id, from_doc, millis, span,
    sql::{self, Conn, Row},
    timestamp,
    writer::Write,
};
use crate::{
    record::{Recent, Record},
    user::UserId,
};

/// No claim ends further off than so many leases: one that does was made before the clock was set back.
const LONGEST_CLAIM: u32 = 3;

/// The leave to check one user. Every later write names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The user.
    pub id: UserId,
    /// Ours as long as the row holds it.
    pub token: String,
}

/// A claimed user with its memory.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The claim.
    pub claim: Claim,
    /// When the check is due; up to the claim's horizon ahead.
    pub due: Timestamp,
    /// When the user first appeared in the config.
    pub first_seen: Timestamp,
    /// Its memory.
    pub record: Record,
    /// Its recent checks.
    pub recent: Recent,
}

/// A user's row as the board shows it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The user.
    pub id: UserId,
    /// The next check.
    pub due: Timestamp,
    /// When the user first appeared in the config.
    pub first_seen: Timestamp,
    /// Its memory.
    pub record: Record,
    /// Its recent checks.
    pub recent: Recent,
}

struct ClaimDue {
    now: Timestamp,
    horizon: Duration,
    lease: Duration,
    limit: i64,
}

struct ClaimOne {
    id: UserId,
    now: Timestamp,
    lease: Duration,
}

struct Renew {
    claim: Claim,
    until: Timestamp,
    now: Timestamp,
}

struct Release {
    claim: Claim,
    due: Option<Timestamp>,
}

impl Store {
    /// Claims up to `limit` users that are due before `now + horizon` and that nobody holds.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn claim_due(
        &self,
        now: Timestamp,
        horizon: Duration,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let limit = i64::from(limit);
        self.writer
            .write(ClaimDue {
                now,
                horizon,
                lease,
                limit,
            })
            .await
    }

    /// Claims one user now, whether due or not; `None` while somebody holds it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn claim_one(
        &self,
        id: &UserId,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Claimed>, StoreError> {
        let id = id.clone();
        self.writer.write(ClaimOne { id, now, lease }).await
    }

    /// Prolongs a claim while its check waits; false when it is no longer ours.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn renew(
        &self,
        claim: Claim,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let until = now + lease;
        self.writer.write(Renew { claim, until, now }).await
    }

    /// Gives a claim back without a result; the next check is at `due`, or when it was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn release(&self, claim: Claim, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.writer.write(Release { claim, due }).await
    }

    /// Whether this user, by this lower-cased username, is among those that are checked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watches(&self, id: &UserId, username: &str) -> Result<bool, StoreError> {
        sql::query("SELECT id FROM users WHERE active AND id = $1 AND username = $2")
            .bind(id.as_str())
            .bind(username)
            .fetch_optional(&self.pool)
            .await
            .map(|row| row.is_some())
            .map_err(StoreError::Read)
    }

    /// Every active user, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(&self) -> Result<Vec<Stored>, StoreError> {
        sql::query(
            "SELECT id, due_at, first_seen, record, recent FROM users WHERE active ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(stored).collect())
        .map_err(StoreError::Read)
    }
}

fn stored(row: &Row) -> Result<Stored, sqlx::Error> {
    Ok(Stored {
        id: id(row)?,
        due: timestamp(row.get("due_at")?),
        first_seen: timestamp(row.get("first_seen")?),
        record: record(row)?,
        recent: Recent::of_packed(row.get("recent")?),
    })
}

/// A memory that another version wrote and this one cannot read is forgotten: the user is watched all the same.
fn record(row: &Row) -> Result<Record, sqlx::Error> {
    let first_seen = timestamp(row.get("first_seen")?);
    let doc: String = row.get("record")?;
    Ok(from_doc(&doc).unwrap_or_else(|_| {
        let id: String = row.get("id").unwrap_or_default();
        tracing::error!(
            user.id = %id,
            "the stored state of a user cannot be read and begins anew"
        );
        Record::forgotten(first_seen)
    }))
}

fn claimed(row: &Row) -> Result<Claimed, sqlx::Error> {
    let Stored {
        id,
        due,
        first_seen,
        record,
        recent,
    } = stored(row)?;
    let token = row.get("claim_token")?;
    Ok(Claimed {
        claim: Claim { id, token },
        due,
        first_seen,
        record,
        recent,
    })
}

fn id(row: &Row) -> Result<UserId, sqlx::Error> {
    let text: String = row.get("id")?;
    UserId::parse(&text).map_err(|why| sqlx::Error::Decode(why.into()))
}

impl Write for ClaimDue {
    type Out = Vec<Claimed>;

    async fn apply(&self, conn: &mut Conn) -> Result<Vec<Claimed>, sqlx::Error> {
        let now = millis(self.now);
        // The lease condition stands in both places: on PostgreSQL two sessions would else return the same users.
        // Where the clock is behind what it was when the check was planned, the plan says nothing: it is due.
        let rows = sql::query(
            "WITH due AS MATERIALIZED (\
                SELECT id FROM users WHERE active AND (due_at <= $1 OR due_set_at > $2 + interval_ms) \
                AND (claimed_until IS NULL OR claimed_until <= $2 OR claimed_until > $6) ORDER BY due_at LIMIT $3) \
             UPDATE users SET claim_token = $4, \
                claimed_until = CASE WHEN due_at > $2 AND due_at <= $1 THEN due_at ELSE $2 END + $5 \
             FROM due WHERE users.id = due.id \
                AND (users.claimed_until IS NULL OR users.claimed_until <= $2 OR users.claimed_until > $6) \
             RETURNING users.id, users.due_at, users.first_seen, users.record, users.recent, users.claim_token",
        )
        .bind(now + span(self.horizon))
        .bind(now)
        .bind(self.limit)
        .bind(fresh_id())
        .bind(span(self.lease))
        .bind(now + span(LONGEST_CLAIM * self.lease))
        .fetch_all(conn)
        .await?;
        rows.iter().map(claimed).collect()
    }
}

impl Write for ClaimOne {
    type Out = Option<Claimed>;

    async fn apply(&self, conn: &mut Conn) -> Result<Option<Claimed>, sqlx::Error> {
        let rows = sql::query(
            "UPDATE users SET claim_token = $1, claimed_until = $2 \
             WHERE id = $3 AND active AND (claimed_until IS NULL OR claimed_until <= $4 OR claimed_until > $5) \
             RETURNING id, due_at, first_seen, record, recent, claim_token",
        )
        .bind(fresh_id())
        .bind(millis(self.now) + span(self.lease))
        .bind(self.id.as_str())
        .bind(millis(self.now))
        .bind(millis(self.now) + span(LONGEST_CLAIM * self.lease))
        .fetch_all(conn)
        .await?;
        rows.first().map(claimed).transpose()
    }
}

impl Write for Renew {
    type Out = bool;

    async fn apply(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        let done = sql::query(
            "UPDATE users SET claimed_until = $1 WHERE id = $2 AND claim_token = $3 AND claimed_until > $4",
        )
        .bind(millis(self.until))
        .bind(self.claim.id.as_str())
        .bind(&self.claim.token)
        .bind(millis(self.now))
        .execute(conn)
        .await?;
        Ok(done > 0)
    }
}

impl Write for Release {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        sql::query(
            "UPDATE users SET claim_token = NULL, claimed_until = NULL, due_at = COALESCE($1, due_at) \
             WHERE id = $2 AND claim_token = $3",
        )
        .bind(self.due.map(millis))
        .bind(self.claim.id.as_str())
        .bind(&self.claim.token)
        .execute(conn)
        .await?;
        Ok(())
    }
}
