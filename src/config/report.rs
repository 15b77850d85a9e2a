//! Collects what is wrong with one file: one problem a place, follow-up errors left out, at most 100 listed.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
    ops::Range,
    path::Path,
    sync::Arc,
};

use super::{Place, Problem, keys, positions::Positions};

/// Problems listed of one file.
pub const LISTED: usize = 100;
/// Characters shown of a key that is not ours.
const KEY_SHOWN: usize = 32;

/// One step from a table to something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// A key and the tables it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(pub Vec<Step>);

impl KeyPath {
    /// From names without indices.
    pub fn of(names: &str) -> Self {
        Self(
            names
                .split('.')
                .map(|name| Step::Key(name.to_owned()))
                .collect(),
        )
    }

    /// One step further.
    pub fn key(&self, name: &str) -> Self {
        self.step(Step::Key(name.to_owned()))
    }

    /// The element at `index` (from 0).
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The path without its last step.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The names alone, as `keys` knows them.
    pub fn pattern(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|step| match step {
                Step::Key(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect()
    }

    /// For people: `users[2].labels.customer`, counting from 1. Keys that are not ours are escaped and shortened.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&shown_key(name));
                }
                // Writing into a String cannot fail.
                Step::Index(index) => drop(write!(text, "[{}]", index + 1)),
            }
        }
        text
    }
}

/// A key as it may be printed.
pub fn shown_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let short: String = name.chars().take(KEY_SHOWN).collect();
    let cut = if short.len() < name.len() { "…" } else { "" };
    if !name.is_empty() && name.chars().all(bare) {
        format!("{short}{cut}")
    } else {
        format!("\"{}{cut}\"", short.escape_debug())
    }
}

/// What is wrong with one file.
pub struct Report<'a> {
    file: Arc<Path>,
    positions: Positions<'a>,
    problems: Listed,
    warnings: Listed,
    /// Places that have their problem.
    seen: HashSet<usize>,
    /// Lines that are not TOML, and what a broken table header leaves without a table.
    hidden: Vec<bool>,
    /// Keys that are there but could not be read, so that they are not missing.
    broken: HashSet<String>,
    /// What holds such a key.
    holds_broken: HashSet<String>,
    not_toml: bool,
}

impl<'a> Report<'a> {
    /// Nothing is wrong yet.
    pub fn new(file: &Path, text: &'a str) -> Self {
        let positions = Positions::new(text);
        Self {
            file: Arc::from(file),
            hidden: vec![false; positions.lines()],
            positions,
            problems: Listed::default(),
            warnings: Listed::default(),
            seen: HashSet::new(),
            broken: HashSet::new(),
            holds_broken: HashSet::new(),
            not_toml: false,
        }
    }

    /// The folder that relative paths of this file start from.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// The text is not TOML at `at`. Lists one problem a line and hides what follows from it.
    pub fn syntax(&mut self, at: usize, message: &str) {
        self.not_toml = true;
        if self.hidden(at) {
            return;
        }
        self.push(at, String::new(), message);
        let line = self.positions.line(at);
        let hidden = if self.positions.is_header(line) {
            self.positions.section(at)
        } else {
            line..line + 1
        };
        self.hidden[hidden].fill(true);
    }

    /// What stands at `at` is wrong.
    pub fn problem(&mut self, at: &Range<usize>, key: &KeyPath, message: &str) {
        self.mark_broken(key);
        if !self.hidden(at.start) && self.seen.insert(at.start) {
            self.push(at.start, key.shown(), message);
        }
    }

    /// What stands at `at` is not what belongs there: `what` is a fragment such as "is not a duration".
    pub fn wrong(&mut self, at: &Range<usize>, key: &KeyPath, what: &str) {
        let write = match key.0.last() {
            Some(Step::Index(_)) => keys::write_element(&key.pattern()),
            _ => keys::write(&key.pattern()),
        };
        self.problem(at, key, &format!("{what}; write {write}"));
    }

    /// A key that must be in the table at `table` is not there.
    pub fn missing(&mut self, table: &Range<usize>, key: &KeyPath) {
        self.lacking(table, key, "is missing");
    }

    /// As [`Report::missing`], in other words.
    pub fn lacking(&mut self, table: &Range<usize>, key: &KeyPath, what: &str) {
        if self.not_toml || self.is_broken(key) {
            return;
        }
        let write = keys::write(&key.pattern());
        // Several keys may be missing from one table, so its place is not marked as seen.
        if !self.hidden(table.start) {
            self.push(table.start, key.shown(), &format!("{what}; write {write}"));
        }
    }

    /// `key` is there but could not be read, or a misspelt key stands in its stead.
    pub fn mark_broken(&mut self, key: &KeyPath) {
        self.broken.insert(key.shown());
        let mut above = key.parent();
        while !above.0.is_empty() {
            self.holds_broken.insert(above.shown());
            above = above.parent();
        }
    }

    /// Whether `key` was marked, by a problem of its own or as misspelt.
    pub fn is_broken(&self, key: &KeyPath) -> bool {
        self.broken.contains(&key.shown())
    }

    /// As [`Report::is_broken`], or something in it is.
    pub fn is_broken_within(&self, key: &KeyPath) -> bool {
        let key = key.shown();
        self.not_toml || self.broken.contains(&key) || self.holds_broken.contains(&key)
    }

    /// Something suspicious that refuses nothing.
    pub fn warn(&mut self, at: &Range<usize>, key: &KeyPath, message: &str) {
        self.warnings.add(Some(at.start), key.shown(), message);
    }

    /// As [`Report::warn`], about something that is not there.
    pub fn warn_whole(&mut self, key: &str, message: &str) {
        self.warnings.add(None, key.to_owned(), message);
    }

    /// Where `at` begins, to point there from elsewhere.
    pub fn place(&self, at: &Range<usize>) -> Place {
        Place {
            file: Arc::clone(&self.file),
            at: self.positions.of(at.start),
        }
    }

    /// The same as `file:line`.
    pub fn line(&self, at: &Range<usize>) -> String {
        let Place { file, at } = self.place(at);
        format!("{}:{}", file.display(), at.0)
    }

    /// Problems and warnings, by place, each list cut to what is listed of one file.
    pub fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let placed = |listed: Listed| listed.placed(&self.file, &self.positions);
        (placed(self.problems), placed(self.warnings))
    }

    fn hidden(&self, at: usize) -> bool {
        self.hidden[self.positions.line(at)]
    }

    fn push(&mut self, at: usize, key: String, message: &str) {
        self.problems.add(Some(at), key, message);
    }
}

/// The first of many, by place, and how many more there are: a file may be one long mistake.
#[derive(Default)]
struct Listed {
    first: BTreeSet<(Option<usize>, String, String)>,
    more: usize,
}

impl Listed {
    fn add(&mut self, at: Option<usize>, key: String, message: &str) {
        self.first.insert((at, key, message.to_owned()));
        if self.first.len() > LISTED {
            self.first.pop_last();
            self.more += 1;
        }
    }

    fn placed(self, file: &Path, positions: &Positions<'_>) -> Vec<Problem> {
        let made = |at, key, message| Problem {
            file: file.to_owned(),
            at,
            key,
            message,
        };
        let more =
            (self.more > 0).then(|| made(None, String::new(), format!("… and {} more", self.more)));
        let first = self.first.into_iter();
        first
            .map(|(at, key, message)| made(at.map(|at| positions.of(at)), key, message))
            .chain(more)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_short_and_on_one_line() {
        let path = KeyPath::of("users").index(1).key("labels").key("a b\n");
        assert_eq!(path.shown(), r#"users[2].labels."a b\n""#);
        assert_eq!(shown_key(&"x".repeat(40)), format!("{}…", "x".repeat(32)));
        assert_eq!(shown_key(""), "\"\"");
    }

    #[test]
    fn a_hundred_problems_are_listed_and_the_rest_counted() {
        let text = "\n".repeat(300);
        let mut report = Report::new(Path::new("f.toml"), &text);
        for line in 0..250 {
            report.problem(&(line..line), &KeyPath::of("web"), "is wrong");
        }
        let (problems, _) = report.finish();
        assert_eq!(problems.len(), 101);
        assert_eq!(problems[100].to_string(), "f.toml: … and 150 more");
        assert_eq!(problems[0].at, Some((1, 1)));
    }

    #[test]
    fn one_place_has_one_problem() {
        let mut report = Report::new(Path::new("f.toml"), "x = 1\n");
        let key = KeyPath::of("web.listen");
        report.problem(&(0..1), &key, "first");
        report.problem(&(0..1), &key, "second");
        report.missing(&(3..4), &key);
        let (problems, _) = report.finish();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].message, "first");
    }
}
