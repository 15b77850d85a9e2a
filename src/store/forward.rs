//! Brings checks forward, of users whose credential has changed.

use jiff::Timestamp;

use super::{
    Store, StoreError, millis,
    sql::{self, Conn},
    writer::Write,
};
use crate::user::UserId;

impl Store {
    /// The next checks of these users are made earlier, at the times given: not of those that wait for longer than their
    /// interval, because somebody asked for that.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn bring_forward(
        &self,
        due: Vec<(UserId, Timestamp)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.write(BringForward { due, now }).await
    }
}

struct BringForward {
    due: Vec<(UserId, Timestamp)>,
    now: Timestamp,
}

impl Write for BringForward {
    type Out = ();

    async fn apply(&self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        for (id, due) in &self.due {
            sql::query(
                "UPDATE users SET due_at = $1, due_set_at = $2 WHERE id = $3 AND active AND due_at > $1 \
                 AND due_at <= $2 + interval_ms",
            )
            .bind(millis(*due))
            .bind(millis(self.now))
            .bind(id.as_str())
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}
