//! Durations as operators write them: "90s", "5m", "1h30m", "90d", where a day is 24 h.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{Span, SpanRelativeTo};

/// Why a text is not the duration that was asked for: fragments such as "is not a duration".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADuration(pub &'static str);

/// Reads a duration within `bounds`.
///
/// # Errors
/// When `text` is not a duration (calendar units have no fixed length), or is outside of `bounds`.
pub fn parse(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, NotADuration> {
    let not = |_| NotADuration("is not a duration");
    // A span, because jiff's own durations know no days.
    let span: Span = text.parse().map_err(not)?;
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| NotADuration("is not a duration of fixed length"))?;
    let duration =
        Duration::try_from(signed).map_err(|_| NotADuration("is a negative duration"))?;
    if duration < *bounds.start() {
        Err(NotADuration("is too short"))
    } else if duration > *bounds.end() {
        Err(NotADuration("is too long"))
    } else {
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_durations() {
        let secs = Duration::from_secs;
        let wide = Duration::from_millis(1)..=secs(u64::from(u32::MAX));
        for (text, expected) in [
            ("90s", Ok(secs(90))),
            ("5m", Ok(secs(300))),
            ("1h30m", Ok(secs(5400))),
            ("1h 30m", Ok(secs(5400))),
            ("90d", Ok(secs(90 * 86_400))),
            ("250ms", Ok(Duration::from_millis(250))),
            ("0s", Err(NotADuration("is too short"))),
            ("-5m", Err(NotADuration("is a negative duration"))),
            ("5m ago", Err(NotADuration("is a negative duration"))),
            (
                "2mo",
                Err(NotADuration("is not a duration of fixed length")),
            ),
            ("1y", Err(NotADuration("is not a duration of fixed length"))),
            (
                "500y",
                Err(NotADuration("is not a duration of fixed length")),
            ),
            ("300", Err(NotADuration("is not a duration"))),
            ("", Err(NotADuration("is not a duration"))),
            ("soon", Err(NotADuration("is not a duration"))),
        ] {
            assert_eq!(parse(text, &wide), expected, "{text:?}");
        }
        assert_eq!(
            parse("2h", &(secs(1)..=secs(3600))),
            Err(NotADuration("is too long"))
        );
    }
}
