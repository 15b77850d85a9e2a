//! What lockwatch keeps, read from its file while it runs or not.

use std::path::PathBuf;

use lockwatch::attempt::{CredentialLedger, UsernameLedger};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{House, username};

impl House {
    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.folder().join("lockwatch.db")
    }

    async fn open(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new()
            .filename(self.store())
            .read_only(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// What is counted of a user's credentials.
    pub async fn over_all_credentials(&self, id: &str) -> UsernameLedger {
        let (doc,): (String,) =
            sqlx::query_as("SELECT doc FROM ledger WHERE username = $1 AND fingerprint = ''")
                .bind(username(id))
                .fetch_one(&mut self.open().await)
                .await
                .unwrap();
        serde_json::from_str(&doc).unwrap()
    }

    /// What the store remembers of each credential of a user.
    pub async fn credentials(&self, id: &str) -> Vec<CredentialLedger> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT doc FROM ledger WHERE username = $1 AND fingerprint <> ''")
                .bind(username(id))
                .fetch_all(&mut self.open().await)
                .await
                .unwrap();
        rows.iter()
            .map(|(doc,)| serde_json::from_str(doc).unwrap())
            .collect()
    }

    /// How many accounts at mail servers are left alone.
    pub async fn login_pauses(&self) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM login_pauses")
            .fetch_one(&mut self.open().await)
            .await
            .unwrap()
    }

    /// The mails that were frozen: Message-ID, bytes, tries.
    pub async fn frozen(&self, recipient: &str) -> Vec<(String, Vec<u8>, i64)> {
        sqlx::query_as("SELECT message_id, bytes, tries FROM mails WHERE recipient = $1 ORDER BY created_at, id")
            .bind(recipient)
            .fetch_all(&mut self.open().await)
            .await
            .unwrap()
    }
}
