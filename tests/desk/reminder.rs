//! What is still open.

use std::collections::HashMap;

use lockwatch::notify::Digest;

use super::*;
use crate::table::rows;

const OPS: &str = "ops@msp.example";

fn every(words: &str) -> Email {
    Email {
        remind_every: Some(words.parse::<SignedDuration>().unwrap().unsigned_abs()),
        ..email()
    }
}

fn open(id: &str, label: &str, since: &str, notify: &[&str]) -> Watched {
    let mut one = shows(id, "AE02", label, ago(since));
    let notify = addresses(notify);
    change(&mut one, |entry| {
        Arc::make_mut(&mut entry.user).notify = notify
    });
    one
}

fn told(user: &str, recipient: &str, at: &str) -> ((String, String), Timestamp) {
    let incident = format!("incident-of-{user}");
    ((incident, recipient.to_owned()), ago(at))
}

fn remembered<const N: usize>(told: [((String, String), Timestamp); N]) -> Remembered {
    Remembered {
        told: HashMap::from(told),
        ..Remembered::default()
    }
}

fn digest(notice: &Notice) -> &Digest {
    assert_eq!(notice.kind, Kind::Reminder);
    match &notice.matter {
        Matter::Digest(digest) => digest,
        other => panic!("no digest: {other:?}"),
    }
}

/// Who is reminded of whom.
fn reminded(users: &[Watched], remembered: &Remembered, email: &Email) -> Vec<String> {
    let orders = look(users, remembered, Some(email));
    let words = |notice: &Notice| {
        let digest = digest(notice);
        let of: Vec<&str> = digest.lines.iter().map(|line| line.user.as_str()).collect();
        assert_eq!(digest.users, of);
        assert_eq!(digest.id, notice.id);
        format!("{}: {}", notice.recipient, of.join(" "))
    };
    orders.reminders.iter().map(words).collect()
}

#[test]
fn when_somebody_is_reminded() {
    // One user, down for so long, of which its own person and the operator were last told so long ago.
    let table = rows(
        "
        never told, open for long     | 24h | | | it ops
        never told, open for less     | 23h59m | | |
        told long ago                 | 9d | 24h | 24h | it ops
        one of them lately            | 9d | 24h | 1h | it
        both lately                   | 9d | 23h | 1h |
        told by a clock that was ahead | 9d | -9000h | -23h | it
        ",
    );
    for [name, since, own, ops, want] in table {
        let since = since.strip_suffix('d').map_or(since.to_owned(), |days| {
            format!("{}h", days.parse::<u32>().unwrap() * 24)
        });
        let users = [open("one", "locked_out", &since, &["it@acme.example"])];
        let mut remembered = Remembered::default();
        for (recipient, at) in [("it@acme.example", own), (OPS, ops)] {
            if !at.is_empty() {
                remembered.told.extend([told("one", recipient, at)]);
            }
        }
        let found = reminded(&users, &remembered, &every("24h"));
        let want: Vec<String> = want
            .split_whitespace()
            .map(|who| match who {
                "it" => "it@acme.example: one".to_owned(),
                _ => format!("{OPS}: one"),
            })
            .collect();
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn everything_that_is_open_worst_first() {
    let it = ["it@acme.example"];
    let users = [
        open("a-denied", "permission_denied", "30h", &it),
        open("b-locked", "locked_out", "2h", &it),
        open("c-locked", "locked_out", "3h", &it),
        shows("d-works", "AE02", "ok", ago("1m")),
        shows("e-unclear", "AE02", "timeout", ago("1m")),
        open("f-secret", "secret_unreadable", "1h", &it),
        open(
            "g-else",
            "credential_rejected",
            "1h",
            &["else@acme.example"],
        ),
    ];
    assert_eq!(
        reminded(&users, &Remembered::default(), &every("24h")),
        [
            // Nobody at else@acme.example waits for so long, and an unreadable secret is the operator's.
            "it@acme.example: c-locked b-locked a-denied",
            "ops@msp.example: c-locked b-locked g-else a-denied f-secret",
        ]
    );
    let alone = Email {
        copy_operator: false,
        ..every("1h")
    };
    assert_eq!(
        reminded(&users, &Remembered::default(), &alone),
        [
            "else@acme.example: g-else",
            "it@acme.example: c-locked b-locked a-denied",
            "ops@msp.example: f-secret",
        ]
    );
}

#[test]
fn off_or_nobody_to_remind() {
    let users = [open("one", "locked_out", "900h", &["it@acme.example"])];
    assert!(reminded(&users, &Remembered::default(), &email()).is_empty());
    assert!(
        look(&users, &Remembered::default(), None)
            .reminders
            .is_empty()
    );
    let nobody = Email {
        to: Vec::new(),
        ..every("24h")
    };
    let users = [open(
        "one",
        "secret_unreadable",
        "900h",
        &["it@acme.example"],
    )];
    assert!(reminded(&users, &Remembered::default(), &nobody).is_empty());
}

#[test]
fn one_at_a_time() {
    let users = [open("one", "locked_out", "48h", &["it@acme.example"])];
    let mut remembered = Remembered::default();
    remembered.reminded.insert("it@acme.example".to_owned());
    assert_eq!(
        reminded(&users, &remembered, &every("24h")),
        ["ops@msp.example: one"]
    );
}

#[test]
fn addresses_differ_in_more_than_case() {
    let users = [
        open("one", "locked_out", "48h", &["IT@acme.example"]),
        open("two", "locked_out", "47h", &["it@Acme.example", OPS]),
    ];
    let lately = remembered([told("one", "it@acme.example", "1h")]);
    assert_eq!(
        reminded(&users, &lately, &every("24h")),
        ["IT@acme.example: one two", "ops@msp.example: one two"]
    );
}

#[test]
fn every_round_finds_the_same_reminder() {
    let users = [open("one", "locked_out", "50h", &["it@acme.example"])];
    let ids = |at: Timestamp| -> Vec<String> {
        let orders = look_at(at, &users, &Remembered::default(), Some(&every("24h")));
        orders
            .reminders
            .iter()
            .map(|notice| notice.id.clone())
            .collect()
    };
    let fell_due = ago("2h").as_millisecond();
    let want = [
        format!("reminder.hash-of-15.{fell_due}"),
        format!("reminder.hash-of-15.{fell_due}"),
    ];
    let first = ids(now());
    assert_eq!(first, want);
    assert_eq!(ids(now() + Duration::from_secs(30)), first);
    assert_ne!(
        ids(now() + Duration::from_hours(22)),
        first,
        "the next is another"
    );
}

#[test]
fn what_a_line_says() {
    let mut one = open("one", "locked_out", "48h", &["it@acme.example"]);
    change(&mut one, |entry| {
        entry.record.last_accepted = Some(ago("49h"))
    });
    let mut two = open("two", "permission_denied", "48h", &["it@acme.example"]);
    let again = ago("26h");
    change(&mut two, |entry| {
        if let Phase::Open(incident) = &mut entry.record.state.phase {
            incident.again_since = Some(again);
        }
    });
    let due = two.entry.due;
    let orders = look(&[one, two], &Remembered::default(), Some(&every("24h")));
    let digest = digest(&orders.reminders[0]);
    let [one, two] = digest.lines.as_slice() else {
        panic!("{digest:?}");
    };
    assert_eq!(one.incident, "incident-of-one");
    assert_eq!((one.reason, one.since), (Reason::LockedOut, ago("48h")));
    assert_eq!((one.held, one.next_attempt), (true, None));
    assert_eq!(one.last_accepted, Some(ago("49h")));
    assert_eq!(two.since, again);
    assert_eq!((two.held, two.next_attempt), (false, Some(due)));
    assert_eq!((digest.at, digest.every), (now(), Duration::from_hours(24)));
}
