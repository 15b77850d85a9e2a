//! Logs: lines for people or for programs, on standard error. What is never logged: secrets, integration codes, mail
//! content, recipients.

mod level;

use std::{
    collections::BTreeSet,
    env,
    io::{self, IsTerminal},
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing::Level;
use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

pub use level::{LogLevel, WRITE};

/// The variable that many programs in Rust read. Its filter is about libraries too.
const RUST_LOG: &str = "RUST_LOG";

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, with a time, for programs that collect logs.
    Json,
}

/// What a process logs with. One for a process, as the subscriber is.
#[derive(Debug)]
struct Logs {
    level: reload::Handle<Targets, Registry>,
    format: LogFormat,
    /// What the command line or the environment says: it is in force whatever the configuration says.
    given: Option<LogLevel>,
    /// What the configuration says, as far as it was taken.
    configured: Mutex<LogLevel>,
}

static LOGS: OnceLock<Logs> = OnceLock::new();

/// Starts logging of a command that has something else to say: errors only, unless `RUST_LOG` wants more.
pub fn start_quietly() {
    let level = from_environment().ok().flatten();
    begin(
        LogFormat::Text,
        Some(level.unwrap_or_else(LogLevel::errors)),
    );
}

/// Starts the log of the daemon. `level` is what the command line says; without it `RUST_LOG` is asked, and then the
/// configuration, by [`follow`].
pub fn start(format: LogFormat, level: Option<LogLevel>) {
    let (level, unread) = match (level, from_environment()) {
        (Some(level), _) => (Some(level), None),
        (None, Ok(level)) => (level, None),
        (None, Err(why)) => (None, Some(why)),
    };
    begin(format, level);
    if let Some(why) = unread {
        tracing::warn!("{RUST_LOG} {why}, and is ignored; write {WRITE}");
    }
}

fn from_environment() -> Result<Option<LogLevel>, &'static str> {
    match env::var(RUST_LOG) {
        Ok(text) if !text.is_empty() => LogLevel::filter(&text).map(Some),
        Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err("is no text"),
    }
}

fn begin(format: LogFormat, given: Option<LogLevel>) {
    let first = given.clone().unwrap_or_default();
    let (filter, level) = reload::Layer::new(first.targets());
    let text = fmt::layer()
        .with_writer(io::stderr)
        // Whoever looks at a terminal decides about colours by NO_COLOR and its kin.
        .with_ansi(io::stderr().is_terminal() && console::colors_enabled_stderr())
        .with_target(false);
    let lines = match format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(io::stderr)
            .boxed(),
        // journald has times of its own.
        LogFormat::Text if is_journal() => text.without_time().boxed(),
        LogFormat::Text => text.boxed(),
    };
    let logs = Logs {
        level,
        format,
        given,
        configured: Mutex::default(),
    };
    let all = tracing_subscriber::registry().with(filter).with(lines);
    // A second start in one process (a test) keeps the first.
    if all.try_init().is_ok() && LOGS.set(logs).is_ok() && format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string);
            let what = panic.payload_as_str().unwrap_or("it does not say why");
            tracing::error!(at, "a fault of lockwatch: a panic: {what}");
        }));
    }
}

/// Whether standard error is the journal itself: the variable is handed down to programs whose output goes elsewhere.
fn is_journal() -> bool {
    let told = env::var("JOURNAL_STREAM").unwrap_or_default();
    let own = rustix::fs::fstat(io::stderr());
    own.is_ok_and(|own| told == format!("{}:{}", own.st_dev, own.st_ino))
}

/// Whether whoever reads the log expects an object in each line.
pub fn is_json() -> bool {
    LOGS.get()
        .is_some_and(|logs| logs.format == LogFormat::Json)
}

/// The daemon starts with this `log.level`.
pub fn start_with(configured: &LogLevel) {
    if let Some(logs) = LOGS.get() {
        logs.configure(configured);
        logs.apply();
    }
}

/// A reload brings this `log.level`; a change of what is logged is told.
pub fn follow(configured: &LogLevel) {
    let Some(logs) = LOGS.get() else { return };
    let before = logs.configure(configured);
    if before == *configured {
        return;
    }
    if let Some(given) = &logs.given {
        tracing::warn!(
            in_force = given.as_str(),
            "log.level has changed, but the command line or the environment says what is logged"
        );
        return;
    }
    let say = || {
        let to = logs.in_force();
        tracing::info!(
            from = before.as_str(),
            to = to.as_str(),
            "log.level changed"
        );
    };
    // By the old level or by the new one, whichever lets it pass, and once.
    let now = tracing::enabled!(Level::INFO);
    if now {
        say();
    }
    logs.apply();
    if !now {
        say();
    }
}

impl Logs {
    /// Returns what was configured before.
    fn configure(&self, level: &LogLevel) -> LogLevel {
        let mut configured = self
            .configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *configured, level.clone())
    }

    fn in_force(&self) -> LogLevel {
        let configured = self.configured.lock();
        let configured = configured.unwrap_or_else(PoisonError::into_inner);
        self.given.as_ref().unwrap_or(&configured).clone()
    }

    fn apply(&self) {
        // The subscriber lasts as long as the process.
        let _ = self.level.reload(self.in_force().targets());
    }
}

/// Each once, for a line of the log; of many their number.
pub(crate) fn few<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<_> = names.filter(|name| !name.is_empty()).collect();
    match names.len() {
        0..=5 => Vec::from_iter(names).join(" "),
        many => many.to_string(),
    }
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
