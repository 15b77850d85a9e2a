//! What became of mail, for whoever looks: what waits and what keeps it, and what will never arrive. Reads only.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    Store, StoreError, from_doc, millis,
    sql::{self, Row},
    timestamp,
};
use crate::notify::{Matter, Notice};

/// Dead letters are shown for so long.
const SHOWN_FOR: Duration = Duration::from_hours(30 * 24);
/// So many of them are told one by one.
const LETTERS: i64 = 50;

/// What waits to be sent, and what will never be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxReport {
    /// Notices and mails that have not been sent yet.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// When something is next to be done.
    pub next: Option<Timestamp>,
    /// What keeps the oldest mail that was tried.
    pub kept: Option<Kept>,
    /// The dead letters of the last 30 days, newest first, the first 50 of them.
    pub letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub letters_total: u64,
}

/// Why a mail waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was said at its last try.
    pub why: String,
    /// Tries so far.
    pub tries: u32,
}

/// A mail that was refused for good or given up, or a notice that no mail can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When that was known; of a notice, when it was made.
    pub at: Timestamp,
    /// Who does not get it; empty when there is nobody.
    pub recipient: String,
    /// `notify::Kind` of what is in it.
    pub kinds: BTreeSet<String>,
    /// The ids of the users that it is about.
    pub users: BTreeSet<String>,
    /// Their incidents.
    pub incidents: BTreeSet<String>,
    /// Why.
    pub why: Option<String>,
    /// The mail, where there is one.
    pub mail: Option<String>,
}

impl Store {
    /// What waits, and what died within 30 days before `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_report(&self, now: Timestamp) -> Result<OutboxReport, StoreError> {
        let head = sql::query(
            "SELECT CAST(COUNT(since) AS BIGINT) AS pending, MIN(since) AS oldest, MIN(next_at) AS next, \
                (SELECT last_error FROM mails WHERE sent_at IS NULL AND dead_at IS NULL AND last_error IS NOT NULL \
                 ORDER BY created_at, id LIMIT 1) AS why, \
                (SELECT tries FROM mails WHERE sent_at IS NULL AND dead_at IS NULL AND last_error IS NOT NULL \
                 ORDER BY created_at, id LIMIT 1) AS tries \
             FROM (\
                SELECT CASE WHEN held_back THEN NULL ELSE created_at END AS since, due_at AS next_at \
                FROM notices WHERE mail_id IS NULL AND unsendable IS NULL \
                UNION ALL \
                SELECT owed_since, next_try_at AS next_at FROM mails WHERE sent_at IS NULL AND dead_at IS NULL) AS waiting",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(StoreError::Read)?;
        // The facts hold what the columns have no room for: every user of an operator's matter or a reminder.
        let rows = sql::query(
            "WITH dead AS (\
                SELECT dead_at AS died_at, id AS letter, id AS mail, CAST(NULL AS TEXT) AS notice, recipient, last_error AS why \
                FROM mails WHERE dead_at > $1 \
                UNION ALL \
                SELECT created_at, id, CAST(NULL AS TEXT), id, recipient, unsendable \
                FROM notices WHERE unsendable IS NOT NULL AND mail_id IS NULL AND created_at > $1), \
             newest AS (\
                SELECT died_at, letter, mail, notice, recipient, why, CAST(COUNT(*) OVER () AS BIGINT) AS total \
                FROM dead ORDER BY died_at DESC, letter LIMIT $2) \
             SELECT newest.died_at, newest.letter, newest.mail, newest.recipient, newest.why, newest.total, \
                notices.id AS within, notices.kind, notices.user_id, notices.incident_id, \
                CASE WHEN notices.incident_id = '' THEN notices.facts END AS facts \
             FROM newest LEFT JOIN notices ON notices.mail_id = newest.mail WHERE newest.mail IS NOT NULL \
             UNION ALL \
             SELECT newest.died_at, newest.letter, newest.mail, newest.recipient, newest.why, newest.total, \
                notices.id AS within, notices.kind, notices.user_id, notices.incident_id, \
                CASE WHEN notices.incident_id = '' THEN notices.facts END AS facts \
             FROM newest JOIN notices ON notices.id = newest.notice \
             ORDER BY 1 DESC, 2, 7",
        )
        .bind(millis(now) - super::span(SHOWN_FOR))
        .bind(LETTERS)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::Read)?;
        reported(&head, &rows).map_err(StoreError::Read)
    }
}

fn reported(head: &Row, rows: &[Row]) -> Result<OutboxReport, sqlx::Error> {
    let at = |column| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(head.get::<Option<i64>>(column)?.map(timestamp))
    };
    let tries: Option<i64> = head.get("tries")?;
    let why: Option<String> = head.get("why")?;
    let mut report = OutboxReport {
        pending: head.get::<i64>("pending")?.unsigned_abs(),
        oldest: at("oldest")?,
        next: at("next")?,
        kept: why.zip(tries).map(|(why, tries)| Kept {
            why,
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
        }),
        letters: Vec::new(),
        letters_total: 0,
    };
    let mut last = None;
    for row in rows {
        let letter: String = row.get("letter")?;
        if last.as_ref() != Some(&letter) {
            report.letters.push(DeadLetter {
                at: timestamp(row.get("died_at")?),
                recipient: row.get("recipient")?,
                kinds: BTreeSet::new(),
                users: BTreeSet::new(),
                incidents: BTreeSet::new(),
                why: row.get("why")?,
                mail: row.get("mail")?,
            });
            report.letters_total = row.get::<i64>("total")?.unsigned_abs();
            last = Some(letter);
        }
        if let Some(letter) = report.letters.last_mut() {
            letter.holds(row)?;
        }
    }
    Ok(report)
}

impl DeadLetter {
    /// Adds the notice of a row, if there is one.
    fn holds(&mut self, row: &Row) -> Result<(), sqlx::Error> {
        self.kinds.extend(row.get::<Option<String>>("kind")?);
        let facts: Option<String> = row.get("facts")?;
        // One that another version wrote is told by its columns.
        let notice: Option<Notice> = facts.and_then(|facts| from_doc(&facts).ok());
        let named = [
            ("user_id", &mut self.users),
            ("incident_id", &mut self.incidents),
        ];
        for (column, into) in named {
            let name: Option<String> = row.get(column)?;
            into.extend(name.filter(|name| !name.is_empty()));
        }
        if let Some(notice) = notice {
            self.users.extend(notice.matter.users().iter().cloned());
            if let Matter::Digest(digest) = &notice.matter {
                let incidents = digest.lines.iter().map(|line| line.incident.clone());
                self.incidents.extend(incidents);
            }
        }
        Ok(())
    }
}
