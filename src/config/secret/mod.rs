//! Where secrets come from, and reading them. Each source is read when it is asked and nothing is kept here. Errors and
//! messages name the source, never the content, and of a command only the program: its arguments may be secrets too. `Debug`
//! says only what kind of source it is.

mod code;
mod command;
mod mangled;

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};

pub use code::{CodeText, PLACEHOLDER, no_code_in};
pub use mangled::mangled;

/// The longest secret, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;
/// Where what is named is not there.
const UNNAMED: &str = "(the name is not shown: it may be a secret in the wrong place)";
/// How long a source may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The source of a secret.
#[derive(Clone)]
pub enum SecretSource {
    /// `{ file = "…" }`; one trailing newline is dropped.
    File(PathBuf),
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ credential = "NAME" }`: a file in `$CREDENTIALS_DIRECTORY` (systemd).
    Credential(String),
    /// `{ command = ["program", "argument"] }`: its standard output, without a shell, 10 s, 64 KiB.
    Command(Vec<String>),
    /// A plain string: for integration codes only.
    Plain(SecretString),
}

/// Why a secret could not be read. Names the source, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

impl SecretSource {
    /// Reads the secret. One line break at its end is dropped.
    ///
    /// # Errors
    /// When the source is missing, unreadable, empty, not UTF-8, too long (64 KiB) or too slow (10 s), or when the
    /// secret holds control characters, which no header and no login can carry.
    pub async fn read(&self) -> Result<SecretString, SecretError> {
        self.read_beside(&[]).await
    }

    /// As [`Self::read`], where the folders that names without a folder start from are known: a file that is not there and
    /// lies elsewhere was given by a path, not by a secret that was pasted in its place, and is named.
    ///
    /// # Errors
    /// The same.
    pub async fn read_beside(&self, folders: &[&Path]) -> Result<SecretString, SecretError> {
        let read = tokio::time::timeout(PATIENCE, self.bytes()).await;
        let bytes = read
            .unwrap_or_else(|_| Err("took longer than 10 s".to_owned()))
            .map_err(|what| self.error(&what, folders))?;
        let secret = text(bytes).map_err(|what| self.error(what, folders))?;
        Ok(SecretString::from(secret))
    }

    /// Whether a process keeps what it was given at its start: its environment, and systemd's copies of credentials.
    #[must_use]
    pub fn is_given_at_start(&self) -> bool {
        matches!(self, Self::Env(_) | Self::Credential(_))
    }

    /// The source in words: `file /etc/…`, `environment variable X`, `` command `pass` ``. Only for one that was read: the name
    /// of what is not there may be a secret in the wrong place, and an error of [`Self::read`] leaves it out.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Env(name) => format!("environment variable {name}"),
            Self::Credential(name) => format!("credential {name}"),
            Self::Command(words) => {
                format!("command `{}`", words.first().map_or("", String::as_str))
            }
            Self::Plain(_) => "the text in the configuration".to_owned(),
        }
    }

    /// The file that it is read from, where it is one and systemd gave a folder for credentials.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => {
                env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(name))
            }
            Self::Env(_) | Self::Command(_) | Self::Plain(_) => None,
        }
    }

    /// Tells one place from another. It may hold a pasted secret or the arguments of a command, so it is not for people;
    /// `None` for a text in the configuration itself.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(format!("file {}", path.display())),
            Self::Env(name) => Some(format!("env {name}")),
            Self::Credential(name) => Some(format!("credential {name}")),
            Self::Command(words) => Some(format!("command {words:?}")),
            Self::Plain(_) => None,
        }
    }

    async fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => read_file(path).await,
            Self::Credential(_) => match self.file() {
                Some(path) => read_file(&path).await,
                None => Err("cannot be read: $CREDENTIALS_DIRECTORY is not set, so systemd passed no credentials".to_owned()),
            },
            Self::Env(name) => env::var_os(name)
                .map(std::os::unix::ffi::OsStringExt::into_vec)
                .ok_or_else(|| format!("is not set {UNNAMED}")),
            Self::Command(words) => command::output(words).await,
            Self::Plain(text) => Ok(text.expose_secret().as_bytes().to_vec()),
        }
    }

    fn error(&self, what: &str, folders: &[&Path]) -> SecretError {
        SecretError(format!("{} {what}", self.describe_in_error(folders)))
    }

    /// As `describe`, but what is not there may be no name at all but a secret that was pasted in the wrong place: then only
    /// the key is named, and of a file the nearest folder that is there.
    fn describe_in_error(&self, folders: &[&Path]) -> String {
        match (self, self.file()) {
            (Self::File(_), Some(path)) if !path.exists() && !is_path(&path, folders) => {
                let mut above = path.ancestors().skip(1);
                let folder = above
                    .find(|folder| folder.is_dir())
                    .unwrap_or(Path::new("."));
                format!(
                    "the file that `file` names below {} {UNNAMED}",
                    folder.display()
                )
            }
            (Self::Credential(_), file) if !file.as_deref().is_some_and(Path::exists) => {
                "the credential that the configuration names".to_owned()
            }
            (Self::Env(name), _) if env::var_os(name).is_none() => {
                "the environment variable that `env` names".to_owned()
            }
            (Self::Command(words), _)
                if !words.first().is_some_and(|name| named(name, folders)) =>
            {
                format!("the program that `command` names first {UNNAMED}")
            }
            _ => self.describe(),
        }
    }
}

/// Whether a program is there, or is given by a path.
fn named(program: &str, folders: &[&Path]) -> bool {
    let path = Path::new(program);
    command::is_there(program) || (path.is_absolute() && is_path(path, folders))
}

/// Whether the folder of `path` is there and somebody must have written it down: no secret does that by chance.
fn is_path(path: &Path, folders: &[&Path]) -> bool {
    let written =
        |folder: &Path| folder.is_dir() && folder.parent().is_some() && !folders.contains(&folder);
    !folders.is_empty() && path.parent().is_some_and(written)
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the name: it may be a secret in the wrong place.
        f.write_str(match self {
            Self::File(_) => "SecretSource(file)",
            Self::Env(_) => "SecretSource(env)",
            Self::Credential(_) => "SecretSource(credential)",
            Self::Command(_) => "SecretSource(command)",
            Self::Plain(_) => "SecretSource(text)",
        })
    }
}

/// On a thread that may block, and all on the same: to hand every step of it to another costs more than the steps.
async fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let path = path.to_owned();
    let read = move || -> Result<Vec<u8>, String> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => format!(
                "cannot be read: {error}; let the group of the account that lockwatch runs as read it (chgrp, chmod 0640)"
            ),
            _ => format!("cannot be read: {error}"),
        };
        // Opening a pipe would wait for its writer, on a thread that cannot be stopped.
        if !fs::metadata(&path).map_err(unreadable)?.is_file() {
            return Err("is not a regular file".to_owned());
        }
        let file = fs::File::open(&path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let most = LONGEST as u64 + 1;
        let read = io::Read::read_to_end(&mut io::Read::take(file, most), &mut bytes);
        read.map(|_| bytes).map_err(unreadable)
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Err("cannot be read: lockwatch is stopping".to_owned()))
}

async fn read_some(source: impl AsyncRead + Unpin) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = LONGEST as u64 + 1;
    source
        .take(most)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() > LONGEST {
        return Err("gives more than 64 KiB");
    }
    // The library's error holds the bytes.
    let mut text = String::from_utf8(bytes).map_err(|_| "does not give UTF-8")?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        Err("is empty")
    } else if text.chars().any(char::is_control) {
        Err("gives control characters, such as a second line or a tab")
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
