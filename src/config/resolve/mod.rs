//! From the mirror to types that cannot be wrong, collecting every problem of every file. Opens no secret and no
//! connection.

mod autotask;
mod credential;
mod email;
mod files;
mod lockout;
mod log;
mod source;
mod store;
mod take;
mod users;
mod web;

use std::{path::Path, sync::Arc};

use super::{
    Config, Problem, Problems, Schedule, file,
    read::{Role, read},
    report::{KeyPath, Report},
};
use files::{Kind, Source};
pub use files::{LARGEST, matches as included};
use users::Users;

/// Reads a configuration and everything it includes; the second part are warnings.
///
/// # Errors
/// Every structural problem of all files.
pub fn load(path: &Path) -> Result<(Config, Vec<Problem>), Problems> {
    load_of(path, Kind::File)
}

/// As [`load`], for whoever reads it this once: the main file may be a pipe, such as `/dev/stdin`.
///
/// # Errors
/// Every structural problem of all files.
pub fn load_once(path: &Path) -> Result<(Config, Vec<Problem>), Problems> {
    load_of(path, Kind::Stream)
}

fn load_of(path: &Path, may_be: Kind) -> Result<(Config, Vec<Problem>), Problems> {
    let main = Source::read(path, may_be).map_err(|problem| Problems(vec![problem]))?;
    let mut report = Report::new(&main.path, main.text());
    let mut mirror = read(main.text(), Role::Main, &mut report);
    let (included, mut problems) =
        files::included(mirror.include.as_ref(), &main.path, &mut report);
    let patterns = mirror.include.iter().flat_map(|list| list.get_ref());
    let include = patterns
        .filter_map(|pattern| files::pattern_in(pattern.get_ref(), report.folder()).ok())
        .collect();
    let main_users = mirror.users.take().unwrap_or_default();
    let settings = Settings::resolve(mirror, &mut report);

    let mut shared = settings.shared;
    let mut users = Vec::new();
    let mut warnings = Vec::new();
    let mut add = |mut report: Report<'_>, list: Vec<toml::Spanned<file::User>>| {
        for (index, user) in list.into_iter().enumerate() {
            users.extend(shared.user(user, index, &mut report).map(Arc::new));
        }
        let (wrong, suspicious) = report.finish();
        problems.extend(wrong);
        warnings.extend(suspicious);
    };
    add(report, main_users);
    for source in &included {
        let mut report = Report::new(&source.path, source.text());
        let users = read(source.text(), Role::Included, &mut report).users;
        add(report, users.unwrap_or_default());
    }
    if !users
        .iter()
        .any(|user: &Arc<crate::user::User>| user.enabled)
    {
        warnings.push(Problem {
            file: main.path.clone(),
            at: None,
            key: "users".to_owned(),
            message: "there is no enabled user: nothing is watched".to_owned(),
        });
    }
    users.sort_by(|a, b| a.id.cmp(&b.id));
    let sources = || std::iter::once(&main).chain(&included);
    match (settings.complete, problems.is_empty()) {
        (Some(rest), true) => Ok((
            Config {
                files: sources().map(|source| source.path.clone()).collect(),
                include,
                sha256: files::sha256(sources()),
                autotask: rest.autotask,
                schedule: rest.schedule,
                lockout: rest.lockout,
                store: rest.store,
                ephemeral: rest.ephemeral,
                email: rest.email,
                web: rest.web,
                log_level: rest.log_level,
                users,
            },
            warnings,
        )),
        _ => Err(Problems(problems)),
    }
}

/// The text of one file, if it may be one of a configuration.
pub(super) fn text_of(path: &Path) -> Option<String> {
    let source = Source::read(path, Kind::File).ok()?;
    Some(source.text().to_owned())
}

/// What the main file settles for all users.
struct Settings {
    shared: Users,
    complete: Option<Complete>,
}

/// Everything but files and users.
struct Complete {
    autotask: super::Autotask,
    schedule: Schedule,
    lockout: super::Lockout,
    store: super::StoreLocation,
    ephemeral: super::Ephemeral,
    email: Option<super::Email>,
    web: super::Web,
    log_level: crate::telemetry::LogLevel,
}

impl Settings {
    fn resolve(mirror: file::File, report: &mut Report<'_>) -> Self {
        let timeout_at = mirror.autotask.as_ref().and_then(|table| {
            let timeout = table.get_ref().timeout.as_ref();
            timeout.map(toml::Spanned::span)
        });
        let default_interval = !mirror.schedule.as_ref().is_some_and(|table| {
            let interval = &table.get_ref().interval;
            interval.is_some()
        });
        let autotask = autotask::autotask(mirror.autotask, report);
        let timeout = autotask
            .as_ref()
            .map_or(take::secs(10), |table| table.timeout);
        let (interval, max_in_flight) = autotask::schedule(mirror.schedule, timeout, report);
        if let Some(at) = timeout_at.filter(|_| default_interval && timeout * 2 >= interval) {
            let message = "is at least half of schedule.interval: checks will be late";
            report.warn(&at, &KeyPath::of("autotask.timeout"), message);
        }
        let lockout = lockout::lockout(mirror.lockout, report);
        let (store, ephemeral) = store::store(mirror.store, report);
        let (email, operator) = email::email(mirror.email, report);
        let web = web::web(mirror.web, report);
        let log_level = log::level(mirror.log, report);
        Self {
            shared: Users::new(interval, timeout, operator),
            complete: autotask.map(|autotask| Complete {
                autotask,
                schedule: Schedule { max_in_flight },
                lockout,
                store,
                ephemeral,
                email,
                web,
                log_level,
            }),
        }
    }
}
