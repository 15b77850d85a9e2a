//! Which files a configuration is made of, and their content.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use glob::{MatchOptions, Pattern};
use sha2::{Digest, Sha256};

use crate::config::{
    Problem,
    file::Texts,
    positions::Positions,
    report::{KeyPath, Report},
};

/// The largest file that is read, in bytes: room for 50,000 users. A wrong path may lead to a file of any size.
pub const LARGEST: u64 = 16 * 1024 * 1024;
/// How long whoever writes into a pipe may take.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// What a source may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, which can be read again.
    File,
    /// Also a pipe or a device, which can be read once.
    Stream,
}

/// One file and its text.
pub struct Source {
    /// As given, or as found.
    pub path: PathBuf,
    content: String,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &Path, may_be: Kind) -> Result<Self, Problem> {
        let problem = |at, message| Problem {
            file: path.to_owned(),
            at,
            key: String::new(),
            message,
        };
        let bytes = bytes(path, may_be).map_err(|what| problem(None, what))?;
        let content = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
            let at = Positions::new(&before).of(good);
            problem(
                Some(at),
                "is not UTF-8 from here; save the file as UTF-8".to_owned(),
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// The text, without the byte order mark that some editors write.
    pub fn text(&self) -> &str {
        self.content
            .strip_prefix('\u{feff}')
            .unwrap_or(&self.content)
    }
}

fn bytes(path: &Path, may_be: Kind) -> Result<Vec<u8>, String> {
    let kind = fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return Err(
            "is a folder; name the files in it by a pattern such as \"users.d/*.toml\"".to_owned(),
        );
    }
    match may_be {
        _ if kind.is_file() => content(path),
        Kind::File => Err("is not a regular file; write the configuration to one".to_owned()),
        Kind::Stream => written(path),
    }
}

/// Opening a pipe waits for its writer, and a terminal never ends. The thread that waits stays behind: this is for
/// commands, which end then.
fn written(path: &Path) -> Result<Vec<u8>, String> {
    let (tell, told) = mpsc::channel();
    let path = path.to_owned();
    thread::spawn(move || tell.send(content(&path)));
    told.recv_timeout(WRITTEN_WITHIN).unwrap_or_else(|_| {
        Err(
            "is no regular file, and was not written to its end within 10 s; does anything write into it?"
                .to_owned(),
        )
    })
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    if read.map_err(unreadable)? as u64 > LARGEST {
        return Err(
            "is larger than 16 MiB; is it a configuration? Spread users over files that include names"
                .to_owned(),
        );
    }
    Ok(bytes)
}

fn unreadable(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

/// What `cat FILES | sha256sum` says.
pub fn sha256<'a>(sources: impl Iterator<Item = &'a Source>) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.content.as_bytes());
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The files that `include` names, in its order, then by name, each once; and those that cannot be read.
pub fn included(
    include: Option<&Texts>,
    main: &Path,
    report: &mut Report<'_>,
) -> (Vec<Source>, Vec<Problem>) {
    let mut known: HashSet<PathBuf> = fs::canonicalize(main).into_iter().collect();
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for (index, pattern) in include
        .into_iter()
        .flat_map(|list| list.get_ref())
        .enumerate()
    {
        let key = KeyPath::of("include").index(index);
        let at = pattern.span();
        let paths = match pattern_in(pattern.get_ref(), report.folder()).and_then(|p| matches(&p)) {
            Ok(paths) => paths,
            Err(what) => {
                report.wrong(&at, &key, what);
                continue;
            }
        };
        if paths.is_empty() {
            if pattern.get_ref().contains(['*', '?', '[']) {
                report.warn(&at, &key, "matches no file");
            } else {
                report.problem(
                    &at,
                    &key,
                    "names a file that is not there; create it or remove the entry",
                );
            }
        }
        for path in paths {
            let same = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if !known.insert(same) {
                continue;
            }
            match Source::read(&path, Kind::File) {
                Ok(source) => sources.push(source),
                Err(problem) => unreadable.push(problem),
            }
        }
    }
    (sources, unreadable)
}

/// A pattern of `include` that does not depend on where the main file is.
///
/// # Errors
/// What is wrong with it.
pub fn pattern_in(pattern: &str, folder: &Path) -> Result<String, &'static str> {
    if pattern.is_empty() {
        return Err("is empty");
    }
    let folder = folder
        .to_str()
        .ok_or("lies in a folder whose name is not UTF-8")?;
    if Path::new(pattern).is_absolute() || folder.is_empty() {
        Ok(pattern.to_owned())
    } else {
        Ok(format!("{}/{pattern}", Pattern::escape(folder)))
    }
}

/// The files that such a pattern names now, by name.
///
/// # Errors
/// Why that cannot be told.
pub fn matches(pattern: &str) -> Result<Vec<PathBuf>, &'static str> {
    // Hidden files are left out: they are what editors and mounts leave behind.
    let options = MatchOptions {
        require_literal_leading_dot: true,
        ..MatchOptions::default()
    };
    glob::glob_with(pattern, options)
        .map_err(|_| "is not a file pattern")?
        .collect::<Result<_, _>>()
        .map_err(|_| "leads into a folder that cannot be read")
}
