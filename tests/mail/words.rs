//! What mails say, whole, as snapshots; and what must hold for every mail.

use jiff::Timestamp;
use lockwatch::{
    diagnose::{Cause, Diagnosis, RankedCause, Reason, Verdict},
    notify::{
        Facts, Kind, Matter, Notice,
        merge::Telling,
        message::{self, Mail, test_mail},
    },
};
use url::Url;

/// Notices that nothing is merged into.
pub(crate) fn compose(notices: &[Notice], links: Option<&Url>) -> Mail {
    let tellings: Vec<_> = notices.iter().cloned().map(Telling::alone).collect();
    message::compose(&tellings, links)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn ranked(cause: Cause, speaks_for: &[&str], speaks_against: &[&str]) -> RankedCause {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    RankedCause {
        cause,
        speaks_for: own(speaks_for),
        speaks_against: own(speaks_against),
    }
}

pub(crate) fn diagnosis(reason: Reason, evidence: &[&str], causes: Vec<RankedCause>) -> Diagnosis {
    Diagnosis {
        verdict: if reason == Reason::LockedOut {
            Verdict::LockedOut
        } else {
            Verdict::Failing
        },
        reason,
        certain: false,
        last_word: false,
        remembered: false,
        evidence: evidence.iter().map(|text| (*text).to_owned()).collect(),
        causes,
    }
}

pub(crate) fn facts(user: &str, diagnosis: Diagnosis) -> Facts {
    Facts {
        user: user.into(),
        username: "k3jx7q@acme.example".into(),
        tenant: "acme".into(),
        integration: Some("Email2AT".into()),
        entity: "Companies".into(),
        zone: Some("AE02".into()),
        incident: format!("01hq-{user}"),
        turn: 1,
        since: at("2026-11-22T14:05:12Z"),
        first_since: None,
        reopened: 0,
        before: None,
        at: at("2026-11-22T14:06:15Z"),
        last_accepted: Some(at("2026-11-22T14:00:10Z")),
        diagnosis,
        found: None,
        dropped: false,
        rejections: 2,
        rejections_of_username: 2,
        last_attempt: Some(at("2026-11-22T14:06:15Z")),
        held: true,
        next_attempt: None,
        read_at_start: false,
        host: "mon1".into(),
        from_address: Some("10.0.0.5".into()),
    }
}

pub(crate) fn notice(kind: Kind, facts: Facts) -> Notice {
    Notice {
        id: format!("n-{}", facts.user),
        kind,
        recipient: "it@acme.example".into(),
        created: facts.at,
        matter: Matter::Incident(Box::new(facts)),
    }
}

pub(crate) fn links() -> Url {
    "https://lockwatch.msp.example/".parse().unwrap()
}

/// As a reader sees it.
pub(crate) fn read(mail: &Mail) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text)
}

pub(crate) fn locked_out() -> Facts {
    let causes = vec![
        ranked(
            Cause::LockedOut,
            &[
                "The same credential was accepted at 14:00 UTC.",
                "The zone is found, and others in it work.",
            ],
            &[],
        ),
        ranked(
            Cause::SecretRegenerated,
            &["A new secret makes the old one fail in the same way."],
            &["Nobody changed the secret that lockwatch reads."],
        ),
    ];
    let evidence = [
        "The zone look-up knows the username: zone AE02.",
        "Autotask answered 401 with an empty body at 14:05 and again at 14:06 UTC.",
    ];
    facts(
        "acme-email2at",
        diagnosis(Reason::LockedOut, &evidence, causes),
    )
}

pub(crate) fn never_accepted() -> Facts {
    let causes = vec![
        ranked(
            Cause::OrdinaryUser,
            &["The zone is found and the API refuses: the classic sign."],
            &[],
        ),
        ranked(Cause::SecurityLevel, &[], &[]),
    ];
    Facts {
        last_accepted: None,
        ..facts(
            "acme-new",
            diagnosis(
                Reason::CredentialRejected,
                &["Autotask answered 401 twice."],
                causes,
            ),
        )
    }
}

fn new_mangled_secret() -> Facts {
    let causes = vec![ranked(
        Cause::NewSecret,
        &[
            "The secret changed at 14:03 UTC, and the one before it was accepted.",
            "The new secret begins and ends with a quote.",
            "The new secret has an unusual length.",
        ],
        &[],
    )];
    facts(
        "acme-rmm",
        diagnosis(
            Reason::CredentialRejected,
            &["Autotask answered 401 twice."],
            causes,
        ),
    )
}

pub(crate) fn unknown_user() -> Facts {
    let evidence = ["The zone look-up does not know the username, twice in a row."];
    let causes = vec![ranked(Cause::UsernameUnknown, &[], &[])];
    Facts {
        integration: None,
        zone: None,
        since: at("2026-11-21T23:50:00Z"),
        rejections: 0,
        rejections_of_username: 0,
        held: false,
        last_attempt: None,
        from_address: None,
        next_attempt: None,
        ..facts(
            "beta-sync",
            diagnosis(Reason::UnknownUser, &evidence, causes),
        )
    }
}

pub(crate) fn recovered() -> Facts {
    Facts {
        at: at("2026-11-22T16:15:40Z"),
        held: false,
        rejections: 0,
        rejections_of_username: 0,
        ..locked_out()
    }
}

#[test]
fn a_likely_lockout_says_first_that_nobody_will_notice_the_fix() {
    let mail = compose(&[notice(Kind::LockedOut, locked_out())], Some(&links()));
    insta::assert_snapshot!("locked_out", read(&mail));
}

#[test]
fn a_certain_lockout_has_no_question_mark() {
    let mut facts = locked_out();
    facts.diagnosis.certain = true;
    facts.diagnosis.evidence = vec!["Autotask says: The user account has been locked.".into()];
    facts.diagnosis.causes.truncate(1);
    facts.rejections = 1;
    facts.rejections_of_username = 1;
    let mail = compose(&[notice(Kind::LockedOut, facts)], None);
    insta::assert_snapshot!("locked_out_certain", read(&mail));
}

#[test]
fn what_other_credentials_of_the_username_cost_is_told() {
    let facts = Facts {
        rejections: 1,
        rejections_of_username: 4,
        ..locked_out()
    };
    let text = compose(&[notice(Kind::LockedOut, facts)], None).text;
    let all = "With this and other credentials it was refused 4 times in a row for this username.";
    assert!(text.contains(all), "{text}");
}

#[test]
fn a_hold_with_an_end_tells_it() {
    let facts = Facts {
        next_attempt: Some(at("2026-11-23T14:06:15Z")),
        ..locked_out()
    };
    let text = compose(&[notice(Kind::LockedOut, facts)], None).text;
    assert!(
        text.contains("will not notice the fix by itself before 2026-11-23 14:06 UTC"),
        "{text}"
    );
}

#[test]
fn a_secret_that_is_read_at_the_start_wants_a_restart() {
    let facts = Facts {
        read_at_start: true,
        ..locked_out()
    };
    let text = compose(&[notice(Kind::LockedOut, facts)], None).text;
    let restart = "will not notice the fix by itself. It reads the secret only when it starts: \
                   after a new one, restart it first.";
    assert!(text.contains(restart), "{text}");
    assert!(!text.contains("unless the secret changes"), "{text}");
}

#[test]
fn a_new_user_that_never_worked() {
    let mail = compose(&[notice(Kind::Failing, never_accepted())], Some(&links()));
    insta::assert_snapshot!("never_accepted", read(&mail));
}

#[test]
fn a_new_secret_that_looks_mangled() {
    let mail = compose(
        &[notice(Kind::Failing, new_mangled_secret())],
        Some(&links()),
    );
    insta::assert_snapshot!("new_mangled_secret", read(&mail));
}

#[test]
fn an_unknown_username_since_yesterday() {
    let mail = compose(&[notice(Kind::Failing, unknown_user())], None);
    insta::assert_snapshot!("unknown_user", read(&mail));
}

#[test]
fn a_recovery_tells_the_downtime() {
    let mail = compose(&[notice(Kind::Recovered, recovered())], Some(&links()));
    insta::assert_snapshot!("recovered", read(&mail));
}

#[test]
fn a_recovery_of_what_the_vendor_holds_says_no_more_than_was_found() {
    let found = |reason| {
        let facts = Facts {
            found: Some(reason),
            ..recovered()
        };
        let mail = compose(&[notice(Kind::Recovered, facts)], Some(&links()));
        assert!(!mail.text.contains("works again"), "{}", mail.text);
        assert!(
            !mail.text.contains("Nothing needs to be done"),
            "{}",
            mail.text
        );
        read(&mail)
    };
    insta::assert_snapshot!("recovered_zone_only", found(Reason::ZoneOnly));
    insta::assert_snapshot!("recovered_code_unverified", found(Reason::CodeUnverified));
}

#[test]
fn several_notices_are_one_mail_worst_first() {
    let notices = [
        notice(
            Kind::Recovered,
            Facts {
                user: "acme-old".into(),
                ..recovered()
            },
        ),
        notice(Kind::Failing, unknown_user()),
        notice(Kind::LockedOut, locked_out()),
    ];
    let mail = compose(&notices, Some(&links()));
    assert_eq!(
        mail.kinds,
        [Kind::LockedOut, Kind::Failing, Kind::Recovered]
    );
    assert_eq!(mail.users, ["acme-email2at", "beta-sync", "acme-old"]);
    assert_eq!(mail.incidents, ["01hq-acme-email2at", "01hq-beta-sync"]);
    insta::assert_snapshot!("several", read(&mail));

    let mut reversed = notices;
    reversed.reverse();
    assert_eq!(
        compose(&reversed, Some(&links())),
        mail,
        "the order of arrival changes nothing"
    );
}

#[test]
fn the_html_says_the_same_loads_nothing_and_leaves_colours_to_the_reader() {
    let mail = compose(
        &[
            notice(Kind::LockedOut, locked_out()),
            notice(Kind::Failing, unknown_user()),
        ],
        Some(&links()),
    );
    insta::assert_snapshot!("several_html", mail.html);
    for forbidden in [
        "<img",
        "<link",
        "<script",
        "src=",
        "url(",
        "@import",
        "background",
        "#fff",
        " color:",
    ] {
        assert!(!mail.html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_test_mail_says_what_it_is() {
    let mail = test_mail(at("2026-11-22T14:05:12Z"), "ops@msp.example", "mon1");
    insta::assert_snapshot!(read(&mail), @r"
    Subject: [lockwatch] test mail

    This is a test mail, made at 2026-11-22 14:05 UTC for ops@msp.example.
    It came the way that mails about Autotask API users come. Nothing needs to be done.

    Sent by lockwatch on mon1.
    ");
}

#[test]
fn subjects() {
    let failing = |reason| facts("acme-email2at", diagnosis(reason, &[], vec![]));
    let again = |reason| Facts {
        reopened: 1,
        first_since: Some(at("2026-11-22T09:10:00Z")),
        ..failing(reason)
    };
    let downtime = |seconds| Facts {
        at: at("2026-11-22T14:05:12Z") + jiff::SignedDuration::from_secs(seconds),
        ..failing(Reason::LockedOut)
    };
    let cases = [
        (
            Kind::Failing,
            failing(Reason::IntegrationCodeInvalid),
            "FAILING acme-email2at (acme): integration code refused since 14:05 UTC",
        ),
        (
            Kind::Failing,
            again(Reason::CredentialRejected),
            "FAILING AGAIN acme-email2at (acme): credential rejected since 14:05 UTC",
        ),
        (
            Kind::LockedOut,
            again(Reason::LockedOut),
            "LOCKED OUT AGAIN? acme-email2at (acme): refused since 14:05 UTC",
        ),
        (
            Kind::Changed,
            Facts {
                turn: 2,
                before: Some(Reason::PermissionDenied),
                ..failing(Reason::LockedOut)
            },
            "CHANGED acme-email2at (acme): now locked out? (was permission missing)",
        ),
        (
            Kind::ZoneUntrusted,
            failing(Reason::ZoneUntrusted),
            "ZONE NOT TRUSTED acme-email2at (acme): no credential is sent since 14:05 UTC",
        ),
        (
            Kind::Recovered,
            Facts {
                dropped: true,
                ..downtime(20)
            },
            "CLOSED acme-email2at (acme): the configuration changed, not known to be mended",
        ),
        (
            Kind::SecretUnreadable,
            failing(Reason::SecretUnreadable),
            "SECRET UNREADABLE acme-email2at (acme): no attempt is made since 14:05 UTC",
        ),
        (
            Kind::Failing,
            Facts {
                since: at("2026-11-20T14:05:00Z"),
                ..failing(Reason::PermissionDenied)
            },
            "FAILING acme-email2at (acme): permission missing since 2026-11-20 14:05 UTC",
        ),
        (
            Kind::Recovered,
            downtime(20),
            "RECOVERED acme-email2at (acme): after less than a minute",
        ),
        (
            Kind::Recovered,
            downtime(7_800),
            "RECOVERED acme-email2at (acme): after 2 h 10 min",
        ),
        (
            Kind::Recovered,
            downtime(3_600),
            "RECOVERED acme-email2at (acme): after 1 h",
        ),
        (
            Kind::Recovered,
            downtime(40 * 86_400 + 3_599),
            "RECOVERED acme-email2at (acme): after 40 d 1 h",
        ),
    ];
    for (kind, facts, expected) in cases {
        let mail = compose(&[notice(kind, facts)], None);
        let subject = format!("[lockwatch] {expected} [incident 01hq-acme-email2at]");
        assert_eq!(mail.subject, subject);
    }
}
