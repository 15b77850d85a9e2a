//! Times as people read them: since when, for how long, how long ago. In UTC, as everywhere else.

use jiff::{SignedDuration, Timestamp};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// `12 s`, `5 min`, `2 h 10 min`, `3 d 4 h`; what is not over yet is not rounded up.
pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / DAY, seconds % DAY / HOUR, seconds % HOUR / 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..HOUR => format!("{minutes} min"),
        HOUR..DAY if minutes == 0 => format!("{hours} h"),
        HOUR..DAY => format!("{hours} h {minutes} min"),
        _ if hours == 0 => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// From `at` until now.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(at))
}

/// `14:05 UTC`, or with its day where that is not today's.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%F").to_string();
    let shape = if day(at) == day(now) {
        "%R UTC"
    } else {
        "%F %R UTC"
    };
    at.strftime(shape).to_string()
}

/// `14:05 UTC, 2 h 10 min`
pub(super) fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{}, {}", clock(at, now), age(at, now))
}

/// `14:05 UTC, 12 s ago`, or `never`.
pub(super) fn last(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(
        || "never".to_owned(),
        |at| format!("{} ago", since(at, now)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let now: Timestamp = "2026-11-22T16:15:20Z".parse().unwrap();
        for (at, said) in [
            ("2026-11-22T16:15:25Z", "16:15 UTC, 0 s"),
            ("2026-11-22T16:15:08Z", "16:15 UTC, 12 s"),
            ("2026-11-22T16:10:20Z", "16:10 UTC, 5 min"),
            ("2026-11-22T14:15:20Z", "14:15 UTC, 2 h"),
            ("2026-11-22T14:05:00Z", "14:05 UTC, 2 h 10 min"),
            ("2026-11-21T23:59:00Z", "2026-11-21 23:59 UTC, 16 h 16 min"),
            ("2026-11-19T16:00:00Z", "2026-11-19 16:00 UTC, 3 d"),
            ("2026-11-19T12:05:00Z", "2026-11-19 12:05 UTC, 3 d 4 h"),
        ] {
            assert_eq!(since(at.parse().unwrap(), now), said);
        }
        assert_eq!(last(None, now), "never");
        assert_eq!(last(Some(now), now), "16:15 UTC, 0 s ago");
    }
}
