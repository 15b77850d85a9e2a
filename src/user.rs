//! A configured API user, as every room sees it. Values here cannot be malformed: the config room parses them.

use std::{collections::BTreeMap, fmt, time::Duration};

use email_address::EmailAddress;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{Place, secret::SecretSource};

/// The stable name of a user in metrics, mails and commands: 1 to 64 of `a-z A-Z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// What an id may look like, as a fragment for messages.
    pub const SHAPE: &str =
        "1 to 64 of the characters a-z A-Z 0-9 . _ - beginning with a letter or a digit";

    /// # Errors
    /// When `text` is not of [`UserId::SHAPE`].
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins_well = text
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric());
        if begins_well && text.len() <= 64 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Self::SHAPE)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The login of an API user. Autotask locks per username, whatever its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// What a login may look like, as a fragment for messages. It goes into a header and into an address.
    pub const SHAPE: &str = "at most 320 printable ASCII characters";

    /// # Errors
    /// When `text` is not of [`Username::SHAPE`].
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let printable = |b: u8| matches!(b, b' '..=b'~');
        if !text.trim().is_empty() && text.len() <= 320 && text.bytes().all(printable) {
            Ok(Self::new(text))
        } else {
            Err(Self::SHAPE)
        }
    }

    /// Takes a login that was checked before.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As configured: this is what goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the ledger: lower case, so that a change of case finds the old count.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// What lockwatch knows of a user's credential, and so how far its checks go. A source is read again before every attempt.
#[derive(Clone, Debug)]
pub enum Known {
    /// Secret and code: everything is checked.
    All {
        /// Where the secret comes from.
        secret: SecretSource,
        /// Where the code of the tracking identifier comes from.
        integration_code: SecretSource,
    },
    /// Only the vendor knows the code, and `verify_without_code` is set: the secret is checked with a placeholder for it.
    Secret(SecretSource),
    /// Only the vendor knows the code: the zone is looked up and nothing is presented, ever.
    Nothing,
}

impl Known {
    /// Why no attempt can be asked for, a sentence without its full stop; `None` when one can.
    #[must_use]
    pub fn refuses_attempts(&self) -> Option<&'static str> {
        match self {
            Self::All { .. } | Self::Secret(_) => None,
            Self::Nothing => Some(
                "there is nothing to retry: only the vendor knows the integration code of this user, so lockwatch looks its zone up and never presents its credential (verify_without_code = true would let it)",
            ),
        }
    }

    /// Whether a part of it is what this process was given at its start, so that a new one wants a new process.
    #[must_use]
    pub fn is_read_at_start(&self) -> bool {
        match self {
            Self::All {
                secret,
                integration_code,
            } => secret.is_given_at_start() || integration_code.is_given_at_start(),
            Self::Secret(secret) => secret.is_given_at_start(),
            Self::Nothing => false,
        }
    }

    /// The bounded word of the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::All { .. } => "all",
            Self::Secret(_) => "secret",
            Self::Nothing => "nothing",
        }
    }
}

/// One configured API user.
#[derive(Clone, Debug)]
pub struct User {
    /// Stable name, the `user` label of metrics.
    pub id: UserId,
    /// Where its table begins; `None` where no file has one.
    pub place: Option<Place>,
    /// The generated key of the API user.
    pub username: Username,
    /// What of its credential lockwatch knows.
    pub known: Known,
    /// Who is mailed about it; never empty when the config has an `[email]` with `to`.
    pub notify: Vec<EmailAddress>,
    /// The Autotask database, for people and metrics.
    pub tenant: String,
    /// What depends on it, free text.
    pub integration: Option<String>,
    /// The entity that the query probe reads.
    pub entity: String,
    /// Time between checks.
    pub interval: Duration,
    /// False: neither probed nor shown.
    pub enabled: bool,
    /// When the user was made in Autotask, if told.
    pub created: Option<Timestamp>,
    /// Free labels, shown by the API.
    pub labels: BTreeMap<String, String>,
}

/// Of `known` the three that look most like `name`, for whoever mistyped it or its case.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut near: Vec<_> = known
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    near.dedup();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}
