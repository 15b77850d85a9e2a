//! What the desk (`notify::desk`) is told of the store, and what it has written: notices, and which matters of the operator's
//! are told and not over. A matter is told once, whoever finds it.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{
    Store, StoreError, from_doc, millis, notices, span,
    sql::{self, Conn, Row},
    timestamp, to_doc,
    writer::Write,
};
use crate::{
    attempt::GroupLedger,
    notify::{
        Kind, Notice,
        desk::{BLIND_EVERY, Ongoing, Orders, Remembered, StormOver, Told},
    },
};

struct Tell {
    orders: Orders,
    due: Timestamp,
    unsendable: Option<&'static str>,
    now: Timestamp,
}

impl Store {
    /// What the desk needs to know besides the users.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remembered(&self, now: Timestamp) -> Result<Remembered, StoreError> {
        let read = async {
            Ok(Remembered {
                ongoing: self.ongoing().await?,
                storms: self.storms().await?,
                last_blind: self.last_blind(now).await?,
                told: self.told().await?,
                reminded: self.reminded().await?,
            })
        };
        read.await.map_err(StoreError::Read)
    }

    /// Writes what a round found, all or nothing; notices are gathered until `due`. Returns the kind of each notice that was
    /// news: the same orders again, from here or from another process, owe nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tell(
        &self,
        orders: Orders,
        due: Timestamp,
        unsendable: Option<&'static str>,
        now: Timestamp,
    ) -> Result<Vec<Kind>, StoreError> {
        self.writer
            .write(Tell {
                orders,
                due,
                unsendable,
                now,
            })
            .await
    }

    async fn ongoing(&self) -> Result<Vec<Ongoing>, sqlx::Error> {
        let rows = sql::query(
            "SELECT kind, subject, since, told_at, doc FROM matters ORDER BY kind, subject",
        )
        .fetch_all(&self.pool)
        .await?;
        let known = rows.iter().map(ongoing);
        known.filter_map(Result::transpose).collect()
    }

    /// Those that are not judged yet.
    async fn storms(&self) -> Result<Vec<StormOver>, sqlx::Error> {
        let rows = sql::query("SELECT zone, tenant, doc FROM groups_ledger ORDER BY zone, tenant")
            .fetch_all(&self.pool)
            .await?;
        let mut storms = Vec::new();
        for row in &rows {
            // What another version wrote and this one cannot read says nothing.
            let group: GroupLedger = from_doc(&row.get::<String>("doc")?).unwrap_or_default();
            if let Some(storm) = group.storm.filter(|storm| !storm.judged) {
                let tenant: String = row.get("tenant")?;
                storms.push(StormOver {
                    zone: row.get("zone")?,
                    tenant: Some(tenant).filter(|tenant| !tenant.is_empty()),
                    since: storm.since,
                });
            }
        }
        Ok(storms)
    }

    async fn last_blind(&self, now: Timestamp) -> Result<Option<Timestamp>, sqlx::Error> {
        let row = sql::query(
            "SELECT MAX(created_at) AS last FROM notices WHERE kind = $1 AND created_at <= $2",
        )
        .bind(Kind::Blind.as_str())
        .bind(millis(now))
        .fetch_one(&self.pool)
        .await?;
        Ok(row.get::<Option<i64>>("last")?.map(timestamp))
    }

    /// Of open incidents: when a mail last reached each recipient, or was made for it. One that will never arrive told nobody.
    async fn told(&self) -> Result<HashMap<(String, String), Timestamp>, sqlx::Error> {
        let rows = sql::query(
            "SELECT tellings.incident_id, tellings.recipient, MAX(COALESCE(mails.sent_at, tellings.told_at)) AS told_at FROM incidents \
             JOIN tellings ON tellings.incident_id = incidents.id LEFT JOIN mails ON mails.id = tellings.mail_id \
             WHERE incidents.closed_at IS NULL AND mails.dead_at IS NULL \
             GROUP BY tellings.incident_id, tellings.recipient",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut told: HashMap<(String, String), Timestamp> = HashMap::new();
        for row in &rows {
            let recipient: String = row.get("recipient")?;
            let at = timestamp(row.get("told_at")?);
            let last = told.entry((row.get("incident_id")?, recipient.to_lowercase()));
            let last = last.or_insert(at);
            *last = at.max(*last);
        }
        Ok(told)
    }

    /// Who is owed a reminder that has not left yet.
    async fn reminded(&self) -> Result<HashSet<String>, sqlx::Error> {
        let rows = sql::query(
            "SELECT DISTINCT notices.recipient FROM notices LEFT JOIN mails ON mails.id = notices.mail_id \
             WHERE notices.kind = $1 AND notices.unsendable IS NULL \
             AND (notices.mail_id IS NULL OR (mails.sent_at IS NULL AND mails.dead_at IS NULL))",
        )
        .bind(Kind::Reminder.as_str())
        .fetch_all(&self.pool)
        .await?;
        let recipient = |row: &Row| Ok(row.get::<String>("recipient")?.to_lowercase());
        rows.iter().map(recipient).collect()
    }
}

/// `None` for a kind that this version does not know.
fn ongoing(row: &Row) -> Result<Option<Ongoing>, sqlx::Error> {
    let label: String = row.get("kind")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == label);
    let Some(kind) = kind else { return Ok(None) };
    // One of another version still ends, though nobody may hear of it.
    let told: Told = from_doc(&row.get::<String>("doc")?).unwrap_or_default();
    Ok(Some(Ongoing {
        kind,
        zone: row.get("subject")?,
        since: timestamp(row.get("since")?),
        told_at: timestamp(row.get("told_at")?),
        told,
    }))
}

impl Tell {
    /// Owes these notices unless they were owed before.
    async fn owe(
        &self,
        conn: &mut Conn,
        notices: &[Notice],
        news: &mut Vec<Kind>,
    ) -> Result<(), sqlx::Error> {
        for notice in notices {
            let known = sql::query("SELECT id FROM notices WHERE id = $1")
                .bind(&notice.id)
                .fetch_optional(&mut *conn)
                .await?;
            if known.is_none() {
                notices::owe(conn, notice, self.due, self.unsendable).await?;
                news.push(notice.kind);
            }
        }
        Ok(())
    }
}

impl Write for Tell {
    type Out = Vec<Kind>;

    async fn apply(&self, conn: &mut Conn) -> Result<Vec<Kind>, sqlx::Error> {
        let mut news = Vec::new();
        for turn in &self.orders.begun {
            if begin(conn, &turn.matter).await? {
                self.owe(conn, &turn.notices, &mut news).await?;
            }
        }
        for matter in &self.orders.kept {
            sql::query(
                "UPDATE matters SET doc = $1 WHERE kind = $2 AND subject = $3 AND told_at = $4",
            )
            .bind(to_doc(&matter.told)?)
            .bind(matter.kind.as_str())
            .bind(&matter.zone)
            .bind(millis(matter.told_at))
            .execute(&mut *conn)
            .await?;
        }
        for turn in &self.orders.over {
            if end(conn, &turn.matter).await? {
                self.owe(conn, &turn.notices, &mut news).await?;
            }
        }
        if !self.orders.blind.is_empty() && !blind_lately(conn, self.now).await? {
            self.owe(conn, &self.orders.blind, &mut news).await?;
        }
        self.owe(conn, &self.orders.reminders, &mut news).await?;
        Ok(news)
    }
}

/// False when it was told already.
async fn begin(conn: &mut Conn, matter: &Ongoing) -> Result<bool, sqlx::Error> {
    let rows = sql::query(
        "INSERT INTO matters (kind, subject, since, told_at, doc) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, subject) DO NOTHING",
    )
    .bind(matter.kind.as_str())
    .bind(&matter.zone)
    .bind(millis(matter.since))
    .bind(millis(matter.told_at))
    .bind(to_doc(&matter.told)?)
    .execute(conn)
    .await?;
    Ok(rows > 0)
}

/// False when its end was told already.
async fn end(conn: &mut Conn, matter: &Ongoing) -> Result<bool, sqlx::Error> {
    let rows = sql::query("DELETE FROM matters WHERE kind = $1 AND subject = $2 AND told_at = $3")
        .bind(matter.kind.as_str())
        .bind(&matter.zone)
        .bind(millis(matter.told_at))
        .execute(conn)
        .await?;
    Ok(rows > 0)
}

async fn blind_lately(conn: &mut Conn, now: Timestamp) -> Result<bool, sqlx::Error> {
    let row = sql::query(
        "SELECT id FROM notices WHERE kind = $1 AND created_at > $2 AND created_at <= $3 LIMIT 1",
    )
    .bind(Kind::Blind.as_str())
    .bind(millis(now) - span(BLIND_EVERY))
    .bind(millis(now))
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}
