//! Freezing: what is owed becomes a mail whose bytes no longer change. A notice is in one mail at most; a mail that certainly
//! never arrived may be melted again, and what it told is told anew.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    mails::FrozenMail,
    millis,
    sql::{self, Conn},
    writer::Write,
};

/// What becomes of everything that was owed to one recipient.
#[derive(Clone, Debug, Default)]
pub struct Freeze {
    /// The mail, if one is made now.
    pub mail: Option<FrozenMail>,
    /// The notices in it.
    pub notices: Vec<String>,
    /// The incidents that it tells of, and whether only as what is still open.
    pub incidents: Vec<(String, bool)>,
    /// Notices that wait, until when.
    pub later: Vec<(String, Timestamp)>,
    /// Notices that the limit of mails a day holds back, until when.
    pub held_back: Vec<(String, Timestamp)>,
    /// Reminders that have nothing to remind of.
    pub void: Vec<String>,
    /// Mails that are melted; their notices are among the above.
    pub melted: Vec<String>,
}

impl Store {
    /// Keeps what was planned, in one transaction. False when a notice is in another mail by now, or a mail that should be
    /// melted was tried: then nothing is kept.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn freeze(&self, freeze: Freeze) -> Result<bool, StoreError> {
        self.writer.write(freeze).await
    }
}

impl Write for Freeze {
    type Out = bool;

    async fn apply(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        if !self.is_possible(conn).await? {
            return Ok(false);
        }
        for mail in &self.melted {
            for melt in [
                "UPDATE notices SET mail_id = NULL WHERE mail_id = $1",
                "DELETE FROM tellings WHERE mail_id = $1",
                "DELETE FROM mails WHERE id = $1",
            ] {
                sql::query(melt).bind(mail).execute(&mut *conn).await?;
            }
        }
        for (waiting, held_back) in [(&self.later, false), (&self.held_back, true)] {
            for (notice, until) in waiting {
                sql::query("UPDATE notices SET due_at = $1, held_back = $2 WHERE id = $3")
                    .bind(millis(*until))
                    .bind(held_back)
                    .bind(notice)
                    .execute(&mut *conn)
                    .await?;
            }
        }
        for notice in &self.void {
            sql::query("DELETE FROM notices WHERE id = $1")
                .bind(notice)
                .execute(&mut *conn)
                .await?;
        }
        if let Some(mail) = &self.mail {
            self.keep(mail, conn).await?;
        }
        Ok(true)
    }
}

impl Freeze {
    /// Nothing is written before all of this is known: a write that is refused must leave nothing.
    async fn is_possible(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        for mail in &self.melted {
            let certain = sql::query(
                "SELECT id FROM mails WHERE id = $1 AND sent_at IS NULL AND dead_at IS NULL AND doubtful = 0",
            )
            .bind(mail)
            .fetch_optional(&mut *conn)
            .await?;
            if certain.is_none() {
                return Ok(false);
            }
        }
        for notice in &self.notices {
            let row =
                sql::query("SELECT mail_id FROM notices WHERE id = $1 AND unsendable IS NULL")
                    .bind(notice)
                    .fetch_optional(&mut *conn)
                    .await?;
            let Some(row) = row else {
                return Ok(false);
            };
            let mail: Option<String> = row.get("mail_id")?;
            if mail.is_some_and(|mail| !self.melted.contains(&mail)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn keep(&self, mail: &FrozenMail, conn: &mut Conn) -> Result<(), sqlx::Error> {
        sql::query(
            "INSERT INTO mails (id, message_id, recipient, bytes, created_at, owed_since, next_try_at, tries, put_off_since, \
             put_offs, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, (SELECT COALESCE(MAX(seq), 0) + 1 FROM mails))",
        )
        .bind(&mail.id)
        .bind(&mail.message_id)
        .bind(&mail.recipient)
        .bind(mail.bytes.as_slice())
        .bind(millis(mail.created))
        .bind(millis(mail.owed_since))
        .bind(millis(mail.next_try))
        .bind(mail.put_off_since.map(millis))
        .bind(i64::from(mail.put_offs))
        .execute(&mut *conn)
        .await?;
        for notice in &self.notices {
            sql::query("UPDATE notices SET mail_id = $1 WHERE id = $2")
                .bind(&mail.id)
                .bind(notice)
                .execute(&mut *conn)
                .await?;
        }
        for (incident, digest) in &self.incidents {
            sql::query(
                "INSERT INTO tellings (mail_id, incident_id, recipient, told_at, digest) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&mail.id)
            .bind(incident)
            .bind(&mail.recipient)
            .bind(millis(mail.created))
            .bind(*digest)
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}
