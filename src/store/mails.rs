//! Frozen mails: what is due, what became of each try, what waits.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError,
    logins::{self, LoginPause},
    millis, notices, span,
    sql::{self, Conn, Row},
    timestamp,
    writer::Write,
};
use crate::notify::Notice;

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
    /// When the oldest that it tells was frozen first.
    pub owed_since: Timestamp,
    /// When it is tried next.
    pub next_try: Timestamp,
    /// Tries so far.
    pub tries: u32,
    /// Since when its recipient is put off, if it is.
    pub put_off_since: Option<Timestamp>,
    /// How often it was.
    pub put_offs: u32,
}

/// No mail waits longer: what is due later was written by a clock that was set back since, and is due now.
const LONGEST_WAIT: Duration = Duration::from_hours(2);

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
        /// It was the recipient that was put off, not every mail.
        put_off: bool,
    },
    /// It will never be taken.
    Dead {
        /// What the server said.
        why: String,
        /// Notices made after this are owed anew, where the mail certainly did not arrive.
        spare: Option<Timestamp>,
    },
}

/// A notice in a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldIn {
    /// `notify::Kind`.
    pub kind: String,
    /// The user that it is about; empty for none.
    pub user: String,
    /// When it was made.
    pub created: Timestamp,
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
    /// Notices and mails that have not been sent yet, but those that the limit of mails a day holds back.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// When something is next to be done.
    pub next: Option<Timestamp>,
}

/// What became of a try, and what follows from it.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The mail's id.
    pub mail: String,
    /// What became of it.
    pub tried: Tried,
    /// The server's answer is not known: it may have taken the mail.
    pub in_doubt: bool,
    /// What the operator must be told because of it, and until when that is gathered.
    pub notices: Vec<(Notice, Timestamp)>,
    /// The account at the mail server, and whether it is left alone from now on. `None` where that is as it was.
    pub login: Option<(String, Option<LoginPause>)>,
    /// The present.
    pub now: Timestamp,
}

struct Trying(String);

/// Of two mails to one recipient that tell of the same incident the later one waits for the earlier.
macro_rules! whose_turn_it_is {
    () => {
        "sent_at IS NULL AND dead_at IS NULL AND NOT EXISTS (SELECT 1 FROM tellings AS its \
         JOIN tellings AS others ON others.incident_id = its.incident_id AND others.recipient = its.recipient \
         JOIN mails AS earlier ON earlier.id = others.mail_id \
         WHERE its.mail_id = mails.id AND earlier.sent_at IS NULL AND earlier.dead_at IS NULL \
         AND (earlier.seq < mails.seq OR (earlier.seq = mails.seq AND earlier.id < mails.id)))"
    };
}

impl Store {
    /// Mails whose time has come: those that were never tried, then the others, each oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_mails(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<FrozenMail>, StoreError> {
        sql::query(concat!(
            "SELECT id, message_id, recipient, bytes, created_at, owed_since, put_off_since, put_offs, next_try_at, tries \
             FROM mails WHERE (next_try_at <= $1 OR next_try_at > $3) AND ",
            whose_turn_it_is!(),
            " ORDER BY CASE WHEN tries = 0 THEN 0 ELSE 1 END, seq, id LIMIT $2"
        ))
        .bind(millis(now))
        .bind(i64::from(limit))
        .bind(millis(now) + span(LONGEST_WAIT))
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(frozen).collect())
        .map_err(StoreError::Read)
    }

    /// Notes that a mail is about to be sent: until its end is known it may have arrived. False when it is not to be sent.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn trying(&self, mail: String) -> Result<bool, StoreError> {
        self.writer.write(Trying(mail)).await
    }

    /// Notes what became of a try.
    ///
    /// # Errors
    /// When the store cannot be written; then the same bytes are sent once more.
    pub async fn tried(&self, ended: Ended) -> Result<(), StoreError> {
        self.writer.write(ended).await
    }

    /// The notices in a mail, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn told_in(&self, mail: &str) -> Result<Vec<ToldIn>, StoreError> {
        let told = |row: &Row| {
            Ok(ToldIn {
                kind: row.get("kind")?,
                user: row.get("user_id")?,
                created: timestamp(row.get("created_at")?),
            })
        };
        sql::query("SELECT kind, user_id, created_at FROM notices WHERE mail_id = $1 ORDER BY created_at, id")
            .bind(mail)
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(told).collect())
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
        let row = sql::query(concat!(
            "SELECT CAST(COUNT(since) AS BIGINT) AS pending, MIN(since) AS oldest, MIN(next_at) AS next FROM (\
                SELECT CASE WHEN held_back THEN NULL ELSE created_at END AS since, due_at AS next_at \
                FROM notices WHERE mail_id IS NULL AND unsendable IS NULL \
                UNION ALL \
                SELECT owed_since AS since, CASE WHEN ",
            whose_turn_it_is!(),
            " THEN next_try_at ELSE NULL END AS next_at FROM mails WHERE sent_at IS NULL AND dead_at IS NULL) AS waiting"
        ))
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
    let put_offs: i64 = row.get("put_offs")?;
    Ok(FrozenMail {
        id: row.get("id")?,
        message_id: row.get("message_id")?,
        recipient: row.get("recipient")?,
        bytes: row.get("bytes")?,
        created: timestamp(row.get("created_at")?),
        owed_since: timestamp(row.get("owed_since")?),
        next_try: timestamp(row.get("next_try_at")?),
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        put_off_since: row.get::<Option<i64>>("put_off_since")?.map(timestamp),
        put_offs: u32::try_from(put_offs).unwrap_or(u32::MAX),
    })
}

impl Write for Trying {
    type Out = bool;

    async fn apply(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        let changed = sql::query(
            "UPDATE mails SET tries = tries + 1, doubtful = doubtful + 1 \
             WHERE id = $1 AND sent_at IS NULL AND dead_at IS NULL",
        )
        .bind(&self.0)
        .execute(conn)
        .await?;
        Ok(changed > 0)
    }
}

impl Write for Ended {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        let now = millis(self.now);
        let (sent, dead, next, why) = match &self.tried {
            Tried::Sent => (Some(now), None, now, None),
            Tried::Later { at, why, .. } => (None, None, millis(*at), Some(why.as_str())),
            Tried::Dead { why, .. } => (None, Some(now), now, Some(why.as_str())),
        };
        let put_off = matches!(self.tried, Tried::Later { put_off: true, .. });
        sql::query(
            "UPDATE mails SET sent_at = $1, dead_at = $2, next_try_at = $3, last_error = $4, doubtful = doubtful - $5, \
             put_offs = put_offs + $7, put_off_since = CASE WHEN $7 = 1 THEN COALESCE(put_off_since, $8) ELSE put_off_since END \
             WHERE id = $6",
        )
        .bind(sent)
        .bind(dead)
        .bind(next)
        .bind(why)
        .bind(i64::from(!self.in_doubt))
        .bind(&self.mail)
        .bind(i64::from(put_off))
        .bind(now)
        .execute(&mut *conn)
        .await?;
        if let Tried::Dead {
            spare: Some(limit), ..
        } = &self.tried
        {
            sql::query(
                "UPDATE notices SET mail_id = NULL, due_at = $1 WHERE mail_id = $2 AND created_at > $3 \
                 AND EXISTS (SELECT 1 FROM mails WHERE mails.id = $2 AND mails.doubtful = 0)",
            )
            .bind(now)
            .bind(&self.mail)
            .bind(millis(*limit))
            .execute(&mut *conn)
            .await?;
        }
        for (notice, due) in &self.notices {
            notices::owe(conn, notice, *due, None).await?;
        }
        if let Some((account, pause)) = &self.login {
            logins::note(conn, account, *pause).await?;
        }
        Ok(())
    }
}
