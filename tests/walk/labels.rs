//! Metrics as docs/metrics.md has them: names, types and labels, held against a scrape of the real program.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    house::House,
    support::pages::{Page, read},
};

/// Type and labels by name, as the tables say.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        let ours = name.starts_with("autotask_") || name.starts_with("lockwatch_");
        let labels = Page::of(cells.get(2)?).spans.into_iter().collect();
        ours.then(|| (name, (cells[1].to_owned(), labels)))
    });
    rows.collect()
}

/// The same, as scraped.
fn scraped(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| {
                    name.strip_suffix(end)
                        .filter(|name| families.contains_key(*name))
                })
                .unwrap_or(name);
            let (_, labels) = families.get_mut(family).unwrap();
            // What stands before each `="`, behind the comma or the bracket.
            let mut parts: Vec<_> = rest.split("=\"").collect();
            parts.pop();
            let names = parts
                .iter()
                .map(|part| part.rsplit(['{', ',']).next().unwrap());
            labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    families.retain(|name, _| !name.starts_with("process_"));
    families
}

#[tokio::test]
async fn names_types_and_labels_are_those_of_a_scrape() {
    // Some series are there only while an incident is open.
    let (house, _daemon) = House::one_fails().await;
    let text = house.metrics().await;
    let (there, said) = (scraped(&text), documented());
    for name in there.keys().chain(said.keys()) {
        assert_eq!(there.get(name), said.get(name), "{name}");
    }
    // What is there only while an incident is open, or only when it is known whether a user is up.
    for (series, there) in [
        (
            "autotask_user_failure{user=\"wrong\",reason=\"credential_rejected\"} 1",
            true,
        ),
        (
            "autotask_user_failing_since_timestamp_seconds{user=\"wrong\"}",
            true,
        ),
        (
            "autotask_user_failing_since_timestamp_seconds{user=\"works\"}",
            false,
        ),
        ("autotask_user_failure{user=\"works\"", false),
        ("autotask_user_up{user=\"works\"} 1", true),
        ("autotask_user_up{user=\"wrong\"} 0", true),
    ] {
        assert_eq!(text.contains(series), there, "{series}: {text}");
    }
    for (family, _) in scraped(&text) {
        assert!(text.contains(&format!("# HELP {family} ")), "{family}");
    }
    assert!(!text.contains('@'), "an address stands in a label");
}
