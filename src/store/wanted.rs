//! Making the users' rows what the configuration wants, and forgetting what is older than it is kept.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

pub use super::parting::Parting;
use super::{
    Store, StoreError, books, millis, parting, span,
    sql::{self, Conn},
    to_doc,
    writer::Write,
};
use crate::{
    attempt::Limits,
    record::{Recent, Record},
    user::UserId,
};

/// Rows of removed users and untouched ledger rows are kept so long.
const KEEP: Duration = Duration::from_hours(90 * 24);

/// What the clock did more than time that was seen to pass, before a sweep waits for the next one: the clock may be wrong.
const UNSEEN: Duration = Duration::from_hours(24);

/// What is remembered of a username's attempts lasts from the last time that it was wanted.
const TOUCH: &str =
    "UPDATE ledger SET touched_at = $1 WHERE username IN (SELECT username FROM users WHERE active)";

/// What `sync` needs to know of a configured user.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The user.
    pub id: UserId,
    /// Lower-cased username.
    pub username: String,
    /// The tenant.
    pub tenant: String,
    /// Time between checks.
    pub interval: Duration,
    /// The first check of a user that is new, or whose stored one is too far off.
    pub first_due: Timestamp,
}

/// All that the configuration wants of the store.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// All enabled users.
    pub users: Vec<Wanted>,
    /// How it is told that the incident of a user that goes is over.
    pub telling: Telling,
}

/// What a notice needs besides what is stored.
#[derive(Clone, Debug, Default)]
pub struct Telling {
    /// The host lockwatch runs on.
    pub host: String,
    /// So long notices of one recipient are gathered.
    pub group_wait: Duration,
    /// Why notices will not become mails; `None` when they will.
    pub unsendable: Option<&'static str>,
}

impl From<Vec<Wanted>> for Wants {
    fn from(users: Vec<Wanted>) -> Self {
        let telling = Telling::default();
        Self { users, telling }
    }
}

struct Sync {
    wants: Wants,
    limits: Limits,
    now: Timestamp,
}

struct Sweep {
    now: Timestamp,
}

impl Store {
    /// Makes the rows what the config wants, in one transaction: new users appear, the others keep their state, the
    /// rest is put aside. All enabled users must be among the wants. Returns the incidents that this closed.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing has changed.
    pub async fn sync(
        &self,
        wants: impl Into<Wants>,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Vec<Parting>, StoreError> {
        let wants = wants.into();
        let partings = self.writer.write(Sync { wants, limits, now }).await?;
        for parting in &partings {
            tracing::info!(
                user.id = %parting.user,
                incident = %parting.incident,
                "incident closed: the configuration does not want the user any more, or not under that username"
            );
        }
        Ok(partings)
    }

    /// Forgets what is older than it is kept. Ask daily.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Sweep { now }).await
    }
}

impl Write for Sync {
    type Out = Vec<Parting>;

    async fn apply(&self, conn: &mut Conn) -> Result<Vec<Parting>, sqlx::Error> {
        let now = millis(self.now);
        let Wants { users, telling } = &self.wants;
        let mut partings = Vec::new();
        let fresh = to_doc(&Record::new(self.now, &self.limits))?;
        let counted = books::counted(conn, self.now).await?;
        sql::query(TOUCH)
            .bind(millis(counted))
            .execute(&mut *conn)
            .await?;
        let known = sql::query("SELECT id FROM users WHERE active")
            .fetch_all(&mut *conn)
            .await?;
        let wanted: HashSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        for row in &known {
            let id: String = row.get("id")?;
            if wanted.contains(id.as_str()) {
                continue;
            }
            partings.extend(parting::put_aside(conn, &id, telling, self.now).await?);
        }
        for user in users {
            let (id, name) = (user.id.as_str(), &user.username);
            partings.extend(parting::make_room(conn, id, name, telling, self.now).await?);
            let first_due = millis(user.first_due);
            sql::query(
                // A next check further off than the interval is right when the API asked for it (`Retry-After`), but not
                // when the interval was changed or the clock was set back since.
                "INSERT INTO users (id, username, active, interval_ms, first_seen, due_at, due_set_at, record, recent, tenant) \
                 VALUES ($1, $2, TRUE, $3, $4, $5, $4, $6, $7, $9) \
                 ON CONFLICT (id) DO UPDATE SET active = TRUE, removed_at = NULL, interval_ms = excluded.interval_ms, \
                 tenant = excluded.tenant, \
                 due_at = CASE WHEN users.due_at > $8 AND (users.interval_ms <> excluded.interval_ms OR users.due_set_at > $4) \
                 THEN excluded.due_at ELSE users.due_at END",
            )
            .bind(user.id.as_str())
            .bind(&user.username)
            .bind(span(user.interval))
            .bind(now)
            .bind(first_due)
            .bind(&fresh)
            .bind(Recent::default().packed())
            .bind(now + span(user.interval))
            .bind(&user.tenant)
            .execute(&mut *conn)
            .await?;
        }
        Ok(partings)
    }
}

/// Whether the clock and the time that was seen to pass have come apart since the last sweep. `unseen` is by how much they
/// differ; it is remembered.
async fn clock_moved(conn: &mut Conn, unseen: i64) -> Result<bool, sqlx::Error> {
    let row = sql::query("SELECT value FROM meta WHERE key = 'unseen'")
        .fetch_optional(&mut *conn)
        .await?;
    let last: Option<i64> = match row {
        Some(row) => row.get::<String>("value")?.parse().ok(),
        None => None,
    };
    sql::query(
        "INSERT INTO meta (key, value) VALUES ('unseen', $1) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(unseen.to_string())
    .execute(conn)
    .await?;
    Ok(last.is_none_or(|last| unseen.abs_diff(last) > span(UNSEEN).unsigned_abs()))
}

impl Write for Sweep {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        let now = millis(self.now);
        // By the budget's clock, which nobody sets: a clock that is set forward makes no ledger old.
        let counted = millis(books::counted(conn, self.now).await?);
        sql::query(TOUCH).bind(counted).execute(&mut *conn).await?;
        for old in [
            "DELETE FROM ledger WHERE touched_at < $1",
            "DELETE FROM groups_ledger WHERE touched_at < $1",
        ] {
            sql::query(old)
                .bind(counted - span(KEEP))
                .execute(&mut *conn)
                .await?;
        }
        if clock_moved(conn, now - counted).await? {
            return Ok(());
        }
        for old in [
            "DELETE FROM users WHERE removed_at < $1",
            "DELETE FROM incidents WHERE closed_at < $1",
            "DELETE FROM notices WHERE created_at < $1 AND (unsendable IS NOT NULL OR mail_id IN \
             (SELECT id FROM mails WHERE sent_at IS NOT NULL OR dead_at IS NOT NULL))",
            "DELETE FROM mails WHERE sent_at < $1 OR dead_at < $1",
            "DELETE FROM tellings WHERE told_at < $1",
            "DELETE FROM login_pauses WHERE until_at < $1",
        ] {
            sql::query(old)
                .bind(now - span(KEEP))
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}
