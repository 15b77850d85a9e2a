//! What is only the server's: connections that die, transactions that must give way, one daemon at a time, and what is said
//! when it is not to be had.

use lockwatch::{
    attempt::Outcome,
    config::{Database, PostgresUrl, StoreLocation},
    store::{StoreError, tenure::Tenure},
    telemetry::chain,
};
use tokio::{net::TcpListener, time::timeout};
use url::Url;

use super::{place::Sql, support::PATIENCE, *};

fn location(url: &Url) -> StoreLocation {
    let url = PostgresUrl::parse(url.as_str()).unwrap();
    StoreLocation::Postgres(Database::Url(url))
}

/// Waits until a session waits for another, and says which.
async fn who_waits(sql: &mut Sql) -> String {
    let look = async {
        loop {
            let waiting = "SELECT CAST(pid AS TEXT) FROM pg_locks WHERE NOT granted AND pid IN \
                           (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
            if let Some(row) = sql.texts(waiting).await.pop() {
                return row.into_iter().flatten().next().unwrap();
            }
        }
    };
    timeout(PATIENCE, look).await.expect("nobody waits")
}

#[tokio::test]
async fn a_connection_that_died_between_writes_is_replaced_and_nobody_is_told() {
    let place = Place::database().await;
    let store = place.with(&["acme"]).await;
    for rejections in 1..3 {
        place.server().cut().await;
        attempt(&store, Outcome::Rejected, start()).await.unwrap();
        assert_eq!(ledgers(&store).await.credential.rejections, rejections);
        assert_eq!(store.load().await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_in_a_write_counts_an_attempt_once() {
    let place = Place::database().await;
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let (mut in_the_way, mut eyes) = (place.sql().await, place.sql().await);
    in_the_way.lock().await;
    let asking = tokio::spawn({
        let (store, request) = (store.clone(), request(&claimed.claim, start()));
        async move { store.permit(request).await.unwrap() }
    });
    let writer = who_waits(&mut eyes).await;
    eyes.run(&format!("SELECT pg_terminate_backend({writer}, 10000)"))
        .await;
    in_the_way.run("ROLLBACK").await;
    assert!(asking.await.unwrap().decision.is_ok());
    assert_eq!(ledgers(&store).await.credential.unanswered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_must_give_way_is_made_again() {
    let place = Place::database().await;
    let store = place.with(&["one", "two"]).await;
    let (mut other, mut eyes) = (place.sql().await, place.sql().await);
    // PostgreSQL ends the one who finds the deadlock, and the other looks for it last.
    other
        .run("SET deadlock_timeout = '1min'; BEGIN; SELECT id FROM users WHERE id = 'two' FOR UPDATE")
        .await;
    let later = start() + Duration::from_mins(1);
    let syncing = tokio::spawn({
        let (store, mut users) = (store.clone(), Vec::new());
        for id in ["one", "two"] {
            let mut user = wanted(id, later);
            user.interval = Duration::from_mins(1);
            users.push(user);
        }
        async move { store.sync(users, LIMITS, later).await }
    });
    who_waits(&mut eyes).await;
    other
        .run("UPDATE users SET interval_ms = 1 WHERE id = 'one'; COMMIT")
        .await;
    syncing.await.unwrap().unwrap();
    let intervals = "SELECT DISTINCT CAST(interval_ms AS TEXT) FROM users";
    assert_eq!(
        eyes.texts(intervals).await,
        [[Some("60000".to_owned())]],
        "after the other"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_daemon_works_on_a_database() {
    let place = Place::database().await;
    let alone = async || Store::open_alone(&place.location(), &Tenure::default()).await;
    let first = alone().await.unwrap();
    let refused = async || {
        let second = alone().await;
        let told = second.unwrap_err();
        assert!(matches!(told, StoreError::Taken { .. }), "{told:?}");
        told.to_string()
    };
    let told = refused().await;
    let store = place.server().shown();
    assert!(told.contains(&store), "{told}");
    // Also when it had to connect again.
    place.server().cut().await;
    first.sweep(start()).await.unwrap();
    refused().await;
    // To look is free.
    place.open().await;
    first.close().await;
    alone().await.unwrap();
}

#[tokio::test]
async fn the_cause_is_told_and_no_password() {
    let place = Place::database().await;
    let good = &place.server().url;
    let change = |change: &dyn Fn(&mut Url)| {
        let mut url = good.clone();
        change(&mut url);
        url
    };
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for (url, cause) in [
        (
            change(&|url| url.set_password(Some("geheim%20x")).unwrap()),
            "password authentication failed for user \"lockwatch\"",
        ),
        (change(&|url| url.set_password(None).unwrap()), "password"),
        (
            change(&|url| url.set_path("nowhere")),
            "database \"nowhere\" does not exist",
        ),
        (
            change(&|url| url.set_port(Some(port)).unwrap()),
            "Connection refused",
        ),
        (
            change(&|url| url.set_host(Some("nowhere.invalid")).unwrap()),
            "nowhere.invalid",
        ),
        (change(&|url| url.set_query(Some("sslmode=require"))), "TLS"),
    ] {
        let error = Store::open(&location(&url)).await.unwrap_err();
        let told = chain(&error);
        assert!(matches!(error, StoreError::Server { .. }), "{told}");
        assert!(told.contains(cause), "{told}");
        for told in [told, format!("{error:?}")] {
            assert!(!told.contains("geheim"), "{told}");
            assert!(!told.contains(place.server().password()), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://lockwatch:geheim@127.0.0.1:{port}/lockwatch");
    let error = Store::open(&location(&url.parse().unwrap())).await;
    let told = chain(&error.unwrap_err());
    assert!(told.contains("timed out"), "{told}");
}
