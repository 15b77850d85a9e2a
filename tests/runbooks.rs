//! docs/runbooks held against the program and the alert rules: a page for each reason and each alert, causes in the order of
//! the diagnosis, Autotask's words as the remedies have them, queries that Prometheus takes. Links are looked at
//! in tests/docs.rs, commands run by tests/walk.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use jiff::Timestamp;
use lockwatch::{
    diagnose::{Cause, History, Reason, diagnose},
    observation::{Fleet, Observation, Probed, QueryFinding, QueryStep, Zone, ZoneFinding},
    remedy::{Subject, reason_title, remedy},
};
use serde::de::DeserializeOwned;

const HEADINGS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Fix"];
const LAST_HEADING: &str = "What lockwatch does meanwhile";
/// A page is read in two minutes.
const LONGEST: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The pages of a folder of runbooks: name and text.
fn pages(folder: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join("docs/runbooks").join(folder)).unwrap();
    let page = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".md").unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.map(|entry| page(entry.unwrap().path())).collect()
}

fn all_pages() -> BTreeMap<String, String> {
    let mut all = pages("alerts");
    all.extend(pages("reasons"));
    all.insert("README".to_owned(), read("docs/runbooks/README.md"));
    all
}

/// All values of an enum without fields. The packed format knows them by position, so that a new one is found without a list.
fn every<T: DeserializeOwned>() -> Vec<T> {
    let all: Vec<T> = (0u8..128)
        .map_while(|nth| postcard::from_bytes(&[nth]).ok())
        .collect();
    assert!((10..128).contains(&all.len()), "{}", all.len());
    all
}

/// The part of a page below a heading of the second level.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// What stands between two marks, such as `**`.
fn between<'p>(page: &'p str, mark: &str) -> impl Iterator<Item = &'p str> {
    page.split(mark).skip(1).step_by(2)
}

fn title(cause: Cause) -> String {
    remedy(cause, &subject()).title
}

fn subject() -> Subject<'static> {
    Subject {
        user: "ID",
        username: "USERNAME",
        tenant: "TENANT",
        integration: None,
        entity: "Companies",
        read_at_start: false,
    }
}

#[test]
fn every_reason_has_its_page_and_every_page_its_reason() {
    let reasons: BTreeSet<String> = every::<Reason>()
        .into_iter()
        .filter(|reason| *reason != Reason::Ok)
        .map(|reason| reason.as_str().to_owned())
        .collect();
    let pages: BTreeSet<String> = pages("reasons").into_keys().collect();
    assert_eq!(pages, reasons);
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let rules = read("deploy/prometheus/alerts.yml");
    let alerts: BTreeSet<String> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert:"))
        .map(|name| name.trim().to_owned())
        .collect();
    let pages: BTreeSet<String> = pages("alerts").into_keys().collect();
    assert_eq!(pages, alerts);
}

#[test]
fn every_page_has_the_same_headings_and_is_short() {
    for folder in ["alerts", "reasons"] {
        for (name, page) in pages(folder) {
            assert!(page.starts_with(&format!("# {name}\n")), "{name}");
            let headings: Vec<_> = page
                .lines()
                .filter_map(|line| line.strip_prefix("## "))
                .collect();
            let (first, last) = headings.split_at(headings.len().min(4));
            assert_eq!(first, HEADINGS, "{name}");
            assert_eq!(last, [LAST_HEADING], "{name}");
            for heading in headings {
                assert!(
                    section(&page, heading).trim().len() > 20,
                    "{name}: {heading}"
                );
            }
            let lines = page.lines().count();
            assert!(lines <= LONGEST, "{name} has {lines} lines");
        }
    }
}

#[test]
fn the_index_names_every_page_and_calls_reasons_as_mails_do() {
    let index = read("docs/runbooks/README.md");
    for name in pages("alerts").keys() {
        let row = format!("\n| [{name}](alerts/{name}.md) | ");
        assert!(index.contains(&row), "{name}");
    }
    for reason in every::<Reason>() {
        if reason == Reason::Ok {
            continue;
        }
        let (name, title) = (reason.as_str(), reason_title(reason));
        let row = format!("\n| [{name}](reasons/{name}.md) | {title} |");
        assert!(index.contains(&row), "{row}");
    }

    let spans: BTreeSet<_> = between(&index, "`").collect();
    let mail = read("docs/mail.md");
    let mut words = 0;
    for row in section(&mail, "Who is mailed about what").lines() {
        let Some(begins) = row
            .strip_prefix("| `")
            .and_then(|row| row.split(" | ").nth(1))
        else {
            continue;
        };
        for word in between(begins, "`") {
            assert!(spans.contains(word), "{word} is not in the index");
            words += 1;
        }
    }
    assert!(words >= 10, "only {words} kinds of mail were found");
}

/// What a check can find that has causes, in the light of everything that ranks them.
fn rankings() -> BTreeMap<&'static str, BTreeSet<Vec<String>>> {
    let now: Timestamp = "2026-11-21T14:05:00Z".parse().unwrap();
    let histories = [
        History::default(),
        History {
            credential_accepted: Some(now),
            ..History::default()
        },
        History {
            user_accepted: Some(now),
            credential_changed: Some(now),
            ..History::default()
        },
    ];
    let took = Duration::ZERO;
    let made = |finding| QueryStep::Made {
        probed: Probed { finding, took },
        from: None,
        mangled: Vec::new(),
    };
    let found = || {
        ZoneFinding::Found(Zone {
            name: "AE02".to_owned(),
            api: "https://webservices2.autotask.net/atservicesrest/"
                .parse()
                .unwrap(),
        })
    };
    let untrusted = ZoneFinding::Untrusted {
        host: "autotask.example".to_owned(),
        why: "it is not allowed".to_owned(),
    };
    let refused = QueryFinding::Refused { errors: Vec::new() };
    let sightings = [
        (found(), made(QueryFinding::Rejected)),
        (found(), made(QueryFinding::Locked)),
        (found(), made(QueryFinding::IntegrationCodeInvalid)),
        (found(), made(QueryFinding::PermissionDenied)),
        (found(), made(refused)),
        (
            found(),
            QueryStep::SecretUnreadable("it is not there".to_owned()),
        ),
        (ZoneFinding::Unknown, QueryStep::NoZone),
        (untrusted, QueryStep::NoZone),
    ];
    let mut rankings: BTreeMap<_, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (finding, query) in sightings {
        let observation = Observation {
            at: now,
            zone: Probed { finding, took },
            query,
            fleet: Fleet::default(),
        };
        for history in &histories {
            let diagnosis = diagnose(&observation, history).unwrap();
            let causes = diagnosis.causes.iter().map(|ranked| title(ranked.cause));
            let ranking = rankings.entry(diagnosis.reason.as_str()).or_default();
            ranking.insert(causes.collect());
        }
    }
    // A body that says locked leaves the first cause alone; a page need not say so twice.
    for all in rankings.values_mut() {
        let whole = all.clone();
        all.retain(|one| {
            !whole
                .iter()
                .any(|other| one != other && other.starts_with(one))
        });
    }
    rankings
}

/// The numbered lists of links in a text: the words of the links.
fn linked_lists(text: &str) -> BTreeSet<Vec<String>> {
    let mut lists: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let Some((number, rest)) = line.split_once(". [") else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else {
            continue;
        };
        if number == 1 {
            lists.push(Vec::new());
        }
        let list = lists.last_mut().unwrap();
        list.push(rest.split("](").next().unwrap().to_owned());
        assert_eq!(list.len(), number, "{line}");
    }
    lists.into_iter().collect()
}

#[test]
fn causes_are_those_of_the_diagnosis_in_its_order() {
    let rankings = rankings();
    let mut explained = BTreeSet::new();
    for (name, page) in pages("reasons") {
        let lists = linked_lists(section(&page, "Diagnosis"));
        let ranked = rankings.get(name.as_str()).cloned().unwrap_or_default();
        assert_eq!(lists, ranked, "{name}");
        let headings: BTreeSet<String> = page
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .map(str::to_owned)
            .collect();
        for heading in &headings {
            assert!(
                ranked.iter().any(|causes| causes.contains(heading)),
                "{name}: {heading} is no cause of it"
            );
        }
        explained.extend(headings);
    }
    let causes: BTreeSet<String> = every::<Cause>().into_iter().map(title).collect();
    assert_eq!(explained, causes);
}

#[test]
fn what_stands_on_autotasks_screens_is_called_as_the_remedies_call_it() {
    let words: String = every::<Cause>()
        .into_iter()
        .flat_map(|cause| remedy(cause, &subject()).steps)
        .collect();
    let mut seen = 0;
    for (name, page) in all_pages() {
        for bold in between(&page, "**") {
            assert!(words.contains(bold), "{name}: no remedy says {bold}");
            seen += 1;
        }
        for (at, _) in page.match_indices("Admin >") {
            assert!(
                page[..at].ends_with("**"),
                "{name}: a path that is not bold is not checked"
            );
        }
    }
    assert!(seen > 50, "only {seen} names of Autotask were found");
}

/// The queries of a page.
fn queries(page: &str) -> impl Iterator<Item = &str> {
    between(page, "```").filter_map(|block| block.strip_prefix("promql\n"))
}

#[test]
fn queries_are_such_that_prometheus_takes_them() {
    let all: Vec<(String, String)> = all_pages()
        .into_iter()
        .flat_map(|(name, page)| {
            let queries: Vec<_> = queries(&page)
                .map(|query| (name.clone(), query.to_owned()))
                .collect();
            queries
        })
        .collect();
    assert!(all.len() > 15, "only {} queries were found", all.len());
    let rules: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(nth, (name, query))| serde_json::json!({"record": format!("{name}:{nth}"), "expr": query}))
        .collect();
    // JSON is YAML.
    let groups = serde_json::json!({"groups": [{"name": "runbooks", "rules": rules}]});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    fs::write(&file, groups.to_string()).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output()
        .expect("promtool must be in the PATH; tests/run gets it");
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn metrics_that_pages_name_are_documented() {
    let documented = read("docs/metrics.md");
    let mut seen = 0;
    for (name, page) in all_pages() {
        let words = page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let ours = |word: &&str| word.starts_with("autotask_") || word.starts_with("lockwatch_");
        // A label of metrics, not one of them.
        for word in words.filter(ours).filter(|word| *word != "autotask_zone") {
            let family = word.strip_suffix("_bucket").unwrap_or(word);
            assert!(
                documented.contains(&format!("| `{family}` |")),
                "{name}: {word}"
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} metrics were found");
}
