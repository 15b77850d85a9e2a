//! Values: the defaults, bounds and choices that docs/configuration.md and the template name are those that are resolved.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use toml::de::DeTable;

use super::{KEYS, read};
use crate::config::{
    Config, Problem, Problems, duration, load, report,
    secret::{LONGEST, PATIENCE},
    store::{PARAMETERS, PostgresUrl, SSL_MODES},
};

/// A configuration as text, by table and key.
#[derive(Clone)]
struct Draft(BTreeMap<String, BTreeMap<String, String>>);

impl Draft {
    /// What is required, and nothing else.
    fn least() -> Self {
        let required = [
            ("email.from", r#""lockwatch@msp.example""#),
            ("email.smtp.host", r#""smtp.msp.example""#),
            ("users.id", r#""acme-email2at""#),
            ("users.username", r#""k3jx7q@acme.example""#),
            ("users.secret", r#"{ env = "ACME_SECRET" }"#),
            ("users.integration_code", r#"{ env = "ACME_CODE" }"#),
            ("users.notify", r#"["it@acme.example"]"#),
        ];
        required
            .into_iter()
            .fold(Self(BTreeMap::new()), |draft, (path, value)| {
                draft.with(path, value)
            })
    }

    /// The least in which a key may have any of its values.
    fn around(path: &str) -> Self {
        let beside = match path {
            "email.directory" => ("email.transport", r#""file""#),
            "email.transport" => ("email.directory", r#""mail""#),
            "web.protect_reads" => ("web.token", r#"{ env = "TOKEN" }"#),
            "users.verify_without_code" => ("users.integration_code", r#""vendor-held""#),
            _ => return Self::least(),
        };
        Self::least().with(beside.0, beside.1)
    }

    fn with(mut self, path: &str, value: &str) -> Self {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        let keys = self.0.entry(table.to_owned()).or_default();
        keys.insert(key.to_owned(), value.to_owned());
        self
    }

    fn without(mut self, path: &str) -> Self {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        if let Some(keys) = self.0.get_mut(table) {
            keys.remove(key);
        }
        self
    }

    fn load(&self) -> Result<(Config, Vec<Problem>), Problems> {
        let mut text = String::new();
        for (table, keys) in &self.0 {
            text += &match table.as_str() {
                "" => String::new(),
                "users" => "[[users]]\n".to_owned(),
                _ => format!("[{table}]\n"),
            };
            for (key, value) in keys {
                text += &format!("{key} = {value}\n");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lockwatch.toml");
        std::fs::write(&file, text).unwrap();
        load(&file)
    }

    /// Everything that it comes to.
    fn means(&self) -> String {
        let (mut config, _) = self.load().unwrap_or_else(|why| panic!("{why}"));
        config.files.clear();
        config.sha256.clear();
        for user in &mut config.users {
            Arc::make_mut(user).place = None;
        }
        for pattern in &mut config.include {
            *pattern = pattern.rsplit('/').next().unwrap().to_owned();
        }
        format!("{config:#?}")
    }
}

/// What the documentation says of a key.
struct Row {
    path: String,
    default: String,
    meaning: String,
}

fn rows() -> Vec<Row> {
    let (mut table, mut of_keys, mut rows) = (String::new(), false, Vec::new());
    let page = read("docs/configuration.md");
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = heading.trim_matches(['`', '[', ']']).to_owned();
            if table == "Top of the file" {
                table.clear();
            }
        } else if line.starts_with("| key | ") {
            of_keys = line == "| key | default | meaning |";
        } else if let Some(rest) = line.strip_prefix("| `").filter(|_| of_keys) {
            let (key, rest) = rest.split_once("` | ").unwrap();
            let (default, meaning) = rest.split_once(" | ").unwrap();
            rows.push(Row {
                path: super::joined(&table, key),
                default: default.to_owned(),
                meaning: meaning.trim_end_matches(" |").to_owned(),
            });
        } else if !line.starts_with('|') {
            of_keys = false;
        }
    }
    assert!(rows.len() > 45, "only {} keys were found", rows.len());
    rows
}

fn row(path: &str) -> Row {
    let mut rows = rows().into_iter();
    rows.find(|row| row.path == path)
        .unwrap_or_else(|| panic!("{path} is not documented"))
}

/// A cell that is one `code span`, or begins with one and a comma.
fn span(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// A default that is a value of TOML.
fn literal(cell: &str) -> Option<&str> {
    span(cell).filter(|text| DeTable::parse(&format!("x = {text}")).is_ok())
}

/// Another value than the default.
fn other(path: &str, default: &str) -> String {
    let by_kind = match default {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        number if number.parse::<u32>().is_ok() => "3".to_owned(),
        _ => r#""77s""#.to_owned(),
    };
    match path {
        "include" => r#"["*.d"]"#.to_owned(),
        "autotask.base_url" => r#""https://webservices2.autotask.net/""#.to_owned(),
        "autotask.allowed_hosts" => r#"["api.example"]"#.to_owned(),
        "lockout.retry_held_after" => "[]".to_owned(),
        "store.url" => r#""sqlite:///srv/other.db""#.to_owned(),
        "email.transport" => r#""file""#.to_owned(),
        "email.smtp.tls" => r#""implicit""#.to_owned(),
        "web.listen" => r#""127.0.0.1:9478""#.to_owned(),
        "log.level" => r#""debug""#.to_owned(),
        "users.entity" => r#""Tickets""#.to_owned(),
        _ => by_kind,
    }
}

fn complaints(found: &[Problem], path: &str) -> usize {
    let found = found.iter();
    let of_it = found.filter(|problem| problem.key.replace("[1]", "") == path);
    of_it.count()
}

#[test]
fn defaults_are_those_that_are_taken() {
    let (_, warnings) = Draft::least().load().unwrap();
    for Row { path, default, .. } in rows() {
        let around = Draft::around(&path);
        if let Some(value) = literal(&default) {
            let means = around.clone().without(&path).means();
            assert_eq!(around.clone().with(&path, value).means(), means, "{path}");
            // Or nothing was compared.
            let other = other(&path, value);
            assert_ne!(around.with(&path, &other).means(), means, "{path}");
        } else if default.starts_with("required") {
            let Err(problems) = around.without(&path).load() else {
                panic!("{path} is not required");
            };
            assert!(complaints(&problems.0, &path) > 0, "{path}: {problems}");
        } else if default.starts_with("none") {
            let expected = usize::from(default == "none, with a warning");
            assert_eq!(complaints(&warnings, &path), expected, "{path}: {default}");
        } else if path == "email.smtp.port" {
            let said = super::spans(&default);
            assert_eq!(said[0], "tls");
            for (tls, port) in [r#""starttls""#, r#""implicit""#, r#""none""#]
                .iter()
                .zip(&said[1..])
            {
                let draft = Draft::least().with("email.smtp.tls", tls);
                assert_eq!(draft.clone().with(&path, port).means(), draft.means());
            }
        } else if default == "the domain of `username`" {
            let given = around.clone().with(&path, r#""acme.example""#);
            assert_eq!(given.means(), around.means());
        } else {
            let inherits = span(&default).unwrap_or_else(|| panic!("{path}: {default}"));
            let value = match inherits {
                "email.to" => r#"["other@msp.example"]"#,
                "schedule.interval" => r#""7m""#,
                _ => panic!("{path}: {default} is neither a value nor a known key"),
            };
            let without = around.without(&path).with(inherits, value);
            let given = without.clone().with(&path, value);
            assert_eq!(given.means(), without.means(), "{path}");
        }
    }
}

#[test]
fn the_template_shows_the_defaults() {
    let (mut table, mut compared) = (String::new(), 0);
    for line in read("config/lockwatch.toml").lines() {
        let Some(commented) = line.strip_prefix("# ") else {
            if line.starts_with('[') {
                table = line.trim_matches(['[', ']']).to_owned();
            }
            continue;
        };
        let Some((key, value)) = commented.split_once(" = ") else {
            continue;
        };
        let path = super::joined(&table, key);
        if !KEYS.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let default = row(&path).default;
        // Of the others there is an example; what is inherited is shown as it is without more.
        if let Some(default) = literal(&default).filter(|_| path != "include") {
            assert_eq!(value, default, "{path}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} were compared");
}

/// `5`, `"90s"`, `100 ms`: a number, or milliseconds.
fn amount(text: &str) -> Option<u128> {
    let text = text.trim_matches(['"', '.', ',', ';', '`']);
    let wide = Duration::ZERO..=Duration::MAX;
    let length = || Some(duration::parse(text, &wide).ok()?.as_millis());
    text.parse().ok().or_else(length)
}

/// The amounts on both sides of the first "to" that has them.
fn bounds(text: &str) -> Option<(u128, u128)> {
    let words: Vec<_> = text.split_whitespace().collect();
    let mut places = (1..words.len()).filter(|at| words[*at] == "to");
    places.find_map(|at| {
        let two = |from: usize| words.get(from..from + 2).map(|two| two.join(" "));
        let low = at.checked_sub(2).and_then(two);
        let low = low.and_then(|two| amount(&two));
        let high = two(at + 1).and_then(|two| amount(&two));
        Some((
            low.or_else(|| amount(words[at - 1]))?,
            high.or_else(|| amount(words.get(at + 1)?))?,
        ))
    })
}

#[test]
fn bounds_are_those_that_are_kept() {
    let mut kept = 0;
    for (path, write) in KEYS {
        let Some((low, high)) = bounds(write).filter(|_| *path != "users.id") else {
            continue;
        };
        let row = row(path);
        assert_eq!(
            bounds(&row.meaning),
            Some((low, high)),
            "{path}: {} but: {write}",
            row.meaning
        );
        let is_number = write.starts_with("a whole number");
        let value = |amount: u128| match (is_number, path.ends_with("retry_held_after")) {
            (true, _) => format!("{amount}"),
            (false, false) => format!("\"{amount}ms\""),
            (false, true) => format!("[\"{amount}ms\"]"),
        };
        let draft = Draft::around(path);
        let [lowest, highest] = [low, high].map(|at| draft.clone().with(path, &value(at)).means());
        assert_ne!(lowest, highest, "{path}");
        for beyond in [low.checked_sub(1), Some(high + 1)].into_iter().flatten() {
            // Zero is for never, where the message says so.
            let never = beyond == 0 && write.contains(r#""0s" for never"#);
            let Err(problems) = draft.clone().with(path, &value(beyond)).load() else {
                assert!(never, "{path}: {beyond} is taken, but: {write}");
                continue;
            };
            let told = problems.to_string();
            assert!(told.contains(write), "{path}: {told}");
        }
        kept += 1;
    }
    assert!(kept > 13, "only {kept} bounds were found");
}

#[test]
fn choices_are_those_that_are_taken() {
    for (path, choices) in [
        ("email.transport", &["smtp", "file"][..]),
        ("email.smtp.tls", &["starttls", "implicit", "none"]),
    ] {
        let row = row(path);
        let quoted: BTreeSet<_> = row.meaning.split('"').skip(1).step_by(2).collect();
        assert_eq!(quoted, choices.iter().copied().collect(), "{path}");
        let (_, write) = KEYS.iter().find(|(key, _)| *key == path).unwrap();
        let offered: BTreeSet<_> = write.split('"').skip(1).step_by(2).collect();
        assert_eq!(offered, quoted, "{path}");
        for choice in choices {
            let value = format!("\"{choice}\"");
            Draft::around(path).with(path, &value).means();
        }
        assert!(Draft::around(path).with(path, r#""other""#).load().is_err());
    }
    let page = read("docs/configuration.md");
    let sentence = page.split("question mark may stand `sslmode` (").nth(1);
    let sentence = sentence.unwrap().split("\n\n").next().unwrap();
    let (modes, parameters) = sentence.split_once(')').unwrap();
    let modes: BTreeSet<_> = super::spans(modes).into_iter().collect();
    assert_eq!(modes, SSL_MODES.into_iter().collect());
    let known = |name: &&str| PARAMETERS.contains(name);
    let named: BTreeSet<_> = super::spans(parameters)
        .into_iter()
        .filter(known)
        .chain(["sslmode"])
        .collect();
    assert_eq!(named, PARAMETERS.into_iter().collect());
    for example in super::spans(&page) {
        if PostgresUrl::is_meant(example) {
            let address = example.replace(":port", ":5432");
            assert!(PostgresUrl::parse(&address).is_ok(), "{example}");
        }
    }
}

#[test]
fn limits_that_the_prose_names_are_those_of_the_code() {
    let page = read("docs/configuration.md");
    for said in [
        format!("Of one file at most {} problems are listed", report::LISTED),
        format!("at most {} KiB of UTF-8", LONGEST / 1024),
        format!("a source may take {} s", PATIENCE.as_secs()),
    ] {
        assert!(page.contains(&said), "{said}");
    }
}
