//! Foreign text made fit to print: one line, no control characters, not too long. Pure; it judges no content.

/// `text` on one line, without control or direction characters, cut to `max` characters.
#[must_use]
pub fn printable(text: &str, max: usize) -> String {
    let shown = text.chars().map(|c| if hides(c) { ' ' } else { c });
    let line: String = shown.collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let kept: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The same, with everything but printable ASCII left out, for labels.
#[must_use]
pub fn printable_ascii(text: &str, max: usize) -> String {
    let ascii: String = printable(text, usize::MAX)
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .take(max)
        .collect();
    ascii.trim().to_owned()
}

/// Characters that move the cursor, turn the direction of writing, or cannot be seen.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_line() {
        let table = [
            (
                "Value cannot be null.\r\nParameter name: filters",
                200,
                "Value cannot be null. Parameter name: filters",
            ),
            ("\u{1b}[31mred\u{7}\0", 200, "[31mred"),
            ("a\u{202e}b\u{2028}c\u{200b}", 200, "a b c"),
            ("Größe", 200, "Größe"),
            ("äöüäöü", 4, "äöü…"),
            ("", 4, ""),
        ];
        for (text, max, want) in table {
            assert_eq!(printable(text, max), want, "{text:?}");
        }
        assert_eq!(printable_ascii("Größe 02\n", 200), "Gre 02");
    }
}
