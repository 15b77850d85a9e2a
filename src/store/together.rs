//! The evidence that users give together: who else is refused, who else is denied by the look-up, and whose checks are
//! brought forward to find out. What it means is `fleet`'s to say.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    ledger::Bearer,
    millis, span,
    sql::{self, Conn},
    timestamp,
};
use crate::{
    attempt::{self, Ledgers, Now, TENANT_STORM, ZONE_STORM},
    fleet::{self, Refused, TOGETHER},
    user::UserId,
};

/// So many others of the tenant, and of other tenants, are checked early.
const HASTENED: i64 = 2;
/// So many others does the look-up get asked about.
const ASKED: i64 = 2;

/// Others, as the look-up was seen to treat them.
#[derive(Clone, Debug, Default)]
pub struct Denied {
    /// Since when this user is denied; `None` when it was not before.
    pub since: Option<Timestamp>,
    /// Others that it knew and denies, turned about the same time as this one.
    pub others: usize,
    /// Others that it knew last, to ask about.
    pub ask: Vec<UserId>,
}

impl Store {
    /// What is known of others, when the look-up denies a user.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn denied(&self, id: &UserId, now: Timestamp) -> Result<Denied, StoreError> {
        let read = async {
            let mine = sql::query("SELECT username, denied_since FROM users WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.pool)
                .await?;
            let Some(mine) = mine else {
                return Ok(Denied::default());
            };
            let username: String = mine.get("username")?;
            let since: Option<i64> = mine.get("denied_since")?;
            let around = since.unwrap_or(millis(now));
            let others = sql::query(
                "SELECT COUNT(DISTINCT username) AS others FROM users WHERE active AND username <> $1 \
                 AND denied_since >= $2 AND denied_since <= $3",
            )
            .bind(&username)
            .bind(around - span(TOGETHER))
            .bind(around + span(TOGETHER))
            .fetch_one(&self.pool)
            .await?;
            let ask = sql::query(
                "SELECT MIN(id) AS id FROM users WHERE active AND username <> $1 AND denied_since IS NULL \
                 AND zone IS NOT NULL GROUP BY username ORDER BY MAX(due_at) DESC LIMIT $2",
            )
            .bind(&username)
            .bind(ASKED)
            .fetch_all(&self.pool)
            .await?;
            Ok(Denied {
                since: since.map(timestamp),
                others: usize::try_from(others.get::<i64>("others")?).unwrap_or(usize::MAX),
                ask: ask.iter().map(id_of).collect::<Result<_, _>>()?,
            })
        };
        read.await.map_err(StoreError::Read)
    }
}

/// When checks of others were last brought forward on behalf of this user's zone and are not over, if the answer matters:
/// for a credential that was accepted before and is refused.
pub(super) async fn others_asked(
    conn: &mut Conn,
    bearer: &Bearer,
    ledgers: &Ledgers,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let credential = &ledgers.credential;
    if credential.rejections == 0 || !credential.was_good() {
        return Ok(None);
    }
    let row = sql::query(
        "SELECT MAX(hastened_at) AS asked FROM users WHERE active AND zone = $1 AND hastened_at IS NOT NULL AND id <> $2",
    )
    .bind(&bearer.zone)
    .bind(bearer.claim.id.as_str())
    .fetch_one(conn)
    .await?;
    Ok(row.get::<Option<i64>>("asked")?.map(timestamp))
}

/// Notes a rejection of a credential that was accepted before, and asks whether Autotask refuses many users at once.
pub(super) async fn refused(
    conn: &mut Conn,
    bearer: &Bearer,
    ledgers: &mut Ledgers,
    now: Now,
) -> Result<(), sqlx::Error> {
    let worked = ledgers.credential.was_good();
    let id = bearer.claim.id.as_str();
    let before = sql::query("SELECT refused_since FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?;
    let before = match before {
        Some(row) => row.get::<Option<i64>>("refused_since")?,
        None => None,
    };
    let since = worked.then(|| before.unwrap_or(millis(now.counted)));
    sql::query("UPDATE users SET refused_since = $1, zone = $2 WHERE id = $3")
        .bind(since)
        .bind(&bearer.zone)
        .bind(id)
        .execute(&mut *conn)
        .await?;
    let Some(since) = since else { return Ok(()) };
    if attempt::storm(ledgers).is_some() {
        return Ok(());
    }
    let me = Refused {
        username: bearer.username.clone(),
        tenant: bearer.tenant.clone(),
        since: timestamp(since),
    };
    let others = others_refused(conn, bearer, since).await?;
    let accepted = |group: &attempt::GroupLedger| group.accepted.as_ref().map(|one| one.at);
    let (in_zone, in_tenant) = (accepted(&ledgers.zone), accepted(&ledgers.tenant));
    let group = match fleet::storm(&me, &others, in_zone, in_tenant) {
        Some(fleet::Storm::Zone) => &mut ledgers.zone,
        Some(fleet::Storm::Tenant) => &mut ledgers.tenant,
        None if before.is_none() => return hasten(conn, bearer, now).await,
        None => return Ok(()),
    };
    // One that was judged as usual goes on until somebody is accepted.
    group.storm.get_or_insert(attempt::Storm {
        at: now.counted,
        since: now.wall,
        canary: None,
        judged: false,
    });
    Ok(())
}

/// The user gets in again: its next refusal is another matter.
pub(super) async fn let_in(conn: &mut Conn, bearer: &Bearer) -> Result<(), sqlx::Error> {
    sql::query("UPDATE users SET refused_since = NULL WHERE id = $1 AND refused_since IS NOT NULL")
        .bind(bearer.claim.id.as_str())
        .execute(conn)
        .await
        .map(drop)
}

async fn others_refused(
    conn: &mut Conn,
    bearer: &Bearer,
    since: i64,
) -> Result<Vec<Refused>, sqlx::Error> {
    let rows = sql::query(
        "SELECT username, tenant, refused_since FROM users WHERE active AND zone = $1 AND username <> $2 \
         AND refused_since >= $3",
    )
    .bind(&bearer.zone)
    .bind(&bearer.username)
    .bind(since - span(TOGETHER))
    .fetch_all(conn)
    .await?;
    let refused = |row: &sql::Row| {
        Ok(Refused {
            username: row.get("username")?,
            tenant: row.get("tenant")?,
            since: timestamp(row.get("refused_since")?),
        })
    };
    rows.iter().map(refused).collect()
}

/// Brings forward the next checks of some that work, of the same tenant and of others: what becomes of them tells a fault
/// of one user from a fault of all, before the second attempt is spent.
async fn hasten(conn: &mut Conn, bearer: &Bearer, now: Now) -> Result<(), sqlx::Error> {
    for of_the_tenant in [true, false] {
        sql::query(
            "UPDATE users SET due_at = $1, due_set_at = $1, hastened_at = $2 WHERE id IN (SELECT id FROM users \
             WHERE active AND worked AND refused_since IS NULL AND zone = $4 AND username <> $5 \
             AND (tenant = $3) = $7 ORDER BY due_at LIMIT $6)",
        )
        .bind(millis(now.wall))
        .bind(millis(now.counted))
        .bind(&bearer.tenant)
        .bind(&bearer.zone)
        .bind(&bearer.username)
        .bind(HASTENED)
        .bind(of_the_tenant)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// A storm that lasts is judged as usual: all its users now, so that it is told at once.
pub(super) async fn judge(
    conn: &mut Conn,
    bearer: &Bearer,
    ledgers: &mut Ledgers,
    now: Now,
) -> Result<(), sqlx::Error> {
    for (group, after, whole_zone) in [
        (&mut ledgers.zone, ZONE_STORM, true),
        (&mut ledgers.tenant, TENANT_STORM, false),
    ] {
        let Some(storm) = group.storm.as_mut().filter(|storm| !storm.judged) else {
            continue;
        };
        if now.counted < storm.at + after {
            continue;
        }
        storm.judged = true;
        sql::query(
            "UPDATE users SET due_at = $1, due_set_at = $1 WHERE active AND zone = $2 AND id <> $3 \
             AND ($5 OR tenant = $4) AND refused_since IS NOT NULL",
        )
        .bind(millis(now.wall))
        .bind(&bearer.zone)
        .bind(bearer.claim.id.as_str())
        .bind(&bearer.tenant)
        .bind(whole_zone)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

fn id_of(row: &sql::Row) -> Result<UserId, sqlx::Error> {
    let text: String = row.get("id")?;
    UserId::parse(&text).map_err(|why| sqlx::Error::Decode(why.into()))
}
