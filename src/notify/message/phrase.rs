//! How instants, spans and names are written in mails. Pure.

use jiff::{SpanRound, Timestamp, Unit};

/// Such as `2026-11-22 14:05 UTC`.
pub(in crate::notify) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Without the date when `at` is of the same UTC day as `day`.
pub(super) fn brief_instant(at: Timestamp, day: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%F").to_string();
    if date(at) == date(day) {
        at.strftime("%H:%M UTC").to_string()
    } else {
        instant(at)
    }
}

/// Such as `2 h 10 min`; at least a minute.
pub(in crate::notify) fn duration(from: Timestamp, to: Timestamp) -> String {
    let rounding = SpanRound::new()
        .largest(Unit::Day)
        .smallest(Unit::Minute)
        .days_are_24_hours();
    let Ok(span) = (to - from).round(rounding) else {
        return "an unknown time".to_owned();
    };
    let units = [
        (i64::from(span.get_days()), "d"),
        (i64::from(span.get_hours()), "h"),
        (span.get_minutes(), "min"),
    ];
    let parts: Vec<String> = units
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if parts.is_empty() {
        "less than a minute".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Control characters, line breaks among them, become spaces: nothing that is told can add a line to a mail.
pub(in crate::notify) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `one_line` of each.
pub(super) fn lines(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| one_line(text)).collect()
}

/// A user as people know it.
pub(super) fn name(user: &str, tenant: &str) -> String {
    format!("{} ({})", one_line(user), one_line(tenant))
}

/// Such as `2nd`.
pub(super) fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// Such as `1 incident` or `2 incidents`.
pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn ordinals() {
        let read: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).to_vec();
        let expected = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
        ];
        assert_eq!(read, expected);
    }
}
