//! What each answer in `fixtures/answers` means: a status line, headers and a body as they came over the wire.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use lockwatch::{
    autotask::{hosts::AllowedHosts, wire},
    observation::{QueryFinding, Unclear, ZoneFinding},
};

const QUERIES: &[(&str, &str)] = &[
    ("query-cut-off-locked", "outage 500"),
    (
        "query-items-not-rows-locked",
        "unexpected 200: JSON of another shape",
    ),
    ("query-keys-twice", "unexpected 200: JSON of another shape"),
    ("query-rejected-cut-off-locked", "locked"),
    (
        "query-rows-cut-off-locked",
        "unexpected 200: a body that is not JSON",
    ),
    ("query-unknown-fields", "accepted"),
    ("query-accepted", "accepted"),
    ("query-accepted-as-text", "accepted"),
    ("query-accepted-byte-order-mark", "accepted"),
    ("query-accepted-locked-in-a-row", "accepted"),
    ("query-accepted-no-errors", "accepted"),
    ("query-accepted-no-rows", "accepted"),
    ("query-accepted-pascal-case", "accepted"),
    (
        "query-bad-request",
        "refused: Value cannot be null. Parameter name: filters",
    ),
    ("query-bare-array", "unexpected 200: JSON of another shape"),
    ("query-code-invalid", "integration code invalid"),
    ("query-code-invalid-pascal-case", "integration code invalid"),
    ("query-empty", "unexpected 200: an empty body"),
    (
        "query-errors-as-object",
        "unexpected 400: JSON of another shape",
    ),
    (
        "query-errors-as-objects",
        "refused: Unable to find the field",
    ),
    ("query-errors-of-other-types", "outage 500"),
    ("query-forbidden-empty", "permission denied"),
    (
        "query-forbidden-page",
        "unexpected 403: a page instead of JSON",
    ),
    (
        "query-invalid-utf8",
        "unexpected 200: a body that is not JSON",
    ),
    (
        "query-items-created",
        "unexpected 201: JSON of another shape",
    ),
    (
        "query-items-cut-off",
        "unexpected 200: a body that is not JSON",
    ),
    (
        "query-items-not-rows",
        "unexpected 200: JSON of another shape",
    ),
    ("query-items-null", "unexpected 200: JSON of another shape"),
    (
        "query-items-of-another-type",
        "unexpected 200: JSON of another shape",
    ),
    ("query-locked", "locked"),
    ("query-locked-500", "locked"),
    ("query-locked-message", "locked"),
    ("query-locked-page", "maintenance"),
    ("query-locked-text", "locked"),
    ("query-maintenance", "maintenance"),
    (
        "query-nested-too-deep",
        "unexpected 200: a body that is not JSON",
    ),
    ("query-no-content", "unexpected 204: an empty body"),
    ("query-other-json", "unexpected 200: JSON of another shape"),
    ("query-outage-empty", "outage 500"),
    ("query-outage-json", "outage 502"),
    ("query-outage-page", "outage 503"),
    ("query-permission-denied", "permission denied"),
    ("query-permission-denied-403", "permission denied"),
    ("query-quota-text", "rate limited, credential proved"),
    (
        "query-record-locked-by-another",
        "refused: The record is locked by another session.",
    ),
    (
        "query-redirect",
        "unexpected 302: a redirect, which is never followed",
    ),
    ("query-rejected", "rejected"),
    ("query-rejected-page", "rejected"),
    ("query-rejected-with-errors", "rejected"),
    ("query-rejected-with-items", "rejected"),
    (
        "query-thread-threshold",
        "rate limited, credential proved, retry after 30s",
    ),
    (
        "query-thread-threshold-500",
        "rate limited, credential proved",
    ),
    ("query-too-many-bare", "rate limited, retry after 60s"),
    ("query-too-many-page", "rate limited, retry after 60s"),
    (
        "query-unknown-path",
        "unexpected 404: a page instead of JSON",
    ),
];

const ZONE: &str = "found AE02 https://webservices14.autotask.net/ATServicesRest/";

const ZONES: &[(&str, &str)] = &[
    ("zone-byte-order-mark", ZONE),
    ("zone-cut-off-unknown-user", "outage 500"),
    ("zone-empty", "unexpected 200: an empty body"),
    (
        "zone-invalid-utf8",
        "unexpected 200: a body that is not JSON",
    ),
    (
        "zone-keys-twice",
        "untrusted evil.example: its host is not in allowed_hosts",
    ),
    ("zone-unknown-fields", ZONE),
    (
        "zone-url-backslashes",
        "untrusted webservices14.autotask.net: it is written in a way that can be read as another url",
    ),
    (
        "zone-address",
        "untrusted 192.0.2.7: its host is not in allowed_hosts",
    ),
    ("zone-cut-off", "unexpected 200: a body that is not JSON"),
    ("zone-found", ZONE),
    ("zone-found-pascal-case", ZONE),
    (
        "zone-found-without-name",
        "found webservices14.autotask.net https://webservices14.autotask.net/ATServicesRest/",
    ),
    ("zone-found-without-slash", ZONE),
    ("zone-maintenance", "maintenance"),
    (
        "zone-other-errors",
        "unexpected 500: errors that are not known",
    ),
    (
        "zone-other-host",
        "untrusted webservices14.autotask.net.evil.example: its host is not in allowed_hosts",
    ),
    ("zone-outage", "outage 503"),
    (
        "zone-plain-http",
        "untrusted webservices14.autotask.net: it is not https",
    ),
    (
        "zone-redirect",
        "unexpected 302: a redirect, which is never followed",
    ),
    ("zone-script", "untrusted (none): it names no host"),
    ("zone-threshold-text", "rate limited"),
    ("zone-too-many", "rate limited, retry after 7s"),
    ("zone-unauthorized", "unexpected 401: an empty body"),
    ("zone-unknown-user", "unknown user"),
    ("zone-unknown-user-pascal-case", "unknown user"),
    ("zone-url-null", "unexpected 200: JSON of another shape"),
    ("zone-url-number", "unexpected 200: JSON of another shape"),
    (
        "zone-url-relative",
        "unexpected 200: its zone url is not a url",
    ),
];

struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

fn folder() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/answers"
    ))
}

fn fixture(name: &str) -> Answer {
    let path = folder().join(format!("{name}.http"));
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let retry_after = head
        .lines()
        .find_map(|line| line.strip_prefix("Retry-After: "))
        .map(|value| wire::retry_after(value, Timestamp::UNIX_EPOCH).unwrap());
    Answer {
        status,
        retry_after,
        body: bytes[end + 2..].to_vec(),
    }
}

fn after(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| {
        format!(", retry after {}s", wait.as_secs())
    })
}

fn unclear(unclear: &Unclear) -> String {
    match unclear {
        Unclear::Outage { status } => format!("outage {status}"),
        Unclear::Maintenance => "maintenance".into(),
        Unclear::RateLimited { retry_after } => format!("rate limited{}", after(*retry_after)),
        Unclear::UnexpectedAnswer { status, what } => format!("unexpected {status}: {what}"),
        other => format!("{other:?}"),
    }
}

fn query(answer: &Answer) -> String {
    match wire::query_answer(answer.status, &answer.body, answer.retry_after, &[]) {
        QueryFinding::Accepted => "accepted".into(),
        QueryFinding::Rejected => "rejected".into(),
        QueryFinding::Locked => "locked".into(),
        QueryFinding::IntegrationCodeInvalid => "integration code invalid".into(),
        QueryFinding::PermissionDenied => "permission denied".into(),
        QueryFinding::RateLimited { retry_after } => {
            format!("rate limited, credential proved{}", after(retry_after))
        }
        QueryFinding::Refused { errors } => format!("refused: {}", errors.join(" | ")),
        QueryFinding::Unclear(found) => unclear(&found),
    }
}

fn zone(answer: &Answer) -> String {
    let allowed = AllowedHosts::new(vec!["*.autotask.net".into()]);
    match wire::zone_answer(answer.status, &answer.body, answer.retry_after, &allowed) {
        ZoneFinding::Found(zone) => format!("found {} {}", zone.name, zone.api),
        ZoneFinding::Unknown => "unknown user".into(),
        ZoneFinding::Untrusted { host, why } => format!("untrusted {host}: {why}"),
        ZoneFinding::Unclear(found) => unclear(&found),
    }
}

#[test]
fn a_query_answer_means_what_its_body_and_then_its_status_say() {
    for (name, want) in QUERIES {
        assert_eq!(query(&fixture(name)), *want, "{name}");
    }
}

#[test]
fn a_zone_answer_means_what_its_body_and_then_its_status_say() {
    for (name, want) in ZONES {
        assert_eq!(zone(&fixture(name)), *want, "{name}");
    }
}

#[test]
fn every_answer_is_expected_to_mean_something() {
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    files.sort();
    let mut named: Vec<&str> = QUERIES.iter().chain(ZONES).map(|(name, _)| *name).collect();
    named.sort_unstable();
    assert_eq!(files, named);
}
