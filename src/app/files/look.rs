//! One look at the files of a configuration, at what is in them rather than at their times: some mounts replace all files
//! when one changes.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    config::{Config, LARGEST, included},
    user::{Known, UserId},
};

/// Tells one content of a file from another; `None` where there is none to be read. It is made of secrets, so it has no
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mark(Option<[u8; 32]>);

/// While a file looks the same it is not read again: which it is, how large, and when it and its inode last changed.
type Outside = (u64, u64, u64, [i64; 4]);

/// One look at everything.
pub(super) struct Look {
    /// The configuration.
    pub(super) config: Vec<(PathBuf, Mark)>,
    /// Whose credential is in which.
    pub(super) secrets: BTreeMap<UserId, Vec<Mark>>,
}

/// Looks, and knows what it has read.
#[derive(Default)]
pub(super) struct Reader {
    known: HashMap<PathBuf, (Outside, Mark)>,
}

impl Reader {
    /// Blocks.
    pub(super) fn look(&mut self, main: Option<&Path>, config: &Config) -> Look {
        let mut before = std::mem::take(&mut self.known);
        let patterns = config.include.iter();
        // A pattern that cannot be followed any more names no file: the same as if they were gone.
        let more = patterns.flat_map(|pattern| included(pattern).unwrap_or_default());
        let files = main.map(Path::to_owned).into_iter().chain(more);
        let files = files
            .map(|file| {
                let mark = self.mark(&mut before, &file, |content| content);
                (file, mark)
            })
            .collect();
        let users = config.users.iter().filter(|user| user.enabled);
        Look {
            config: files,
            secrets: users
                .map(|user| {
                    let files = secret_files(&user.known);
                    // One line break at the end is no part of a secret.
                    let trimmed = |file: PathBuf| self.mark(&mut before, &file, trimmed);
                    (user.id.clone(), files.map(trimmed).collect())
                })
                .collect(),
        }
    }

    fn mark(
        &mut self,
        before: &mut HashMap<PathBuf, (Outside, Mark)>,
        file: &Path,
        part: fn(&[u8]) -> &[u8],
    ) -> Mark {
        // Many users may share a file, such as that of their code.
        if let Some((_, mark)) = self.known.get(file) {
            return mark.clone();
        }
        let Some(now) = outside(file) else {
            return Mark(None);
        };
        let mark = match before.remove(file) {
            Some((then, mark)) if then == now => mark,
            _ => Mark(
                content(file)
                    .ok()
                    .map(|content| Sha256::digest(part(&content)).into()),
            ),
        };
        self.known.insert(file.to_owned(), (now, mark.clone()));
        mark
    }
}

/// A wrong path may lead to a file of any size.
fn content(file: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(file)?
        .take(LARGEST)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn trimmed(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

fn secret_files(known: &Known) -> impl Iterator<Item = PathBuf> {
    let sources = match known {
        Known::All {
            secret,
            integration_code,
        } => vec![secret, integration_code],
        Known::Secret(secret) => vec![secret],
        Known::Nothing => vec![],
    };
    sources.into_iter().filter_map(|source| source.file())
}

/// Links are followed. `None` for what is no regular file: opening a pipe would wait for its writer.
fn outside(file: &Path) -> Option<Outside> {
    let seen = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    // The last change of the inode too: a file may become readable.
    let times = [
        seen.mtime(),
        seen.mtime_nsec(),
        seen.ctime(),
        seen.ctime_nsec(),
    ];
    Some((seen.dev(), seen.ino(), seen.size(), times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_or_ends_with_a_line_break_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let mut reader = Reader::default();
        let mut mark = |content: &str| {
            // Another file each time, as mounts and programs that hand out secrets do it.
            let fresh = folder.path().join("fresh");
            fs::write(&fresh, content).unwrap();
            fs::rename(&fresh, &file).unwrap();
            let mut before = std::mem::take(&mut reader.known);
            reader.mark(&mut before, &file, trimmed)
        };
        let first = mark("demo-one");
        assert!(first == mark("demo-one") && first == mark("demo-one\n"));
        let second = mark("demo-two");
        assert!(first != second && second == mark("demo-two\r\n"));
        assert!(mark("demo-one") == first);
        // Two users of one file: read once a look.
        let mut twice = Reader::default();
        let first = twice.mark(&mut HashMap::new(), &file, trimmed);
        fs::remove_file(&file).unwrap();
        assert!(twice.mark(&mut HashMap::new(), &file, trimmed) == first);
        let gone = Reader::default().mark(&mut HashMap::new(), &file, trimmed);
        assert!(gone == Mark(None));
    }
}
