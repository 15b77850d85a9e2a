//! One daemon works on a file: who else wants it is told who has it, whatever name it goes by.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use lockwatch::{
    config::StoreLocation,
    store::{StoreError, keeper::Keeper, tenure::Tenure},
};

use super::*;

async fn alone(path: &Path) -> Result<(Store, Tenure), StoreError> {
    let tenure = Tenure::default();
    let location = StoreLocation::Sqlite(path.to_owned());
    let store = Store::open_alone(&location, &tenure).await?;
    Ok((store, tenure))
}

fn lock_of(place: &Place) -> PathBuf {
    place.path().with_extension("db.lock")
}

async fn refused(path: &Path) -> String {
    let told = alone(path).await.unwrap_err();
    assert!(matches!(told, StoreError::Taken { .. }), "{told:?}");
    told.to_string()
}

#[tokio::test]
async fn one_daemon_works_on_a_file() {
    let place = Place::file();
    let (store, tenure) = alone(&place.path()).await.unwrap();
    let told = refused(&place.path()).await;
    let lock = lock_of(&place);
    let host = rustix::system::uname();
    for part in [
        place.path().display().to_string(),
        format!("process {} on ", std::process::id()),
        host.nodename().to_string_lossy().into_owned(),
        lock.display().to_string(),
        "store.url".to_owned(),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
    let mode = fs::metadata(&lock).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // To look, and to probe, is free.
    place.open().await.close().await;
    // It is kept while the store is not open.
    store.close().await;
    refused(&place.path()).await;
    let location = place.location();
    let again = Store::open_alone(&location, &tenure).await.unwrap();
    again.close().await;
    drop(tenure);
    alone(&place.path()).await.unwrap();
}

#[tokio::test]
async fn links_lead_to_one_store() {
    let place = Place::file();
    let folder = tempfile::tempdir().unwrap();
    let (file, whole) = (folder.path().join("link.db"), folder.path().join("folder"));
    // A link to a store that is not there yet, too.
    symlink(place.path().parent().unwrap(), &whole).unwrap();
    let (_store, tenure) = alone(&whole.join("lockwatch.db")).await.unwrap();
    symlink(place.path(), &file).unwrap();
    for path in [place.path(), file, whole.join("lockwatch.db")] {
        refused(&path).await;
    }
    drop(tenure);

    let other = place.path().with_file_name("other.db");
    fs::hard_link(place.path(), &other).unwrap();
    for path in [place.path(), other.clone()] {
        let told = alone(&path).await.unwrap_err();
        assert!(
            matches!(told, StoreError::Names { names: 2, .. }),
            "{told:?}"
        );
    }
    fs::remove_file(other).unwrap();
    alone(&place.path()).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_removed_is_made_anew() {
    let place = Place::file();
    let (_store, tenure) = alone(&place.path()).await.unwrap();
    fs::remove_file(lock_of(&place)).unwrap();
    tenure.keep(&place.location()).await.unwrap();
    refused(&place.path()).await;
    // Somebody was faster.
    fs::remove_file(lock_of(&place)).unwrap();
    let (_other, theirs) = alone(&place.path()).await.unwrap();
    let told = tenure.keep(&place.location()).await.unwrap_err();
    assert!(matches!(told, StoreError::Taken { .. }), "{told:?}");
    drop(theirs);
    tenure.keep(&place.location()).await.unwrap();
}

#[tokio::test]
async fn what_else_a_lock_says_is_not_repeated() {
    let place = Place::file();
    let (_store, _tenure) = alone(&place.path()).await.unwrap();
    let mut lock = fs::File::create(lock_of(&place)).unwrap();
    lock.write_all(b"process 1 on a\x1b[31m host").unwrap();
    let told = refused(&place.path()).await;
    assert!(told.contains(": whoever has /"), "{told}");
    assert!(!told.contains('\x1b'), "{told}");
}

#[tokio::test]
async fn a_lock_that_cannot_be_opened_is_named() {
    let place = Place::file();
    let lock = lock_of(&place);
    fs::create_dir(&lock).unwrap();
    let told = alone(&place.path()).await.unwrap_err();
    let why = Keeper::without(&place.location(), &told).trouble().unwrap();
    let lock = lock.display();
    assert!(told.to_string().contains(&lock.to_string()), "{told}");
    assert!(why.why.contains(&format!("(its lock {lock}: ")), "{why:?}");
}
