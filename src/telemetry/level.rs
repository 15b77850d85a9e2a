//! What is logged: a level of lockwatch's own lines, or a filter that names more.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// What to write, a fragment after "write".
pub const WRITE: &str =
    r#"error, warn, info, debug or trace, or a filter such as "info,hyper=debug""#;

/// Our own lines.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Lines of libraries are for whoever asks for them by a filter.
const LIBRARIES: LevelFilter = LevelFilter::WARN;

/// See the top of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLevel {
    text: String,
    targets: Targets,
}

impl Default for LogLevel {
    fn default() -> Self {
        Self::word("info", LevelFilter::INFO)
    }
}

impl LogLevel {
    /// A word is about lockwatch; libraries then say no more than warnings. What holds a `,` or a `=` is a filter.
    ///
    /// # Errors
    /// What is wrong, a fragment such as "is no level".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(level) = word(text) {
            return Ok(Self::word(text, level));
        }
        // A library alone, as RUST_LOG may have it, is more likely a misspelt level.
        if text
            .split(',')
            .any(|part| word(part).is_none() && !part.contains('='))
        {
            return Err("is no level");
        }
        Self::filter(text)
    }

    /// As `RUST_LOG` has it: each part is a level of everything, a target, or both.
    ///
    /// # Errors
    /// As [`LogLevel::parse`].
    pub fn filter(text: &str) -> Result<Self, &'static str> {
        let mut targets: Targets = text.parse().map_err(|_| "is no filter of the log")?;
        let names_us = targets.iter().any(|(target, _)| target == OURS);
        if targets.default_level().is_none() && !names_us {
            // Whoever wants to see a library did not ask for silence about what ends the daemon.
            targets = targets.with_target(OURS, LevelFilter::ERROR);
        }
        Ok(Self {
            text: text.to_owned(),
            targets,
        })
    }

    /// Errors of everybody, for commands that have something else to say.
    pub(super) fn errors() -> Self {
        Self::word("error", LevelFilter::ERROR)
    }

    fn word(text: &str, level: LevelFilter) -> Self {
        let targets = Targets::new()
            .with_default(level.min(LIBRARIES))
            .with_target(OURS, level);
        Self {
            text: text.to_lowercase(),
            targets,
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn targets(&self) -> Targets {
        self.targets.clone()
    }
}

fn word(text: &str) -> Option<LevelFilter> {
    let words = [
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    let mut words = words.into_iter();
    words.find_map(|(word, level)| word.eq_ignore_ascii_case(text).then_some(level))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_word_is_about_lockwatch_and_a_filter_about_what_it_names() {
        for (text, target, most) in [
            ("error", "lockwatch::app", Level::ERROR),
            ("error", "hyper", Level::ERROR),
            ("info", "lockwatch", Level::INFO),
            ("info", "hyper", Level::WARN),
            ("TRACE", "lockwatch::store", Level::TRACE),
            ("trace", "sqlx::query", Level::WARN),
            ("info,hyper=debug", "hyper::proto", Level::DEBUG),
            ("info,hyper=debug", "sqlx", Level::INFO),
            ("lockwatch::store=trace", "lockwatch::store", Level::TRACE),
            ("lockwatch::store=trace", "lockwatch::app", Level::ERROR),
            ("hyper=debug", "lockwatch::app", Level::ERROR),
        ] {
            let level = LogLevel::parse(text).unwrap().targets();
            for each in [
                Level::ERROR,
                Level::WARN,
                Level::INFO,
                Level::DEBUG,
                Level::TRACE,
            ] {
                let shown = level.would_enable(target, &each);
                assert_eq!(shown, each <= most, "{text}: {target} at {each}");
            }
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "verbose",
            "inof",
            "hyper",
            "info,",
            "lockwatch=loud",
            "info,hyper",
            "3",
        ] {
            assert!(LogLevel::parse(text).is_err(), "{text}");
        }
        let everything = LogLevel::filter("trace").unwrap().targets();
        assert!(everything.would_enable("hyper", &Level::TRACE));
    }
}
