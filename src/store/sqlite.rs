//! The embedded store: one file that only its owner can read.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{
    StoreError, blocking,
    clock::Clock,
    engine::{Engine, MIGRATIONS, Opened},
    migrated,
    sql::Pool,
    tenure::Tenure,
};

/// Opens the file, makes it where there is none, and brings its schema up to date.
/// With a tenure nobody else does so.
pub(super) async fn open(path: &Path, tenure: Option<&Tenure>) -> Result<Opened, StoreError> {
    let name = path.display().to_string();
    let unopened = |cause| StoreError::Open {
        store: name.clone(),
        cause,
    };
    let at = path.to_owned();
    blocking(move || at.parent().map_or(Ok(()), fs::create_dir_all))
        .await
        .map_err(unopened)?;
    if let Some(tenure) = tenure {
        tenure.take(path).await?;
    }
    let at = path.to_owned();
    let made = blocking(move || make_private(&at).map(|()| one_name(&at))).await;
    made.map_err(unopened)??;
    let _alone = alone(path).await;
    let fault = |cause| StoreError::Use {
        store: name.clone(),
        cause,
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .connect_with(options.clone())
        .await
        .map_err(fault)?;
    migrated(MIGRATIONS.run(&pool).await, &name)?;
    let engine = Engine::Sqlite(options);
    let conn = engine.connect().await.map_err(fault)?;
    Opened::new(engine, Clock::Host, conn, Pool::Sqlite(pool))
        .await
        .map_err(fault)
}

/// The file is made before SQLite makes it, so that only its owner can read it. One that exists is left to SQLite: a file
/// that is opened and closed past it loses its locks.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {
            tracing::warn!(
                store = %path.display(),
                "made a new store: it knows of no earlier attempts"
            );
            Ok(())
        }
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// SQLite keeps the log of a file beside the name that it was opened by. By another name it would be another store, which
/// knows of no attempt that stands in the log, and damages the file.
fn one_name(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path).map(|file| file.nlink()) {
        Ok(names) if names > 1 => Err(StoreError::Names {
            store: path.display().to_string(),
            names,
        }),
        _ => Ok(()),
    }
}

/// Until it is dropped, no other process opens a store in this folder: making the file and its schema is nothing that
/// SQLite lets two do at once. Where folders cannot be locked, it goes without.
async fn alone(path: &Path) -> Option<fs::File> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let lock = move || {
        let folder = fs::File::open(folder).ok()?;
        folder.lock().ok().map(|()| folder)
    };
    tokio::task::spawn_blocking(lock).await.ok().flatten()
}
