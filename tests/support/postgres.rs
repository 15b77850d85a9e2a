//! A database of its own for one test, on the server that `tests/run` starts.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

/// A database; it ends with this guard.
pub struct Database {
    /// Its address, with the password.
    pub url: Url,
    server: Url,
    name: String,
}

impl Database {
    /// Makes one.
    pub async fn new() -> Self {
        let server = std::env::var("LOCKWATCH_TEST_POSTGRES").unwrap_or_else(|_| {
            panic!("there is no PostgreSQL server to test with: use tests/run")
        });
        let server: Url = server.parse().unwrap();
        let name = format!("test_{}", lockwatch::store::fresh_id());
        let mut url = server.clone();
        url.set_path(&name);
        run(&server, format!("CREATE DATABASE {name}")).await;
        Self { url, server, name }
    }

    /// Its password, which nothing may show.
    pub fn password(&self) -> &str {
        self.url.password().unwrap()
    }

    /// The address without its password, as messages show it.
    pub fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_password(None).unwrap();
        url.into()
    }

    /// A connection, to look at what no room gives away.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.url.as_str()).await.unwrap()
    }

    /// Ends every other session, as a restart of the server does.
    pub async fn cut(&self) {
        let cut = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        run(&self.server, cut).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.server.clone();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // In a runtime of its own: the test's may be busy with this very call.
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&server, drop));
        });
        // The server is thrown away anyway.
        let _ = done.join();
    }
}

async fn run(server: &Url, statement: String) {
    let mut conn = PgConnection::connect(server.as_str()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}
