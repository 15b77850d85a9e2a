//! The one way to a permit: the attempt is on disk before anybody may send it. And what its answer does to the ledgers.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError,
    books::{self, Whose},
    fresh_id, millis, span,
    sql::{self, Conn},
    together,
    users::Claim,
    writer::Write,
};
use crate::attempt::{
    self, Activation, Asker, End, Ledgers, Limits, Now, Outcome, Permit, Refusal,
};

/// Whose attempt, and where it goes.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The claim under which the check runs.
    pub claim: Claim,
    /// Lower-cased username.
    pub username: String,
    /// Keyed fingerprint of the credential.
    pub fingerprint: String,
    /// The tenant.
    pub tenant: String,
    /// The zone's address.
    pub zone: String,
    /// The budget.
    pub limits: Limits,
}

/// What a permit is asked for with.
#[derive(Clone, Debug)]
pub struct PermitRequest {
    /// For whom.
    pub bearer: Bearer,
    /// The look-up names the zone now.
    pub zone_found: bool,
    /// The attempt for whose sake the zone was asked without a credential, and answered.
    pub zone_answered: Option<String>,
    /// Who asks.
    pub asker: Asker,
    /// Whether the user may be too new.
    pub activation: Option<Activation>,
    /// The user's incident says that it is locked out.
    pub locked_out: bool,
    /// Time between checks.
    pub interval: Duration,
    /// The claim is prolonged by this.
    pub lease: Duration,
    /// The present.
    pub now: Timestamp,
}

/// How things stand on disk.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The ledgers.
    pub ledgers: Ledgers,
    /// The present, by both clocks.
    pub now: Now,
    /// The zone's address.
    pub zone: String,
    /// Other users of the zone are being checked early, to tell whether a rejection is this user's fault.
    pub others_asked: Option<Timestamp>,
}

/// The decision, and the ledgers it was made on (with the attempt recorded, when granted).
#[derive(Debug)]
pub struct PermitAnswer {
    /// The permit, or why not.
    pub decision: Result<Permit, Refusal>,
    /// As it is now on disk.
    pub standing: Standing,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Whose it was.
    pub bearer: Bearer,
    /// The attempt.
    pub attempt: String,
    /// Its end.
    pub outcome: Outcome,
}

/// What a settlement that was written by itself came to.
#[derive(Clone, Debug)]
pub struct Settled {
    /// As it is now on disk.
    pub standing: Standing,
    /// The rejection does not count: the look-up names another zone.
    pub void: bool,
}

struct SettleNow {
    settlement: Settlement,
    now: Timestamp,
}

struct Tick {
    now: Timestamp,
}

impl Store {
    /// Asks for the leave to make one attempt. The attempt is on disk when this returns a permit.
    ///
    /// # Errors
    /// When the store cannot record it: then no attempt may be made.
    pub async fn permit(&self, request: PermitRequest) -> Result<PermitAnswer, StoreError> {
        self.writer.write(request).await
    }

    /// Writes an attempt's end before its check is over: a rejection must be weighed with those of others.
    ///
    /// # Errors
    /// When the store cannot be written; the attempt stays counted as unanswered.
    pub async fn settle(
        &self,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        self.writer.write(SettleNow { settlement, now }).await
    }

    /// How many attempts `probe --username` may still make with this lower-cased username, or when the next.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn one_off_left(
        &self,
        username: &str,
    ) -> Result<Result<usize, Timestamp>, StoreError> {
        let ledger = books::username(&self.pool, username).await;
        let ledger = ledger.map_err(StoreError::Read)?;
        Ok(attempt::one_off_left(&ledger, self.now()))
    }

    /// Lets the budget's clock go on: without a tick a minute, time that passes is not seen.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Tick { now }).await
    }
}

impl Settlement {
    /// The ledgers as they will be once this is written.
    #[must_use]
    pub fn applied_to(&self, ledgers: &Ledgers, now: Now) -> Ledgers {
        let told = End {
            attempt: &self.attempt,
            username: &self.bearer.username,
            outcome: self.outcome,
        };
        attempt::settle(ledgers, &told, &self.bearer.limits, now)
    }
}

impl Bearer {
    fn books(&self) -> Whose<'_> {
        Whose {
            username: &self.username,
            fingerprint: &self.fingerprint,
            zone: &self.zone,
            tenant: &self.tenant,
            user: self.claim.id.as_str(),
        }
    }
}

impl Write for PermitRequest {
    type Out = PermitAnswer;

    async fn apply(&self, conn: &mut Conn) -> Result<PermitAnswer, sqlx::Error> {
        let Self { bearer, .. } = self;
        let books = books::load(conn, &bearer.books(), self.now).await?;
        let (before, now) = (books.ledgers, books.now);
        let mut ledgers = before.clone();
        together::judge(conn, bearer, &mut ledgers, now).await?;
        let others_asked = together::others_asked(conn, bearer, &ledgers).await?;
        let ours = sql::query(
            "UPDATE users SET claimed_until = $1 WHERE id = $2 AND active AND claim_token = $3 AND claimed_until > $4",
        )
        .bind(millis(self.now) + span(self.lease))
        .bind(bearer.claim.id.as_str())
        .bind(&bearer.claim.token)
        .bind(millis(self.now))
        .execute(&mut *conn)
        .await?;
        let attempt = fresh_id();
        let decision = if ours == 0 {
            Err(Refusal::NotOurs)
        } else {
            let request = attempt::Request {
                attempt: &attempt,
                username: &bearer.username,
                fingerprint: &bearer.fingerprint,
                zone: &bearer.zone,
                zone_found: self.zone_found,
                zone_answered: self.zone_answered.as_deref(),
                asker: self.asker,
                activation: self.activation,
                locked_out: self.locked_out,
                interval: self.interval,
                others_asked,
            };
            attempt::permit(&ledgers, &request, &bearer.limits, now)
        };
        let (decision, after) = match decision {
            Ok(granted) => (Ok(granted.permit), granted.ledgers),
            Err(refusal) => (Err(refusal), ledgers),
        };
        books::save(conn, &bearer.books(), &before, &after, now.counted).await?;
        Ok(PermitAnswer {
            decision,
            standing: Standing {
                ledgers: after,
                now,
                zone: bearer.zone.clone(),
                others_asked,
            },
        })
    }
}

impl Write for SettleNow {
    type Out = Settled;

    async fn apply(&self, conn: &mut Conn) -> Result<Settled, sqlx::Error> {
        let Settlement {
            bearer, outcome, ..
        } = &self.settlement;
        let books = books::load(conn, &bearer.books(), self.now).await?;
        let (before, now) = (books.ledgers, books.now);
        let mut after = self.settlement.applied_to(&before, now);
        let counts = after.username.rejections > before.username.rejections;
        if counts {
            together::refused(conn, bearer, &mut after, now).await?;
        }
        books::save(conn, &bearer.books(), &before, &after, now.counted).await?;
        let others_asked = together::others_asked(conn, bearer, &after).await?;
        Ok(Settled {
            void: *outcome == Outcome::RejectedElsewhere && !counts,
            standing: Standing {
                ledgers: after,
                now,
                zone: bearer.zone.clone(),
                others_asked,
            },
        })
    }
}

impl Write for Tick {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        books::now(conn, self.now).await.map(drop)
    }
}

/// Writes an attempt's end. Facts count whoever holds the claim by now.
pub(super) async fn settle(
    conn: &mut Conn,
    end: &Settlement,
    wall: Timestamp,
) -> Result<(), sqlx::Error> {
    let whose = end.bearer.books();
    let books = books::load(conn, &whose, wall).await?;
    let before = books.ledgers;
    let after = end.applied_to(&before, books.now);
    if end.outcome.lets_in() && after != before && books.refused {
        together::let_in(conn, &end.bearer).await?;
    }
    books::save(conn, &whose, &before, &after, books.now.counted).await
}
