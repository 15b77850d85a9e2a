//! What is found by looking at everybody is told once, whoever finds it, and what was told is remembered.

use std::collections::BTreeSet;

use lockwatch::{
    notify::{
        Digest, Kind, Matter, Notice,
        desk::{Ongoing, Orders, Remembered, Told, Turn},
        operator::{Silence, Unseen, blind, outage, outage_over},
        owed::notices_to,
    },
    store::Store,
};

use super::*;

on_both_engines!(
    a_matter_is_told_once_and_so_is_its_end,
    two_processes_tell_a_matter_once,
    more_users_are_remembered_while_a_matter_lasts,
    a_matter_of_another_version_harms_nobody,
    blindness_is_told_once_a_day,
    a_reminder_is_owed_once_and_known_until_it_has_left,
    when_a_mail_last_told_of_what_is_open,
    what_cannot_be_sent_is_kept_and_counts,
);

const OPS: &str = "ops@msp.example";

fn after(hours: u64) -> Timestamp {
    start() + Duration::from_hours(hours)
}

fn to_ops(facts: &lockwatch::notify::operator::OperatorFacts) -> Vec<Notice> {
    notices_to(vec![OPS.to_owned()], facts)
}

fn away(since: Timestamp, told_at: Timestamp) -> Turn {
    let silence = Silence {
        reasons: Vec::new(),
        tenants: Vec::new(),
        users: vec![id("acme")],
        of: 1,
        everywhere: false,
    };
    Turn {
        notices: to_ops(&outage(Some("AE02"), &silence, since, told_at, "mon1")),
        matter: Ongoing {
            kind: Kind::Outage,
            zone: "AE02".to_owned(),
            since,
            told_at,
            told: Told {
                fine_since: None,
                recipients: vec![OPS.to_owned()],
                users: BTreeSet::from([id("acme")]),
                api: None,
            },
        },
    }
}

fn begins(turn: &Turn) -> Orders {
    Orders {
        begun: vec![turn.clone()],
        ..Orders::default()
    }
}

fn is_over(turn: &Turn, now: Timestamp) -> Orders {
    let Ongoing { since, told_at, .. } = turn.matter;
    let users = [id("acme")];
    let facts = outage_over(Some("AE02"), &users, &[], since, told_at, now, "mon1");
    Orders {
        over: vec![Turn {
            matter: turn.matter.clone(),
            notices: to_ops(&facts),
        }],
        ..Orders::default()
    }
}

async fn tell(store: &Store, orders: Orders, now: Timestamp) -> Vec<Kind> {
    let due = now + Duration::from_secs(30);
    store.tell(orders, due, None, now).await.unwrap()
}

async fn ongoing(store: &Store) -> Vec<Ongoing> {
    store.remembered(start()).await.unwrap().ongoing
}

/// Titles of what is owed.
async fn owed(store: &Store) -> Vec<String> {
    let owed = store.owed(start() + days(30), &[]).await.unwrap();
    assert!(owed.unreadable.is_empty());
    let title = |notice: Notice| match notice.matter {
        Matter::Operator(facts) => facts.title,
        other => panic!("{other:?}"),
    };
    owed.notices.into_iter().map(title).collect()
}

async fn a_matter_is_told_once_and_so_is_its_end(place: Place) {
    let store = place.with(&["acme"]).await;
    let first = away(start(), after(1));
    assert_eq!(tell(&store, begins(&first), after(1)).await, [Kind::Outage]);
    let told = std::slice::from_ref(&first.matter);
    assert_eq!(ongoing(&store).await, told);
    let again = away(start(), after(2));
    assert_eq!(tell(&store, begins(&again), after(2)).await, []);
    assert_eq!(ongoing(&store).await, told, "as it was told");

    let over = is_over(&first, after(3));
    assert_eq!(
        tell(&store, is_over(&again, after(3)), after(3)).await,
        [],
        "it is none"
    );
    assert_eq!(tell(&store, over.clone(), after(3)).await, [Kind::Outage]);
    assert_eq!(ongoing(&store).await, []);
    assert_eq!(tell(&store, over, after(3)).await, []);
    assert_eq!(owed(&store).await.len(), 2);

    let second = away(after(4), after(5));
    assert_eq!(
        tell(&store, begins(&second), after(5)).await,
        [Kind::Outage]
    );
    assert_eq!(owed(&store).await.len(), 3);
}

async fn two_processes_tell_a_matter_once(place: Place) {
    let stores = [place.with(&["acme"]).await, place.open().await];
    // They do not look at the same moment.
    let turns = [away(start(), after(1)), away(start(), after(2))];
    let telling = stores.iter().zip(&turns).map(|(store, turn)| {
        let (store, orders) = (store.clone(), begins(turn));
        tokio::spawn(async move { tell(&store, orders, after(2)).await })
    });
    let mut news = Vec::new();
    for task in telling.collect::<Vec<_>>() {
        news.extend(task.await.unwrap());
    }
    assert_eq!(news, [Kind::Outage]);
    assert_eq!(owed(&stores[0]).await.len(), 1);
}

async fn more_users_are_remembered_while_a_matter_lasts(place: Place) {
    let store = place.with(&["acme"]).await;
    let turn = away(start(), after(1));
    tell(&store, begins(&turn), after(1)).await;
    let mut grown = turn.matter.clone();
    grown.told.users.insert(id("globex"));
    grown.told.fine_since = Some(after(1));
    let orders = Orders {
        kept: vec![grown.clone()],
        ..Orders::default()
    };
    assert_eq!(tell(&store, orders.clone(), after(2)).await, []);
    assert_eq!(ongoing(&store).await, [grown]);
    tell(&store, is_over(&turn, after(3)), after(3)).await;
    tell(&store, orders, after(3)).await;
    assert_eq!(ongoing(&store).await, [], "it does not come back");
}

async fn a_matter_of_another_version_harms_nobody(place: Place) {
    let store = place.with(&["acme"]).await;
    let mut sql = place.sql().await;
    sql.run("INSERT INTO matters VALUES ('quota', 'acme', 0, 0, '{}')")
        .await;
    sql.run("INSERT INTO matters VALUES ('outage', 'AE02', 0, 0, 'something else')")
        .await;
    let found = ongoing(&store).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].kind, &found[0].told),
        (Kind::Outage, &Told::default())
    );
}

fn blindness(now: Timestamp) -> Orders {
    let unseen = Unseen {
        user: id("acme"),
        tenant: "acme".to_owned(),
        since: start(),
        why: "no answer in time".to_owned(),
    };
    Orders {
        blind: to_ops(&blind(&[unseen], now, "mon1")),
        ..Orders::default()
    }
}

async fn blindness_is_told_once_a_day(place: Place) {
    let store = place.with(&["acme"]).await;
    let last = async |now| store.remembered(now).await.unwrap().last_blind;
    assert_eq!(last(after(99)).await, None);
    for (hours, want) in [(1, 1), (2, 0), (24, 0), (25, 1), (26, 0)] {
        let news = tell(&store, blindness(after(hours)), after(hours)).await;
        assert_eq!(news.len(), want, "after {hours} h");
    }
    assert_eq!(last(after(99)).await, Some(after(25)));
    // The clock was set back: what lies in the future says nothing.
    assert_eq!(last(after(24)).await, Some(after(1)));
    assert_eq!(last(start()).await, None);
    let before = start();
    assert_eq!(tell(&store, blindness(before), before).await, [Kind::Blind]);
}

fn reminder(notice: &str, recipient: &str, now: Timestamp) -> Orders {
    let digest = Digest {
        id: notice.to_owned(),
        lines: Vec::new(),
        users: vec!["acme".to_owned()],
        at: now,
        every: days(1),
        host: "mon1".to_owned(),
    };
    Orders {
        reminders: vec![Notice {
            id: notice.to_owned(),
            kind: Kind::Reminder,
            recipient: recipient.to_owned(),
            created: now,
            matter: Matter::Digest(digest),
        }],
        ..Orders::default()
    }
}

async fn a_reminder_is_owed_once_and_known_until_it_has_left(place: Place) {
    let store = place.with(&["acme"]).await;
    let to_whom = async || -> Vec<String> {
        let Remembered { reminded, .. } = store.remembered(after(99)).await.unwrap();
        let mut reminded: Vec<_> = reminded.into_iter().collect();
        reminded.sort();
        reminded
    };
    let first = reminder("reminder.1", "IT@acme.example", after(1));
    assert_eq!(tell(&store, first, after(1)).await, [Kind::Reminder]);
    let again = reminder("reminder.1", "IT@acme.example", after(2));
    assert_eq!(tell(&store, again, after(2)).await, []);
    let other = reminder("reminder.2", OPS, after(2));
    assert_eq!(tell(&store, other, after(2)).await, [Kind::Reminder]);
    assert_eq!(to_whom().await, ["it@acme.example", OPS]);

    let mut sql = place.sql().await;
    sql.run(
        "INSERT INTO mails (id, message_id, recipient, bytes, created_at, next_try_at, tries) \
         VALUES ('mail-1', '<mail-1@msp.example>', 'IT@acme.example', CAST('' AS BYTEA), 0, 0, 0); \
         UPDATE notices SET mail_id = 'mail-1' WHERE id = 'reminder.1'",
    )
    .await;
    assert_eq!(
        to_whom().await,
        ["it@acme.example", OPS],
        "it waits for its server"
    );
    sql.run("UPDATE mails SET sent_at = 1 WHERE id = 'mail-1'")
        .await;
    assert_eq!(to_whom().await, [OPS]);
    sql.run("UPDATE notices SET unsendable = 'no mail could be made' WHERE id = 'reminder.2'")
        .await;
    assert!(to_whom().await.is_empty());
}

async fn when_a_mail_last_told_of_what_is_open(place: Place) {
    let store = place.with(&["acme"]).await;
    let mut sql = place.sql().await;
    for (incident, closed) in [("open", "NULL"), ("closed", "7")] {
        sql.run(&format!(
            "INSERT INTO incidents VALUES ('{incident}', 'acme', 'locked_out', 0, 0, {closed})"
        ))
        .await;
    }
    for (mail, incident, recipient, told_at, digest) in [
        ("m1", "open", "it@acme.example", 1000, "FALSE"),
        ("m2", "open", "IT@acme.example", 3000, "TRUE"),
        ("m3", "open", OPS, 2000, "FALSE"),
        ("m4", "closed", OPS, 9000, "FALSE"),
        ("dead", "open", OPS, 9000, "FALSE"),
        ("dead-too", "open", "never@acme.example", 9000, "FALSE"),
        ("waits", "open", "later@acme.example", 4000, "FALSE"),
    ] {
        sql.run(&format!(
            "INSERT INTO tellings (mail_id, incident_id, recipient, told_at, digest) \
             VALUES ('{mail}', '{incident}', '{recipient}', {told_at}, {digest})"
        ))
        .await;
    }
    for (mail, dead) in [("dead", "9001"), ("dead-too", "9001"), ("waits", "NULL")] {
        sql.run(&format!(
            "INSERT INTO mails (id, message_id, recipient, bytes, created_at, next_try_at, tries, dead_at) \
             VALUES ('{mail}', '{mail}', 'x', '', 9000, 9000, 0, {dead})"
        ))
        .await;
    }
    let told = store.remembered(start()).await.unwrap().told;
    let of = |recipient: &str| {
        let at = told.get(&("open".to_owned(), recipient.to_owned()));
        at.map(|at| at.as_millisecond())
    };
    assert_eq!((of("it@acme.example"), of(OPS)), (Some(3000), Some(2000)));
    assert_eq!(of("later@acme.example"), Some(4000), "it may still arrive");
    assert_eq!(told.len(), 3, "{told:?}");
}

async fn what_cannot_be_sent_is_kept_and_counts(place: Place) {
    let store = place.with(&["acme"]).await;
    let why = Some("there is no [email] in the configuration");
    let orders = blindness(after(1));
    let news = store.tell(orders, after(1), why, after(1)).await.unwrap();
    assert_eq!(news, [Kind::Blind]);
    assert!(owed(&store).await.is_empty());
    assert_eq!(tell(&store, blindness(after(2)), after(2)).await, []);
}
