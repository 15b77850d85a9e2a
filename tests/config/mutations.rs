//! What is wrong anywhere in a configuration: its message has a place and holds no value, and nothing makes it panic or hang.

use std::{fs, path::Path};

use lockwatch::config::Problems;
use proptest::prelude::*;

use crate::{USER, load_text, uncommented};

/// Things that may stand where a value should: right and wrong types, and what is not TOML at all.
const VALUES: &[&str] = &[
    "\"VALUE-MARKER 7f3!\"",
    "\"VALUE-MARKER-7f3\"",
    "[\"VALUE-MARKER-7f3\", 987654321987]",
    "[[\"VALUE-MARKER-7f3\"]]",
    "[{ file = \"VALUE-MARKER-7f3\" }]",
    "{ file = \"VALUE-MARKER-7f3\", env = \"VALUE-MARKER-7f3\" }",
    "{ file = \"VALUE-MARKER\\u00007f3\" }",
    "{ env = \"VALUE-MARKER-7f3\" }",
    "{ credential = \"VALUE-MARKER/7f3\" }",
    "{ command = [\"VALUE-MARKER/7f3\"] }",
    "{ command = \"VALUE-MARKER-7f3\" }",
    "{ other = \"VALUE-MARKER-7f3\" }",
    "{ file = 987654321987 }",
    "987654321987",
    "-987654321987",
    "987654321987654321987654321987",
    "0x987654321987",
    "98765.4321987e300",
    "9876-05-04T03:21:09",
    "\"https://VALUE-MARKER-7f3:VALUE-MARKER-7f3@VALUE-MARKER-7f3/?VALUE-MARKER-7f3\"",
    "\"987654321987s\"",
    "\"sqlite://VALUE-MARKER-7f3\"",
    "\"postgres://VALUE-MARKER-7f3:VALUE-MARKER-7f3@VALUE-MARKER-7f3/VALUE-MARKER-7f3\"",
    "\"VALUE-MARKER-7f3@VALUE-MARKER-7f3\"",
    "\"VALUE-MARKER-7f3",
    "'''VALUE-MARKER-7f3",
    "VALUE-MARKER-7f3",
    "\"VALUE-MARKER-7f3\" \"VALUE-MARKER-7f3\"",
    "\"VALUE-MARKER\\q7f3\"",
    "[\"VALUE-MARKER-7f3\"",
    "{ file = \"VALUE-MARKER-7f3\"",
    "{ VALUE-MARKER-7f3 }",
    "VALUE-MARKER-7f3 = \"VALUE-MARKER-7f3\"",
    "",
];

fn everything() -> Vec<String> {
    let template = fs::read_to_string("config/lockwatch.toml").unwrap();
    let text = uncommented(&template);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let second = USER
        .replace("k3jx7q", "other")
        .replace("secret = { file = \"acme\" }", "secret.file = \"acme\"");
    lines.chain(second.lines()).map(str::to_owned).collect()
}

/// What is said of `text`, without the file's path, whose random part may look like a marker. Where a message points to is
/// there; only what is not listed has no place.
fn messages(text: &str) -> String {
    let problems = match load_text(text) {
        Ok((_, warnings)) => return bare(&Problems(warnings)),
        Err(problems) => problems,
    };
    let lines: Vec<_> = text.split('\n').collect();
    // A mutated pattern may include what is no file.
    let of_text = |file: &Path| file.file_name().is_some_and(|name| name == "main.toml");
    for problem in problems.0.iter().filter(|problem| of_text(&problem.file)) {
        let Some((line, column)) = problem.at else {
            assert!(problem.message.starts_with("… and "), "{problem}");
            continue;
        };
        let there = lines
            .get(line - 1)
            .is_some_and(|line| column <= line.chars().count() + 1);
        assert!(there, "{problem} of:\n{text}");
    }
    bare(&problems)
}

fn bare(problems: &Problems) -> String {
    let bare = |line: &str| {
        line.rsplit_once("main.toml")
            .map_or(line.to_owned(), |(_, rest)| rest.to_owned())
    };
    let said = problems.to_string();
    said.lines().map(bare).collect::<Vec<_>>().join("\n")
}

fn assert_silent(text: &str) {
    let said = messages(text);
    for marker in ["MARKER", "7f3", "98765", "9876-"] {
        assert!(!said.contains(marker), "{marker} in:\n{said}\nof:\n{text}");
    }
}

#[test]
fn no_message_holds_a_value_whichever_key_it_stands_at() {
    let lines = everything();
    assert!(
        load_text(&lines.join("\n")).is_ok(),
        "one mistake at a time"
    );
    let mut tried = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        let instead = (key == "url").then_some("url_file");
        for key in std::iter::once(key).chain(instead) {
            for value in VALUES {
                let mut lines = lines.clone();
                lines[index] = format!("{key} = {value}");
                assert_silent(&lines.join("\n"));
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_message_holds_a_value_however_many_are_wrong(
        wrong in prop::collection::vec((any::<prop::sample::Index>(), 0..VALUES.len()), 1..30)
    ) {
        let mut lines = everything();
        let count = lines.len();
        for (index, value) in wrong {
            let line = &mut lines[index.index(count)];
            // Two users of one good id would be named by it, as they should be.
            if let Some((key, _)) = line.clone().split_once(" = ").filter(|(key, _)| *key != "id") {
                *line = format!("{key} = {}", VALUES[value]);
            }
        }
        assert_silent(&lines.join("\n"));
    }

    #[test]
    fn no_text_makes_it_panic_or_hang(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[\\[\\]{}=.,#\"'a-c0-9 \n\u{e9}]{0,4}"), 1..20)
    ) {
        let mut text = everything().join("\n");
        for (from, length, instead) in cuts {
            let start = text.floor_char_boundary(from.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length.index(12)).min(text.len()));
            text.replace_range(start..end.max(start), &instead);
        }
        messages(&text);
    }

    /// Lines lost, doubled and moved, and values of another kind in between.
    #[test]
    fn no_shuffled_file_is_without_places_or_tells_a_value(
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4, 0..VALUES.len()), 1..30)
    ) {
        let mut lines = everything();
        for (from, to, what, value) in moves {
            let line = lines[from.index(lines.len())].clone();
            match (what, line.split_once(" = ")) {
                (0, _) if lines.len() > 1 => drop(lines.remove(from.index(lines.len()))),
                (1, _) => lines.insert(to.index(lines.len() + 1), line),
                (2, Some((key, _))) if key != "id" => {
                    lines.insert(to.index(lines.len() + 1), format!("{key} = {}", VALUES[value]));
                }
                _ => lines.insert(to.index(lines.len() + 1), line.replace(" = ", ".x = ")),
            }
        }
        assert_silent(&lines.join("\n"));
    }
}
