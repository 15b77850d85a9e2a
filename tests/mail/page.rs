//! The mails that README and docs/mail.md show are those that are made: the blocks are compared, or written.

use std::{env, fs, path::Path};

use lockwatch::notify::{
    Kind, envelope,
    message::{self, Mail},
    sample::sample,
};

use crate::words::{at, links};

/// Set to write the blocks anew.
const WRITE: &str = "LOCKWATCH_WRITE_DOCS";
/// Behind the kind where the likeliest cause is enough.
const BEGINNING: &str = ", its beginning";
const TO: &str = "it@msp.example";

fn mail(kind: Kind) -> Mail {
    let tellings = sample(kind, at("2026-11-22T14:06:15Z"), TO, "mon1");
    message::compose(&tellings, Some(&links()))
}

/// As a program for mails shows it, folded at 100 columns.
fn shown(kind: Kind) -> String {
    let mail = mail(kind);
    let options = textwrap::Options::new(100)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let folded = |line: &str| {
        // What is indented is to be copied.
        let whole = line.is_empty() || line.starts_with(' ');
        if whole {
            line.to_owned()
        } else {
            textwrap::fill(line, &options)
        }
    };
    let lines: Vec<String> = mail.text.lines().map(folded).collect();
    format!("Subject: {}\n\n{}\n", mail.subject, lines.join("\n"))
}

fn headers() -> String {
    let from = "lockwatch@msp.example".parse().unwrap();
    let date = at("2026-11-22T14:06:45Z");
    let frozen =
        envelope::freeze(&mail(Kind::LockedOut), &from, TO, "91d0c2a7e4b8f653", date).unwrap();
    let bytes = String::from_utf8(frozen.bytes).unwrap();
    let (head, _) = bytes.split_once("MIME-Version").unwrap();
    head.replace("\r\n", "\n")
}

/// The page with each block behind `<!-- mail: … -->` as it should be, and how many there are.
fn right(page: &str) -> (String, Vec<String>) {
    let mut parts = page.split("<!-- mail: ");
    let mut right = parts.next().unwrap().to_owned();
    let mut names = Vec::new();
    for part in parts {
        let (name, rest) = part.split_once(" -->\n").unwrap();
        let (_, rest) = rest.split_once("```text\n").unwrap();
        let (_, rest) = rest.split_once("```\n").unwrap();
        let of_kind = |name| Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
        let block = match (name, name.strip_suffix(BEGINNING)) {
            ("headers", _) => headers(),
            (_, Some(kind)) => {
                let shown = shown(of_kind(kind).unwrap());
                let (beginning, _) = shown.split_once("What lockwatch saw").unwrap();
                format!("{beginning}[…]\n")
            }
            _ => shown(of_kind(name).unwrap()),
        };
        right.push_str(&format!(
            "<!-- mail: {name} -->\n```text\n{block}```\n{rest}"
        ));
        names.push(name.to_owned());
    }
    (right, names)
}

fn compare(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let page = fs::read_to_string(&path).unwrap();
    let (right, names) = right(&page);
    if right != page && env::var_os(WRITE).is_some() {
        fs::write(&path, &right).unwrap();
        return names;
    }
    let different = right.lines().zip(page.lines()).find(|(a, b)| a != b);
    assert!(
        right == page,
        "{file} shows mails that are not made like that: {different:?}\nWrite them anew and read them: {WRITE}=1 tests/run \
         --test mail page"
    );
    names
}

#[test]
fn every_kind_is_shown_as_it_is_made() {
    let names = compare("docs/mail.md");
    for kind in Kind::ALL {
        let name = kind.as_str();
        assert!(
            names.iter().any(|shown| shown == name),
            "{name} is not shown"
        );
    }
    assert!(names.iter().any(|name| name == "headers"));
}

#[test]
fn the_readme_shows_a_mail_as_it_is_made() {
    assert_eq!(compare("README.md"), ["locked_out, its beginning"]);
}
