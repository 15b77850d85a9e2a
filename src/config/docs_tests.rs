//! The list of keys, the mirror, the documentation and the operators' template name the same keys.

mod values;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, Deserializer};

use super::{
    file,
    keys::{KEYS, LATER, SOURCE_KEYS, SOURCES, is_leaf},
};

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The keys that a table of the mirror has, from what it says about one that it has not.
fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let table = DeTable::parse("no-such-key = 1").unwrap();
    let error = T::deserialize(Deserializer::from(table)).err().unwrap();
    let (_, expected) = error.message().split_once("expected ").unwrap();
    let quoted = expected.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn below(table: &str) -> BTreeSet<String> {
    let prefix = if table.is_empty() {
        String::new()
    } else {
        format!("{table}.")
    };
    KEYS.iter()
        .filter_map(|(path, _)| path.strip_prefix(&prefix))
        .filter(|rest| !rest.contains('.'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_list_of_keys_is_the_mirrors() {
    assert_eq!(fields::<file::File>(), below(""));
    assert_eq!(fields::<file::Autotask>(), below("autotask"));
    assert_eq!(fields::<file::Schedule>(), below("schedule"));
    assert_eq!(fields::<file::Lockout>(), below("lockout"));
    assert_eq!(fields::<file::Store>(), below("store"));
    assert_eq!(fields::<file::Email>(), below("email"));
    assert_eq!(fields::<file::Smtp>(), below("email.smtp"));
    assert_eq!(fields::<file::Web>(), below("web"));
    assert_eq!(fields::<file::Log>(), below("log"));
    assert_eq!(fields::<file::User>(), below("users"));
    let source: BTreeSet<_> = SOURCE_KEYS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(fields::<file::Source>(), source);
}

/// Every key that holds a value rather than a table of more keys.
fn values() -> BTreeSet<String> {
    let holds = |path: &&str| {
        is_leaf(&path.split('.').collect::<Vec<_>>())
            || SOURCES.contains(path)
            || *path == "users.labels"
    };
    KEYS.iter()
        .map(|(path, _)| *path)
        .filter(holds)
        .map(str::to_owned)
        .collect()
}

/// The code spans of a text.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn joined(table: &str, key: &str) -> String {
    [table, key]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(".")
}

#[test]
fn the_documentation_names_every_key_and_no_other() {
    let text = read("docs/configuration.md");
    let (mut table, mut named) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = match heading {
                "Top of the file" => String::new(),
                "Where secrets are" => "source".to_owned(),
                _ => heading.trim_matches(['`', '[', ']']).to_owned(),
            };
        } else if let Some((key, _)) = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split_once('`'))
        {
            named.insert(joined(&table, key));
        }
    }
    let mut expected = values();
    expected.extend(SOURCE_KEYS.iter().map(|(name, _)| joined("source", name)));
    assert_eq!(named, expected);

    let (_, later) = text.split_once("## Not supported yet").unwrap();
    let (_, list) = later.split_once(":\n").unwrap();
    let list = list.lines().next().unwrap().split('`').skip(1).step_by(2);
    assert_eq!(list.collect::<Vec<_>>(), LATER);
}

#[test]
fn the_template_shows_every_key_once() {
    let (mut table, mut named) = (String::new(), Vec::new());
    for line in read("config/lockwatch.toml").lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let is_key =
            |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            named.push(joined(&table, key));
        }
    }
    let count = named.len();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), values());
    assert_eq!(count, values().len(), "a key is there twice");
}
