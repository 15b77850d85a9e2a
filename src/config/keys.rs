//! Every key of the configuration, with what to write there. Messages and the documentation's test rest on this list;
//! a test compares it with the mirror in `file`.

/// Path (tables joined by dots, no indices) and what to write, a fragment after "write".
pub const KEYS: &[(&str, &str)] = &[
    (
        "include",
        r#"a list of file patterns such as ["users.d/*.toml"], relative to this file"#,
    ),
    ("autotask", "a table headed [autotask]"),
    (
        "autotask.base_url",
        r#"an https address such as "https://webservices.autotask.net/" (http for loopback only), without user, query or fragment"#,
    ),
    (
        "autotask.allowed_hosts",
        r#"a list of lower-case host names, or "*." and a domain of two labels or more, such as ["*.autotask.net"]; no scheme, port or path"#,
    ),
    (
        "autotask.timeout",
        r#"a duration from "100ms" to "5m", such as "10s""#,
    ),
    (
        "autotask.ca_file",
        r#"the path of a PEM file, such as "/etc/lockwatch/ca.pem""#,
    ),
    (
        "autotask.proxy",
        r#"an http:// or https:// address of a proxy, such as "http://proxy.example:3128/""#,
    ),
    ("schedule", "a table headed [schedule]"),
    (
        "schedule.interval",
        r#"a duration from "1s" to "7d", such as "5m""#,
    ),
    (
        "schedule.max_in_flight",
        "a whole number from 2 to 1000, such as 64",
    ),
    ("lockout", "a table headed [lockout]"),
    (
        "lockout.max_rejections",
        "a whole number from 1 to 4, such as 2",
    ),
    (
        "lockout.max_unanswered",
        "a whole number from 1 to 10, such as 4",
    ),
    (
        "lockout.activation",
        r#"a duration from "1s" to "1d", such as "5m""#,
    ),
    (
        "lockout.confirm_after",
        r#"a duration from "1s" to "1h", such as "1m""#,
    ),
    (
        "lockout.retry_held_after",
        r#"a list of at most 5 durations, each longer than the one before it, from "1s" to "90d", such as ["24h", "72h"]; [] for never"#,
    ),
    ("store", "a table headed [store]"),
    (
        "store.url",
        r#""sqlite://" and the absolute path of a file, such as "sqlite:///var/lib/lockwatch/lockwatch.db", or "postgres://user@host/database", its password in store.url_file"#,
    ),
    (
        "store.url_file",
        r#"the path of a file that holds the whole address of a database, such as postgres://user:password@host/database, and no store.url"#,
    ),
    ("store.allow_ephemeral", "true or false"),
    ("email", "a table headed [email]"),
    (
        "email.from",
        r#"one e-mail address such as "lockwatch@msp.example", without a display name"#,
    ),
    (
        "email.to",
        r#"a list of e-mail addresses such as ["ops@msp.example"], without display names"#,
    ),
    ("email.copy_operator", "true or false"),
    (
        "email.remind_every",
        r#"a duration from "1s" to "90d", such as "24h"; "0s" for never"#,
    ),
    (
        "email.group_wait",
        r#"a duration from "100ms" to "1h", such as "30s""#,
    ),
    (
        "email.reopen_within",
        r#"a duration from "0s" to "7d", such as "1h""#,
    ),
    (
        "email.unclear_after",
        r#"a duration from "1s" to "7d", such as "1h""#,
    ),
    ("email.transport", r#""smtp" or "file""#),
    (
        "email.directory",
        r#"the path of a folder, such as "/var/lib/lockwatch/mail""#,
    ),
    ("email.smtp", "a table headed [email.smtp]"),
    (
        "email.smtp.host",
        r#"a host name or an IP address, such as "smtp.msp.example", without a port"#,
    ),
    (
        "email.smtp.port",
        "a whole number from 1 to 65535, such as 587",
    ),
    ("email.smtp.tls", r#""starttls", "implicit" or "none""#),
    (
        "email.smtp.username",
        r#"the login name at the mail server, such as "lockwatch""#,
    ),
    ("email.smtp.password", SOURCE),
    (
        "email.smtp.ca_file",
        r#"the path of a PEM file, such as "/etc/lockwatch/ca.pem""#,
    ),
    (
        "email.smtp.timeout",
        r#"a duration from "1s" to "10m", such as "60s""#,
    ),
    ("web", "a table headed [web]"),
    (
        "web.listen",
        r#"an IP address and a port, such as "127.0.0.1:9477" or "[::1]:9477""#,
    ),
    ("web.token", SOURCE),
    ("web.protect_reads", "true or false"),
    (
        "web.external_url",
        r#"an http:// or https:// address such as "https://lockwatch.msp.example/", without user, query or fragment"#,
    ),
    ("log", "a table headed [log]"),
    ("log.level", LEVEL),
    (
        "users",
        "one table headed [[users]], in two brackets, for each user",
    ),
    (
        "users.id",
        r#"a name such as "acme-email2at": 1 to 64 of the characters a-z A-Z 0-9 . _ - beginning with a letter or a digit"#,
    ),
    (
        "users.username",
        r#"the generated login of the API user, such as "k3jx7q@acme.example": at most 320 printable ASCII characters without outer white space"#,
    ),
    ("users.secret", SOURCE),
    (
        "users.integration_code",
        r#"the code of the tracking identifier in quotes, "vendor-held" where only the vendor knows it, or where it is: { file = "/path" }, { env = "NAME" }, { credential = "NAME" } or { command = ["program", "argument"] }"#,
    ),
    ("users.verify_without_code", "true or false"),
    (
        "users.notify",
        r#"a list of e-mail addresses such as ["it@acme.example"], without display names"#,
    ),
    (
        "users.tenant",
        r#"a name such as "acme" of at most 128 characters, without control characters"#,
    ),
    (
        "users.integration",
        r#"a text such as "Email2AT" of at most 128 characters, without control characters"#,
    ),
    (
        "users.entity",
        r#"the name of an Autotask entity, such as "Companies": letters and digits, beginning with a letter"#,
    ),
    (
        "users.interval",
        r#"a duration from "1s" to "7d", such as "5m""#,
    ),
    (
        "users.created",
        "a date and time with an offset, not in quotes, such as 2026-11-21T12:00:00Z",
    ),
    ("users.enabled", "true or false"),
    (
        "users.labels",
        r#"at most 32 texts of at most 128 characters, such as { customer = "acme" }"#,
    ),
];

/// What to write as one element of a list.
pub const ELEMENTS: &[(&str, &str)] = &[
    (
        "include",
        r#"a file pattern such as "users.d/*.toml", relative to this file"#,
    ),
    (
        "autotask.allowed_hosts",
        r#"a lower-case host name, or "*." and a domain of two labels or more, such as "*.autotask.net"; no scheme, port or path"#,
    ),
    ("email.to", ADDRESS),
    ("users.notify", ADDRESS),
];

const ADDRESS: &str = r#"an e-mail address such as "ops@msp.example", without a display name"#;

/// How much is logged.
const LEVEL: &str =
    r#""error", "warn", "info", "debug" or "trace", or a filter such as "info,hyper=debug""#;

/// Where a secret is, never the secret.
const SOURCE: &str = r#"where the secret is: { file = "/path" }, { env = "NAME" }, { credential = "NAME" } or { command = ["program", "argument"] }; the secret itself never stands in this file"#;

/// Keys of tables that say where a secret is, and what to write there.
pub const SOURCE_KEYS: &[(&str, &str)] = &[
    (
        "file",
        r#"the path of a file, such as "/etc/lockwatch/secrets/acme-email2at""#,
    ),
    (
        "env",
        r#"the name of an environment variable, such as "ACME_SECRET""#,
    ),
    (
        "credential",
        r#"the name of a systemd credential, such as "acme-secret", without a slash"#,
    ),
    (
        "command",
        r#"a list of a program (a name in PATH or an absolute path) and its arguments, none of them empty, such as ["pass", "show", "acme"]"#,
    ),
];

/// The keys that hold such a table.
pub const SOURCES: &[&str] = &[
    "email.smtp.password",
    "web.token",
    "users.secret",
    "users.integration_code",
];

/// Keys that are planned: refused with their own words, for ignoring them would be a silent change of behaviour.
pub const LATER: &[&str] = &[
    "store.takeover_after",
    "history",
    "quota",
    "diagnose",
    "web.tls",
    "users.requires",
    "users.manual",
];

/// What a key is to this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be there.
    Known,
    /// It will be.
    Later,
    /// It means nothing.
    Unknown,
}

/// What the key at `pattern` (a path without indices) is.
pub fn standing(pattern: &[&str]) -> Standing {
    let is = |path: &str| path.split('.').eq(pattern.iter().copied());
    let below = |path: &str| {
        pattern
            .split_last()
            .is_some_and(|(_, up)| path.split('.').eq(up.iter().copied()))
    };
    let last = pattern.last().copied().unwrap_or_default();
    if pattern.is_empty()
        || KEYS.iter().any(|(path, _)| is(path))
        || below("users.labels")
        || (in_source(pattern) && SOURCE_KEYS.iter().any(|(name, _)| *name == last))
    {
        Standing::Known
    } else if LATER.iter().any(|path| is(path)) {
        Standing::Later
    } else {
        Standing::Unknown
    }
}

/// Whether `pattern` is a key inside a table that says where a secret is.
pub fn in_source(pattern: &[&str]) -> bool {
    let Some((_, up)) = pattern.split_last() else {
        return false;
    };
    SOURCES
        .iter()
        .any(|path| path.split('.').eq(up.iter().copied()))
}

/// Whether nothing but a value may stand at `pattern`.
pub fn is_leaf(pattern: &[&str]) -> bool {
    let path = pattern.join(".");
    !SOURCES.contains(&path.as_str())
        && path != "users.labels"
        && KEYS.iter().any(|(key, _)| *key == path)
        && !KEYS.iter().any(|(key, _)| {
            key.strip_prefix(&path)
                .is_some_and(|rest| rest.starts_with('.'))
        })
}

/// Whether a list of texts belongs at `pattern`.
pub fn is_list(pattern: &[&str]) -> bool {
    standing(pattern) == Standing::Known && write(pattern).starts_with("a list of")
}

/// What to write as an element of the list at `pattern`.
pub fn write_element(pattern: &[&str]) -> &'static str {
    ELEMENTS
        .iter()
        .find(|(path, _)| path.split('.').eq(pattern.iter().copied()))
        .map_or_else(|| write(pattern), |(_, write)| write)
}

/// What to write at `pattern`, or at the nearest key above it.
pub fn write(pattern: &[&str]) -> &'static str {
    let last = pattern.last().copied().unwrap_or_default();
    let of_source = SOURCE_KEYS.iter().find(|(name, _)| *name == last);
    if let Some((_, write)) = of_source.filter(|_| in_source(pattern)) {
        return write;
    }
    (1..=pattern.len())
        .rev()
        .find_map(|length| {
            let up = &pattern[..length];
            KEYS.iter()
                .find(|(path, _)| path.split('.').eq(up.iter().copied()))
        })
        .map_or("a table", |(_, write)| write)
}

/// The names of the keys directly in the table at `table`.
pub fn children(table: &[&str]) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |(path, _)| {
        let (up, name) = path.rsplit_once('.').unwrap_or(("", path));
        let steps = up.split('.').filter(|step| !step.is_empty());
        steps.eq(table.iter().copied()).then_some(name)
    })
}

/// Longer than any key of ours with all that may be wrong with it.
const LONGEST: usize = 64;

/// The key of the table at `table` that `name` was probably meant to be, at most two edits or a third of it away.
pub fn nearest(table: &[&str], name: &str) -> Option<&'static str> {
    // Nobody mistypes by a line, and likeness costs the product of the lengths.
    if name.len() > LONGEST {
        return None;
    }
    let far = (name.chars().count() / 3).clamp(1, 3);
    let names = children(table);
    let names: Vec<_> = if in_source(&[table, &[name]].concat()) {
        SOURCE_KEYS.iter().map(|(name, _)| *name).collect()
    } else {
        names.collect()
    };
    let lower = name.to_lowercase().replace('-', "_");
    names
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, known), known))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The tables in which a key called `name` would be known.
pub fn homes(name: &str) -> Vec<&'static str> {
    KEYS.iter()
        .filter_map(|(path, _)| match path.rsplit_once('.') {
            Some((table, key)) if key == name => Some(table),
            None if *path == name => Some(""),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_standing() {
        for (pattern, expected) in [
            (&["email", "smtp", "host"][..], Standing::Known),
            (&["users", "secret", "file"], Standing::Known),
            (&["users", "secret", "path"], Standing::Unknown),
            (&["users", "labels", "anything"], Standing::Known),
            (&["users.labels"], Standing::Unknown),
            (&["history"], Standing::Later),
            (&["web", "tls"], Standing::Later),
            (&["nonsense"], Standing::Unknown),
        ] {
            assert_eq!(standing(pattern), expected, "{pattern:?}");
        }
        for path in LATER {
            let pattern: Vec<_> = path.split('.').collect();
            assert_eq!(standing(&pattern), Standing::Later, "{path}");
        }
    }

    #[test]
    fn misspelt_keys_find_their_neighbour() {
        for (table, name, expected) in [
            (&["schedule"][..], "intervall", Some("interval")),
            (&["email"], "copy-operator", Some("copy_operator")),
            (&["users"], "secert", Some("secret")),
            (&["users", "secret"], "fil", Some("file")),
            (&[], "user", Some("users")),
            (&["web"], "completely_other", None),
        ] {
            assert_eq!(nearest(table, name), expected, "{name}");
        }
        assert_eq!(homes("max_rejections"), ["lockout"]);
        assert_eq!(homes("include"), [""]);
    }

    #[test]
    fn what_to_write_comes_from_the_key_or_the_one_above() {
        assert_eq!(write(&["users", "secret"]), SOURCE);
        assert!(write(&["users", "secret", "file"]).contains("the path"));
        assert!(write(&["users", "labels", "file"]).contains("at most 32"));
        assert!(write_element(&["email", "to"]).starts_with("an e-mail"));
        assert!(write(&["email", "to"]).contains("list"));
        assert!(is_leaf(&["email", "to"]));
        for (pattern, expected) in [
            (&["include"][..], true),
            (&["lockout", "retry_held_after"], true),
            (&["web", "token", "command"], true),
            (&["web", "token", "file"], false),
            (&["web", "listen"], false),
            (&["users"], false),
            (&["users", "labels", "command"], false),
        ] {
            assert_eq!(is_list(pattern), expected, "{pattern:?}");
        }
        assert!(!is_leaf(&["email", "smtp"]));
        assert!(!is_leaf(&["users", "secret"]));
    }
}
