//! Mail accounts whose login was refused. Remembered, so that a restart loop is no login loop.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError, millis,
    sql::{self, Conn},
    timestamp,
};

/// No pause is longer.
pub const LONGEST: Duration = Duration::from_hours(4);

/// A mail account is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginPause {
    /// Until then.
    pub until: Timestamp,
    /// Refusals in a row.
    pub failures: u32,
}

impl Store {
    /// Whether `account` is left alone. An account is a fingerprint of settings, so that changed ones are another account.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn login_pause(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<LoginPause>, StoreError> {
        let row = sql::query("SELECT until_at, failures FROM login_pauses WHERE account = $1")
            .bind(account)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::Read)?;
        let pause = row
            .map(|row| {
                let failures: i64 = row.get("failures")?;
                Ok(LoginPause {
                    until: timestamp(row.get("until_at")?),
                    failures: u32::try_from(failures).unwrap_or(u32::MAX),
                })
            })
            .transpose()
            .map_err(StoreError::Read)?;
        // A clock that was set back since does not make it longer.
        let longest = now + LONGEST;
        Ok(pause.map(|pause| LoginPause {
            until: pause.until.min(longest),
            ..pause
        }))
    }
}

/// Notes or ends a pause.
pub(super) async fn note(
    conn: &mut Conn,
    account: &str,
    pause: Option<LoginPause>,
) -> Result<(), sqlx::Error> {
    sql::query("DELETE FROM login_pauses WHERE account = $1")
        .bind(account)
        .execute(&mut *conn)
        .await?;
    if let Some(pause) = pause {
        sql::query("INSERT INTO login_pauses (account, until_at, failures) VALUES ($1, $2, $3)")
            .bind(account)
            .bind(millis(pause.until))
            .bind(i64::from(pause.failures))
            .execute(conn)
            .await?;
    }
    Ok(())
}
