//! Opening a store: what its key is for, and what is refused.

use lockwatch::store::StoreError;
use secrecy::SecretString;

use super::*;

on_both_engines!(
    a_newer_schema_is_refused,
    two_processes_may_make_it_at_the_same_time,
    a_fingerprint_tells_credentials_apart_and_nothing_else,
);

async fn a_newer_schema_is_refused(place: Place) {
    place.with(&["acme"]).await.close().await;
    let mut sql = place.sql().await;
    sql.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', TRUE, '00', 0)",
    )
    .await;
    let error = Store::open(&place.location()).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { version: 9000, .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("newer lockwatch (schema 9000)"), "{text}");
}

async fn two_processes_may_make_it_at_the_same_time(place: Place) {
    let location = place.location();
    let open = || {
        let location = location.clone();
        tokio::spawn(async move { Store::open(&location).await })
    };
    let opening = [open(), open(), open(), open()];
    let secret = SecretString::from("demo-secret-1");
    let mut prints = Vec::new();
    for store in opening {
        let store = store.await.unwrap().unwrap();
        prints.push(store.fingerprint(&[&secret]));
    }
    prints.dedup();
    assert_eq!(prints.len(), 1, "they agree on the key");
}

async fn a_fingerprint_tells_credentials_apart_and_nothing_else(place: Place) {
    let secret = |text: &str| SecretString::from(text);
    let store = place.open().await;
    let print = |parts: [&str; 2]| {
        let [one, two] = parts.map(secret);
        store.fingerprint(&[&one, &two])
    };
    let known = print(["demo-secret-1", "DEMO-CODE-1"]);
    assert!(!known.contains("demo"));
    assert_eq!(known, print(["demo-secret-1", "DEMO-CODE-1"]));
    for other in [
        ["demo-secret-1", "DEMO-CODE-2"],
        ["demo-secret-2", "DEMO-CODE-1"],
        ["demo-secret-1D", "EMO-CODE-1"],
        ["demo-secret-1DEMO-CODE-1", ""],
        ["DEMO-CODE-1", "demo-secret-1"],
    ] {
        assert_ne!(known, print(other), "{other:?}");
    }
    let name = store.name_hash("acme@acme.example");
    store.close().await;

    let again = place.open().await;
    let pair = ["demo-secret-1", "DEMO-CODE-1"].map(secret);
    assert_eq!(again.fingerprint(&[&pair[0], &pair[1]]), known);
    assert_eq!(again.name_hash("acme@acme.example"), name);
    let elsewhere = place.another().await;
    let other = elsewhere.open().await;
    assert_ne!(other.fingerprint(&[&pair[0], &pair[1]]), known);
    assert_ne!(other.name_hash("acme@acme.example"), name);
}
