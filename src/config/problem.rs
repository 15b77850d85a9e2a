//! What is wrong with a configuration: where, which key, what was expected. Never the offending line or value.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where something stands in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Line and column, both from 1.
    pub at: (usize, usize),
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file it is in.
    pub file: PathBuf,
    /// Line and column, both from 1; `None` when the file as a whole is the problem.
    pub at: Option<(usize, usize)>,
    /// The key, such as `users[2].interval`; empty when there is none.
    pub key: String,
    /// What is wrong and what to write instead, a lower-case fragment without any value of the file.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `file:line:column: key: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every problem of a configuration; nothing of it is applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// One problem of a file as a whole.
    #[must_use]
    pub fn of_whole(file: &Path, message: &str) -> Self {
        Self(vec![Problem {
            file: file.to_owned(),
            at: None,
            key: String::new(),
            message: message.to_owned(),
        }])
    }
}
