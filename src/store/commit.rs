//! The end of a check: attempt, state, incident, notices and history in one transaction.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    ledger::{self, Settlement},
    millis, notices,
    sql::{self, Conn},
    to_doc,
    users::Claim,
    writer::Write,
};
use crate::{
    incident::Event,
    notify::Notice,
    record::{Recent, Record},
};

/// Everything a check leaves behind.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The claim it ran under.
    pub claim: Claim,
    /// How its attempt ended, if it made one.
    pub settlement: Option<Settlement>,
    /// The zone that the look-up names, or named last.
    pub zone: Option<String>,
    /// What the look-up said.
    pub look_up: LookUp,
    /// The user's memory.
    pub record: Record,
    /// Its recent checks.
    pub recent: Recent,
    /// What happened to its incident.
    pub event: Option<Event>,
    /// What must be told, and until when notices of one recipient are gathered.
    pub notices: Vec<(Notice, Timestamp)>,
    /// Why notices will not become mails; `None` when they will.
    pub unsendable: Option<&'static str>,
    /// The next check.
    pub due: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// What the look-up said of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// Nothing clear.
    Unclear = 0,
    /// It knows the user.
    Knows = 1,
    /// It does not know the user.
    Denies = 2,
}

impl Store {
    /// Writes the end of a check and gives its claim back. False when the claim was no longer ours: then only the
    /// attempt's end is kept, for it is a fact.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing is kept, and the attempt stays counted as unanswered.
    pub async fn commit(&self, commit: Commit) -> Result<bool, StoreError> {
        self.writer.write(commit).await
    }
}

impl Write for Commit {
    type Out = bool;

    async fn apply(&self, conn: &mut Conn) -> Result<bool, sqlx::Error> {
        if let Some(end) = &self.settlement {
            ledger::settle(conn, end, self.now).await?;
        }
        let ours = sql::query(
            "UPDATE users SET record = $1, recent = $2, due_at = $3, due_set_at = $6, claim_token = NULL, claimed_until = NULL, \
             hastened_at = NULL, zone = COALESCE($7, zone), worked = $8, \
             failing_since = $10, denied_since = CASE WHEN $9 = 1 THEN NULL WHEN $9 = 2 AND zone IS NOT NULL THEN COALESCE(denied_since, $6) \
             ELSE denied_since END \
             WHERE id = $4 AND claim_token = $5",
        )
        .bind(to_doc(&self.record)?)
        .bind(self.recent.packed())
        .bind(millis(self.due))
        .bind(self.claim.id.as_str())
        .bind(&self.claim.token)
        .bind(millis(self.now))
        .bind(self.zone.as_deref())
        .bind(self.record.last_good().is_some())
        .bind(self.look_up as i64)
        .bind(self.record.state.failing_since().map(millis))
        .execute(&mut *conn)
        .await?;
        if ours == 0 {
            return Ok(false);
        }
        match &self.event {
            Some(Event::Opened(incident)) => {
                sql::query("INSERT INTO incidents (id, user_id, reason, since, opened_at) VALUES ($1, $2, $3, $4, $5)")
                    .bind(&incident.id)
                    .bind(self.claim.id.as_str())
                    .bind(incident.diagnosis.reason.as_str())
                    .bind(millis(incident.since))
                    .bind(millis(incident.opened))
                    .execute(&mut *conn)
                    .await?;
            }
            Some(Event::Reopened(incident) | Event::Changed { incident, .. }) => {
                sql::query("UPDATE incidents SET closed_at = NULL, reason = $1 WHERE id = $2")
                    .bind(incident.diagnosis.reason.as_str())
                    .bind(&incident.id)
                    .execute(&mut *conn)
                    .await?;
            }
            Some(Event::Recovered(incident) | Event::Dropped(incident)) => {
                sql::query("UPDATE incidents SET closed_at = $1 WHERE id = $2")
                    .bind(millis(self.now))
                    .bind(&incident.id)
                    .execute(&mut *conn)
                    .await?;
            }
            None => {}
        }
        for (notice, due) in &self.notices {
            notices::owe(conn, notice, *due, self.unsendable).await?;
        }
        Ok(true)
    }
}
