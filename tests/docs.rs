//! What README and docs say, held against the program: links, the first configuration, metrics, and rooms. Commands are run
//! and read by tests/walk.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use assert_cmd::Command;
use lockwatch::{
    board::STATES,
    cli::command_line,
    clock, config,
    metrics::{
        Metrics,
        users::{FAMILIES, TOTALS},
    },
};

#[path = "support/pages.rs"]
#[allow(dead_code, reason = "more is asked of pages elsewhere")]
mod pages;

use pages::{Page, pages, read, root};

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
        let folder = root().join(&page);
        let folder = folder.parent().unwrap();
        for link in Page::read(&page).links {
            if link.starts_with("http") {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                root().join(&page)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{page}: {link} is not there");
            if !part.is_empty() {
                let headings = Page::of(&fs::read_to_string(&target).unwrap()).headings;
                let mut headings = headings.iter();
                assert!(
                    headings.any(|heading| anchor(heading) == part),
                    "{page}: {link} has no such heading"
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

#[test]
fn the_readme_names_every_command() {
    let all = command_line();
    let readme = read("README.md");
    let mut count = 0;
    for name in all.get_subcommands().map(clap::Command::get_name) {
        assert!(readme.contains(&format!("| `lockwatch {name}")), "{name}");
        count += 1;
    }
    assert!(count >= 9, "only {count} commands were found");
}

#[test]
fn the_first_configuration_is_good() {
    let readme = read("README.md");
    let mut examples = Page::of(&readme).blocks;
    examples.retain(|block| block.language == "toml");
    assert_eq!(examples.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockwatch.toml");
    fs::write(&path, &examples[0].text).unwrap();
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
    let parts = Arc::new(metrics).parts(Vec::new());
    String::from_utf8(parts.flat_map(Result::unwrap).collect()).unwrap()
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
    let spans = Page::of(&page).spans;
    let documented: BTreeSet<_> = spans.iter().map(String::as_str).collect();
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
    let spans = Page::of(&page).spans;
    let named: BTreeSet<_> = spans.iter().map(String::as_str).collect();
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
