//! A zone of which nothing clear is heard.

use super::*;
use crate::table::rows;

/// `AE02 timeout 15m, …`: users, each with its zone and what it shows for how long.
fn town(words: &str) -> Vec<Watched> {
    let one = |(nth, words): (usize, &str)| {
        let [zone, label, since]: [&str; 3] = words
            .split_whitespace()
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        shows(&format!("user-{nth}"), zone, label, ago(since))
    };
    words
        .split(',')
        .filter(|words| !words.trim().is_empty())
        .enumerate()
        .map(one)
        .collect()
}

fn is_fine(mut matter: Ongoing, since: Option<Timestamp>) -> Ongoing {
    matter.told.fine_since = since;
    matter
}

#[test]
fn when_a_zone_is_away() {
    // In the second column the zone whose outage was told, and how long it is heard again.
    let table = rows(
        "
        three for long                         |      | AE02 timeout 15m, AE02 dns 20m, AE02 outage 16m                  | outage AE02 begins
        three of many                          |      | AE02 tls 15m, AE02 connect 15m, AE02 unexpected_answer 15m, AE02 ok 1m | outage AE02 begins
        one of the three not for so long       |      | AE02 timeout 15m, AE02 timeout 20m, AE02 timeout 14m59s          |
        two of three                           |      | AE02 timeout 1h, AE02 timeout 1h, AE02 ok 1m                     |
        all of two                             |      | AE02 timeout 15m, AE02 maintenance 15m                           | outage AE02 begins
        one of two                             |      | AE02 timeout 1h, AE02 ok 1m                                      |
        the only one                           |      | AE02 timeout 15m                                                 | outage AE02 begins
        other things that are unclear          |      | AE02 rate_limited 1h, AE02 suspected 1h, AE02 never_checked 1h, AE02 activating 1h |
        refused together is something else     |      | AE02 auth_outage 1h, AE02 auth_outage 1h, AE02 auth_outage 1h    |
        users whose zone was never found       |      | - dns 15m, - dns 15m, - dns 15m                                  | outage - begins
        each zone is looked at by itself       |      | AE02 timeout 1h, AE02 timeout 1h, AE05 timeout 1h, AE05 ok 1m, AE02 ok 1m |
        two zones                              |      | AE02 timeout 1h, AE05 timeout 1h                                 | outage AE02 begins, outage AE05 begins
        who is held does not speak for it      |      | AE02 timeout 1h, AE02 locked_out 2h, AE02 locked_out 2h          | outage AE02 begins
        who is denied something does           |      | AE02 timeout 1h, AE02 permission_denied 2h                       |
        it goes on                             | AE02 | AE02 timeout 1h, AE02 timeout 1h, AE02 timeout 1m                |
        it goes on for other users             | AE02 | AE02 timeout 1m, AE02 timeout 1m, AE02 timeout 1m, AE02 ok 1m    |
        fewer than three are left              | AE02 | AE02 timeout 1h, AE02 timeout 1h, AE02 ok 1m                     | outage shows no more
        for a while                            | AE02 14m59s | AE02 timeout 1h, AE02 timeout 1h, AE02 ok 1m              |
        for as long as it took to be told      | AE02 15m | AE02 timeout 1h, AE02 timeout 1h, AE02 ok 1m                 | outage AE02 is over
        it goes on for all of two              | AE02 | AE02 timeout 1h, AE02 timeout 1h                                 |
        all are well                           | AE02 | AE02 ok 1m                                                       | outage shows no more
        and still are                          | AE02 15m | AE02 ok 1m                                                   | outage AE02 is over
        it comes again before it is over       | AE02 14m | AE02 timeout 1m                                              | outage shows again
        however late that is seen              | AE02 2h | AE02 timeout 1m                                               | outage shows again
        nobody is there any more               | AE02 |                                                                  | outage AE02 is over
        it is another zone that is away        | AE02 | AE02 ok 1m, AE05 timeout 1h                                      | outage AE05 begins, outage shows no more
        users found a zone                     | -    | AE02 ok 1m                                                       | outage - is over
        ",
    );
    for [name, told, users, want] in table {
        let remembered = Remembered {
            ongoing: told
                .split_once(' ')
                .map(|(zone, fine)| (zone, Some(ago(fine))))
                .or_else(|| (!told.is_empty()).then_some((told, None)))
                .map(|(zone, fine)| is_fine(ongoing(Kind::Outage, zone, &["user-0"]), fine))
                .into_iter()
                .collect(),
            ..Remembered::default()
        };
        let orders = look(&town(users), &remembered, Some(&email()));
        assert_eq!(said(&orders), want, "{name}");
    }
}

#[test]
fn who_is_seldom_or_never_tried_does_not_speak_for_the_zone() {
    let mut users = town("AE02 timeout 1h, AE02 zone_only 2h, AE02 code_unverified 2h");
    let secret = lockwatch::config::secret::SecretSource::Env("ACME".to_owned());
    for (user, known) in users[1..].iter_mut().zip([
        lockwatch::user::Known::Nothing,
        lockwatch::user::Known::Secret(secret),
    ]) {
        change(user, |entry| Arc::make_mut(&mut entry.user).known = known);
    }
    let orders = look(&users, &Remembered::default(), Some(&email()));
    assert_eq!(said(&orders), "outage AE02 begins");
}

#[test]
fn no_longer_than_blindness_would_take() {
    let hasty = Email {
        unclear_after: Duration::from_mins(5),
        ..email()
    };
    let begins = |since: &str, email: Option<&Email>| {
        let users = town(&format!("AE02 timeout {since}"));
        !look(&users, &Remembered::default(), email).begun.is_empty()
    };
    assert!(begins("5m", Some(&hasty)));
    assert!(!begins("4m59s", Some(&hasty)));
    assert!(!begins("14m59s", None));
    assert!(begins("15m", None));
}

#[test]
fn what_was_left_behind_by_the_process_before_is_seen_again_first() {
    let mut users = town("AE02 timeout 8h, AE02 timeout 8h");
    for user in &mut users {
        user.since = ago("10s");
    }
    let begun = |users: &[Watched]| {
        let orders = look(users, &Remembered::default(), Some(&email()));
        orders.begun.len()
    };
    change(&mut users[0], |entry| {
        entry.record.last_check = Some(ago("8h"))
    });
    assert_eq!(begun(&users), 0, "of one nothing is known");
    change(&mut users[0], |entry| {
        entry.record.last_check = Some(ago("9s"))
    });
    assert_eq!(begun(&users), 1);
}

#[test]
fn what_is_said_of_an_outage() {
    let mut users =
        town("AE02 timeout 20m, AE02 connect 30m, AE02 timeout 1m, AE02 timeout 16m, AE02 ok 1m");
    for (user, tenant) in users.iter_mut().zip(["globex", "acme", "acme"]) {
        let tenant = tenant.to_owned();
        change(user, |entry| Arc::make_mut(&mut entry.user).tenant = tenant);
    }
    let orders = look(&users, &Remembered::default(), Some(&email()));
    let turn = &orders.begun[0];
    let (notice, facts) = only(turn);
    assert_eq!(notice.recipient, "ops@msp.example");
    assert_eq!(
        (facts.kind, facts.since),
        (Kind::Outage, ago("30m")),
        "the first of them"
    );
    assert_eq!(facts.users, ["user-0", "user-1", "user-2", "user-3"]);
    assert_eq!(cell(facts, "Tenants"), "acme, acme.example, globex");
    assert_eq!(
        cell(facts, "Seen"),
        "no answer in time (3), no connection (1)"
    );
    assert!(
        facts.paragraphs[0].contains("Checks of 4 of 5 users"),
        "{facts:?}"
    );
    assert_eq!(turn.matter.told_at, now());
    assert_eq!(turn.matter.since, facts.since);
    assert_eq!(turn.matter.told.recipients, ["ops@msp.example"]);
    assert_eq!(turn.matter.told.users.len(), 4);
}

#[test]
fn whoever_was_told_is_told_of_the_end() {
    let remembered = Remembered {
        ongoing: vec![is_fine(
            ongoing(Kind::Outage, "AE02", &["user-0", "user-1"]),
            Some(ago("20m")),
        )],
        ..Remembered::default()
    };
    let orders = look(
        &town("AE02 ok 1m, AE02 dns 2h"),
        &remembered,
        Some(&email()),
    );
    let (notice, facts) = only(&orders.over[0]);
    assert_eq!(notice.recipient, "before@msp.example");
    assert_eq!(
        facts.title, "OVER: the outage of zone AE02, after 55 min",
        "the time that it was heard is not counted"
    );
    assert_eq!(facts.at, now());
    assert_eq!(facts.users, ["user-0", "user-1"]);
    assert_eq!(cell(facts, "Still silent"), "user-1");
}

#[test]
fn where_nothing_is_reached_the_own_network_is_looked_at_first() {
    let own_network = |users: &str| {
        let orders = look(&town(users), &Remembered::default(), Some(&email()));
        let (_, facts) = only(&orders.begun[0]);
        facts.steps[0].contains("proxy")
    };
    assert!(own_network("AE02 dns 1h, AE05 connect 1h, - tls 1m"));
    assert!(
        !own_network("AE02 dns 1h, AE05 connect 1h, AE05 ok 1m"),
        "one is heard"
    );
    assert!(
        !own_network("AE02 dns 1h, AE05 outage 1h"),
        "Autotask answers"
    );
}

#[test]
fn without_email_it_is_kept_as_not_sent() {
    let orders = look(&town("AE02 timeout 1h"), &Remembered::default(), None);
    assert_eq!(only(&orders.begun[0]).0.recipient, "");
}

#[test]
fn a_zone_that_comes_and_goes_is_one_outage() {
    let mut remembered = Remembered::default();
    let mut told = Vec::new();
    // Away for 16 minutes, heard for one, all day; then it is well.
    for minute in 0..24 * 60 {
        let at = now() + SignedDuration::from_mins(minute);
        let since = now() + SignedDuration::from_mins(minute - minute % 17);
        let mut users = town("AE02 ok 1m, AE02 ok 1m");
        if minute < 20 * 60 && minute % 17 < 16 {
            users = ["user-0", "user-1"]
                .map(|id| shows(id, "AE02", "timeout", since))
                .into();
        }
        let orders = look_at(at, &users, &remembered, Some(&email()));
        told.extend((!orders.begun.is_empty()).then(|| format!("{minute} begins")));
        told.extend((!orders.over.is_empty()).then(|| format!("{minute} is over")));
        let ongoing = &mut remembered.ongoing;
        ongoing.extend(orders.begun.into_iter().map(|turn| turn.matter));
        ongoing.retain(|one| orders.over.iter().all(|turn| turn.matter != *one));
        for kept in orders.kept {
            ongoing.retain(|one| one.told_at != kept.told_at);
            ongoing.push(kept);
        }
    }
    assert_eq!(told, ["15 begins", "1215 is over"]);
}

#[test]
fn who_is_still_silent_in_a_zone_that_is_heard_again_is_not_told_apart_before_it_is_over() {
    let remembered = Remembered {
        ongoing: vec![is_fine(
            ongoing(Kind::Outage, "AE02", &["user-0"]),
            Some(ago("14m")),
        )],
        ..Remembered::default()
    };
    let users = town("AE02 timeout 3h, AE02 ok 1m");
    let blind =
        |remembered: &Remembered| !look(&users, remembered, Some(&email())).blind.is_empty();
    assert!(!blind(&remembered));
    assert!(blind(&Remembered::default()));
}
