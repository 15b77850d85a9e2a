//! What is owed when everybody is looked at together: outages of a zone, of its logins, blindness, reminders.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "../support/table.rs"]
mod table;
#[path = "../support/users.rs"]
mod users;

mod attendance;
mod blind;
mod outage;
mod reminder;
mod storm;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use lockwatch::{
    attempt::Hold,
    config::{Email, Transport},
    diagnose::{Diagnosis, Reason},
    incident::{Incident, Phase},
    notify::{
        Kind, Matter, Notice,
        desk::{self, Given, Ongoing, Orders, Remembered, Told, Turn, Watched},
        operator::OperatorFacts,
    },
    observation::Zone,
    user::UserId,
};

use users::{addresses, at, entry, user};

const TIMEOUT: Duration = Duration::from_secs(10);

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

/// `15m` ago.
fn ago(words: &str) -> Timestamp {
    now() - words.parse::<SignedDuration>().unwrap()
}

fn reason(label: &str) -> Reason {
    serde_json::from_str(&format!("{label:?}")).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone {
        name: name.to_owned(),
        api: format!(
            "https://{}.autotask.net/atservicesrest/",
            name.to_lowercase()
        )
        .parse()
        .unwrap(),
    }
}

/// A user that was watched for a day, checked just now, and shows `label` for so long. `-` is a zone that was never found.
fn shows(id: &str, in_zone: &str, label: &str, since: Timestamp) -> Watched {
    let mut entry = entry(user(id), ago("48h"));
    let record = &mut entry.record;
    record.zone = (in_zone != "-").then(|| zone(in_zone));
    record.last_check = Some(now());
    let reason = reason(label);
    let state = &mut record.state;
    (state.reason, state.verdict, state.since) = (reason, reason.verdict(), since);
    let unclear = state.verdict == lockwatch::diagnose::Verdict::Unclear;
    state.unclear_since = unclear.then_some(since);
    record.definitive_at = Some(if unclear { since } else { now() });
    if let lockwatch::diagnose::Verdict::LockedOut | lockwatch::diagnose::Verdict::Failing =
        reason.verdict()
    {
        state.phase = Phase::Open(incident(id, reason, since));
        if reason == Reason::LockedOut {
            record.budget.held = Some(Hold::Rejections);
        }
    }
    Watched {
        entry: Arc::new(entry),
        since: ago("24h"),
    }
}

fn change(watched: &mut Watched, change: impl FnOnce(&mut lockwatch::board::Entry)) {
    change(Arc::make_mut(&mut watched.entry));
}

fn incident(of: &str, reason: Reason, opened: Timestamp) -> Incident {
    let diagnosis = Diagnosis::new(reason, Vec::new());
    Incident::new(&format!("incident-of-{of}"), opened, opened, &diagnosis)
}

fn email() -> Email {
    Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: addresses(&["ops@msp.example"]),
        copy_operator: true,
        remind_every: None,
        group_wait: Duration::from_secs(30),
        reopen_within: Duration::from_hours(1),
        unclear_after: Duration::from_hours(1),
        transport: Transport::File {
            directory: "mails".into(),
        },
    }
}

fn look(users: &[Watched], remembered: &Remembered, email: Option<&Email>) -> Orders {
    look_at(now(), users, remembered, email)
}

fn look_at(
    now: Timestamp,
    users: &[Watched],
    remembered: &Remembered,
    email: Option<&Email>,
) -> Orders {
    desk::look(&Given {
        users,
        remembered,
        email,
        timeout: TIMEOUT,
        host: "watch.msp.example",
        name: &|recipient| format!("hash-of-{}", recipient.len()),
        now,
    })
}

/// Told an hour ago, to somebody who is not the operator any more.
fn ongoing(kind: Kind, zone_name: &str, users: &[&str]) -> Ongoing {
    let users = users.iter().map(|id| UserId::parse(id).unwrap());
    Ongoing {
        kind,
        zone: zone_name.replace('-', ""),
        since: ago("75m"),
        told_at: ago("1h"),
        told: Told {
            fine_since: None,
            recipients: vec!["before@msp.example".to_owned()],
            users: users.collect::<BTreeSet<_>>(),
            api: Some(zone(zone_name).api.to_string()),
        },
    }
}

/// What the one notice of a turn says.
fn only(turn: &Turn) -> (&Notice, &OperatorFacts) {
    match turn.notices.as_slice() {
        [notice] => (notice, facts(notice)),
        other => panic!("not one notice: {other:?}"),
    }
}

fn facts(notice: &Notice) -> &OperatorFacts {
    match &notice.matter {
        Matter::Operator(facts) => facts,
        other => panic!("not the operator's: {other:?}"),
    }
}

/// The cell of a table, or nothing.
fn cell<'a>(facts: &'a OperatorFacts, label: &str) -> &'a str {
    let mut cells = facts.table.iter().filter(|(name, _)| name == label);
    cells.next().map_or("", |(_, value)| value)
}

/// What begins and ends, in words.
fn said(orders: &Orders) -> String {
    let name = |turn: &Turn| {
        let zone = match turn.matter.zone.as_str() {
            "" => "-",
            zone => zone,
        };
        format!("{} {zone}", turn.matter.kind.as_str())
    };
    let begun = orders
        .begun
        .iter()
        .map(|turn| format!("{} begins", name(turn)));
    let grown = orders.kept.iter().map(|one| {
        let what = match (one.kind, one.told.fine_since) {
            (Kind::AuthOutage, _) => "grows",
            (_, None) => "shows again",
            (_, Some(at)) if at == now() => "shows no more",
            (_, Some(_)) => "is kept as what it was",
        };
        format!("{} {what}", one.kind.as_str())
    });
    let over = orders
        .over
        .iter()
        .map(|turn| format!("{} is over", name(turn)));
    begun
        .chain(grown)
        .chain(over)
        .collect::<Vec<_>>()
        .join(", ")
}
