//! Where secrets come from, and reading them. A secret is read again before every use and never kept.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::observation::Mangled;

/// The source of a secret.
#[derive(Clone, Debug)]
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
    /// Reads the secret.
    ///
    /// # Errors
    /// When the source is missing, unreadable, empty, not UTF-8, too long or too slow.
    pub async fn read(&self) -> Result<SecretString, SecretError> {
        Err(SecretError("not written yet".into()))
    }
}

/// What looks mangled about a secret; tells nothing else about it.
#[must_use]
pub fn mangled(_secret: &SecretString) -> Vec<Mangled> {
    Vec::new()
}
