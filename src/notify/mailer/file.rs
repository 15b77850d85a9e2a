//! One `.eml` per mail in a directory: whole or not at all, for its owner only.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{Letter, Progress, SendError, Sent, Step};

pub(super) async fn write(
    directory: &Path,
    letter: &Letter<'_>,
    progress: &mut Progress<'_, '_>,
) -> Result<Sent, SendError> {
    progress.begin(Step::Prepare);
    let dir = directory.to_owned();
    on_disk(Step::Prepare, directory, move || make(&dir)).await?;
    progress.done(&directory.display().to_string());

    progress.begin(Step::Write);
    let path = directory.join(name(letter));
    let (target, bytes) = (path.clone(), letter.bytes.to_vec());
    on_disk(Step::Write, &path, move || replace(&target, &bytes)).await?;
    let detail = path.display().to_string();
    progress.done(&detail);
    Ok(Sent { detail })
}

/// Sorts by time, and is the same for every attempt to send the same mail.
fn name(letter: &Letter<'_>) -> PathBuf {
    let id: String = letter
        .id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(100)
        .collect();
    format!("{}-{id}.eml", letter.date.strftime("%Y%m%dT%H%M%SZ")).into()
}

fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Mode 0600 is what temporary files have.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".lockwatch-")
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    // The name is on disk only once its directory is.
    File::open(directory)?.sync_all()
}

async fn on_disk(
    step: Step,
    path: &Path,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<(), SendError> {
    let result = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
    result.map_err(|error| SendError::transient(step, format!("{}: {error}", path.display())))
}
