//! From a text to the mirror: what is not TOML, which keys are unknown, what has the wrong type. All of it at once: what
//! is wrong is recorded, taken out, and the rest is tried again. The library's own messages are never passed on,
//! because they hold values.

mod stray;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    file,
    report::{KeyPath, Report, Step},
};
use stray::{describe, find, prune, type_of};

/// Which keys a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Main,
    /// Named by `include`: `[[users]]` only.
    Included,
}

/// Reads a file as far as it can be read.
pub fn read(text: &str, role: Role, report: &mut Report<'_>) -> file::File {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        report.syntax(at, syntax(error.message()));
    }
    let mut table = table.into_inner();
    let users = table.remove("users");
    let root = Spanned::new(0..0, DeValue::Table(table));
    let mut file = match role {
        Role::Main => mirror(root, &KeyPath::default(), role, report),
        Role::Included => {
            let file::Included { users } = mirror(root, &KeyPath::default(), role, report);
            file::File {
                users,
                ..file::File::default()
            }
        }
    };
    file.users = users.map(|users| each_user(users, report));
    file
}

/// Users one by one, so that a mistake in one costs no second reading of the others.
fn each_user(users: Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Vec<Spanned<file::User>> {
    let key = KeyPath::of("users");
    let at = users.span();
    let kind = type_of(users.get_ref());
    let DeValue::Array(list) = users.into_inner() else {
        report.wrong(&at, &key, kind);
        return Vec::new();
    };
    let mut mirrored = Vec::new();
    for (index, user) in list.into_iter().enumerate() {
        let key = key.index(index);
        let at = user.span();
        if user.get_ref().is_table() {
            mirrored.push(Spanned::new(at, mirror(user, &key, Role::Main, report)));
        } else {
            report.wrong(&at, &key, type_of(user.get_ref()));
        }
    }
    mirrored
}

fn mirror<T: Default + DeserializeOwned>(
    mut value: Spanned<DeValue<'_>>,
    base: &KeyPath,
    role: Role,
    report: &mut Report<'_>,
) -> T {
    prune(value.get_mut(), base, role, report);
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(mirrored) => return mirrored,
            Err(error) => error,
        };
        let at = error.span().unwrap_or_else(|| value.span());
        let Some(culprit) = find(value.get_ref(), base, &at) else {
            report.problem(
                &at,
                base,
                "cannot be read; compare it with docs/configuration.md",
            );
            return T::default();
        };
        describe(&culprit, role, report);
        if !take_out(value.get_mut(), base, &culprit.key) {
            return T::default();
        }
    }
}

/// Removes the entry at `key` (below `base`); an element of a list becomes an empty text, so that the others keep
/// their number.
fn take_out(value: &mut DeValue<'_>, base: &KeyPath, key: &KeyPath) -> bool {
    let mut steps = key.0[base.0.len()..].iter().peekable();
    let mut here = value;
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        here = match (step, here) {
            (Step::Key(name), DeValue::Table(table)) => {
                if last {
                    return table.remove(name.as_str()).is_some();
                }
                let Some(inner) = table.get_mut(name.as_str()) else {
                    return false;
                };
                inner.get_mut()
            }
            (Step::Index(index), DeValue::Array(list)) => {
                let Some(inner) = list.get_mut(*index) else {
                    return false;
                };
                if last {
                    let was_text = inner.get_ref().is_str();
                    *inner.get_mut() = DeValue::String("".into());
                    return !was_text;
                }
                inner.get_mut()
            }
            _ => return false,
        };
    }
    false
}

const DEEP: &str =
    "this is nested deeper than anything in a configuration; compare it with docs/configuration.md";

const NO_DATE: &str =
    "there is no such date or time, or it is not written as one; write it as 2026-11-21T12:00:00Z";

/// Our words for what the parser says.
fn syntax(message: &str) -> &'static str {
    const WORDS: &[(&str, &str)] = &[
        (
            "duplicate key",
            "this key or table is there already; keep one of them",
        ),
        (
            "unclosed array table",
            "this table header does not end; write ]] at its end",
        ),
        (
            "unclosed table",
            "this table header does not end; write ] at its end",
        ),
        (
            "unclosed array",
            "this list does not end; write ] at its end",
        ),
        (
            "unclosed inline table",
            "this table does not end; write } at its end",
        ),
        (
            "key with no value",
            "this key has no value; write key = value",
        ),
        ("missing value", "a value is missing; write key = value"),
        (
            "string values must be quoted",
            "this is no value; write texts in quotes",
        ),
        ("missing comma", "a comma is missing before this"),
        ("extra comma", "there is a comma too many"),
        (
            "invalid basic string",
            "this text does not end, or holds a character that it may not hold; write it in quotes on one line",
        ),
        (
            "invalid literal string",
            "this text does not end, or holds a character that it may not hold; write it in quotes on one line",
        ),
        (
            "missing escaped value",
            r"a backslash in double quotes begins an escape; write \\, or use single quotes",
        ),
        ("invalid date", NO_DATE),
        ("invalid time", NO_DATE),
        ("invalid offset", NO_DATE),
        (
            "invalid unquoted key",
            "this key holds a character that it may not hold; write a-z, A-Z, 0-9, _ and -, or the key in quotes",
        ),
        ("recursion limit", DEEP),
        ("cannot recurse further", DEEP),
        (
            "carriage return must",
            "a line ends in a carriage return alone; end lines with a line feed",
        ),
        (
            "cannot extend",
            "this key is there already with a value of its own; keep one of them",
        ),
    ];
    WORDS
        .iter()
        .find(|(theirs, _)| message.starts_with(theirs))
        .map_or(
            "this is not TOML; compare it with docs/configuration.md",
            |(_, ours)| ours,
        )
}
