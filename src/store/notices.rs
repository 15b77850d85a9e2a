//! Notices that are owed, and to whom. What decides which of them are mailed now is `given`'s, freezing them `freezing`'s.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

use super::{
    Store, StoreError, from_doc, millis, span,
    sql::{self, Conn},
    timestamp, to_doc,
    writer::Write,
};
use crate::notify::{Matter, Notice};

/// Nothing waits longer: what is due later was written by a clock that was set back since, and is due now.
const LONGEST_WAIT: Duration = Duration::from_hours(25);
/// So many notices to one recipient are looked at together.
const NOTICES_AT_ONCE: i64 = 1000;

/// What is owed to one recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owed {
    /// Oldest first; those of `melted` mails among them.
    pub notices: Vec<Notice>,
    /// Ids of notices that another version wrote and this one cannot read.
    pub unreadable: Vec<String>,
    /// Mails to this recipient that wait and certainly never arrived: what they say is told anew, as it is now.
    pub melted: Vec<Melted>,
}

/// A frozen mail that never arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Melted {
    /// Its id.
    pub id: String,
    /// The oldest that it told was frozen then.
    pub owed_since: Timestamp,
    /// Since when its recipient is put off, if it is.
    pub put_off_since: Option<Timestamp>,
    /// How often it was.
    pub put_offs: u32,
    /// When it would be tried next.
    pub next_try: Timestamp,
}

impl Owed {
    fn add(&mut self, rows: &[sql::Row]) -> Result<(), sqlx::Error> {
        for row in rows {
            match from_doc(&row.get::<String>("facts")?) {
                Ok(notice) => self.notices.push(notice),
                Err(_) => self.unreadable.push(row.get("id")?),
            }
        }
        Ok(())
    }
}

struct Hurry {
    by: Timestamp,
    now: Timestamp,
}

struct GiveUp {
    notices: Vec<String>,
    why: &'static str,
}

impl Store {
    /// What is owed to the recipient whose gathering time is over first, if any is over by `due`. The mails that were `made`
    /// just now are not melted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn owed(&self, due: Timestamp, made: &[String]) -> Result<Owed, StoreError> {
        self.read_owed(due, made).await.map_err(StoreError::Read)
    }

    async fn read_owed(&self, due: Timestamp, made: &[String]) -> Result<Owed, sqlx::Error> {
        let mut owed = Owed::default();
        let first = sql::query(
            "SELECT recipient FROM notices WHERE mail_id IS NULL AND unsendable IS NULL \
             AND (due_at <= $1 OR due_at > $2) ORDER BY due_at, id LIMIT 1",
        )
        .bind(millis(due))
        .bind(millis(due) + span(LONGEST_WAIT))
        .fetch_optional(&self.pool)
        .await?;
        let Some(first) = first else {
            return Ok(owed);
        };
        let recipient: String = first.get("recipient")?;
        let rows = sql::query(
            "SELECT id, facts FROM notices WHERE mail_id IS NULL AND unsendable IS NULL AND recipient = $1 \
             ORDER BY CASE WHEN due_at > $2 THEN 0 ELSE due_at END, created_at, id LIMIT $3",
        )
        .bind(&recipient)
        .bind(millis(due) + span(LONGEST_WAIT))
        .bind(NOTICES_AT_ONCE)
        .fetch_all(&self.pool)
        .await?;
        owed.add(&rows)?;
        if i64::try_from(rows.len()).is_ok_and(|rows| rows >= NOTICES_AT_ONCE) {
            self.complete(&recipient, &mut owed).await?;
        }
        let mails = sql::query(
            "SELECT id, owed_since, put_off_since, put_offs, next_try_at FROM mails WHERE recipient = $1 \
             AND sent_at IS NULL AND dead_at IS NULL AND doubtful = 0 ORDER BY seq, id",
        )
        .bind(&recipient)
        .fetch_all(&self.pool)
        .await?;
        for row in mails {
            let id: String = row.get("id")?;
            if made.contains(&id) {
                continue;
            }
            let rows = sql::query(
                "SELECT id, facts FROM notices WHERE mail_id = $1 ORDER BY created_at, id",
            )
            .bind(&id)
            .fetch_all(&self.pool)
            .await?;
            let mut told = Owed::default();
            told.add(&rows)?;
            // What cannot be read can still be sent as it was frozen.
            if !told.unreadable.is_empty() {
                continue;
            }
            owed.notices.splice(0..0, told.notices);
            let put_offs: i64 = row.get("put_offs")?;
            owed.melted.push(Melted {
                id,
                owed_since: timestamp(row.get("owed_since")?),
                put_off_since: row.get::<Option<i64>>("put_off_since")?.map(timestamp),
                put_offs: u32::try_from(put_offs).unwrap_or(u32::MAX),
                next_try: timestamp(row.get("next_try_at")?),
            });
        }
        Ok(owed)
    }

    /// Adds what else is owed about the same incidents, where not everything was read: they are told together.
    async fn complete(&self, recipient: &str, owed: &mut Owed) -> Result<(), sqlx::Error> {
        let known: HashSet<String> = owed
            .notices
            .iter()
            .map(|notice| notice.id.clone())
            .collect();
        let incidents = owed
            .notices
            .iter()
            .map(|notice| notice.matter.incident().to_owned());
        let incidents: HashSet<String> =
            incidents.filter(|incident| !incident.is_empty()).collect();
        for incident in incidents {
            let rows = sql::query(
                "SELECT id, facts FROM notices WHERE mail_id IS NULL AND unsendable IS NULL AND recipient = $1 \
                 AND incident_id = $2 ORDER BY created_at, id",
            )
            .bind(recipient)
            .bind(&incident)
            .fetch_all(&self.pool)
            .await?;
            let mut more = Owed::default();
            more.add(&rows)?;
            owed.notices.extend(
                more.notices
                    .into_iter()
                    .filter(|notice| !known.contains(&notice.id)),
            );
        }
        Ok(())
    }

    /// What would be due by then is due now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn hurry(&self, by: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Hurry { by, now }).await
    }

    /// Notes that notices will never become mails, and why.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn give_up(&self, notices: Vec<String>, why: &'static str) -> Result<(), StoreError> {
        self.writer.write(GiveUp { notices, why }).await
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

impl Write for Hurry {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        sql::query(
            "UPDATE notices SET due_at = $1 WHERE due_at > $1 AND due_at <= $2 AND mail_id IS NULL AND unsendable IS NULL",
        )
        .bind(millis(self.now))
        .bind(millis(self.by))
        .execute(conn)
        .await?;
        Ok(())
    }
}
