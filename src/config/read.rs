//! From a text to the mirror: what is not TOML, which keys are unknown, what has the wrong type. All of it at once: what
//! is wrong is recorded, taken out, and the rest is tried again. The library's own messages are never passed on,
//! because they hold values.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    file,
    keys::{self, Standing},
    report::{KeyPath, Report, shown_key},
};

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

/// Describes and takes out, in one pass, what there may be thousands of: unknown keys, and what is no text in a list of
/// texts or among the labels. What is left is wrong once a key at most, and costs one more reading each.
fn prune(value: &mut DeValue<'_>, path: &KeyPath, role: Role, report: &mut Report<'_>) {
    match value {
        DeValue::Table(table) => {
            let texts_only = path.pattern() == ["users", "labels"];
            for (name, mut value) in std::mem::take(table) {
                let key = path.key(name.get_ref().as_ref());
                let pattern = key.pattern();
                let known = keys::standing(&pattern) == Standing::Known && role == Role::Main;
                if !known || (texts_only && !value.get_ref().is_str()) {
                    let culprit = Culprit::of(key, name.span(), &value);
                    describe(&culprit, role, report);
                    continue;
                }
                // Inside a value that may be no table there are no keys of ours.
                let inside = match value.get_ref() {
                    DeValue::Table(_) => !keys::is_leaf(&pattern),
                    DeValue::Array(_) => keys::is_list(&pattern),
                    _ => false,
                };
                if inside {
                    prune(value.get_mut(), &key, role, report);
                }
                table.insert(name, value);
            }
        }
        DeValue::Array(list) => {
            for (index, element) in list.iter_mut().enumerate() {
                if !element.get_ref().is_str() {
                    let culprit = Culprit::of(path.index(index), element.span(), element);
                    describe(&culprit, role, report);
                    // The others keep their number.
                    *element.get_mut() = DeValue::String("".into());
                }
            }
        }
        _ => {}
    }
}

/// An entry that the mirror has no place for.
struct Culprit {
    key: KeyPath,
    key_at: Range<usize>,
    value_at: Range<usize>,
    kind: &'static str,
}

impl Culprit {
    fn of(key: KeyPath, key_at: Range<usize>, value: &Spanned<DeValue<'_>>) -> Self {
        Self {
            key,
            key_at,
            value_at: value.span(),
            kind: type_of(value.get_ref()),
        }
    }
}

/// The entry whose key or value is at `at`; where only a leaf may be, the leaf and nothing inside it.
fn find(value: &DeValue<'_>, path: &KeyPath, at: &Range<usize>) -> Option<Culprit> {
    let made = |key: KeyPath, key_at: Range<usize>, value: &Spanned<DeValue<'_>>| {
        let hit = key_at == *at || value.span() == *at;
        let inside = find(value.get_ref(), &key, at);
        if !hit && inside.is_none() {
            return None;
        }
        let of_list = value.get_ref().is_array() && keys::is_leaf(&key.pattern());
        match inside {
            Some(inside) if !hit && (of_list || !keys::is_leaf(&key.pattern())) => Some(inside),
            _ => Some(Culprit::of(key, key_at, value)),
        }
    };
    match value {
        DeValue::Table(table) => table
            .iter()
            .find_map(|(key, value)| made(path.key(key.get_ref().as_ref()), key.span(), value)),
        DeValue::Array(list) => list
            .iter()
            .enumerate()
            .find_map(|(index, value)| made(path.index(index), value.span(), value)),
        _ => None,
    }
}

fn describe(culprit: &Culprit, role: Role, report: &mut Report<'_>) {
    let key = &culprit.key;
    let pattern = key.pattern();
    let parent = key.parent();
    let name = pattern.last().copied().unwrap_or_default();
    let above = parent.pattern();
    match keys::standing(&pattern) {
        Standing::Known | Standing::Later if role == Role::Included => {
            report.problem(&culprit.key_at, key, "stands in an included file, which may hold [[users]] only; move it to the main file");
        }
        // A number where one belongs is wrong here only because no machine's number is so large.
        Standing::Known if culprit.kind == NUMBER && keys::write(&pattern).contains("number") => {
            report.wrong(&culprit.value_at, key, "is out of range");
        }
        Standing::Known => report.wrong(&culprit.value_at, key, culprit.kind),
        Standing::Later => report.problem(&culprit.key_at, key, "is not supported yet; remove it"),
        // The name may be a secret in the wrong place.
        Standing::Unknown if keys::in_source(&pattern) => {
            report.mark_broken(&parent);
            report.problem(&culprit.key_at, &parent, "holds a key that does not belong there; write exactly one of file, env, credential and command");
        }
        Standing::Unknown => {
            let hint = if let Some(near) = keys::nearest(&above, name) {
                report.mark_broken(&parent.key(near));
                format!("did you mean {}?", shown_key(near))
            } else {
                hint(&above, name, role)
            };
            report.problem(&culprit.key_at, key, &format!("is not a known key; {hint}"));
        }
    }
}

/// Where a key that is unknown here would be known, else what is known here.
fn hint(above: &[&str], name: &str, role: Role) -> String {
    let homes: Vec<_> = keys::homes(name)
        .into_iter()
        .map(|home| match home {
            "" => "at the top of the file, above the first [table]".to_owned(),
            "users" => "in a [[users]]".to_owned(),
            home => format!("in [{home}]"),
        })
        .collect();
    if !homes.is_empty() {
        return format!("it belongs {}", homes.join(" or "));
    }
    if role == Role::Included && above.is_empty() {
        return "an included file may hold [[users]] only".to_owned();
    }
    let known: Vec<_> = keys::children(above).collect();
    format!("known here: {}", known.join(", "))
}

/// Removes the entry at `key` (below `base`); an element of a list becomes an empty text, so that the others keep
/// their number.
fn take_out(value: &mut DeValue<'_>, base: &KeyPath, key: &KeyPath) -> bool {
    use super::report::Step;
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

const NUMBER: &str = "is a number";

/// "is a string", for messages.
fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "is a text in quotes",
        DeValue::Integer(_) => NUMBER,
        DeValue::Float(_) => "is a number with a fraction",
        DeValue::Boolean(_) => "is true or false",
        DeValue::Datetime(_) => "is a date or time",
        DeValue::Array(_) => "is a list",
        DeValue::Table(_) => "is a table",
    }
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
