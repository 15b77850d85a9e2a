//! The mirror of the TOML file: the same names, everything optional, nothing judged. `read` fills it and `resolve`
//! judges it. No `Debug`: a mirror may hold an integration code.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use toml::{Spanned, value::Datetime};

/// A value that may be missing, and where it is.
pub type Maybe<T> = Option<Spanned<T>>;
/// A list of texts, each with its place.
pub type Texts = Spanned<Vec<Spanned<String>>>;

/// The main file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub include: Option<Texts>,
    pub autotask: Maybe<Autotask>,
    pub schedule: Maybe<Schedule>,
    pub lockout: Maybe<Lockout>,
    pub store: Maybe<Store>,
    pub email: Maybe<Email>,
    pub web: Maybe<Web>,
    pub log: Maybe<Log>,
    pub users: Option<Vec<Spanned<User>>>,
}

/// A file named by `include`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Included {
    pub users: Option<Vec<Spanned<User>>>,
}

/// `[autotask]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autotask {
    pub base_url: Maybe<String>,
    pub allowed_hosts: Option<Texts>,
    pub timeout: Maybe<String>,
    pub ca_file: Maybe<String>,
    pub proxy: Maybe<String>,
}

/// `[schedule]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub interval: Maybe<String>,
    pub max_in_flight: Maybe<i64>,
}

/// `[lockout]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lockout {
    pub max_rejections: Maybe<i64>,
    pub max_unanswered: Maybe<i64>,
    pub activation: Maybe<String>,
    pub confirm_after: Maybe<String>,
    pub retry_held_after: Option<Texts>,
}

/// `[store]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub url: Maybe<String>,
    pub allow_ephemeral: Maybe<bool>,
    pub url_file: Maybe<String>,
}

/// `[email]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    pub from: Maybe<String>,
    pub to: Option<Texts>,
    pub copy_operator: Maybe<bool>,
    pub remind_every: Maybe<String>,
    pub group_wait: Maybe<String>,
    pub reopen_within: Maybe<String>,
    pub unclear_after: Maybe<String>,
    pub transport: Maybe<String>,
    pub directory: Maybe<String>,
    pub smtp: Maybe<Smtp>,
}

/// `[email.smtp]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: Maybe<String>,
    pub port: Maybe<i64>,
    pub tls: Maybe<String>,
    pub username: Maybe<String>,
    pub password: Maybe<Source>,
    pub ca_file: Maybe<String>,
    pub timeout: Maybe<String>,
}

/// `[web]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    pub listen: Maybe<String>,
    pub token: Maybe<Source>,
    pub protect_reads: Maybe<bool>,
    pub external_url: Maybe<String>,
}

/// `[log]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: Maybe<String>,
}

/// `[[users]]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub id: Maybe<String>,
    pub username: Maybe<String>,
    pub secret: Maybe<Source>,
    pub integration_code: Maybe<Code>,
    pub verify_without_code: Maybe<bool>,
    pub notify: Option<Texts>,
    pub tenant: Maybe<String>,
    pub integration: Maybe<String>,
    pub entity: Maybe<String>,
    pub interval: Maybe<String>,
    pub created: Maybe<Datetime>,
    pub enabled: Maybe<bool>,
    pub labels: Maybe<BTreeMap<Spanned<String>, Spanned<String>>>,
}

/// `{ file = "…" }` and its kin.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub file: Maybe<String>,
    pub env: Maybe<String>,
    pub credential: Maybe<String>,
    pub command: Option<Texts>,
}

/// An integration code: the code, or where it is.
pub enum Code {
    Plain(String),
    Source(Source),
}

impl<'de> Deserialize<'de> for Code {
    /// By hand, for an untagged enum forgets where its problem was.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CodeVisitor;
        impl<'de> Visitor<'de> for CodeVisitor {
            type Value = Code;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }
            fn visit_str<E>(self, text: &str) -> Result<Code, E> {
                Ok(Code::Plain(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Code, A::Error> {
                Source::deserialize(MapAccessDeserializer::new(map)).map(Code::Source)
            }
        }
        deserializer.deserialize_any(CodeVisitor)
    }
}
