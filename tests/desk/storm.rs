//! Autotask refuses many at once.

use lockwatch::notify::desk::StormOver;

use super::*;
use crate::table::rows;

fn storm_over(tenant: Option<&str>, since: &str) -> StormOver {
    StormOver {
        zone: zone("AE02").api.to_string(),
        tenant: tenant.map(str::to_owned),
        since: ago(since),
    }
}

/// `auth_outage` in zone AE02 and tenant `acme.example`, or whatever the words say.
fn users(labels: &str) -> Vec<Watched> {
    let one = |(nth, label)| shows(&format!("user-{nth}"), "AE02", label, ago("20m"));
    labels.split_whitespace().enumerate().map(one).collect()
}

#[test]
fn when_many_are_refused() {
    // The storm: whose, and since when. Then whether it was told, of user-0 and user-1.
    let table = rows(
        "
        for long                          | *            15m    |      | auth_outage auth_outage ok  | auth_outage AE02 begins
        of one tenant                     | acme.example 15m    |      | auth_outage auth_outage ok  | auth_outage AE02 begins
        not for so long                   | *            14m59s |      | auth_outage auth_outage ok  |
        of another tenant                 | globex       15m    |      | auth_outage auth_outage ok  |
        nobody shows it                   | *            15m    |      | ok ok ok                    |
        it is over before it is told      |                     |      | auth_outage ok ok           |
        it goes on                        | *            75m    | told | auth_outage auth_outage ok  |
        for some                          | *            75m    | told | ok auth_outage ok           |
        for more                          | *            75m    | told | auth_outage ok auth_outage  | auth_outage grows
        nobody shows it for a while       | *            75m    | told | timeout ok ok               |
        it is over, not for all yet       |                     | told | auth_outage ok ok           |
        it is over                        |                     | told | ok ok ok                    | auth_outage AE02 is over
        all of them are judged            |                     | told | locked_out locked_out ok    | auth_outage AE02 is over
        a storm of nobody who is here     | globex       75m    | told | ok ok ok                    | auth_outage AE02 is over
        nobody is left                    | *            75m    | told |                             | auth_outage AE02 is over
        ",
    );
    for [name, storm, told, labels, want] in table {
        let storms = match storm.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => Vec::new(),
            ["*", since] => vec![storm_over(None, since)],
            [tenant, since] => vec![storm_over(Some(tenant), since)],
            other => panic!("{other:?}"),
        };
        let ongoing =
            (!told.is_empty()).then(|| ongoing(Kind::AuthOutage, "AE02", &["user-0", "user-1"]));
        let remembered = Remembered {
            storms,
            ongoing: ongoing.into_iter().collect(),
            ..Remembered::default()
        };
        let orders = look(&users(labels), &remembered, Some(&email()));
        assert_eq!(said(&orders), want, "{name}");
        assert!(orders.blind.is_empty(), "{name}");
    }
}

#[test]
fn what_is_said_of_it() {
    let remembered = Remembered {
        storms: vec![
            storm_over(Some("acme.example"), "16m"),
            storm_over(None, "20m"),
        ],
        ..Remembered::default()
    };
    let orders = look(
        &users("auth_outage ok auth_outage"),
        &remembered,
        Some(&email()),
    );
    let turn = &orders.begun[0];
    let (notice, facts) = only(turn);
    assert_eq!(notice.recipient, "ops@msp.example");
    assert_eq!((facts.kind, facts.since), (Kind::AuthOutage, ago("20m")));
    assert_eq!(facts.users, ["user-0", "user-2"]);
    assert_eq!(cell(facts, "Tenants"), "acme.example");
    assert_eq!(turn.matter.told.api, Some(zone("AE02").api.to_string()));
}

#[test]
fn how_it_ended() {
    let table = rows(
        "
        accepted            | ok ok ok              | user-0, user-1 |                | accepts them again
        judged              | locked_out locked_out |                | user-0, user-1 | a fault of each user now
        some of both        | ok credential_rejected | user-0        | user-1         | accepts some of them again
        not known           | timeout timeout       |                |                | judged for each user as usual
        one is not here any more | ok               | user-0         |                | accepts them again
        ",
    );
    for [name, labels, accepted, judged, words] in table {
        let remembered = Remembered {
            ongoing: vec![ongoing(Kind::AuthOutage, "AE02", &["user-0", "user-1"])],
            ..Remembered::default()
        };
        let orders = look(&users(labels), &remembered, Some(&email()));
        let (notice, facts) = only(&orders.over[0]);
        assert_eq!(notice.recipient, "before@msp.example", "{name}");
        assert_eq!(
            facts.title,
            "OVER: the auth outage of zone AE02, after 1 h 15 min"
        );
        assert_eq!(cell(facts, "Accepted"), accepted, "{name}");
        assert_eq!(cell(facts, "Refused"), judged, "{name}");
        assert!(facts.paragraphs[1].contains(words), "{name}: {facts:?}");
    }
}

#[test]
fn whom_it_befell_later_is_named_at_the_end_too() {
    let remembered = Remembered {
        storms: vec![storm_over(None, "75m")],
        ongoing: vec![ongoing(Kind::AuthOutage, "AE02", &["user-0"])],
        ..Remembered::default()
    };
    let grown = look(&users("ok auth_outage"), &remembered, Some(&email())).kept;
    let users: Vec<&str> = grown[0].told.users.iter().map(UserId::as_str).collect();
    assert_eq!(users, ["user-0", "user-1"]);
    assert_eq!(grown[0].told.recipients, ["before@msp.example"]);
}
