//! Who is told what when an incident opens or closes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "support/table.rs"]
mod table;
#[path = "support/users.rs"]
mod users;

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::{
    attempt::Hold,
    board::Entry,
    config::{Email, Transport, secret::SecretSource},
    diagnose::{Diagnosis, Reason},
    incident::{Event, Incident},
    notify::{Facts, Kind, Matter, Notice, owed::notices},
    user::Known,
};
use table::rows;
use users::{addresses, at, entry, user};

fn now() -> Timestamp {
    at("2026-11-21T14:05:00Z")
}

fn incident(reason: Reason) -> Incident {
    let diagnosis = Diagnosis::new(reason, Vec::new());
    Incident {
        turn: 1,
        ..Incident::new("1a2b3c", at("2026-11-21T14:04:00Z"), now(), &diagnosis)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn email(to: &str, copy_operator: bool) -> Email {
    Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: addresses(&words(to)),
        copy_operator,
        remind_every: None,
        group_wait: Duration::from_secs(30),
        reopen_within: Duration::from_hours(1),
        unclear_after: Duration::from_hours(1),
        transport: Transport::File {
            directory: "mails".into(),
        },
    }
}

fn told(event: &Event, entry: &Entry, email: Option<&Email>) -> Vec<Notice> {
    let worked = Some(at("2026-11-21T13:59:00Z"));
    notices(event, entry, worked, email, "watch.msp.example", now())
}

#[test]
fn who_is_told() {
    // The operator is copied unless its column says no; `-` stands for a configuration without [email].
    let table = rows(
        "
        the user's own and the operator          | locked_out          | it@acme.example                 | ops@msp.example                 |    | it@acme.example ops@msp.example
        everybody once                           | locked_out          | it@acme.example it@acme.example | ops@msp.example ops@msp.example |    | it@acme.example ops@msp.example
        whatever the case, as first written      | credential_rejected | IT@acme.example it@ACME.example | It@Acme.Example                 |    | IT@acme.example
        the operator is the user's own           | unknown_user        | ops@msp.example                 | ops@msp.example                 |    | ops@msp.example
        without copies                           | locked_out          | it@acme.example                 | ops@msp.example                 | no | it@acme.example
        several of both                          | permission_denied   | a@acme.example b@acme.example   | c@msp.example d@msp.example     |    | a@acme.example b@acme.example c@msp.example d@msp.example
        an unreadable secret is the operator's   | secret_unreadable   | it@acme.example                 | ops@msp.example                 |    | ops@msp.example
        even without copies                      | secret_unreadable   | it@acme.example                 | ops@msp.example                 | no | ops@msp.example
        so is a zone that is not trusted         | zone_untrusted      | it@acme.example                 | ops@msp.example                 | no | ops@msp.example
        no [email]: kept for the user's own      | locked_out          | it@acme.example                 | -                               |    | it@acme.example
        no [email]: kept, though nobody is named | zone_untrusted      | it@acme.example                 | -                               |    | nobody
        no [email] and no address                | locked_out          |                                 | -                               |    | nobody
        ",
    );
    for [name, reason, own, operator, copies, want] in table {
        let reason: Reason = serde_json::from_str(&format!("{reason:?}")).unwrap();
        let mut user = user("acme-email2at");
        user.notify = addresses(&words(own));
        let entry = entry(user, now());
        let email = (operator != "-").then(|| email(operator, copies != "no"));
        for event in [
            Event::Opened(incident(reason)),
            Event::Recovered(incident(reason)),
        ] {
            let notices = told(&event, &entry, email.as_ref());
            let recipients: Vec<&str> = notices
                .iter()
                .map(|notice| match notice.recipient.as_str() {
                    "" => "nobody",
                    address => address,
                })
                .collect();
            assert_eq!(recipients.join(" "), want, "{name}");
            let mut ids: Vec<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
            ids.dedup();
            assert_eq!(ids.len(), notices.len(), "{name}: {ids:?}");
        }
    }
}

#[test]
fn whoever_heard_of_an_incident_hears_of_its_end() {
    // The operator is copied; `-` stands for a configuration without [email].
    let table = rows(
        "
        as it was                       | it@acme.example  | ops@msp.example | it@acme.example ops@msp.example | it@acme.example ops@msp.example
        whatever the case               | it@acme.example  | ops@msp.example | IT@acme.example OPS@msp.example | it@acme.example ops@msp.example
        another of the user's own       | new@acme.example | ops@msp.example | it@acme.example ops@msp.example | new@acme.example ops@msp.example it@acme.example
        another operator                | it@acme.example  | new@msp.example | it@acme.example ops@msp.example | it@acme.example new@msp.example ops@msp.example
        nobody had heard                | it@acme.example  | ops@msp.example |                                 | it@acme.example ops@msp.example
        nobody is named any more        |                  | -               | it@acme.example                 | it@acme.example
        ",
    );
    for [name, own, operator, heard, want] in table {
        let mut user = user("acme-email2at");
        user.notify = addresses(&words(own));
        let entry = entry(user, now());
        let email = (operator != "-").then(|| email(operator, true));
        let mut incident = incident(Reason::LockedOut);
        incident.heard.by = words(heard).into_iter().map(str::to_owned).collect();
        let recipients = |event: Event| -> Vec<String> {
            let notices = told(&event, &entry, email.as_ref());
            notices.into_iter().map(|one| one.recipient).collect()
        };
        for end in [Event::Recovered, Event::Dropped] {
            assert_eq!(recipients(end(incident.clone())).join(" "), want, "{name}");
        }
        // The news of an open incident are for whoever is named now.
        let configured = recipients(Event::Opened(incident.clone()));
        assert_eq!(recipients(Event::Reopened(incident)), configured, "{name}");
    }
}

#[test]
fn what_is_told() {
    let entry = entry(user("acme-email2at"), now());
    let changed = |first_told| Event::Changed {
        incident: incident(Reason::LockedOut),
        before: Reason::ZoneUntrusted,
        first_told,
    };
    let opened = |reason| Event::Opened(incident(reason));
    let table = [
        (opened(Reason::LockedOut), Kind::LockedOut),
        (opened(Reason::CredentialRejected), Kind::Failing),
        (opened(Reason::SecretUnreadable), Kind::SecretUnreadable),
        (opened(Reason::ZoneUntrusted), Kind::ZoneUntrusted),
        (
            Event::Reopened(incident(Reason::UnknownUser)),
            Kind::Failing,
        ),
        (changed(false), Kind::Changed),
        (changed(true), Kind::LockedOut),
        (
            Event::Recovered(incident(Reason::LockedOut)),
            Kind::Recovered,
        ),
        (Event::Dropped(incident(Reason::LockedOut)), Kind::Recovered),
    ];
    for (event, want) in table {
        let notices = told(&event, &entry, None);
        let notice = notices.first().expect("a notice");
        assert_eq!(notice.kind, want, "{event:?}");
        assert_eq!(told(&event, &entry, None), notices, "the same again");
        let before = (want == Kind::Changed).then_some(Reason::ZoneUntrusted);
        assert_eq!(facts_of(notice).before, before, "{event:?}");
    }
}

#[test]
fn a_fault_of_ours_in_a_users_incident_is_told_to_the_operator_alone() {
    let mut changed = incident(Reason::LockedOut);
    changed.diagnosis.reason = Reason::ZoneUntrusted;
    let event = Event::Changed {
        incident: changed,
        before: Reason::LockedOut,
        first_told: false,
    };
    let entry = entry(user("acme-email2at"), now());
    let notices = told(&event, &entry, Some(&email("ops@msp.example", false)));
    let told: Vec<_> = notices
        .iter()
        .map(|notice| (notice.kind, notice.recipient.as_str()))
        .collect();
    assert_eq!(told, [(Kind::ZoneUntrusted, "ops@msp.example")]);
}

#[test]
fn every_turn_of_an_incident_is_a_notice_of_its_own() {
    let entry = entry(user("acme-email2at"), now());
    let turn = |turn| Incident {
        turn,
        ..incident(Reason::LockedOut)
    };
    let id = |event| told(&event, &entry, None)[0].id.clone();
    let opened = id(Event::Opened(turn(1)));
    let recovered = id(Event::Recovered(turn(2)));
    let again = id(Event::Reopened(turn(3)));
    assert!(opened != recovered && recovered != again && again != opened);
}

#[test]
fn an_incident_that_was_opened_again_is_down_since_then() {
    let entry = entry(user("acme-email2at"), now());
    let again = at("2026-11-21T14:04:30Z");
    let incident = Incident {
        again_since: Some(again),
        reopened: 2,
        ..incident(Reason::LockedOut)
    };
    let facts = facts_of(&told(&Event::Reopened(incident.clone()), &entry, None)[0]);
    assert_eq!(facts.since, again);
    assert_eq!(facts.first_since, Some(incident.since));
    assert_eq!(facts.reopened, 2);
}

fn facts_of(notice: &Notice) -> Facts {
    match &notice.matter {
        Matter::Incident(facts) => Facts::clone(facts),
        other => panic!("not of an incident: {other:?}"),
    }
}

#[test]
fn a_credential_that_a_process_keeps_is_told_so() {
    let event = Event::Opened(incident(Reason::LockedOut));
    let code = || SecretSource::File("code".into());
    let table = [
        (SecretSource::File("secret".into()), false),
        (SecretSource::Command(vec!["pass".into()]), false),
        (SecretSource::Env("SECRET".into()), true),
        (SecretSource::Credential("secret".into()), true),
    ];
    for (secret, kept) in table {
        let source = secret.describe();
        let mut user = user("acme-email2at");
        user.known = Known::All {
            secret,
            integration_code: code(),
        };
        let facts = facts_of(&told(&event, &entry(user, now()), None)[0]);
        assert_eq!(facts.read_at_start, kept, "{source}");
    }
}

#[test]
fn a_held_user_is_not_promised_a_next_attempt() {
    let event = Event::Opened(incident(Reason::LockedOut));
    let mut entry = entry(user("acme-email2at"), now());
    let facts = facts_of(&told(&event, &entry, None)[0]);
    assert!(!facts.held);
    assert_eq!(facts.next_attempt, Some(entry.due));
    entry.record.budget.held = Some(Hold::Rejections);
    entry.record.budget.rejections = 2;
    let facts = facts_of(&told(&event, &entry, None)[0]);
    assert!(facts.held);
    assert_eq!(facts.next_attempt, None);
    assert_eq!(facts.rejections, 2);
}

#[test]
fn an_incident_that_is_dropped_is_over_and_nothing_is_said_to_be_mended() {
    let entry = entry(user("acme-email2at"), now());
    let facts = |event: Event| facts_of(&told(&event, &entry, None)[0]);
    assert!(facts(Event::Dropped(incident(Reason::CredentialRejected))).dropped);
    assert!(!facts(Event::Recovered(incident(Reason::CredentialRejected))).dropped);
}

#[test]
fn a_recovery_tells_what_was_found_and_no_more() {
    let event = Event::Recovered(incident(Reason::UnknownUser));
    for found in [Reason::Ok, Reason::ZoneOnly, Reason::CodeUnverified] {
        let mut entry = entry(user("acme-email2at"), now());
        entry.record.state.reason = found;
        assert_eq!(facts_of(&told(&event, &entry, None)[0]).found, Some(found));
    }
}

#[test]
fn a_user_that_is_seldom_or_never_tried_is_not_promised_an_attempt() {
    let event = Event::Opened(incident(Reason::UnknownUser));
    let secret = lockwatch::config::secret::SecretSource::Env("ACME".to_owned());
    for known in [Known::Nothing, Known::Secret(secret)] {
        let mut user = user("acme-email2at");
        user.known = known;
        let facts = facts_of(&told(&event, &entry(user, now()), None)[0]);
        assert_eq!((facts.held, facts.next_attempt), (false, None));
    }
}

#[test]
fn a_notice_holds_no_secret() {
    let event = Event::Opened(incident(Reason::LockedOut));
    let entry = entry(user("acme-email2at"), now());
    let text = serde_json::to_string(&told(&event, &entry, None)).unwrap();
    assert!(text.contains("acme-email2at@acme.example"), "{text}");
    assert!(
        !text.contains("demo-secret") && !text.contains("DEMO-CODE"),
        "{text}"
    );
}
