//! Notices that are owed, and freezing them into mails. A notice is in one mail at most, for ever.

use jiff::Timestamp;

use super::{
    Store, StoreError, from_doc,
    mails::FrozenMail,
    millis,
    sql::{self, Conn},
    to_doc,
    writer::Write,
};
use crate::notify::{Matter, Notice};

/// So many notices share a mail at most.
const NOTICES_A_MAIL: i64 = 50;

/// What is owed to one recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owed {
    /// Oldest first.
    pub notices: Vec<Notice>,
    /// Ids of notices that another version wrote and this one cannot read.
    pub unreadable: Vec<String>,
}

struct Freeze {
    mail: FrozenMail,
    notices: Vec<String>,
}

struct GiveUp {
    notices: Vec<String>,
    why: &'static str,
}

impl Store {
    /// The notices owed to the recipient whose gathering time is over first, if any is over: all of them, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn owed(&self, now: Timestamp) -> Result<Owed, StoreError> {
        let rows = sql::query(
            "SELECT id, facts FROM notices WHERE mail_id IS NULL AND unsendable IS NULL AND recipient = \
             (SELECT recipient FROM notices WHERE mail_id IS NULL AND unsendable IS NULL AND due_at <= $1 \
              ORDER BY due_at, id LIMIT 1) ORDER BY created_at, id LIMIT $2",
        )
        .bind(millis(now))
        .bind(NOTICES_A_MAIL)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::Read)?;
        let mut owed = Owed::default();
        for row in rows {
            let text = |column| row.get::<String>(column).map_err(StoreError::Read);
            match from_doc(&text("facts")?) {
                Ok(notice) => owed.notices.push(notice),
                Err(_) => owed.unreadable.push(text("id")?),
            }
        }
        Ok(owed)
    }

    /// Notes that notices will never become mails, and why.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn give_up(&self, notices: Vec<String>, why: &'static str) -> Result<(), StoreError> {
        self.writer.write(GiveUp { notices, why }).await
    }

    /// Freezes a mail that holds `notices`. False when one of them is in another mail by now: then nothing is kept.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn freeze(&self, mail: FrozenMail, notices: Vec<String>) -> Result<bool, StoreError> {
        self.writer.write(Freeze { mail, notices }).await
    }
}

/// Notes that `notice` must be mailed, once `due` is past. One about an operator's matter that is noted already is not noted
/// again, whatever became of it.
pub(super) async fn owe(
    conn: &mut Conn,
    notice: &Notice,
    due: Timestamp,
    unsendable: Option<&'static str>,
) -> Result<(), sqlx::Error> {
    let matter = &notice.matter;
    sql::query(match matter {
        Matter::Incident(_) => {
            "INSERT INTO notices (id, incident_id, user_id, kind, recipient, created_at, due_at, facts, unsendable) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        }
        Matter::Operator(_) | Matter::Digest(_) => {
            "INSERT INTO notices (id, incident_id, user_id, kind, recipient, created_at, due_at, facts, unsendable) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING"
        }
    })
    .bind(&notice.id)
    .bind(matter.incident())
    .bind(matter.users().first().map_or("", String::as_str))
    .bind(notice.kind.as_str())
    .bind(&notice.recipient)
    .bind(millis(notice.created))
    .bind(millis(due))
    .bind(to_doc(notice)?)
    .bind(unsendable.or_else(|| notice.recipient.is_empty().then_some("there is no recipient")))
    .execute(conn)
    .await?;
    Ok(())
}

impl Write for Freeze {
    type Out = bool;

    async fn apply(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        for notice in &self.notices {
            let free = sql::query(
                "SELECT id FROM notices WHERE id = $1 AND mail_id IS NULL AND unsendable IS NULL",
            )
            .bind(notice)
            .fetch_optional(&mut *conn)
            .await?;
            if free.is_none() {
                return Ok(false);
            }
        }
        sql::query(
            "INSERT INTO mails (id, message_id, recipient, bytes, created_at, next_try_at, tries) \
             VALUES ($1, $2, $3, $4, $5, $5, 0)",
        )
        .bind(&self.mail.id)
        .bind(&self.mail.message_id)
        .bind(&self.mail.recipient)
        .bind(&self.mail.bytes)
        .bind(millis(self.mail.created))
        .execute(&mut *conn)
        .await?;
        for notice in &self.notices {
            sql::query("UPDATE notices SET mail_id = $1 WHERE id = $2")
                .bind(&self.mail.id)
                .bind(notice)
                .execute(&mut *conn)
                .await?;
        }
        Ok(true)
    }
}

impl Write for GiveUp {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        for notice in &self.notices {
            sql::query("UPDATE notices SET unsendable = $1 WHERE id = $2 AND mail_id IS NULL")
                .bind(self.why)
                .bind(notice)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}
