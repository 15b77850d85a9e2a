//! Users of which nothing definitive is known.

use super::*;
use crate::table::rows;

fn blind(users: &[Watched]) -> Vec<String> {
    blind_with(users, &Remembered::default(), Some(&email()))
}

fn blind_with(users: &[Watched], remembered: &Remembered, email: Option<&Email>) -> Vec<String> {
    let orders = look(users, remembered, email);
    let mut named = Vec::new();
    for notice in &orders.blind {
        assert_eq!(notice.kind, Kind::Blind);
        named.extend(facts(notice).users.clone());
    }
    named
}

#[test]
fn who_is_not_seen() {
    // What is shown, when something definitive was last learnt, when it was first seen, since when it is watched, its interval.
    let table = rows(
        "
        healthy from an hour ago           | ok           | 1h     | 48h | 24h | 5m  | blind
        not for so long                    | ok           | 59m59s | 48h | 24h | 5m  |
        unclear for long                   | rate_limited | 1h     | 48h | 24h | 5m  | blind
        never anything                     | rate_limited |        | 1h  | 24h | 5m  | blind
        new                                | rate_limited |        | 59m | 24h | 5m  |
        lockwatch was not there            | ok           | 9h     | 48h | 59m | 5m  |
        lockwatch is back for long         | ok           | 9h     | 48h | 1h  | 5m  | blind
        new, and not active yet            | activating   |        | 2h  | 24h | 5m  |
        an incident is open                | locked_out   | 9h     | 48h | 24h | 5m  |
        two checks at least                | ok           | 2h     | 48h | 24h | 1h  |
        and the time of one                | ok           | 2h10s  | 48h | 24h | 1h  | blind
        never checked                      | never_checked |       | 1h  | 24h | 5m  | blind
        definitive in the future           | ok           | -2h    | 2h  | 24h | 5m  | blind
        ",
    );
    for [name, label, definitive, first_seen, watched, interval, want] in table {
        // Another user of the zone is seen: it is no outage.
        let other = shows("other", "AE02", "ok", ago("1m"));
        let mut one = shows("one", "AE02", label, ago("30h"));
        one.since = ago(watched);
        change(&mut one, |entry| {
            entry.first_seen = ago(first_seen);
            entry.record.definitive_at = (!definitive.is_empty()).then(|| ago(definitive));
            Arc::make_mut(&mut entry.user).interval =
                interval.parse::<SignedDuration>().unwrap().unsigned_abs();
        });
        let want: &[&str] = if want.is_empty() { &[] } else { &["one"] };
        assert_eq!(blind(&[one, other]), want, "{name}");
    }
}

fn unseen(id: &str, zone: &str, since: &str) -> Watched {
    let mut one = shows(id, zone, "ok", ago("30h"));
    change(&mut one, |entry| {
        entry.record.definitive_at = Some(ago(since))
    });
    one
}

#[test]
fn at_most_once_a_day() {
    let users = [unseen("one", "AE02", "2h"), unseen("two", "AE05", "90m")];
    for (last, want) in [
        (None, 2),
        (Some("24h"), 2),
        (Some("23h59m"), 0),
        (Some("-1h"), 2),
    ] {
        let remembered = Remembered {
            last_blind: last.map(ago),
            ..Remembered::default()
        };
        let named = blind_with(&users, &remembered, Some(&email()));
        assert_eq!(named.len(), want, "{last:?}");
    }
}

#[test]
fn each_with_its_reason_longest_first() {
    let mut users = vec![unseen("one", "AE02", "2h"), unseen("two", "AE02", "3h")];
    let why = "Autotask asked to wait (Retry-After); next possible at 2026-11-21 18:00:00 UTC";
    change(&mut users[1], |entry| {
        entry.record.not_attempted = Some(why.to_owned())
    });
    let mut limited = shows("three", "AE05", "rate_limited", ago("90m"));
    change(&mut limited, |entry| {
        Arc::make_mut(&mut entry.user).tenant = "globex".to_owned()
    });
    users.push(limited);
    let orders = look(&users, &Remembered::default(), Some(&email()));
    let told = facts(&orders.blind[0]);
    let row = |who: &str, since: &str, why: &str| {
        let said = format!("{who}, since 2026-11-21 {since} UTC: {why}");
        ("User".to_owned(), said)
    };
    assert_eq!(
        told.table,
        [
            row("two (acme.example)", "09:00", why),
            row("one (acme.example)", "10:00", "no check has ended"),
            row("three (globex)", "10:30", "too many requests"),
        ]
    );
    assert_eq!(told.since, ago("3h"));
}

#[test]
fn many_are_counted() {
    let users: Vec<_> = (0..30)
        .map(|nth| unseen(&format!("user-{nth:02}"), "AE02", "2h"))
        .collect();
    let orders = look(&users, &Remembered::default(), Some(&email()));
    let told = facts(&orders.blind[0]);
    assert_eq!(told.table.len(), 21);
    assert_eq!(cell(told, "Others"), "10 more");
    assert_eq!(told.users.len(), 30);
}

#[test]
fn what_an_outage_explains_is_not_told_twice() {
    let outage = |since: &str| {
        vec![
            shows("one", "AE02", "timeout", ago(since)),
            unseen("elsewhere", "AE05", "2h"),
        ]
    };
    let hasty = Email {
        unclear_after: Duration::from_mins(20),
        ..email()
    };
    // Definitive an interval before it was unclear.
    let mut brewing = outage("14m");
    change(&mut brewing[0], |entry| {
        entry.record.definitive_at = Some(ago("21m"))
    });
    assert_eq!(
        blind_with(&brewing, &Remembered::default(), Some(&hasty)),
        ["elsewhere"]
    );
    let begins = look(&outage("90m"), &Remembered::default(), Some(&email()));
    assert_eq!(said(&begins), "outage AE02 begins");
    assert_eq!(facts(&begins.blind[0]).users, ["elsewhere"]);
    let told = Remembered {
        ongoing: vec![ongoing(Kind::Outage, "AE02", &["one"])],
        ..Remembered::default()
    };
    let goes_on = look(&outage("90m"), &told, Some(&email()));
    assert_eq!(facts(&goes_on.blind[0]).users, ["elsewhere"]);
    // Afterwards its time begins anew: whoever is checked last was not forgotten.
    let explained: Vec<&str> = goes_on.explained.iter().map(UserId::as_str).collect();
    assert_eq!(explained, ["one"]);
    // The others of a zone that refuses many are not tried.
    let mut stormy = vec![unseen("one", "AE02", "2h")];
    stormy.push(shows("two", "AE02", "auth_outage", ago("2h")));
    let told = Remembered {
        ongoing: vec![ongoing(Kind::AuthOutage, "AE02", &["two"])],
        ..Remembered::default()
    };
    assert!(blind_with(&stormy, &told, Some(&email())).is_empty());
}

#[test]
fn whoever_is_new_gets_its_time_afterwards() {
    let users = [shows("new", "AE02", "activating", ago("3h"))];
    let orders = look(&users, &Remembered::default(), Some(&email()));
    assert!(orders.explained.contains(&UserId::parse("new").unwrap()));
}

#[test]
fn without_email_after_an_hour() {
    let named = |since: &str| {
        blind_with(
            &[unseen("one", "AE02", since)],
            &Remembered::default(),
            None,
        )
    };
    assert_eq!(named("1h"), ["one"]);
    assert!(named("59m").is_empty());
}
