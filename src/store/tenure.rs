//! One daemon works on a store. On a file that is a lock on another file beside it, `NAME.lock`, held as long as the daemon
//! lives, whether its store can be used or not. Never on the store itself: whoever closes that file past SQLite takes
//! SQLite's own locks away. PostgreSQL has a lock of its own, which its session holds.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError},
};

use super::{StoreError, blocking};
use crate::config::StoreLocation;

/// Somebody removes the file that is locked again and again.
const TRIES: u32 = 10;

/// The leave to work on a store alone; given back when the last clone is dropped, or with the process.
#[derive(Clone, Debug, Default)]
pub struct Tenure(Arc<Mutex<Option<Held>>>);

#[derive(Debug)]
struct Held {
    lock: File,
    path: PathBuf,
}

impl Tenure {
    /// Takes the leave for a store that is a file anew, where somebody has removed the file that is locked.
    ///
    /// # Errors
    /// As `take`.
    pub async fn keep(&self, location: &StoreLocation) -> Result<(), StoreError> {
        match location {
            StoreLocation::Sqlite(path) => self.take(path).await,
            StoreLocation::Postgres(_) => Ok(()),
        }
    }

    /// Takes the leave for the store at `path`, whose folder is there. Who has it keeps it. One whose
    /// file was removed is taken anew: it would keep nobody out.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be made.
    pub(super) async fn take(&self, path: &Path) -> Result<(), StoreError> {
        let (tenure, path) = (self.clone(), path.to_owned());
        blocking(move || tenure.take_now(&path)).await
    }

    fn take_now(&self, path: &Path) -> Result<(), StoreError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(Held::keeps_others_out) {
            return Ok(());
        }
        *held = None;
        let store = || path.display().to_string();
        let beside = beside(path).map_err(|cause| StoreError::Open {
            store: store(),
            cause,
        })?;
        let fault = |cause| StoreError::Lock {
            lock: beside.display().to_string(),
            cause,
        };
        for _ in 0..TRIES {
            let lock = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&beside)
                .map_err(fault)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let by = fs::read_to_string(&beside).unwrap_or_default();
                    return Err(StoreError::Taken {
                        store: store(),
                        by: told(by.trim(), &beside),
                    });
                }
                Err(TryLockError::Error(cause)) => {
                    // Some network file systems. SQLite does not work well there either.
                    tracing::warn!(
                        %cause,
                        "the file system of the store {} has no locks: nothing stops a second lockwatch on it",
                        store()
                    );
                }
            }
            let taken = Held {
                lock,
                path: beside.clone(),
            };
            // Whoever removed it in between left us with a file that nobody else finds.
            if taken.keeps_others_out() {
                taken.sign();
                *held = Some(taken);
                return Ok(());
            }
        }
        Err(fault(io::ErrorKind::ResourceBusy.into()))
    }
}

impl Held {
    /// Whether the file is still found by its name.
    fn keeps_others_out(&self) -> bool {
        let of = |file: fs::Metadata| (file.dev(), file.ino());
        match (self.lock.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) => of(ours) == of(there),
            _ => false,
        }
    }

    /// Says who holds it. For people only, so it may fail.
    fn sign(&self) {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let mut file = &self.lock;
        let _ = self.lock.set_len(0);
        let _ = writeln!(file, "process {} on {host}", process::id());
    }
}

/// The file that is locked, the same whatever links lead to the store.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(_) => {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
            folder.join(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?)
        }
    };
    let mut name = OsString::from(real);
    name.push(".lock");
    Ok(PathBuf::from(name))
}

fn told(by: &str, beside: &Path) -> String {
    // What a file says is shown only where it is what `sign` writes.
    let signed = by.starts_with("process ") && by.len() < 300 && !by.chars().any(char::is_control);
    if signed {
        format!(": {by}, says {}", beside.display())
    } else {
        format!(": whoever has {} open", beside.display())
    }
}
