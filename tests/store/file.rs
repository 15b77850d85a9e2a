//! SQLite's file: who may read it, and what is refused.

use std::{fs, os::unix::fs::PermissionsExt};

use lockwatch::{config::StoreLocation, store::StoreError, telemetry::chain};

use super::*;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_its_owner_can_read_it() {
    let place = Place::file();
    let store = place.with(&["acme"]).await;
    let mut seen = Vec::new();
    for file in fs::read_dir(place.path().parent().unwrap()).unwrap() {
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
    let place = Place::file();
    let path = place.path().parent().unwrap().join("var/lib/lockwatch.db");
    let location = StoreLocation::Sqlite(path.clone());
    Store::open(&location).await.unwrap().close().await;
    assert!(path.exists());
}

#[tokio::test]
async fn another_file_is_refused_and_left_alone() {
    let place = Place::file();
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
    let place = Place::file();
    fs::write(place.path().parent().unwrap().join("file"), "").unwrap();
    let path = place.path().parent().unwrap().join("file/lockwatch.db");
    let error = Store::open(&StoreLocation::Sqlite(path.clone())).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));
}
