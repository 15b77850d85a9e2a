//! `/metrics` as a scrape sees it.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "support/metric_names.rs"]
mod metric_names;
#[path = "support/users.rs"]
mod users;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lockwatch::{
    attempt::Hold,
    board::Entry,
    diagnose::{Diagnosis, Reason},
    incident::{Incident, Phase, State},
    metrics::{
        Metrics,
        samples::Samples,
        users::{FAMILIES, TOTALS},
    },
    observation::{Probed, QueryFinding, Unclear, Zone, ZoneFinding},
    record::{Budget, ProbeRecord},
    store::mails::Waiting,
    user::Known,
};
use prometheus::TextEncoder;
use users::{at, entry, user};

fn zone(name: &str) -> Option<Zone> {
    Some(Zone {
        name: name.to_owned(),
        api: "https://webservices2.autotask.net/atservicesrest/"
            .parse()
            .unwrap(),
    })
}

fn probe(success: bool, outcome: &str, millis: u64) -> Option<ProbeRecord> {
    Some(ProbeRecord {
        success,
        outcome: outcome.to_owned(),
        took: Duration::from_millis(millis),
    })
}

fn shown(reason: Reason, phase: Phase, up: Option<bool>) -> State {
    State {
        phase,
        verdict: reason.verdict(),
        reason,
        since: at("2026-11-21T14:04:00Z"),
        up,
        unclear_since: None,
        closed: None,
    }
}

fn open(reason: Reason) -> Phase {
    Phase::Open(Incident::new(
        "1a2b3c",
        at("2026-11-21T14:04:00Z"),
        at("2026-11-21T14:05:00Z"),
        &Diagnosis::new(reason, Vec::new()),
    ))
}

/// A user that works, one that fails, one that is held, and one that was never checked.
fn board() -> Vec<Arc<Entry>> {
    let now = at("2026-11-21T14:00:00Z");
    let mut works = entry(user("works"), now);
    works.record.state = shown(Reason::Ok, Phase::Clear, Some(true));
    works.record.zone = zone("AE02");
    works.record.last_check = Some(at("2026-11-21T14:05:00.250Z"));
    works.record.last_accepted = works.record.last_check;
    works.record.zone_probe = probe(true, "found", 40);
    works.record.query_probe = probe(true, "accepted", 80);

    let mut fails = entry(user("fails"), now);
    fails.record.state = shown(
        Reason::CredentialRejected,
        open(Reason::CredentialRejected),
        Some(false),
    );
    fails.record.zone = zone("AE02");
    fails.record.last_check = Some(at("2026-11-21T14:05:01Z"));
    fails.record.zone_probe = probe(true, "found", 45);
    fails.record.query_probe = probe(false, "rejected", 75);
    fails.record.budget = Budget {
        rejections: 1,
        attempts_left: 1,
        changed_at: Some(at("2026-11-21T13:59:00Z")),
        ..Budget::default()
    };

    let mut held = entry(user("held"), now);
    held.record.state = shown(Reason::Timeout, open(Reason::LockedOut), Some(false));
    held.record.zone = zone("EU1");
    held.record.last_check = Some(at("2026-11-21T14:05:02Z"));
    held.record.last_accepted = Some(at("2026-11-21T13:50:00Z"));
    held.record.zone_probe = probe(false, "timeout", 10_000);
    held.record.query_probe = probe(false, "timeout", 10_000);
    held.record.budget = Budget {
        rejections: 2,
        held: Some(Hold::Rejections),
        ..Budget::default()
    };

    let mut new = entry(user("new"), now);
    Arc::get_mut(&mut new.user).unwrap().integration = None;
    let entries = [fails, held, new, works];
    entries.into_iter().map(Arc::new).collect()
}

fn metrics() -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::new().unwrap());
    metrics.reloaded(&"ab".repeat(32), at("2026-11-21T13:00:00Z"));
    metrics
}

fn text(metrics: &Arc<Metrics>, entries: &[Arc<Entry>]) -> String {
    let parts = Arc::clone(metrics).parts(entries.to_vec());
    String::from_utf8(parts.flat_map(Result::unwrap).collect()).unwrap()
}

/// `name`, its labels as they stand, and its value.
fn samples(text: &str) -> Vec<(&str, &str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line| -> (&str, &str, f64) {
        let (series, value) = str::rsplit_once(line, ' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        (name, labels.trim_end_matches('}'), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

fn families(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|rest| rest.split(' ').next().unwrap()).collect()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let line = line.unwrap_or_else(|| panic!("{series} is not in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_scrape() {
    let metrics = metrics();
    metrics.zone_probed(&Probed {
        finding: ZoneFinding::Unknown,
        took: Duration::from_millis(40),
    });
    metrics.query_probed(&Probed {
        finding: QueryFinding::Rejected,
        took: Duration::from_millis(80),
    });
    metrics.began(0.02);
    metrics.noticed("locked_out", "owed");
    metrics.outbox(&Waiting {
        pending: 1,
        oldest: Some(at("2026-11-21T14:05:00Z")),
        next: None,
    });
    metrics.dead_letters(3);
    let text = text(&metrics, &board());
    let machine = ["process_", "lockwatch_build_info"];
    let of_the_machine = |line: &&str| !machine.iter().any(|name| line.contains(name));
    let text: Vec<&str> = text.lines().filter(of_the_machine).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn every_family_says_what_it_is() {
    let text = text(&metrics(), &board());
    for family in families(&text) {
        let help = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("# HELP {family} ")));
        let help = help.unwrap_or_else(|| panic!("{family} has no HELP"));
        assert!(help.len() > 10, "{family}: {help}");
        assert!(!help.contains('@'), "{family}: {help}");
    }
    for (name, ..) in samples(&text) {
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        let families = families(&text);
        assert!(families.contains(name) || families.contains(base), "{name}");
    }
}

#[test]
fn everything_promised_is_there() {
    let text = text(&metrics(), &board());
    let families = families(&text);
    for name in metric_names::METRICS {
        assert!(families.contains(name), "{name} is missing");
    }
}

#[test]
fn no_label_holds_an_address() {
    let mut chatty = user("chatty");
    chatty.integration = Some("Email2AT (ask it@acme.example, or \"Jo\"\nJones)".to_owned());
    chatty.tenant = "it@acme.example".to_owned();
    let mut entry = entry(chatty, at("2026-11-21T14:00:00Z"));
    entry.record.zone = zone("who@knows");
    let mut board = board();
    board.push(Arc::new(entry));
    let text = text(&metrics(), &board);
    for (name, labels, _) in samples(&text) {
        assert!(!labels.contains('@'), "{name}{{{labels}}}");
    }
    assert!(
        text.contains(r#"integration="Email2AT (ask or \"Jo\" Jones)""#),
        "{text}"
    );
}

#[test]
fn every_user_has_its_series_from_the_first_scrape_but_no_verdict_before_the_first_answer() {
    let text = text(&metrics(), &board());
    let of = |id: &str| -> BTreeSet<&str> {
        let user = format!("user=\"{id}\"");
        let all = samples(&text).into_iter();
        all.filter(|(_, labels, _)| labels.contains(&user))
            .map(|(name, ..)| name)
            .collect()
    };
    let mut works = of("works");
    assert!(works.remove("autotask_user_up"));
    assert_eq!(of("new"), works);
    assert!(of("fails").contains("autotask_user_failure"));
    assert!(!works.contains("autotask_user_failure"));
}

#[test]
fn one_state_of_each_user_is_true() {
    let text = text(&metrics(), &board());
    for (id, want) in [
        ("works", "healthy"),
        ("fails", "failing"),
        ("held", "unclear"),
        ("new", "unclear"),
    ] {
        let of_user = format!("user=\"{id}\"");
        let states: Vec<(&str, f64)> = samples(&text)
            .into_iter()
            .filter(|(name, labels, _)| *name == "autotask_user_state" && labels.contains(&of_user))
            .map(|(_, labels, value)| (labels, value))
            .collect();
        assert_eq!(states.len(), 7, "{id}: {states:?}");
        let current: Vec<_> = states.iter().filter(|(_, value)| *value > 0.0).collect();
        assert_eq!(current.len(), 1, "{id}: {states:?}");
        assert!(
            current[0].0.contains(&format!("state=\"{want}\"")),
            "{id}: {current:?}"
        );
    }
}

/// Whether it is up and what is left of its budget is not known of a user that is never tried, so there is no number for it.
#[test]
fn a_code_that_the_vendor_holds() {
    let now = at("2026-11-21T14:00:00Z");
    let mut zone_only = entry(user("zone-only"), now);
    Arc::get_mut(&mut zone_only.user).unwrap().known = Known::Nothing;
    zone_only.record.state = shown(Reason::ZoneOnly, Phase::Clear, None);
    zone_only.record.zone_probe = probe(true, "found", 40);
    let mut gone = entry(user("gone"), now);
    gone.user = Arc::clone(&zone_only.user);
    Arc::make_mut(&mut gone.user).id = "gone".to_owned().try_into().unwrap();
    gone.record.state = shown(Reason::UnknownUser, open(Reason::UnknownUser), Some(false));
    gone.record.zone_probe = probe(false, "unknown_user", 40);
    let mut secret = entry(user("secret"), now);
    let source = lockwatch::config::secret::SecretSource::Env("ACME".to_owned());
    Arc::get_mut(&mut secret.user).unwrap().known = Known::Secret(source);
    secret.record.state = shown(Reason::CodeUnverified, Phase::Clear, Some(true));
    secret.record.zone_probe = probe(true, "found", 40);
    secret.record.query_probe = probe(true, "integration_code_invalid", 80);
    let text = text(&metrics(), &[gone, secret, zone_only].map(Arc::new));
    let told =
        |line: &&str| line.contains("user=\"") && !line.ends_with("\"} 0") || line.contains("_up{");
    let lines: Vec<&str> = text.lines().filter(told).collect();
    insta::assert_snapshot!("vendor_held", lines.join("\n"));
    let of_nothing = ["rejections", "attempts_left", "held", "credential_changed"];
    for user in ["zone-only", "gone"] {
        for name in of_nothing {
            let series = |(family, labels, _): &(&str, &str, f64)| {
                family.starts_with(&format!("autotask_user_{name}")) && labels.contains(user)
            };
            assert!(!samples(&text).iter().any(series), "{name} of {user}");
        }
        assert!(!text.contains(&format!("{{user=\"{user}\",probe=\"query\"}}")));
    }
}

#[test]
fn a_removed_user_leaves_nothing_behind() {
    let metrics = metrics();
    let board = board();
    let before = text(&metrics, &board);
    assert!(before.contains("\"held\"") && before.contains("\"EU1\""));
    let left: Vec<_> = board
        .into_iter()
        .filter(|entry| entry.user.id.as_str() != "held")
        .collect();
    let after = text(&metrics, &left);
    assert!(!after.contains("\"held\""), "{after}");
    assert!(!after.contains("\"EU1\""), "nor does its zone");
    assert_eq!(value(&after, "lockwatch_users"), 3.0);
}

#[test]
fn a_daemon_without_users_can_be_scraped() {
    let text = text(&metrics(), &[]);
    assert_eq!(value(&text, "lockwatch_users"), 0.0);
    assert_eq!(value(&text, "lockwatch_incidents_open"), 0.0);
    assert!(!text.contains("user=\""));
}

#[test]
fn every_outcome_is_counted_from_zero() {
    let metrics = metrics();
    let before = text(&metrics, &[]);
    let unclear = [
        Unclear::Timeout { connecting: true },
        Unclear::Dns,
        Unclear::Connect,
        Unclear::Reset,
        Unclear::Tls {
            cause: String::new(),
        },
        Unclear::Outage { status: 503 },
        Unclear::Maintenance,
        Unclear::RateLimited { retry_after: None },
        Unclear::UnexpectedAnswer {
            status: 200,
            what: String::new(),
        },
    ];
    let took = Duration::from_millis(1);
    for what in &unclear {
        let finding = ZoneFinding::Unclear(what.clone());
        metrics.zone_probed(&Probed { finding, took });
        let finding = QueryFinding::Unclear(what.clone());
        metrics.query_probed(&Probed { finding, took });
    }
    let zone = zone("AE02").unwrap();
    let untrusted = ZoneFinding::Untrusted {
        host: String::new(),
        why: String::new(),
    };
    for finding in [ZoneFinding::Found(zone), ZoneFinding::Unknown, untrusted] {
        metrics.zone_probed(&Probed { finding, took });
    }
    for finding in [
        QueryFinding::Accepted,
        QueryFinding::Rejected,
        QueryFinding::Locked,
        QueryFinding::IntegrationCodeInvalid,
        QueryFinding::PermissionDenied,
        QueryFinding::RateLimited { retry_after: None },
        QueryFinding::Refused { errors: Vec::new() },
    ] {
        metrics.query_probed(&Probed { finding, took });
    }
    let after = text(&metrics, &[]);
    let counted = |text: &str| -> Vec<(String, f64)> {
        let all = samples(text).into_iter();
        all.filter(|(name, ..)| *name == "autotask_probes_total")
            .map(|(_, labels, value)| (labels.to_owned(), value))
            .collect()
    };
    for ((was, zero), (is, count)) in counted(&before).iter().zip(counted(&after)) {
        assert_eq!(was, &is, "a series that was not there from the start");
        assert_eq!(*zero, 0.0, "{was}");
        assert!(count > 0.0, "{is} is never counted");
    }
    assert_eq!(counted(&before).len(), counted(&after).len());
}

#[test]
fn a_zone_is_reachable_while_any_of_its_users_has_answers() {
    let answered = [
        "accepted",
        "rejected",
        "rate_limited",
        "maintenance",
        "unexpected_answer",
    ];
    let silent = ["timeout", "dns", "connect", "tls", "outage"];
    let with = |outcome: &str| {
        let mut entry = entry(user("acme"), at("2026-11-21T14:00:00Z"));
        entry.record.zone = zone("AE02");
        entry.record.query_probe = probe(false, outcome, 5);
        Arc::new(entry)
    };
    let reachable = |entries: &[Arc<Entry>]| {
        let text = text(&metrics(), entries);
        value(&text, "autotask_zone_reachable{autotask_zone=\"AE02\"}")
    };
    for outcome in answered {
        assert_eq!(reachable(&[with(outcome)]), 1.0, "{outcome}");
    }
    for outcome in silent {
        assert_eq!(reachable(&[with(outcome)]), 0.0, "{outcome}");
        assert_eq!(reachable(&[with(outcome), with("accepted")]), 1.0);
        assert_eq!(reachable(&[with("accepted"), with(outcome)]), 1.0);
    }
}

#[test]
fn a_new_configuration_replaces_the_hash_of_the_old() {
    let metrics = metrics();
    metrics.reloaded("cd", at("2026-11-21T15:00:00Z"));
    let good = text(&metrics, &[]);
    assert_eq!(value(&good, "lockwatch_config_hash{sha256=\"cd\"}"), 1.0);
    assert!(!good.contains("\"abab"), "{good}");
    metrics.reload_refused();
    let refused = text(&metrics, &[]);
    assert_eq!(
        value(&refused, "lockwatch_config_last_reload_successful"),
        0.0
    );
    assert_eq!(value(&refused, "lockwatch_config_hash{sha256=\"cd\"}"), 1.0);
    let name = "lockwatch_config_last_reload_success_timestamp_seconds";
    assert_eq!(value(&refused, name), value(&good, name));
}

/// The text of many users is made in parts; whoever reads it must not see where they meet.
#[test]
fn the_text_of_many_users_is_as_one() {
    let mut entries: Vec<_> = (0..1_200)
        .map(|nth| {
            let id = format!("user-{nth:04}");
            let mut entry = entry(user(&id), at("2026-11-21T14:00:00Z"));
            let user = Arc::get_mut(&mut entry.user).unwrap();
            // Some have a label that others have not, and some have no samples of what others have.
            user.integration = (nth % 3 != 0).then(|| format!("Sync {nth} of ops@acme.example"));
            if nth % 7 == 0 {
                user.known = Known::Nothing;
            }
            Arc::new(entry)
        })
        .collect();
    // Its family begins in the last part.
    let fails = &mut Arc::get_mut(&mut entries[1_199]).unwrap().record.state;
    *fails = shown(
        Reason::CredentialRejected,
        open(Reason::CredentialRejected),
        Some(false),
    );
    let whole = text(&metrics(), &entries);
    let families = FAMILIES.iter().chain(&TOTALS);
    let at_once = families.map(|family| family.project(&entries, &mut Samples::default()).clone());
    let at_once: Vec<_> = at_once.filter(|one| !one.get_metric().is_empty()).collect();
    let at_once = TextEncoder::new().encode_to_string(&at_once).unwrap();
    assert!(whole.starts_with(&at_once), "{whole}");
    assert!(whole.contains("integration=\"Sync 1199 of\"") && !whole.contains('@'));

    let mut heads: Vec<_> = whole
        .lines()
        .filter(|line| line.starts_with("# TYPE"))
        .collect();
    let all = heads.len();
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), all, "each family has one head");
    let of = |family: &str| {
        let all = samples(&whole).into_iter();
        all.filter(|(name, ..)| *name == family).count()
    };
    assert_eq!(
        of("autotask_user_attempts_left"),
        1_200 - 1_200_usize.div_ceil(7)
    );
    assert_eq!(of("autotask_user_state"), 1_200 * 7);
    assert_eq!(of("autotask_user_failure"), 1);
}
