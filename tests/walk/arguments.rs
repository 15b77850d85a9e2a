//! lockwatch's own parser takes every command line of lockwatch that a page shows, in blocks and in the prose.

use lockwatch::cli::command_line;

use crate::support::pages::{Page, commands, pages};

/// Words that stand for something.
const STAND_INS: [(&str, &str); 10] = [
    ("SHELL", "bash"),
    ("ID…", "acme-email2at"),
    ("NAME", "k3jx7q@acme.example"),
    ("URL", "http://127.0.0.1:9477/"),
    ("ADDRESS", "127.0.0.1:9477"),
    ("KIND", "locked_out"),
    ("DURATION", "10m"),
    ("TENANT", "acme"),
    ("FILE", "lockwatch.toml"),
    ("D", "1m"),
];

/// What follows `lockwatch`, where a command calls it.
fn lines(page: &str) -> Vec<String> {
    let typed = commands(page).into_iter().map(|typed| typed.text);
    let spans = Page::read(page).spans.into_iter();
    let all = typed.chain(spans).map(|text| {
        text.replace("\\\n", " ")
            .replace("cargo run --release -- ", "lockwatch ")
    });
    let begins = [
        "",
        "sudo -u lockwatch ",
        "docker exec lockwatch /usr/bin/",
        "docker exec lockwatch ",
        "kubectl -n lockwatch exec deployment/lockwatch -- ",
        "kubectl -n lockwatch exec deploy/lockwatch -- ",
    ];
    let called = |text: String| {
        begins.iter().find_map(|begin| {
            let rest = text.strip_prefix(begin)?.strip_prefix("lockwatch ")?;
            Some(rest.to_owned())
        })
    };
    all.filter_map(called).collect()
}

#[test]
fn lockwatch_takes_every_command_line() {
    let mut seen = 0;
    for page in pages() {
        for line in lines(&page) {
            // A usage shows what may be left out; all of it goes together.
            let words = line.split_whitespace().map(|word| {
                let word = word.trim_matches(['[', ']']);
                let known = STAND_INS.iter().find(|(name, _)| *name == word);
                known.map_or(word, |(_, value)| value)
            });
            let words: Vec<_> = ["lockwatch"].into_iter().chain(words).collect();
            // A command by its name alone.
            let named = words.len() == 2 && command_line().find_subcommand(words[1]).is_some();
            if let Err(why) = command_line().try_get_matches_from(&words)
                && !named
            {
                panic!("{page}: lockwatch {line}: {why}");
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} command lines were found");
}
