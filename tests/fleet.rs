//! What many users' fates say together: who is refused at once with whom, and whether it is the look-up that denies.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[path = "support/table.rs"]
mod table;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lockwatch::fleet::{LookUps, Refused, Storm, look_up_fails, storm};
use table::rows;

fn at(words: &str) -> Timestamp {
    let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    start + words.parse::<SignedDuration>().unwrap()
}

/// `acme/a 5m`: user *a* of tenant *acme* was first refused 5 min after the start.
fn refused(words: &str) -> Refused {
    let (who, when) = words.trim().split_once(' ').unwrap();
    let (tenant, username) = who.split_once('/').unwrap();
    Refused {
        username: username.to_owned(),
        tenant: tenant.to_owned(),
        since: at(when),
    }
}

#[test]
fn many_that_are_refused_at_once_are_a_storm() {
    let table = rows(
        "
        alone                                      | acme/a 0s  |                          |    |    | nobody
        two of a tenant                            | acme/b 1m  | acme/a 0s                |    |    | nobody
        three of a tenant                          | acme/c 2m  | acme/a 0s, acme/b 1m     |    |    | Tenant
        one of them twice                          | acme/b 2m  | acme/a 0s, acme/a 1m     |    |    | nobody
        two tenants                                | hooli/h 2m | acme/a 0s                |    |    | Zone
        ten minutes apart                          | hooli/h 10m | acme/a 0s               |    |    | Zone
        more than ten minutes apart                | hooli/h 601s | acme/a 0s              |    |    | nobody
        three of a tenant, one of them long ago    | acme/c 20m | acme/a 0s, acme/b 19m    |    |    | nobody
        before it too                              | acme/a 0s  | hooli/h 5m               |    |    | Zone
        one of the zone was accepted in between    | hooli/h 4m | acme/a 0s                | 2m |    | nobody
        one of the zone was accepted before        | hooli/h 4m | acme/a 3m                | 2m |    | Zone
        accepted in another tenant of the zone     | acme/c 4m  | acme/a 0s, acme/b 1m     | 2m |    | Tenant
        one of the tenant was accepted in between  | acme/c 4m  | acme/a 0s, acme/b 1m     | 2m | 2m | nobody
        the zone's word weighs more                | hooli/h 4m | acme/a 1m, acme/b 1m, acme/c 1m |  |  | Zone
        ",
    );
    for [name, me, others, in_zone, in_tenant, want] in table {
        let others: Vec<Refused> = others
            .split(',')
            .filter(|words| !words.trim().is_empty())
            .map(refused)
            .collect();
        let accepted = |words: &str| (!words.is_empty()).then(|| at(words));
        let found = storm(
            &refused(me),
            &others,
            accepted(in_zone),
            accepted(in_tenant),
        );
        let said = found.map_or("nobody".to_owned(), |storm: Storm| format!("{storm:?}"));
        assert_eq!(said, want, "{name}");
    }
}

#[test]
fn a_look_up_that_denies_many_fails() {
    for (name, denied, known, minutes, want) in [
        ("this one alone", 0, 2, 0, 0),
        ("one other", 1, 1, 0, 0),
        ("two others", 2, 0, 0, 2),
        ("two others, though it knows some", 2, 2, 0, 2),
        ("for long, and it knows nobody", 5, 0, 600, 5),
        ("for long, though it knows some", 5, 1, 30, 0),
        ("not for so long", 5, 1, 29, 5),
    ] {
        let seen = LookUps { denied, known };
        let found = look_up_fails(seen, Duration::from_mins(minutes));
        assert_eq!(found, want, "{name}");
    }
}
