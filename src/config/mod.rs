//! The configuration: values that cannot be malformed. `file` mirrors the TOML, `resolve` turns it into these types and
//! collects every problem, `secret` knows where secrets come from.

#[cfg(test)]
mod docs_tests;
pub mod duration;
mod file;
mod keys;
mod positions;
pub mod problem;
mod read;
mod report;
pub mod resolve;
pub mod secret;
mod secret_check;
pub mod store;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use email_address::EmailAddress;
use url::Url;

use crate::{
    autotask::hosts::AllowedHosts, config::secret::SecretSource, telemetry::LogLevel, user::User,
};

pub use problem::{Place, Problem, Problems};
pub use resolve::{LARGEST, included, load, load_once};
pub use secret_check::{SecretFinding, Severity, secret_problems};
pub use store::{Database, PostgresUrl, StoreLocation};

/// A whole configuration, resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    /// The patterns of `include`, whole: they may name other files later.
    pub include: Vec<String>,
    /// SHA-256 over the content of all files, hexadecimal.
    pub sha256: String,
    /// `[autotask]`
    pub autotask: Autotask,
    /// `[schedule]`
    pub schedule: Schedule,
    /// `[lockout]`
    pub lockout: Lockout,
    /// `store.url`
    pub store: StoreLocation,
    /// `store.allow_ephemeral`
    pub ephemeral: Ephemeral,
    /// `[email]`; without it notices are stored as not sent.
    pub email: Option<Email>,
    /// `[web]`
    pub web: Web,
    /// `log.level`
    pub log_level: LogLevel,
    /// `[[users]]`, sorted by id.
    pub users: Vec<Arc<User>>,
}

/// `[autotask]`
#[derive(Clone, Debug, PartialEq)]
pub struct Autotask {
    /// Where the zone look-up is; ends in `/`.
    pub base_url: Url,
    /// Where credentials may go.
    pub allowed_hosts: AllowedHosts,
    /// One probe.
    pub timeout: Duration,
    /// Trusted besides the system's roots.
    pub ca_file: Option<PathBuf>,
    /// `http://…`
    pub proxy: Option<Url>,
}

/// `[schedule]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Requests in flight, at most half of them for one host.
    pub max_in_flight: usize,
}

/// `[lockout]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// 1 to 4.
    pub max_rejections: u32,
    /// 1 to 10.
    pub max_unanswered: u32,
    /// How long a new user may not work yet.
    pub activation: Duration,
    /// Between the first sighting of a failure and its confirmation.
    pub confirm_after: Duration,
    /// After each of these one further attempt with a locked-out user's credential; ascending.
    pub retry_held_after: Vec<Duration>,
}

/// Whether the store may be where it is forgotten at the next start: `store.allow_ephemeral`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ephemeral {
    /// No: the attempts that were made must be remembered.
    Refused,
    /// Yes, to try lockwatch out.
    Allowed,
}

/// `[email]`
#[derive(Clone, Debug)]
pub struct Email {
    /// Sender.
    pub from: EmailAddress,
    /// The operator.
    pub to: Vec<EmailAddress>,
    /// The operator gets every incident notice too.
    pub copy_operator: bool,
    /// Every recipient is reminded of what is still open so often; `None` for never.
    pub remind_every: Option<Duration>,
    /// Notices for one recipient within it become one mail.
    pub group_wait: Duration,
    /// Failing again so soon after a recovery is the same incident.
    pub reopen_within: Duration,
    /// When nothing definitive was learnt about a user for so long, the operator is told.
    pub unclear_after: Duration,
    /// How mails leave.
    pub transport: Transport,
}

/// `email.transport`
#[derive(Clone, Debug)]
pub enum Transport {
    /// One `.eml` a mail.
    File {
        /// Exists or is made.
        directory: PathBuf,
    },
    /// `[email.smtp]`
    Smtp(Smtp),
}

/// `[email.smtp]`
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Login; `password` is there when this is.
    pub login: Option<SmtpLogin>,
    /// Trusted besides the system's roots, for a private CA.
    pub ca_file: Option<PathBuf>,
    /// The whole dialogue.
    pub timeout: Duration,
}

/// `email.smtp.username` and `password`
#[derive(Clone, Debug)]
pub struct SmtpLogin {
    /// Login name.
    pub username: String,
    /// Read again for every dialogue.
    pub password: SecretSource,
}

/// `email.smtp.tls`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Plain text.
    None,
}

/// `web.listen` where the configuration says nothing.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9477);

/// `lockout.activation` where the configuration says nothing.
pub const DEFAULT_ACTIVATION: Duration = Duration::from_mins(5);

/// `[web]`
#[derive(Clone, Debug)]
pub struct Web {
    /// Where the endpoint listens.
    pub listen: SocketAddr,
    /// For changes, and for all when `protect_reads`.
    pub token: Option<SecretSource>,
    /// Reads want the token too.
    pub protect_reads: bool,
    /// Links in mails; ends in `/`.
    pub external_url: Option<Url>,
}

/// `web.listen` of a file that may have problems elsewhere; `None` where even that cannot be told.
#[must_use]
pub fn listen_of(path: &Path) -> Option<SocketAddr> {
    let text = resolve::text_of(path)?;
    let (table, _) = toml::de::DeTable::parse_recoverable(&text);
    let web = table.get_ref().get("web")?.get_ref().as_table()?;
    web.get("listen")?.get_ref().as_str()?.parse().ok()
}
