//! `[log]`: what is logged.

use toml::Spanned;

use super::take;
use crate::{
    config::{
        file::{self, Maybe},
        report::{KeyPath, Report},
    },
    telemetry::LogLevel,
};

/// `log.level`
pub fn level(table: Maybe<file::Log>, report: &mut Report<'_>) -> Option<LogLevel> {
    let table = table.map(Spanned::into_inner)?;
    let key = KeyPath::of("log").key("level");
    take::parsed(table.level, &key, report, LogLevel::parse)
}
