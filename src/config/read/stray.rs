//! Entries that the mirror has no place for: which they are, and what to write or do instead.

use std::ops::Range;

use toml::{Spanned, de::DeValue};

use super::Role;
use crate::config::{
    keys::{self, Standing},
    report::{KeyPath, Report, shown_key},
};

/// Describes and takes out, in one pass, what there may be thousands of: unknown keys, and what is no text in a list of
/// texts or among the labels. What is left is wrong once a key at most, and costs one more reading each.
pub(super) fn prune(value: &mut DeValue<'_>, path: &KeyPath, role: Role, report: &mut Report<'_>) {
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
pub(super) struct Culprit {
    pub(super) key: KeyPath,
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
pub(super) fn find(value: &DeValue<'_>, path: &KeyPath, at: &Range<usize>) -> Option<Culprit> {
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

pub(super) fn describe(culprit: &Culprit, role: Role, report: &mut Report<'_>) {
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

const NUMBER: &str = "is a number";

/// "is a string", for messages.
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
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
