//! Notices that are owed: to whom, and what is known that decides what of them is mailed now. Freezing them is `freezing`'s.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Store, StoreError, from_doc, millis, span,
    sql::{self, Conn},
    timestamp, to_doc,
    writer::Write,
};
use crate::notify::{
    Digest, Kind, Matter, Notice,
    merge::{DAY, Gathering, Given, Mailed},
};

/// Nothing waits longer: what is due later was written by a clock that was set back since, and is due now.
const LONGEST_WAIT: Duration = Duration::from_hours(25);
/// So many notices to one recipient are looked at together.
const NOTICES_AT_ONCE: i64 = 1000;
/// So many users of a tenant that begin to fail together are many.
const MANY: i64 = 3;
/// Nobody waits longer than this for the others of a tenant, however long their interval is.
const LONGEST_GATHERING: Duration = Duration::from_mins(10);

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

    /// What decides which of these notices, all to one recipient, are mailed now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn given(
        &self,
        notices: &[Notice],
        confirm_after: Duration,
        group_wait: Duration,
        now: Timestamp,
    ) -> Result<Given, StoreError> {
        let Some(first) = notices.first() else {
            return Ok(Given::default());
        };
        let mut given = Given {
            mailed: self
                .mailed(&first.recipient, now)
                .await
                .map_err(StoreError::Read)?,
            ..Given::default()
        };
        for notice in notices {
            let facts = match &notice.matter {
                Matter::Incident(_) if notice.kind == Kind::Recovered => continue,
                Matter::Incident(facts) => facts,
                Matter::Digest(digest) => {
                    let over = self.over(digest).await.map_err(StoreError::Read)?;
                    given.over.extend(over);
                    continue;
                }
                Matter::Operator(_) => continue,
            };
            if given.gathering.contains_key(&facts.tenant) {
                continue;
            }
            let gathering = self
                .gathering(&facts.tenant, confirm_after, now)
                .await
                .map_err(StoreError::Read)?;
            if let Some((first, wait)) = gathering {
                let wait = wait + group_wait;
                given
                    .gathering
                    .insert(facts.tenant.clone(), Gathering { first, wait });
            }
        }
        Ok(given)
    }

    /// What arrived, or may have, within a day, by incident. What is melted does not count.
    async fn mailed(
        &self,
        recipient: &str,
        now: Timestamp,
    ) -> Result<HashMap<String, Mailed>, sqlx::Error> {
        let rows = sql::query(
            "SELECT tellings.incident_id, COUNT(*) AS told, MIN(tellings.told_at) AS oldest FROM tellings \
             JOIN mails ON mails.id = tellings.mail_id WHERE tellings.recipient = $1 AND tellings.told_at > $2 \
             AND tellings.told_at <= $3 AND NOT tellings.digest AND (mails.sent_at IS NOT NULL OR (mails.dead_at IS NULL AND mails.doubtful > 0)) \
             GROUP BY tellings.incident_id",
        )
        .bind(recipient)
        .bind(millis(now) - span(DAY))
        .bind(millis(now))
        .fetch_all(&self.pool)
        .await?;
        let mailed = |row: &sql::Row| {
            let mails: i64 = row.get("told")?;
            let mailed = Mailed {
                mails: u32::try_from(mails).unwrap_or(u32::MAX),
                oldest: timestamp(row.get("oldest")?),
            };
            Ok((row.get("incident_id")?, mailed))
        };
        rows.iter().map(mailed).collect()
    }

    /// What a reminder names that is over by now.
    async fn over(&self, digest: &Digest) -> Result<Vec<String>, sqlx::Error> {
        let mut over = Vec::new();
        for line in &digest.lines {
            let closed =
                sql::query("SELECT id FROM incidents WHERE id = $1 AND closed_at IS NOT NULL")
                    .bind(&line.incident)
                    .fetch_optional(&self.pool)
                    .await?;
            over.extend(closed.map(|_| line.incident.clone()));
        }
        Ok(over)
    }

    /// Where many users of a tenant begin to fail together: the first sighting, and how long after it all will have been
    /// seen.
    async fn gathering(
        &self,
        tenant: &str,
        confirm_after: Duration,
        now: Timestamp,
    ) -> Result<Option<(Timestamp, Duration)>, sqlx::Error> {
        let failing = async |wait: Duration| {
            let row = sql::query(
                "SELECT COUNT(*) AS users, MIN(failing_since) AS first FROM users \
                 WHERE tenant = $1 AND active AND failing_since > $2",
            )
            .bind(tenant)
            .bind(millis(now) - span(wait))
            .fetch_one(&self.pool)
            .await?;
            let first: Option<i64> = row.get("first")?;
            Ok::<_, sqlx::Error>(
                first.filter(|_| row.get::<i64>("users").is_ok_and(|users| users >= MANY)),
            )
        };
        // The common case costs one look at those that fail.
        if failing(LONGEST_GATHERING + confirm_after).await?.is_none() {
            return Ok(None);
        }
        let longest = sql::query(
            "SELECT MAX(interval_ms) AS longest FROM users WHERE tenant = $1 AND active",
        )
        .bind(tenant)
        .fetch_one(&self.pool)
        .await?;
        let longest: Option<i64> = longest.get("longest")?;
        let interval = Duration::from_millis(longest.unwrap_or(0).unsigned_abs());
        let wait = interval.min(LONGEST_GATHERING) + confirm_after;
        Ok(failing(wait).await?.map(|first| (timestamp(first), wait)))
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
