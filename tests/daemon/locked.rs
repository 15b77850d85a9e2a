//! A store that somebody else has locked: at the start, while lockwatch runs, on either engine. It says so, attempts nothing,
//! and goes on by itself.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::{
    house::{Daemon, House, eventually},
    support::postgres::Database,
};

/// Somebody at the file, such as a shell.
async fn shell(house: &House, statement: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(house.store());
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    run(&mut conn, statement).await;
    conn
}

async fn run(conn: &mut SqliteConnection, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(conn).await.unwrap();
}

impl House {
    /// There is no attempt until `let_go` is done, and there is one after it.
    async fn attempts_nothing_until(&self, daemon: &Daemon, let_go: impl Future<Output = ()>) {
        let attempts = self.stats("works").attempts;
        self.goes_on_without_attempts("works").await;
        assert_eq!(self.stats("works").attempts, attempts);
        let_go.await;
        self.until_store_is_back(daemon).await;
        self.until_state("works", "healthy", "ok").await;
        eventually(
            || "no attempt is made although nobody is in the way".to_owned(),
            async || (self.stats("works").attempts > attempts).then_some(()),
        )
        .await;
    }
}

#[tokio::test]
async fn a_file_that_is_locked_at_the_start_and_later() {
    let house = House::of(&["works"]);
    house.start().await.stop().await;
    for lock in ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"] {
        let mut conn = shell(&house, lock).await;
        let daemon = Daemon::spawn(&house, &[]);
        house
            .until_without_store("is locked by another program")
            .await;
        daemon.says("such as a shell of sqlite3").await;
        house
            .attempts_nothing_until(&daemon, run(&mut conn, "ROLLBACK"))
            .await;

        run(&mut conn, lock).await;
        house
            .until_without_store("is locked by another program")
            .await;
        house
            .attempts_nothing_until(&daemon, run(&mut conn, "ROLLBACK"))
            .await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn a_check_whose_result_cannot_be_written_counts_as_unanswered() {
    let mut house = House::of(&["works"]);
    house.settings.timeout = "5s";
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let mut conn = shell(&house, "SELECT 1").await;
    let slow = |delay| {
        let world = house.world();
        world.with(|world| world.zones.get_mut("AE02").unwrap().delay = delay);
    };
    slow(Duration::from_secs(2));
    let attempts = house.stats("works").attempts;
    eventually(
        || "no attempt is made".to_owned(),
        async || (house.stats("works").attempts > attempts).then_some(()),
    )
    .await;
    // The answer comes when nobody can write it down.
    run(&mut conn, "BEGIN IMMEDIATE").await;
    house
        .until_without_store("is locked by another program")
        .await;
    slow(Duration::ZERO);
    let told = house.over_all_credentials("works").await;
    assert_eq!(told.unanswered, 1);
    run(&mut conn, "ROLLBACK").await;
    house.until_store_is_back(&daemon).await;
    // The next one waits for its zone to speak, and then all is well.
    house.until_state("works", "healthy", "ok").await;
    eventually(
        || "it stays unanswered".to_owned(),
        async || (house.over_all_credentials("works").await.unanswered == 0).then_some(()),
    )
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_backup_that_reads_for_long_stops_nothing() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let mut conn = shell(&house, "BEGIN; SELECT COUNT(*) FROM users").await;
    let attempts = house.stats("works").attempts;
    house.watch_checks("works", 3).await;
    assert!(house.stats("works").attempts > attempts);
    run(&mut conn, "ROLLBACK").await;
    daemon.stop().await;
}

/// A house whose store is a database that belongs to a role of its own, and the server's administrator.
async fn on_a_server() -> (House, Database, PgConnection, String) {
    let database = Database::new().await;
    let mut admin = database.connect().await;
    let role = format!("role_{}", lockwatch::store::fresh_id());
    let password = format!("demo-password-of-{role}");
    let name = database.url.path().trim_start_matches('/').to_owned();
    tell(
        &mut admin,
        &format!(
            "CREATE ROLE {role} LOGIN PASSWORD '{password}'; ALTER DATABASE {name} OWNER TO {role}"
        ),
    )
    .await;
    let mut url = database.url.clone();
    url.set_username(&role).unwrap();
    url.set_password(Some(&password)).unwrap();
    let mut house = House::of(&["works"]);
    house.secret_file("store.secret", url.as_str());
    house.keep_private(&password);
    house.settings.store = Some("url_file = \"store.secret\"".to_owned());
    house.write();
    (house, database, admin, role)
}

async fn tell(conn: &mut PgConnection, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(conn).await.unwrap();
}

#[tokio::test]
async fn a_table_of_a_server_that_somebody_locks() {
    let (house, database, _admin, _) = on_a_server().await;
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let mut other = database.connect().await;
    tell(&mut other, "BEGIN; LOCK TABLE users, ledger").await;
    house
        .until_without_store("is locked by another program")
        .await;
    house
        .attempts_nothing_until(&daemon, tell(&mut other, "ROLLBACK"))
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_or_no_connections() {
    let (house, _database, mut admin, role) = on_a_server().await;
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    for (refuse, allow, says) in [
        (
            format!("ALTER ROLE {role} SET default_transaction_read_only = on"),
            format!("ALTER ROLE {role} RESET default_transaction_read_only"),
            "cannot be opened for writing",
        ),
        (
            format!("ALTER ROLE {role} CONNECTION LIMIT 0"),
            format!("ALTER ROLE {role} CONNECTION LIMIT -1"),
            "too many connections for role",
        ),
        (
            format!("ALTER ROLE {role} NOLOGIN"),
            format!("ALTER ROLE {role} LOGIN"),
            "is not permitted to log in",
        ),
    ] {
        tell(&mut admin, &refuse).await;
        // Sessions that are open keep what they began with; all but this one end.
        tell(
            &mut admin,
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
            ),
        )
        .await;
        house.until_without_store(says).await;
        house
            .attempts_nothing_until(&daemon, tell(&mut admin, &allow))
            .await;
    }
    daemon.stop().await;
}
