//! Forgetting what is older than it is kept.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError, books, millis, span,
    sql::{self, Conn},
    writer::Write,
};

/// What is old is kept so long.
const KEEP: Duration = Duration::from_hours(90 * 24);

/// What the clock did more than time that was seen to pass, before a sweep waits for the next one: the clock may be wrong.
const UNSEEN: Duration = Duration::from_hours(24);

/// That a username is wanted is written down so often, and so ledgers are kept so much longer.
const TOUCH: Duration = Duration::from_hours(24);

struct Sweep {
    now: Timestamp,
}

impl Store {
    /// Forgets what is older than it is kept. Ask daily.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Sweep { now }).await
    }
}

/// What is remembered of a username's attempts lasts from the last time that it was wanted.
pub(super) async fn touch(conn: &mut Conn, counted: Timestamp) -> Result<(), sqlx::Error> {
    sql::query(
        "UPDATE ledger SET touched_at = $1 WHERE touched_at < $2 \
         AND username IN (SELECT username FROM users WHERE active)",
    )
    .bind(millis(counted))
    .bind(millis(counted) - span(TOUCH))
    .execute(conn)
    .await
    .map(drop)
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
        let counted = books::counted(conn, self.now).await?;
        touch(conn, counted).await?;
        let counted = millis(counted);
        for old in [
            "DELETE FROM ledger WHERE touched_at < $1",
            "DELETE FROM groups_ledger WHERE touched_at < $1",
        ] {
            sql::query(old)
                .bind(counted - span(KEEP + TOUCH))
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
