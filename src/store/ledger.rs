//! The ledger's rows, and the one way to a permit: the attempt is on disk before anybody may send it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError, fresh_id, from_doc, millis, span,
    sql::{self, Conn},
    to_doc,
    users::Claim,
    writer::Write,
};
use crate::attempt::{self, Activation, Asker, Ledgers, Limits, Outcome, Permit, Refusal};

/// What a permit is asked for with.
#[derive(Clone, Debug)]
pub struct PermitRequest {
    /// The claim under which the check runs.
    pub claim: Claim,
    /// Lower-cased username.
    pub username: String,
    /// Keyed fingerprint of the credential.
    pub fingerprint: String,
    /// Who asks.
    pub asker: Asker,
    /// Whether the user may be too new.
    pub activation: Option<Activation>,
    /// The budget.
    pub limits: Limits,
    /// The claim is prolonged by this.
    pub lease: Duration,
    /// The present.
    pub now: Timestamp,
}

/// The decision, and the ledgers it was made on (with the attempt recorded, when granted).
#[derive(Debug)]
pub struct PermitAnswer {
    /// The permit, or why not.
    pub decision: Result<Permit, Refusal>,
    /// As they are now on disk.
    pub ledgers: Ledgers,
}

/// How an attempt ended, to be written with the check's result.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Lower-cased username.
    pub username: String,
    /// The credential.
    pub fingerprint: String,
    /// The attempt.
    pub attempt: String,
    /// Its end.
    pub outcome: Outcome,
}

impl Store {
    /// Asks for the leave to make one attempt. The attempt is on disk when this returns a permit.
    ///
    /// # Errors
    /// When the store cannot record it: then no attempt may be made.
    pub async fn permit(&self, request: PermitRequest) -> Result<PermitAnswer, StoreError> {
        self.writer.write(request).await
    }
}

impl Write for PermitRequest {
    type Out = PermitAnswer;

    async fn apply(&self, conn: &mut Conn) -> Result<PermitAnswer, sqlx::Error> {
        let ledgers = load_both(conn, &self.username, &self.fingerprint).await?;
        let ours = sql::query(
            "UPDATE users SET claimed_until = $1 WHERE id = $2 AND active AND claim_token = $3 AND claimed_until > $4",
        )
        .bind(millis(self.now) + span(self.lease))
        .bind(self.claim.id.as_str())
        .bind(&self.claim.token)
        .bind(millis(self.now))
        .execute(&mut *conn)
        .await?;
        let attempt = fresh_id();
        let decision = if ours == 0 {
            Err(Refusal::NotOurs)
        } else {
            let request = attempt::Request {
                attempt: &attempt,
                fingerprint: &self.fingerprint,
                asker: self.asker,
                activation: self.activation,
            };
            attempt::permit(&ledgers, &request, &self.limits, self.now)
        };
        match decision {
            Ok(granted) => {
                save_both(
                    conn,
                    &self.username,
                    &self.fingerprint,
                    &granted.ledgers,
                    self.now,
                )
                .await?;
                Ok(PermitAnswer {
                    decision: Ok(granted.permit),
                    ledgers: granted.ledgers,
                })
            }
            Err(refusal) => Ok(PermitAnswer {
                decision: Err(refusal),
                ledgers,
            }),
        }
    }
}

/// Writes an attempt's end. Facts count whoever holds the claim by now.
pub(super) async fn settle(
    conn: &mut Conn,
    end: &Settlement,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let ledgers = load_both(conn, &end.username, &end.fingerprint).await?;
    let ledgers = attempt::settle(&ledgers, &end.attempt, end.outcome, now);
    save_both(conn, &end.username, &end.fingerprint, &ledgers, now).await
}

async fn load_both(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
) -> Result<Ledgers, sqlx::Error> {
    Ok(Ledgers {
        username: load(conn, username, "").await?,
        credential: load(conn, username, fingerprint).await?,
    })
}

async fn save_both(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
    ledgers: &Ledgers,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    save(conn, username, "", &ledgers.username, now).await?;
    save(conn, username, fingerprint, &ledgers.credential, now).await
}

async fn load<T: Default + serde::de::DeserializeOwned>(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
) -> Result<T, sqlx::Error> {
    let row = sql::query("SELECT doc FROM ledger WHERE username = $1 AND fingerprint = $2")
        .bind(username)
        .bind(fingerprint)
        .fetch_optional(conn)
        .await?;
    row.map_or_else(
        || Ok(T::default()),
        |row| from_doc(&row.get::<String>("doc")?),
    )
}

async fn save<T: serde::Serialize + Sync>(
    conn: &mut Conn,
    username: &str,
    fingerprint: &str,
    ledger: &T,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sql::query(
        "INSERT INTO ledger (username, fingerprint, doc, touched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (username, fingerprint) DO UPDATE SET doc = excluded.doc, touched_at = excluded.touched_at",
    )
    .bind(username)
    .bind(fingerprint)
    .bind(to_doc(ledger)?)
    .bind(millis(now))
    .execute(conn)
    .await?;
    Ok(())
}
