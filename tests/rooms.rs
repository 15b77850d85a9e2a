//! The house rules, read from the sources: which rooms are pure, who makes permits, who may look at a secret, and how
//! long a file may be.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// These take data and `now`, and return data. A folder stands for everything in it.
const PURE: [&str; 27] = [
    "attempt.rs",
    "attempt/",
    "autotask/hosts.rs",
    "autotask/text.rs",
    "autotask/tls.rs",
    "autotask/wire.rs",
    "diagnose.rs",
    "diagnose/",
    "fleet.rs",
    "incident.rs",
    "incident/",
    "metrics/samples.rs",
    "metrics/users.rs",
    "notify/desk.rs",
    "notify/desk/",
    "notify/merge.rs",
    "notify/message.rs",
    "notify/message/",
    "notify/mod.rs",
    "notify/operator.rs",
    "notify/operator/",
    "notify/owed.rs",
    "notify/sample.rs",
    "observation.rs",
    "record.rs",
    "remedy.rs",
    "remedy/",
];

/// What they must not name: somebody else's work, and every clock.
const IMPURE: [&str; 20] = [
    "tokio",
    "reqwest",
    "lettre",
    "axum",
    "sqlx",
    "hyper",
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "clock::",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "rand::",
];

/// Where a secret is looked at: to be read and judged, to be sent, to be fingerprinted, to be compared.
const MAY_EXPOSE: [&str; 12] = [
    "autotask/client.rs",
    "cli/daemon/token.rs",
    "config/secret/code.rs",
    "config/secret/mangled.rs",
    "config/secret/mod.rs",
    "config/secret/tests.rs",
    "config/secret_check.rs",
    "config/store.rs",
    "notify/mailer/dialogue.rs",
    "store/mod.rs",
    "store/postgres.rs",
    "web/access/token.rs",
];

/// A file may be so long before its tests.
const LONGEST: usize = 400;

/// A file of `src`, by its path there.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The part before `#[cfg(test)]`, line by line, numbered from 1, without what is said in comments.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let before = self.text.lines().take_while(|line| !tests_begin(line));
        let code = |line| str::split_once(line, "//").map_or(line, |(code, _)| code);
        (1..).zip(before.map(code))
    }

    /// Lines that name `word`.
    fn naming(&self, word: &str) -> Vec<String> {
        self.lines()
            .filter(|(_, line)| line.contains(word))
            .map(|(number, line)| format!("src/{}:{number}: {}", self.path, line.trim()))
            .collect()
    }

    fn is_of(&self, rooms: &[&str]) -> bool {
        rooms.iter().any(|room| match room.strip_suffix('/') {
            Some(_) => self.path.starts_with(room),
            None => self.path == *room,
        })
    }
}

fn tests_begin(line: &str) -> bool {
    line.trim() == "#[cfg(test)]"
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| Source {
        path: path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

/// A list that names what is not there guards nothing.
fn all_exist(sources: &[Source], rooms: &[&str]) {
    for room in rooms {
        let there = sources.iter().any(|source| source.is_of(&[room]));
        assert!(there, "there is no src/{room}");
    }
}

#[test]
fn pure_rooms_do_nothing() {
    let sources = sources();
    all_exist(&sources, &PURE);
    let pure = sources.iter().filter(|source| source.is_of(&PURE));
    let broken: Vec<String> = pure
        .flat_map(|source| IMPURE.iter().flat_map(|word| source.naming(word)))
        .collect();
    assert!(broken.is_empty(), "not pure:\n{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for Source { path, text } in sources() {
        let first = text.lines().next().unwrap_or_default();
        let said = first.strip_prefix("//! ").unwrap_or_default();
        assert!(said.len() > 15, "src/{path} begins with {first:?}");
    }
}

#[test]
fn no_file_is_long() {
    let length = |source: &Source| source.lines().count();
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| length(source) > LONGEST)
        .map(|source| format!("src/{} has {} lines", source.path, length(source)))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST}: {long:?}");
}

#[test]
fn only_the_rules_make_a_permit() {
    let sources = sources();
    let mut made: Vec<&str> = Vec::new();
    for source in &sources {
        // `NoPermit {` is another word; the type's own lines are its definition and its methods.
        let makes = source.naming("Permit {").into_iter().filter(|line| {
            let whole = line
                .match_indices("Permit {")
                .any(|(at, _)| !line[..at].ends_with(char::is_alphanumeric));
            whole
                && !["struct ", "impl ", "-> "]
                    .iter()
                    .any(|own| line.contains(own))
        });
        made.extend(makes.map(|_| source.path.as_str()));
    }
    assert_eq!(made, ["attempt.rs"]);
}

#[test]
fn a_permit_cannot_be_copied() {
    let sources = sources();
    let rules = sources
        .iter()
        .find(|source| source.path == "attempt.rs")
        .expect("the rules");
    let lines: Vec<&str> = rules.lines().map(|(_, line)| line).collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("pub struct Permit {"))
        .expect("the type");
    let derives: Vec<_> = lines[at.saturating_sub(3)..at]
        .iter()
        .filter(|line| line.starts_with("#[derive("))
        .collect();
    assert_eq!(derives, [&"#[derive(Debug)]"]);
    let fields: Vec<_> = lines[at + 1..]
        .iter()
        .take_while(|line| **line != "}")
        .collect();
    assert!(
        fields.iter().all(|line| !line.contains("pub")),
        "anybody could make one: {fields:?}"
    );
    for word in ["for Permit", "Clone for", "Default for"] {
        let found = rules.naming(word);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn few_look_at_a_secret() {
    let sources = sources();
    all_exist(&sources, &MAY_EXPOSE);
    for source in &sources {
        let looks = source.text.contains("expose_secret");
        let may = source.is_of(&MAY_EXPOSE);
        assert_eq!(looks, may, "src/{}", source.path);
    }
}
