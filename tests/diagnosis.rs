//! What every finding of a check means, in the light of what is known from before.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "support/table.rs"]
mod table;

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::{
    attempt::{Hold, Outcome, Refusal, Waiting},
    diagnose::{Cause, CodeSent, Diagnosis, History, Reason, Verdict, diagnose},
    observation::{
        Fleet, Mangled, Observation, Probed, QueryFinding, QueryStep, Unclear, Zone, ZoneFinding,
    },
};
use proptest::prelude::*;
use table::rows;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-21T14:05:00Z")
}

fn unclear(word: &str) -> Option<Unclear> {
    Some(match word {
        "timeout" => Unclear::Timeout { connecting: false },
        "no connection in time" => Unclear::Timeout { connecting: true },
        "dns" => Unclear::Dns,
        "connect" => Unclear::Connect,
        "tls" => Unclear::Tls {
            cause: "certificate expired".to_owned(),
        },
        "proxy" => Unclear::Proxy {
            cause: "tunnel error: proxy authorization required".to_owned(),
        },
        "reset" => Unclear::Reset,
        "not http" => Unclear::NotHttp,
        "outage" => Unclear::Outage { status: 503 },
        "maintenance" => Unclear::Maintenance,
        "rate limit" => Unclear::RateLimited { retry_after: None },
        "unexpected" => Unclear::UnexpectedAnswer {
            status: 200,
            what: "no items".to_owned(),
        },
        _ => return None,
    })
}

fn zone(word: &str) -> ZoneFinding {
    match word {
        "found" => ZoneFinding::Found(Zone {
            name: "AE02".to_owned(),
            api: "https://webservices2.autotask.net/atservicesrest/"
                .parse()
                .unwrap(),
        }),
        "unknown" => ZoneFinding::Unknown,
        "untrusted" => ZoneFinding::Untrusted {
            host: "autotask.example".to_owned(),
            why: "it matches no host of autotask.allowed_hosts".to_owned(),
        },
        other => ZoneFinding::Unclear(unclear(other).expect("a finding of the zone probe")),
    }
}

fn finding(word: &str) -> Option<QueryFinding> {
    Some(match word {
        "accepted" => QueryFinding::Accepted,
        "401" => QueryFinding::Rejected,
        "locked" => QueryFinding::Locked,
        "code invalid" => QueryFinding::IntegrationCodeInvalid,
        "denied" => QueryFinding::PermissionDenied,
        "threshold" => QueryFinding::RateLimited { retry_after: None },
        "refused" => QueryFinding::Refused {
            errors: vec!["Value cannot be null.".to_owned()],
        },
        other => QueryFinding::Unclear(unclear(other)?),
    })
}

fn query(word: &str, mangled: Vec<Mangled>) -> QueryStep {
    let held = |why| QueryStep::NotPermitted(Refusal::Held { why });
    let wait = |why| {
        QueryStep::NotPermitted(Refusal::Wait {
            until: at("2026-11-21T14:08:00Z"),
            why,
        })
    };
    match word {
        "" => QueryStep::NoZone,
        "no store" => QueryStep::NoStore,
        "unreadable" => QueryStep::SecretUnreadable("the secret cannot be read".to_owned()),
        "held" => held(Hold::Rejections),
        "held: username" => held(Hold::Username),
        "held: unanswered" => held(Hold::Unanswered),
        "held: new ones" => held(Hold::NewCredentials),
        "wait: activation" => wait(Waiting::Activation),
        "wait: in flight" => wait(Waiting::InFlight),
        "wait: operator" => wait(Waiting::Operator),
        "wait: hour" => wait(Waiting::WithoutCode),
        "vendor-held" => QueryStep::VendorHeld,
        "storm" => QueryStep::NotPermitted(Refusal::Storm { since: now() }),
        "silent" => QueryStep::ZoneSilent(Unclear::Outage { status: 503 }),
        "needs force" => QueryStep::NotPermitted(Refusal::NeedsForce),
        word => QueryStep::Made {
            probed: Probed {
                finding: finding(word).expect("a finding of the query probe"),
                took: Duration::from_millis(80),
            },
            from: None,
            mangled,
        },
    }
}

fn history(words: &str) -> History {
    let mut history = History {
        attempts_left: 2,
        ..History::default()
    };
    for word in words.split(", ").filter(|word| !word.is_empty()) {
        match word {
            "worked" => {
                history.credential_accepted = Some(at("2026-11-21T14:00:00Z"));
                history.user_accepted = history.credential_accepted;
            }
            "another worked" => {
                history.user_accepted = Some(at("2026-11-20T09:00:00Z"));
                history.credential_changed = Some(at("2026-11-21T13:59:00Z"));
            }
            "placeholder" => history.code = CodeSent::Placeholder,
            "verified" => {
                history.credential_verified = Some(at("2026-11-21T14:01:00Z"));
                history.user_verified = history.credential_verified;
                history.last_answer = Some(Outcome::CodeRefused);
            }
            "another verified" => {
                history.user_verified = Some(at("2026-11-20T09:00:00Z"));
                history.credential_changed = Some(at("2026-11-21T13:59:00Z"));
            }
            "then asked again" => history.last_answer = None,
            "new" => history.activating_until = Some(at("2026-11-21T14:08:00Z")),
            "new no more" => history.activating_until = Some(now()),
            "refused" => history.rejections = 1,
            "twice by us" => history.rejections_of_username = 2,
            "often by us" => history.rejections_of_username = 3,
            "spent" => history.attempts_left = 0,
            other => panic!("nothing is known as {other}"),
        }
    }
    history
}

fn observed(zone_word: &str, query_word: &str, mangled: Vec<Mangled>) -> Observation {
    Observation {
        at: now(),
        zone: Probed {
            finding: zone(zone_word),
            took: Duration::from_millis(40),
        },
        query: query(query_word, mangled),
        fleet: Fleet::default(),
    }
}

/// `failing credential_rejected: OrdinaryUser (last word)`, or `no news`.
fn told(diagnosis: Option<&Diagnosis>) -> String {
    let Some(diagnosis) = diagnosis else {
        return "no news".to_owned();
    };
    let mut text = format!(
        "{} {}",
        diagnosis.verdict.as_str(),
        diagnosis.reason.as_str()
    );
    if let Some(first) = diagnosis.causes.first() {
        text = format!("{text}: {:?}", first.cause);
    }
    for (flag, word) in [
        (diagnosis.certain, "certain"),
        (diagnosis.last_word, "last word"),
        (diagnosis.remembered, "remembered"),
    ] {
        if flag {
            text = format!("{text}, {word}");
        }
    }
    text
}

#[test]
fn every_finding_has_its_meaning() {
    let table = rows(
        "
        found       | accepted              |                | healthy ok
        found       | accepted              | new            | healthy ok
        found       | 401                   |                | failing credential_rejected: OrdinaryUser
        found       | 401                   | spent          | failing credential_rejected: OrdinaryUser, last word
        found       | 401                   | another worked | failing credential_rejected: NewSecret
        found       | 401                   | another worked, twice by us | failing credential_rejected: NewSecret
        found       | 401                   | another worked, often by us | failing credential_rejected: LockedOut
        found       | 401                   | often by us    | failing credential_rejected: LockedOut
        found       | 401                   | worked         | locked_out locked_out: LockedOut
        found       | 401                   | worked, spent  | locked_out locked_out: LockedOut, last word
        found       | 401                   | new            | unclear activating
        found       | 401                   | new, spent     | unclear activating
        found       | 401                   | new, worked    | locked_out locked_out: LockedOut
        found       | 401                   | new no more    | failing credential_rejected: OrdinaryUser
        found       | locked                |                | locked_out locked_out: LockedOut, certain
        found       | locked                | new            | locked_out locked_out: LockedOut, certain
        found       | code invalid          | worked         | failing integration_code_invalid: WrongIntegrationCode
        found       | denied                | worked         | failing permission_denied: MissingPermission
        found       | refused               | worked         | failing api_refused: ApiRefusal
        found       | threshold             | worked         | unclear rate_limited
        found       | rate limit            | worked         | unclear rate_limited
        found       | timeout               | worked, spent  | unclear timeout
        found       | no connection in time | worked, spent  | unclear timeout
        found       | dns                   | worked, spent  | unclear dns
        found       | connect               | worked, spent  | unclear connect
        found       | reset                 | worked, spent  | unclear connect
        found       | proxy                 | worked, spent  | unclear connect
        found       | not http              | worked, spent  | unclear unexpected_answer
        found       | tls                   | worked, spent  | unclear tls
        found       | outage                | worked, spent  | unclear outage
        found       | maintenance           | worked, spent  | unclear maintenance
        found       | unexpected            | worked, spent  | unclear unexpected_answer
        found       | unreadable            | worked         | failing secret_unreadable: UnreadableSecret
        found       | vendor-held           |                | zone_only zone_only
        found       | vendor-held           | new            | zone_only zone_only
        found       | vendor-held           | worked, spent  | zone_only zone_only
        unknown     | vendor-held           |                | failing unknown_user: UsernameUnknown
        unknown     | vendor-held           | new            | unclear activating
        untrusted   | vendor-held           |                | failing zone_untrusted: UntrustedZone
        timeout     | vendor-held           |                | unclear timeout
        found       | code invalid          | placeholder    | healthy code_unverified
        found       | code invalid          | placeholder, new | healthy code_unverified
        unknown     | code invalid          | placeholder    | healthy code_unverified
        found       | accepted              | placeholder    | healthy ok
        found       | 401                   | placeholder    | failing credential_rejected: OrdinaryUser
        found       | 401                   | placeholder, new | unclear activating
        found       | 401                   | placeholder, verified | locked_out locked_out: LockedOut
        found       | 401                   | placeholder, new, verified | locked_out locked_out: LockedOut
        found       | 401                   | placeholder, another verified | failing credential_rejected: NewSecret
        found       | 401                   | verified       | locked_out locked_out: LockedOut
        found       | locked                | placeholder    | locked_out locked_out: LockedOut, certain
        found       | denied                | placeholder    | failing permission_denied: MissingPermission
        found       | refused               | placeholder    | failing api_refused: ApiRefusal
        found       | threshold             | placeholder    | unclear rate_limited
        found       | outage                | placeholder    | unclear outage
        found       | unreadable            | placeholder    | failing secret_unreadable: UnreadableSecret
        found       | held                  | placeholder, verified, spent | locked_out locked_out: LockedOut, last word, remembered
        found       | wait: hour            | placeholder    | no news
        found       | wait: hour            | placeholder, worked | no news
        found       | wait: hour            | placeholder, verified | healthy code_unverified
        found       | wait: hour            | placeholder, verified, then asked again | no news
        unknown     | wait: hour            | placeholder, verified | failing unknown_user: UsernameUnknown
        timeout     |                       | placeholder, verified | unclear timeout
        found       | held                  | worked, spent  | locked_out locked_out: LockedOut, last word, remembered
        found       | held                  | spent          | failing credential_rejected: OrdinaryUser, last word, remembered
        found       | held: username        | another worked | failing credential_rejected: NewSecret, last word, remembered
        found       | held: unanswered      | worked, spent  | no news
        found       | held: new ones        | another worked | no news
        found       | wait: activation      | new            | unclear activating
        found       | wait: in flight       | worked         | no news
        found       | wait: operator        | worked         | no news
        found       | needs force           | worked         | no news
        found       | no store              | worked         | no news
        unknown     |                       |                | failing unknown_user: UsernameUnknown
        unknown     |                       | new            | unclear activating
        unknown     | accepted              | worked         | healthy ok
        unknown     | 401                   | worked, spent  | failing unknown_user: UsernameUnknown
        unknown     | 401                   | new            | unclear activating
        unknown     | locked                | worked         | locked_out locked_out: LockedOut, certain
        unknown     | denied                | worked         | failing permission_denied: MissingPermission
        unknown     | threshold             | worked         | unclear rate_limited
        unknown     | timeout               | worked         | unclear timeout
        unknown     | outage                | worked         | unclear outage
        unknown     | held                  | worked, spent  | failing unknown_user: UsernameUnknown
        unknown     | no store              | worked         | failing unknown_user: UsernameUnknown
        untrusted   |                       | worked         | failing zone_untrusted: UntrustedZone
        untrusted   |                       | new            | failing zone_untrusted: UntrustedZone
        timeout     |                       | worked         | unclear timeout
        dns         |                       | worked         | unclear dns
        connect     |                       | worked         | unclear connect
        reset       |                       | worked         | unclear connect
        proxy       |                       | worked         | unclear connect
        not http    |                       | new            | unclear unexpected_answer
        tls         |                       | worked         | unclear tls
        outage      |                       | worked         | unclear outage
        maintenance |                       | worked         | unclear maintenance
        rate limit  |                       | worked         | unclear rate_limited
        unexpected  |                       | new            | unclear unexpected_answer
        ",
    );
    for [zone, query, known, want] in table {
        let got = diagnose(&observed(zone, query, Vec::new()), &history(known));
        assert_eq!(told(got.as_ref()), want, "{zone} | {query} | {known}");
        if let Some(got) = got {
            assert_eq!(got.verdict, got.reason.verdict(), "{zone} | {query}");
            assert!(!got.evidence.is_empty(), "{zone} | {query}");
            for sentence in &got.evidence {
                assert!(sentence.ends_with('.'), "{sentence}");
            }
        }
    }
}

/// What others' checks say is known by the words of the second column.
#[test]
fn what_befalls_many_is_nobodys_fault() {
    let table = rows(
        "
        found   | 401    | storm   | worked        | unclear auth_outage
        found   | 401    | storm   | worked, spent | unclear auth_outage
        found   | 401    | storm   |               | failing credential_rejected: OrdinaryUser
        found   | locked | storm   | worked        | locked_out locked_out: LockedOut, certain
        found   | denied | storm   | worked        | failing permission_denied: MissingPermission
        found   | held   | storm   | worked, spent | unclear auth_outage
        found   | held   | storm   | spent         | failing credential_rejected: OrdinaryUser, last word, remembered
        found   | storm  | storm   | worked        | no news
        found   | storm  | storm   | worked, refused | unclear auth_outage
        found   | 401    | pending | worked, spent | locked_out locked_out: LockedOut
        found   | held   | pending | worked, spent | no news
        unknown |        | denied  | worked        | unclear outage
        unknown | 401    | denied  | worked        | unclear outage
        unknown | accepted | denied | worked       | healthy ok
        found   | silent |         | worked        | unclear outage
        timeout | accepted |       | worked        | healthy ok
        timeout | 401    |         | worked, spent | unclear timeout
        outage  | 401    |         | worked        | unclear outage
        timeout | denied |         | worked        | failing permission_denied: MissingPermission
        timeout | locked |         | worked        | locked_out locked_out: LockedOut, certain
        ",
    );
    for [zone, query, fleet, known, want] in table {
        let seen = Observation {
            fleet: Fleet {
                denied: usize::from(fleet == "denied") * 2,
                storm: (fleet == "storm").then(now),
                pending: fleet == "pending",
            },
            ..observed(zone, query, Vec::new())
        };
        let got = diagnose(&seen, &history(known));
        assert_eq!(
            told(got.as_ref()),
            want,
            "{zone} | {query} | {fleet} | {known}"
        );
    }
}

#[test]
fn the_ranking_depends_on_what_the_credential_did_before() {
    use Cause::{
        Deactivated, Expired, LockedOut, NewSecret, OrdinaryUser, SecretRegenerated, SecurityLevel,
        TrackingIdentifier, WrongSecret,
    };
    let quotes = vec![Mangled::SurroundingQuotes, Mangled::UnusualLength];
    let never = [
        OrdinaryUser,
        SecurityLevel,
        TrackingIdentifier,
        WrongSecret,
        LockedOut,
        Deactivated,
    ];
    let looks_wrong = [
        WrongSecret,
        OrdinaryUser,
        SecurityLevel,
        TrackingIdentifier,
        LockedOut,
        Deactivated,
    ];
    let worked = [LockedOut, SecretRegenerated, Deactivated, Expired];
    let changed = [NewSecret, LockedOut, Deactivated];
    let table: [(&str, &str, Vec<Mangled>, &[Cause]); 5] = [
        ("never accepted", "", vec![], &never),
        (
            "never accepted, and looks mangled",
            "",
            quotes.clone(),
            &looks_wrong,
        ),
        ("accepted before", "worked", vec![], &worked),
        ("just changed", "another worked", vec![], &changed),
        (
            "just changed, and looks mangled",
            "another worked",
            quotes.clone(),
            &changed,
        ),
    ];
    for (name, known, mangled, want) in table {
        let observation = observed("found", "401", mangled.clone());
        let got = diagnose(&observation, &history(known)).unwrap();
        let causes: Vec<Cause> = got.causes.iter().map(|ranked| ranked.cause).collect();
        assert_eq!(causes, want, "{name}");
        for what in mangled {
            let first = &got.causes[0].speaks_for;
            let said = first.iter().any(|sentence| sentence == what.as_sentence());
            assert!(said, "{name}: {first:?}");
        }
    }
}

#[test]
fn what_speaks_for_a_cause_is_what_was_seen() {
    let got = diagnose(&observed("found", "401", vec![]), &history("worked")).unwrap();
    assert_eq!(
        got.evidence,
        [
            "The zone look-up finds the user in AE02 (webservices2.autotask.net).",
            "The query was answered 401, which Autotask does not explain.",
        ]
    );
    assert_eq!(
        got.causes[0].speaks_for[0],
        "This very credential was accepted at 2026-11-21 14:00 UTC."
    );
    let known = history("another worked");
    let got = diagnose(&observed("found", "401", vec![]), &known).unwrap();
    assert_eq!(
        got.causes[0].speaks_for,
        [
            "The user was accepted at 2026-11-20 09:00 UTC; the credential that lockwatch presents changed at 2026-11-21 13:59 UTC."
        ]
    );
    let got = diagnose(&observed("unknown", "accepted", vec![]), &known).unwrap();
    assert_eq!(
        got.evidence,
        [
            "The zone look-up does not know the username; the zone known from before was asked.",
            "The query was accepted.",
        ]
    );
}

/// Honest about what was not looked at: of a zone alone nothing follows, and of a placeholder's answer little.
#[test]
fn what_is_not_known_is_said() {
    let said = |query: &str, known: &str| {
        let got = diagnose(&observed("found", query, vec![]), &history(known)).unwrap();
        got.evidence.join(" ")
    };
    let zone_only = said("vendor-held", "");
    for words in [
        "proves the username and nothing else",
        "Not known: whether the secret is right, whether the user is locked",
        "what it may read",
    ] {
        assert!(zone_only.contains(words), "{words}: {zone_only}");
    }
    let verified = said("code invalid", "placeholder");
    for words in [
        "a placeholder was sent",
        "Username and secret are good",
        "The code and the permissions are not checked.",
    ] {
        assert!(verified.contains(words), "{words}: {verified}");
    }
    let between = said("wait: hour", "placeholder, verified");
    assert!(
        between.contains("At 2026-11-21 14:01 UTC Autotask answered"),
        "{between}"
    );
    assert!(
        between.contains("again at 2026-11-21 14:08 UTC at the earliest"),
        "{between}"
    );
    let accepted = said("accepted", "placeholder");
    assert!(
        accepted.contains("Autotask did not look at the code"),
        "{accepted}"
    );
    let got = diagnose(&observed("found", "401", vec![]), &history("verified")).unwrap();
    assert_eq!(
        got.causes[0].speaks_for[0],
        "This very credential was found good at 2026-11-21 14:01 UTC, when only the integration code was refused."
    );
}

/// The labels are kept in the store and in people's dashboards.
#[test]
fn every_reason_has_a_label_of_its_own_that_reads_back() {
    let reasons = [
        (Reason::Ok, "ok", Verdict::Healthy),
        (Reason::Suspected, "suspected", Verdict::Unclear),
        (Reason::UnknownUser, "unknown_user", Verdict::Failing),
        (
            Reason::CredentialRejected,
            "credential_rejected",
            Verdict::Failing,
        ),
        (Reason::LockedOut, "locked_out", Verdict::LockedOut),
        (
            Reason::IntegrationCodeInvalid,
            "integration_code_invalid",
            Verdict::Failing,
        ),
        (
            Reason::PermissionDenied,
            "permission_denied",
            Verdict::Failing,
        ),
        (Reason::ApiRefused, "api_refused", Verdict::Failing),
        (Reason::ZoneUntrusted, "zone_untrusted", Verdict::Failing),
        (
            Reason::SecretUnreadable,
            "secret_unreadable",
            Verdict::Failing,
        ),
        (Reason::Activating, "activating", Verdict::Unclear),
        (Reason::RateLimited, "rate_limited", Verdict::Unclear),
        (Reason::Maintenance, "maintenance", Verdict::Unclear),
        (Reason::Outage, "outage", Verdict::Unclear),
        (
            Reason::UnexpectedAnswer,
            "unexpected_answer",
            Verdict::Unclear,
        ),
        (Reason::Timeout, "timeout", Verdict::Unclear),
        (Reason::Dns, "dns", Verdict::Unclear),
        (Reason::Connect, "connect", Verdict::Unclear),
        (Reason::Tls, "tls", Verdict::Unclear),
        (Reason::NeverChecked, "never_checked", Verdict::Unclear),
        (Reason::ZoneOnly, "zone_only", Verdict::ZoneOnly),
        (Reason::CodeUnverified, "code_unverified", Verdict::Healthy),
    ];
    for (position, (reason, label, verdict)) in reasons.into_iter().enumerate() {
        assert_eq!(reason.as_str(), label);
        assert_eq!(reason.verdict(), verdict, "{label}");
        assert_eq!(
            serde_json::to_string(&reason).unwrap(),
            format!("{label:?}")
        );
        // The history in the store holds positions.
        let packed = postcard::to_allocvec(&reason).unwrap();
        assert_eq!(packed, [u8::try_from(position).unwrap()], "{label}");
    }
}

const UNCLEAR: [&str; 12] = [
    "proxy",
    "not http",
    "timeout",
    "no connection in time",
    "dns",
    "connect",
    "tls",
    "reset",
    "outage",
    "maintenance",
    "rate limit",
    "unexpected",
];
const CLEAR: [&str; 7] = [
    "accepted",
    "401",
    "locked",
    "code invalid",
    "denied",
    "threshold",
    "refused",
];
const NOT_MADE: [&str; 12] = [
    "wait: hour",
    "vendor-held",
    "no store",
    "unreadable",
    "held",
    "held: username",
    "held: unanswered",
    "held: new ones",
    "wait: activation",
    "wait: in flight",
    "wait: operator",
    "needs force",
];

fn any_zone() -> impl Strategy<Value = &'static str> {
    let words = [["found", "unknown", "untrusted"].as_slice(), &UNCLEAR].concat();
    prop::sample::select(words)
}

fn any_query() -> impl Strategy<Value = &'static str> {
    prop::sample::select([[""].as_slice(), &CLEAR, &NOT_MADE, &UNCLEAR].concat())
}

fn any_history() -> impl Strategy<Value = History> {
    let time = || {
        prop::option::of((0..2_000_000_000_i64).prop_map(|at| Timestamp::from_second(at).unwrap()))
    };
    (time(), time(), time(), time(), 0..5_u32).prop_map(
        |(
            credential_accepted,
            user_accepted,
            credential_changed,
            activating_until,
            attempts_left,
        )| History {
            credential_accepted,
            user_accepted,
            credential_changed,
            activating_until,
            attempts_left,
            ..History::default()
        },
    )
}

proptest! {
    #[test]
    fn what_is_unclear_blames_nobody(
        zone in any_zone(), query in any_query(), known in any_history()
    ) {
        // While the look-up is away, the zone known from before may say something in words; a 401 says nothing then.
        let silent = UNCLEAR.contains(&query) || NOT_MADE.contains(&query) || query == "rejected";
        let unclear = UNCLEAR.contains(&zone) && (silent || query.is_empty())
            || UNCLEAR.contains(&query) && zone != "untrusted";
        let diagnosis = diagnose(&observed(zone, query, Vec::new()), &known);
        if let Some(diagnosis) = diagnosis && unclear {
            prop_assert_eq!(diagnosis.verdict, Verdict::Unclear);
            prop_assert!(diagnosis.causes.is_empty());
            prop_assert!(!diagnosis.certain && !diagnosis.last_word && !diagnosis.remembered);
        }
    }

    #[test]
    fn a_diagnosis_is_whole_and_always_the_same(
        zone in any_zone(), query in any_query(), known in any_history()
    ) {
        let observation = observed(zone, query, vec![Mangled::Backslash]);
        let diagnosis = diagnose(&observation, &known);
        prop_assert_eq!(&diagnosis, &diagnose(&observation.clone(), &known.clone()));
        let Some(diagnosis) = diagnosis else { return Ok(()) };
        prop_assert_eq!(diagnosis.verdict, diagnosis.reason.verdict());
        let blames = matches!(diagnosis.verdict, Verdict::Failing | Verdict::LockedOut);
        prop_assert_eq!(blames, !diagnosis.causes.is_empty());
        prop_assert!(!(diagnosis.remembered && diagnosis.certain));
        let text = serde_json::to_string(&diagnosis).unwrap();
        prop_assert_eq!(serde_json::from_str::<Diagnosis>(&text).unwrap(), diagnosis);
    }
}
