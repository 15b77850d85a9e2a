//! Where a store may be: not in memory, not in a container's own layer, not in a folder that somebody must make first, not
//! in root's hands when it is another account's. Looks, and makes the last folder; opens nothing.

use std::{
    fs::{self, DirBuilder},
    io,
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
};

use crate::config::{Ephemeral, StoreLocation};

/// Accounts that systemd makes for a unit with `DynamicUser=` (systemd's "Users, Groups, UIDs and GIDs").
const FOR_A_UNIT: RangeInclusive<u32> = 61_184..=65_519;

/// Why a store may not be where the configuration says. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It would be forgotten.
    #[error(
        "the store {path} lies on {file_system} ({folder}), which is forgotten at the next start or with its container: lockwatch \
         would forget the attempts it made, and one restart after the other could lock users; put it on a disk or a volume \
         (store.url), or, to try lockwatch out, set store.allow_ephemeral = true"
    )]
    Ephemeral {
        /// The store.
        path: PathBuf,
        /// The folder that was looked at.
        folder: PathBuf,
        /// What it is.
        file_system: &'static str,
    },
    /// Its folder is not there and cannot be made.
    #[error(
        "the folder {folder} of the store cannot be made: make it for the account that lockwatch runs as, for example with: sudo \
         install -d -o lockwatch -g lockwatch -m 0700 {folder} (store.url)"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The path is a folder's.
    #[error("the store {0} is a folder: name a file in it (store.url)")]
    IsFolder(PathBuf),
    /// Root would take it from its owner.
    #[error(
        "the store {path} belongs to another account (uid {owner}), and files that root makes beside it would lock that account \
         out: run lockwatch as that account, for example with: sudo -u '#{owner}' lockwatch run"
    )]
    OfAnother {
        /// The store.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
}

/// Makes sure that a daemon may have its store there; makes its folder where the one above is there.
///
/// # Errors
/// Why not.
pub fn make_ready(location: &StoreLocation, ephemeral: Ephemeral) -> Result<(), PlaceError> {
    let StoreLocation::Sqlite(path) = location else {
        return Ok(());
    };
    if path.is_dir() {
        return Err(PlaceError::IsFolder(path.clone()));
    }
    if let Some(owner) = other_owner(path).filter(|_| rustix::process::geteuid().is_root()) {
        let path = path.clone();
        return Err(PlaceError::OfAnother { path, owner });
    }
    lasts(location, ephemeral)?;
    let folder = folder(path);
    let made = match fs::metadata(folder) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(_) => DirBuilder::new().mode(0o700).create(folder),
    };
    made.map_err(|cause| PlaceError::Folder {
        folder: folder.to_owned(),
        cause,
    })
}

/// Whether a store can be there, as far as can be told without making or opening anything.
///
/// # Errors
/// Why not.
pub fn look(location: &StoreLocation, ephemeral: Ephemeral) -> Result<(), PlaceError> {
    let StoreLocation::Sqlite(path) = location else {
        return Ok(());
    };
    if path.is_dir() {
        return Err(PlaceError::IsFolder(path.clone()));
    }
    lasts(location, ephemeral)?;
    let folder = folder(path);
    let above = folder.parent().unwrap_or(folder);
    if folder.is_dir() || (!folder.exists() && above.is_dir()) {
        return Ok(());
    }
    Err(PlaceError::Folder {
        folder: folder.to_owned(),
        cause: io::ErrorKind::NotFound.into(),
    })
}

/// What this account may not write of a store and its folder, where they are there already: as this account lockwatch would
/// make no attempt. On a file system that nobody may write just now, that says nothing.
#[must_use]
pub fn barred(location: &StoreLocation) -> Option<&Path> {
    let StoreLocation::Sqlite(path) = location else {
        return None;
    };
    // systemd made this account for one unit alone, so what it may not write says nothing of the daemon's.
    if FOR_A_UNIT.contains(&rustix::process::getuid().as_raw()) {
        return None;
    }
    let may_not = |path: &Path, wanted| access(path, wanted) == Err(Errno::ACCESS);
    let write = Access::READ_OK | Access::WRITE_OK;
    if may_not(path, write) {
        return Some(path);
    }
    // SQLite makes files beside it.
    let folder = folder(path);
    may_not(folder, Access::WRITE_OK | Access::EXEC_OK).then_some(folder)
}

/// Whether what is written there outlives a start. Where the folder is not there yet, what it would be made in counts.
///
/// # Errors
/// When it does not, and that is not allowed.
pub fn lasts(location: &StoreLocation, ephemeral: Ephemeral) -> Result<(), PlaceError> {
    let StoreLocation::Sqlite(path) = location else {
        return Ok(());
    };
    if ephemeral == Ephemeral::Allowed {
        return Ok(());
    }
    // The file itself may be mounted.
    let Some((seen, file_system)) = path
        .ancestors()
        .find_map(|place| Some((place, rustix::fs::statfs(place).ok()?)))
    else {
        return Ok(());
    };
    #[allow(clippy::useless_conversion, reason = "shorter on other machines")]
    let magic = i64::from(file_system.f_type);
    match forgotten(magic) {
        Some(file_system) => Err(PlaceError::Ephemeral {
            path: path.clone(),
            folder: if seen == path { folder(path) } else { seen }.to_owned(),
            file_system,
        }),
        None => Ok(()),
    }
}

/// The uid of the account that a store belongs to when that is not ours. One that is not there yet belongs to whom its
/// folder belongs to.
#[must_use]
pub fn other_owner(path: &Path) -> Option<u32> {
    let nearest = path.ancestors().find_map(|path| fs::metadata(path).ok());
    let us = rustix::process::geteuid().as_raw();
    nearest
        .map(|metadata| metadata.uid())
        .filter(|owner| *owner != us)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// File systems that do not outlive a start or a container, by the numbers of `statfs(2)`.
fn forgotten(magic: i64) -> Option<&'static str> {
    match magic & 0xffff_ffff {
        0x0102_1994 => Some("a tmpfs, which is in memory"),
        0x8584_58f6 => Some("a ramfs, which is in memory"),
        0x794c_7630 => Some("an overlay, such as a container's own layer"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten() {
        // As in statfs(2), and as a 32-bit machine gives them.
        for (magic, expected) in [
            (0x0102_1994, Some("tmpfs")),
            (0x8584_58f6, Some("ramfs")),
            (i64::from(0x8584_58f6_u32 as i32), Some("ramfs")),
            (0x794c_7630, Some("overlay")),
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x6969, None),
        ] {
            let found = forgotten(magic);
            let as_expected = match (found, expected) {
                (Some(found), Some(expected)) => found.contains(expected),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(as_expected, "{magic:#x}: {found:?}");
        }
    }

    #[test]
    fn only_the_last_folder_is_made() {
        let house = tempfile::tempdir().unwrap();
        let at = |path: &str| StoreLocation::Sqlite(house.path().join(path));
        let ready = |path: &str| make_ready(&at(path), Ephemeral::Allowed);
        ready("one/lockwatch.db").unwrap();
        let mode = fs::metadata(house.path().join("one")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        ready("one/lockwatch.db").unwrap();
        for (path, possible) in [
            ("one/x.db", true),
            ("new/x.db", true),
            ("one", false),
            ("two/three/x.db", false),
        ] {
            let seen = look(&at(path), Ephemeral::Allowed);
            assert_eq!(seen.is_ok(), possible, "{path}: {seen:?}");
        }
        assert!(!house.path().join("new").exists(), "looking makes nothing");

        let error = ready("two/three/lockwatch.db").unwrap_err();
        assert!(matches!(error, PlaceError::Folder { .. }), "{error:?}");
        assert!(error.to_string().contains("sudo install -d"), "{error}");
        assert!(!house.path().join("two").exists());

        fs::write(house.path().join("file"), "").unwrap();
        let error = ready("file/lockwatch.db").unwrap_err();
        assert!(matches!(error, PlaceError::Folder { .. }), "{error:?}");
        let error = ready("one").unwrap_err();
        assert!(matches!(error, PlaceError::IsFolder(_)), "{error:?}");
    }
}
