//! The file itself: who may read it, what is refused, and what its key is for.

use std::{fs, os::unix::fs::PermissionsExt};

use lockwatch::{store::StoreError, telemetry::chain};
use secrecy::SecretString;
use sqlx::{Connection, SqliteConnection};

use super::*;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_its_owner_can_read_it() {
    let place = Place::new();
    let store = place.with(&["acme"]).await;
    let mut seen = Vec::new();
    for file in fs::read_dir(place.folder.path()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen.push(path);
    }
    assert!(seen.contains(&place.path()), "{seen:?}");
    assert!(seen.len() > 1, "its log lies beside it: {seen:?}");
    store.close().await;
}

#[tokio::test]
async fn its_folder_is_made_where_there_is_none() {
    let place = Place::new();
    let path = place.folder.path().join("var/lib/lockwatch.db");
    let location = StoreLocation::Sqlite(path.clone());
    Store::open(&location).await.unwrap().close().await;
    assert!(path.exists());
}

#[tokio::test]
async fn another_file_is_refused_and_left_alone() {
    let place = Place::new();
    let garbage = b"# a configuration that was named by mistake\n".repeat(40);
    fs::write(place.path(), &garbage).unwrap();
    let error = Store::open(&StoreLocation::Sqlite(place.path())).await;
    let text = chain(&error.unwrap_err());
    assert!(text.contains(&place.path().display().to_string()), "{text}");
    assert!(text.contains("not a database"), "{text}");
    assert_eq!(fs::read(place.path()).unwrap(), garbage);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    fs::write(place.folder.path().join("file"), "").unwrap();
    let path = place.folder.path().join("file/lockwatch.db");
    let error = Store::open(&StoreLocation::Sqlite(path.clone())).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    place.with(&["acme"]).await.close().await;
    let mut conn = SqliteConnection::connect(&place.path().display().to_string())
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    let error = Store::open(&StoreLocation::Sqlite(place.path())).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { version: 9000, .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("newer lockwatch (schema 9000)"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_make_it_at_the_same_time() {
    let place = Place::new();
    let location = StoreLocation::Sqlite(place.path());
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

#[tokio::test]
async fn a_fingerprint_tells_credentials_apart_and_nothing_else() {
    let place = Place::new();
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
    let elsewhere = Place::new();
    let other = elsewhere.open().await;
    assert_ne!(other.fingerprint(&[&pair[0], &pair[1]]), known);
    assert_ne!(other.name_hash("acme@acme.example"), name);
}
