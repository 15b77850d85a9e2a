//! `[log]`: what is logged.

use super::take;
use crate::{
    config::{
        file::{self, Maybe},
        report::{KeyPath, Report},
    },
    telemetry::LogLevel,
};

/// `log.level`
pub fn level(table: Maybe<file::Log>, report: &mut Report<'_>) -> LogLevel {
    let level = table.and_then(|table| table.into_inner().level);
    let key = KeyPath::of("log").key("level");
    take::parsed(level, &key, report, LogLevel::parse).unwrap_or_default()
}
