//! What README and docs say, held against the program: links, commands, the first configuration, metrics, and rooms.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use lockwatch::{
    board::STATES,
    clock, config,
    metrics::{
        Metrics,
        users::{FAMILIES, TOTALS},
    },
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// README, CHANGELOG and everything below docs.
fn pages() -> Vec<PathBuf> {
    let mut pages = ["README.md", "CHANGELOG.md"]
        .map(|name| root().join(name))
        .to_vec();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() >= 6, "{pages:?}");
    pages
}

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .collect()
}

/// The `code` of a page, outside of fenced blocks.
fn spans(page: &str) -> Vec<&str> {
    let prose = page.split("```").step_by(2);
    prose
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .collect()
}

/// A heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .replace(' ', "-")
        .replace(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'), "")
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !part.is_empty() {
                let headings = read(&target);
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|heading| anchor(heading) == part),
                    "{}: {link} has no such heading",
                    page.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed >= 8, "only {followed} links were found");
}

fn lockwatch(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockwatch"));
    command.env_remove("LOCKWATCH_CONFIG").args(arguments);
    command.output().unwrap()
}

/// The arguments of every command line of lockwatch on a page: in blocks of shell, and as `lockwatch …` in the prose.
fn command_lines(page: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for (language, text) in blocks(page) {
        if language == "sh" {
            lines.extend(text.lines());
        }
    }
    lines.extend(
        spans(page)
            .into_iter()
            .filter(|span| span.starts_with("lockwatch ")),
    );
    let arguments = |line: &str| {
        let run = line
            .replace("cargo run --release -- ", "lockwatch ")
            .replace("sudo -u lockwatch ", "");
        let rest = run.strip_prefix("lockwatch ")?;
        let words = rest.split_whitespace();
        Some(
            words
                .map(|word| word.trim_matches(['[', ']']).to_owned())
                .collect(),
        )
    };
    lines.into_iter().filter_map(arguments).collect()
}

#[test]
fn every_command_that_is_written_down_exists() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for page in pages() {
        for line in command_lines(&read(&page)) {
            let command = &line[0];
            let help = helps.entry(command.clone()).or_insert_with(|| {
                let output = lockwatch(&[command, "--help"]);
                assert!(
                    output.status.success(),
                    "{}: no command {command}",
                    page.display()
                );
                String::from_utf8(output.stdout).unwrap()
            });
            let options: BTreeSet<&str> = help
                .split_whitespace()
                .filter(|word| word.starts_with("--"))
                .collect();
            for option in line.iter().filter(|word| word.starts_with("--")) {
                assert!(
                    options.contains(option.as_str()),
                    "{}: lockwatch {command} has no {option}",
                    page.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} command lines were found");
}

#[test]
fn the_readme_names_every_command() {
    let output = lockwatch(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|name| *name != "help");
    let readme = read("README.md");
    let mut count = 0;
    for name in names {
        assert!(readme.contains(&format!("| `lockwatch {name}")), "{name}");
        count += 1;
    }
    assert!(count >= 9, "{help}");
}

#[test]
fn the_first_configuration_is_good() {
    let readme = read("README.md");
    let examples: Vec<_> = blocks(&readme)
        .into_iter()
        .filter(|(language, _)| *language == "toml")
        .collect();
    assert_eq!(examples.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockwatch.toml");
    fs::write(&path, examples[0].1).unwrap();
    let (config, warnings) = config::load(&path).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.users.len(), 1);
    // What deploy/prometheus/alertmanager.yml has a route for.
    assert_eq!(config.users[0].tenant, "acme");

    // The command agrees: what is left to complain about is the secret files, which are on the reader's machine.
    let output = lockwatch(&["validate", "--config", path.to_str().unwrap()]);
    let complaints = String::from_utf8(output.stderr).unwrap();
    for line in complaints.lines() {
        assert!(line.contains("users.acme-email2at."), "{line}");
    }
}

/// Rows of the tables of metrics: name and type.
fn documented() -> BTreeMap<String, String> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.split(" | ").collect();
        let name = cells
            .first()?
            .trim_start_matches("| ")
            .strip_prefix('`')?
            .strip_suffix('`')?;
        let of_ours = name.starts_with("autotask_") || name.starts_with("lockwatch_");
        of_ours.then(|| (name.to_owned(), (*cells.get(1).unwrap()).to_owned()))
    });
    rows.collect()
}

fn scrape() -> String {
    let metrics = Metrics::new().unwrap();
    // The hash has no series before a configuration was read.
    metrics.reloaded("0", clock::now());
    String::from_utf8(metrics.encode(&[]).unwrap()).unwrap()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let mut exported: BTreeMap<String, String> = FAMILIES
        .iter()
        .chain(&TOTALS)
        .map(|family| (family.name().to_owned(), "gauge".to_owned()))
        .collect();
    let scraped = scrape();
    let mut process = 0;
    for line in scraped.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        if name.starts_with("process_") {
            process += 1;
        } else {
            exported.insert(name.to_owned(), kind.to_owned());
        }
    }
    assert_eq!(documented(), exported);
    assert!(process > 0);
    assert!(read("docs/metrics.md").contains("\n`process_*` "));
}

#[test]
fn every_value_of_a_bounded_label_is_documented() {
    let page = read("docs/metrics.md");
    let documented: BTreeSet<_> = spans(&page).into_iter().collect();
    let scraped = scrape();
    let mut values: BTreeSet<&str> = STATES.into_iter().collect();
    for label in ["probe=\"", "outcome=\"", "kind=\""] {
        let found = scraped
            .split(label)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        values.extend(found);
    }
    assert!(values.len() > 25, "{values:?}");
    let missing: Vec<_> = values.difference(&documented).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_room_is_on_the_map_and_every_file_on_it_exists() {
    let page = read("docs/architecture.md");
    let named: BTreeSet<_> = spans(&page).into_iter().collect();
    let paths = |span: &&&str| span.starts_with("src/") || span.starts_with("tests/");
    for path in named.iter().filter(paths) {
        assert!(root().join(path).exists(), "{path} is not there");
    }
    let mut rooms = 0;
    for line in read("src/lib.rs").lines() {
        let Some(room) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        else {
            continue;
        };
        let file = format!("src/{room}.rs");
        let folder = format!("src/{room}/");
        assert!(
            named.contains(file.as_str()) || named.contains(folder.as_str()),
            "{room} is not on the map"
        );
        rooms += 1;
    }
    assert!(rooms >= 20, "only {rooms} rooms were found");
}
