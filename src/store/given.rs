//! What is known that decides which of the notices owed to one recipient are mailed now: what it was mailed today, what is
//! over, and where many users of a tenant begin to fail together. `notify::merge` decides.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{Store, StoreError, millis, span, sql, timestamp};
use crate::notify::{
    Digest, Kind, Matter, Notice,
    merge::{DAY, Gathering, Given, Mailed},
};

/// So many users of a tenant that begin to fail together are many.
const MANY: i64 = 3;
/// Nobody waits longer than this for the others of a tenant, however long their interval is.
const LONGEST_GATHERING: Duration = Duration::from_mins(10);

impl Store {
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
}
