//! What mails say about the mails before and after them: worse, again, merged, the last of a day, closed, still open.

use std::time::Duration;

use lockwatch::{
    diagnose::Reason,
    notify::{
        Digest, DigestLine, Facts, Kind, Matter, Notice,
        merge::Telling,
        message::{self, Mail, State},
        sample::sample,
    },
};

use crate::words::{at, compose, links, locked_out, never_accepted, notice, read, recovered};

fn telling(kind: Kind, facts: Facts, merged: &[(Kind, &str)]) -> Telling {
    Telling {
        notice: notice(kind, facts),
        merged: merged
            .iter()
            .map(|(kind, time)| (*kind, at(time)))
            .collect(),
        last_until: None,
    }
}

fn one(telling: Telling) -> Mail {
    message::compose(&[telling], Some(&links()))
}

pub(crate) fn digest(lines: Vec<DigestLine>) -> Notice {
    Notice {
        id: "reminder.1".into(),
        kind: Kind::Reminder,
        recipient: "it@acme.example".into(),
        created: at("2026-11-23T14:06:15Z"),
        matter: Matter::Digest(Digest {
            id: "reminder.1".into(),
            users: lines.iter().map(|line| line.user.clone()).collect(),
            lines,
            at: at("2026-11-23T14:06:15Z"),
            every: Duration::from_hours(24),
            host: "mon1".into(),
        }),
    }
}

pub(crate) fn line(user: &str, reason: Reason, held: bool) -> DigestLine {
    DigestLine {
        incident: format!("01hq-{user}"),
        user: user.into(),
        tenant: "acme".into(),
        integration: held.then(|| "Email2AT".into()),
        reason,
        since: at("2026-11-22T14:05:12Z"),
        last_accepted: held.then(|| at("2026-11-22T14:00:10Z")),
        held,
        next_attempt: held.then(|| at("2026-11-23T20:06:15Z")),
    }
}

#[test]
fn a_worse_reason_says_what_it_was_and_what_it_is() {
    let facts = Facts {
        turn: 2,
        before: Some(Reason::PermissionDenied),
        ..locked_out()
    };
    let mail = compose(&[notice(Kind::Changed, facts)], Some(&links()));
    insta::assert_snapshot!("changed", read(&mail));
}

#[test]
fn a_failure_that_comes_again_counts() {
    let facts = Facts {
        turn: 5,
        reopened: 2,
        first_since: Some(at("2026-11-22T09:10:00Z")),
        ..locked_out()
    };
    let mail = compose(&[notice(Kind::LockedOut, facts.clone())], Some(&links()));
    assert!(
        mail.text.contains(
            "It fails for the 3rd time since 2026-11-22 09:10 UTC; it recovered in between."
        ),
        "{}",
        mail.text
    );
    let over = Facts { turn: 6, ..facts };
    let mail = compose(&[notice(Kind::Recovered, over)], Some(&links()));
    assert!(
        mail.text
            .contains("It was the 3rd time since 2026-11-22 09:10 UTC"),
        "{}",
        mail.text
    );
}

#[test]
fn a_recovery_that_nobody_was_told_the_failure_of_tells_both() {
    let facts = Facts {
        turn: 2,
        ..recovered()
    };
    let opening = (Kind::LockedOut, "2026-11-22T14:06:15Z");
    let mail = one(telling(Kind::Recovered, facts.clone(), &[opening]));
    assert_eq!(mail.state, Some(State::Closed));
    assert_eq!(mail.kinds, [Kind::Recovered]);
    insta::assert_snapshot!("recovered_untold", read(&mail));

    // Something else was mailed, so this is not said to be the first.
    let facts = Facts { turn: 3, ..facts };
    let text = one(telling(Kind::Recovered, facts, &[opening])).text;
    assert!(!text.contains("first mail"), "{text}");
    assert!(
        text.contains("Told here and not mailed before: locked out (found 2026-11-22 14:06 UTC)."),
        "{text}"
    );
}

#[test]
fn an_opening_that_stands_for_older_notices_says_so() {
    let facts = Facts {
        turn: 3,
        before: Some(Reason::PermissionDenied),
        ..locked_out()
    };
    let merged = [
        (Kind::Failing, "2026-11-22T13:50:00Z"),
        (Kind::Changed, "2026-11-22T13:58:00Z"),
    ];
    let mail = one(telling(Kind::Changed, facts.clone(), &merged));
    let text = &mail.text;
    let expected = "This is the first mail about it. Not mailed before: failing (found 2026-11-22 13:50 UTC), a worse reason \
                    (found 2026-11-22 13:58 UTC).";
    assert!(text.contains(expected), "{text}");
    let before =
        "Before, it was \"permission missing\"; now it is \"refused, most likely locked out\".";
    assert!(text.contains(before), "{text}");
    // Who opens tickets by rules waits for the word of an opening.
    assert_eq!(mail.kinds, [Kind::LockedOut]);
    let subject = "[lockwatch] LOCKED OUT? acme-email2at (acme): refused since";
    assert!(mail.subject.starts_with(subject), "{}", mail.subject);
    let worst = Facts {
        diagnosis: never_accepted().diagnosis,
        ..facts.clone()
    };
    let mail = one(telling(Kind::Changed, worst, &merged));
    assert_eq!(mail.kinds, [Kind::Failing]);
    assert!(mail.subject.starts_with("[lockwatch] FAILING acme-"));

    // The opening was mailed.
    let mail = one(telling(Kind::Changed, facts, &merged[1..]));
    assert_eq!(mail.kinds, [Kind::Changed]);
    assert!(mail.subject.starts_with("[lockwatch] CHANGED "));
}

#[test]
fn the_last_mail_of_a_day_says_so() {
    let last = Telling {
        last_until: Some(at("2026-11-23T09:00:00Z")),
        ..telling(Kind::LockedOut, locked_out(), &[])
    };
    let text = one(last).text;
    let expected = "This is the last mail about this incident before 2026-11-23 09:00 UTC, reminders aside: there are at \
                    most 6 a day. What happens until then is told in one mail after it.";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_is_closed_unmended_is_not_said_to_be_mended() {
    let facts = Facts {
        dropped: true,
        found: Some(Reason::ZoneOnly),
        ..recovered()
    };
    let unknown = Facts {
        found: None,
        ..facts.clone()
    };
    for facts in [facts.clone(), unknown] {
        let mail = compose(&[notice(Kind::Recovered, facts)], Some(&links()));
        assert_eq!(mail.state, Some(State::Closed));
        for word in [
            "RECOVERED",
            "works again",
            "Nothing needs to be done",
            "Down for",
        ] {
            assert!(!read(&mail).contains(word), "{word}: {}", mail.text);
        }
    }
    let mail = compose(&[notice(Kind::Recovered, facts)], Some(&links()));
    insta::assert_snapshot!("closed", read(&mail));
}

#[test]
fn a_reminder_lists_what_is_open_with_what_to_do_about_each() {
    let lines = vec![
        line("acme-email2at", Reason::LockedOut, true),
        line("acme-rmm", Reason::PermissionDenied, false),
    ];
    let mail = compose(&[digest(lines)], Some(&links()));
    assert_eq!(mail.incidents, ["01hq-acme-email2at", "01hq-acme-rmm"]);
    assert_eq!(mail.state, Some(State::Open));
    insta::assert_snapshot!("reminder", read(&mail));

    let alone = compose(
        &[digest(vec![line(
            "acme-rmm",
            Reason::PermissionDenied,
            false,
        )])],
        None,
    );
    assert_eq!(
        alone.subject,
        "[lockwatch] STILL OPEN acme-rmm (acme): permission missing since 2026-11-22 14:05 UTC [incident 01hq-acme-rmm]"
    );
}

#[test]
fn whom_the_configuration_does_not_name_any_more_is_not_said_to_be_checked() {
    let gone = Facts {
        dropped: true,
        found: None,
        ..recovered()
    };
    let mail = compose(&[notice(Kind::Recovered, gone)], None);
    assert!(
        mail.text.contains("does not name this user any more"),
        "{}",
        mail.text
    );
    assert!(!mail.text.contains("goes on checking"), "{}", mail.text);
}

#[test]
fn a_mail_is_closed_when_all_of_it_is_over() {
    let states = |kinds: &[Kind]| {
        let notices: Vec<Notice> = kinds
            .iter()
            .enumerate()
            .map(|(n, kind)| {
                let facts = Facts {
                    user: format!("acme-{n}"),
                    incident: format!("01hq-{n}"),
                    ..never_accepted()
                };
                notice(*kind, facts)
            })
            .collect();
        let mail = compose(&notices, None);
        (mail.state, mail.subject.contains("[incident "))
    };
    assert_eq!(states(&[]), (None, false));
    assert_eq!(states(&[Kind::Failing]), (Some(State::Open), true));
    assert_eq!(states(&[Kind::Recovered]), (Some(State::Closed), true));
    let both = [Kind::Failing, Kind::Recovered];
    assert_eq!(states(&both), (Some(State::Open), false));
    let over = [Kind::Recovered, Kind::Recovered];
    assert_eq!(states(&over), (Some(State::Closed), false));

    // A ticket's rule must not take a mail that is also about something else.
    let mut tellings = sample(Kind::Store, at("2026-11-22T14:06:15Z"), "", "mon1");
    tellings.push(telling(Kind::Failing, never_accepted(), &[]));
    let mixed = message::compose(&tellings, None);
    assert_eq!((mixed.state, mixed.incidents.len()), (Some(State::Open), 1));
    assert!(!mixed.subject.contains("[incident "), "{}", mixed.subject);
}
