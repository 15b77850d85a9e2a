//! Frozen mails: what is due, what became of each try, what waits.

use jiff::Timestamp;

use super::{
    Store, StoreError, millis,
    sql::{self, Conn, Row},
    timestamp,
    writer::Write,
};

/// A mail as it will be sent, however often that takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenMail {
    /// Our id.
    pub id: String,
    /// The header's.
    pub message_id: String,
    /// The one recipient.
    pub recipient: String,
    /// The whole message.
    pub bytes: Vec<u8>,
    /// When it was frozen.
    pub created: Timestamp,
    /// Tries so far.
    pub tries: u32,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The server took it.
    Sent,
    /// Try again then.
    Later {
        /// When.
        at: Timestamp,
        /// What the server said.
        why: String,
    },
    /// It will never be taken.
    Dead {
        /// What the server said.
        why: String,
    },
}

/// A notice whose mail was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentNotice {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub recipient: String,
    /// `notify::Kind`.
    pub kind: String,
    /// The user's id.
    pub user: String,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Notices and mails that have not been sent yet.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// When something is next to be done.
    pub next: Option<Timestamp>,
}

struct Tell {
    mail: String,
    tried: Tried,
    now: Timestamp,
}

impl Store {
    /// Mails whose time has come, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_mails(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<FrozenMail>, StoreError> {
        sql::query(
            "SELECT id, message_id, recipient, bytes, created_at, tries FROM mails \
             WHERE sent_at IS NULL AND dead_at IS NULL AND next_try_at <= $1 ORDER BY created_at, id LIMIT $2",
        )
        .bind(millis(now))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(frozen).collect())
        .map_err(StoreError::Read)
    }

    /// Notes what became of a try.
    ///
    /// # Errors
    /// When the store cannot be written; then the same bytes are sent once more.
    pub async fn tried(
        &self,
        mail: String,
        tried: Tried,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.write(Tell { mail, tried, now }).await
    }

    /// The kinds of the notices in a mail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn kinds_in(&self, mail: &str) -> Result<Vec<String>, StoreError> {
        sql::query("SELECT kind FROM notices WHERE mail_id = $1")
            .bind(mail)
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(|row| row.get("kind")).collect())
            .map_err(StoreError::Read)
    }

    /// What was sent after `then`: when, to whom, of which kind, about which user; oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sent_after(&self, then: Timestamp) -> Result<Vec<SentNotice>, StoreError> {
        sql::query(
            "SELECT mails.sent_at, mails.recipient, notices.kind, notices.user_id FROM notices \
             JOIN mails ON mails.id = notices.mail_id WHERE mails.sent_at > $1 ORDER BY mails.sent_at, notices.id",
        )
        .bind(millis(then))
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(sent).collect())
        .map_err(StoreError::Read)
    }

    /// What waits to be sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting(&self) -> Result<Waiting, StoreError> {
        let row = sql::query(
            "SELECT CAST(COUNT(*) AS BIGINT) AS pending, MIN(created_at) AS oldest, MIN(next_at) AS next FROM (\
                SELECT created_at, due_at AS next_at FROM notices WHERE mail_id IS NULL AND unsendable IS NULL \
                UNION ALL \
                SELECT created_at, next_try_at AS next_at FROM mails WHERE sent_at IS NULL AND dead_at IS NULL) AS waiting",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(StoreError::Read)?;
        let at = |column| -> Result<Option<Timestamp>, StoreError> {
            let millis: Option<i64> = row.get(column).map_err(StoreError::Read)?;
            Ok(millis.map(timestamp))
        };
        let pending: i64 = row.get("pending").map_err(StoreError::Read)?;
        Ok(Waiting {
            pending: pending.unsigned_abs(),
            oldest: at("oldest")?,
            next: at("next")?,
        })
    }
}

fn sent(row: &Row) -> Result<SentNotice, sqlx::Error> {
    Ok(SentNotice {
        at: timestamp(row.get("sent_at")?),
        recipient: row.get("recipient")?,
        kind: row.get("kind")?,
        user: row.get("user_id")?,
    })
}

fn frozen(row: &Row) -> Result<FrozenMail, sqlx::Error> {
    let tries: i64 = row.get("tries")?;
    Ok(FrozenMail {
        id: row.get("id")?,
        message_id: row.get("message_id")?,
        recipient: row.get("recipient")?,
        bytes: row.get("bytes")?,
        created: timestamp(row.get("created_at")?),
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
    })
}

impl Write for Tell {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        let now = millis(self.now);
        let (sent, dead, next, why) = match &self.tried {
            Tried::Sent => (Some(now), None, now, None),
            Tried::Later { at, why } => (None, None, millis(*at), Some(why.as_str())),
            Tried::Dead { why } => (None, Some(now), now, Some(why.as_str())),
        };
        sql::query(
            "UPDATE mails SET sent_at = $1, dead_at = $2, next_try_at = $3, last_error = $4, tries = tries + 1 WHERE id = $5",
        )
        .bind(sent)
        .bind(dead)
        .bind(next)
        .bind(why)
        .bind(&self.mail)
        .execute(conn)
        .await?;
        Ok(())
    }
}
