//! What a shell, an `.env` file or a clipboard may have done to a secret. Pure.

use secrecy::{ExposeSecret, SecretString};

use crate::observation::Mangled;

/// Autotask generates 25 characters; people's own secrets are seldom shorter than 12 or longer than 48.
const USUAL_LENGTH: std::ops::RangeInclusive<usize> = 12..=48;

/// What looks mangled about a secret; tells nothing else about it.
#[must_use]
pub fn mangled(secret: &SecretString) -> Vec<Mangled> {
    let secret = secret.expose_secret();
    let trimmed = secret.trim();
    let chars: Vec<char> = trimmed.chars().collect();
    let quoted = match chars.as_slice() {
        [first, .., last] => matches!(
            (first, last),
            ('"', '"') | ('\'', '\'') | ('`', '`') | ('“', '”') | ('‘', '’') | ('„', '“')
        ),
        _ => false,
    };
    let escaped = |pair: &[char]| pair[0] == '\\' && pair[1].is_ascii_punctuation();
    [
        (quoted, Mangled::SurroundingQuotes),
        (trimmed.len() != secret.len(), Mangled::OuterWhiteSpace),
        (
            trimmed.contains(char::is_whitespace),
            Mangled::InnerWhiteSpace,
        ),
        (chars.windows(2).any(escaped), Mangled::Backslash),
        (
            !USUAL_LENGTH.contains(&secret.chars().count()),
            Mangled::UnusualLength,
        ),
        (!secret.is_ascii(), Mangled::NotAscii),
    ]
    .into_iter()
    .filter_map(|(is, mangled)| is.then_some(mangled))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_mangled() {
        use Mangled::{
            Backslash, InnerWhiteSpace, NotAscii, OuterWhiteSpace, SurroundingQuotes, UnusualLength,
        };
        for (secret, expected) in [
            ("demo-secret-of-25-letters", &[][..]),
            ("\"demo-secret-of-25-letters\"", &[SurroundingQuotes]),
            ("'demo-secret-of-25-letters'", &[SurroundingQuotes]),
            ("'demo-secret-of-25-letters\"", &[]),
            (
                "“demo-secret-of-25-letters”",
                &[SurroundingQuotes, NotAscii],
            ),
            ("demo-secret-of-25-lett\u{e9}rs", &[NotAscii]),
            (
                "demo-secret-of-25-letters\u{a0}",
                &[OuterWhiteSpace, NotAscii],
            ),
            ("demo-secret-of-25\u{200b}-letters", &[NotAscii]),
            (" demo-secret-of-25-letters", &[OuterWhiteSpace]),
            (
                "\"demo-secret-of-25-letters\" ",
                &[SurroundingQuotes, OuterWhiteSpace],
            ),
            ("demo-secret of-25-letters", &[InnerWhiteSpace]),
            ("demo-secret\\$of-25-letters", &[Backslash]),
            ("demo-secret\\of-25-letters", &[]),
            ("\"", &[UnusualLength]),
            ("demo", &[UnusualLength]),
        ] {
            assert_eq!(mangled(&SecretString::from(secret)), expected, "{secret}");
        }
        assert_eq!(
            mangled(&SecretString::from("x".repeat(64))),
            [UnusualLength]
        );
    }
}
