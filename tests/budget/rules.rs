//! The rules one by one: what happened to the username, who asks for which credential then, and the answer.

use std::time::Duration;

use lockwatch::attempt::{
    Activation, Asker, Hold, Limits, Outcome, Refusal, Waiting, attempts_left, hold,
};

use crate::{
    LIMITS, start,
    story::{Books, asker},
    table::rows,
};

#[test]
fn the_schedule_keeps_within_the_budget() {
    let table = rows(
        "
        the first attempt                            |                      | a | granted
        the confirmation of a rejection              | a-                   | a | granted
        no third                                     | a- a-                | a | held: Rejections
        time forgives nothing                        | a- a- 2000h          | a | held: Rejections
        acceptance ends the streak                   | a- a+ a-             | a | granted
        so does a missing permission, or a threshold | a- a= a-             | a | granted
        an invalid integration code leaves it        | a- a/ a-             | a | held: Rejections
        what was not sent leaves it                  | a- a0 a-             | a | held: Rejections
        an unclear answer leaves it                  | a- a~ a-             | a | held: Rejections
        what was not sent costs nothing              | a0 a0 a0 a0 a0 a0    | a | granted
        unclear answers cost nothing                 | a~ a~ a~ a~ a~ a~    | a | granted
        an invalid code costs nothing                | a/ a/ a/ a/ a/ a/    | a | granted
        three unanswered                             | a? a? a?             | a | granted
        four unanswered                              | a? a? a? a?          | a | held: Unanswered
        four crashes                                 | a* a* a* a*          | a | held: Unanswered
        crashes among unanswered                     | a* a? a* a?          | a | held: Unanswered
        four unanswered, almost 6 h ago              | a? a? a? a? 5h59m59s | a | held: Unanswered
        four unanswered, 6 h ago                     | a? a? a? a? 6h       | a | granted
        one more in 6 h, not two                     | a? a? a? a? 6h a? 1h | a | held: Unanswered
        acceptance ends the unanswered               | a? a? a? a+ a?       | a | granted
        a rejection makes those before it count      | a? a-                | a | held: Rejections
        an unanswered confirmation is spent          | a- a*                | a | held: Rejections
        and stays so                                 | a- a* 48h            | a | held: Rejections
        a new credential is tried at once            | a- a-                | b | granted
        but not confirmed                            | a- a- 1h b- 1h       | b | held: Username
        nor after one rejection of each              | a- b-                | b | held: Username
        the old one neither                          | a- b-                | a | held: Username
        not when the others are a day old either     | a- a- b- 24h         | b | held: Username
        what was not answered counts as well         | a* b-                | b | held: Username
        unanswered ones of all credentials           | a* a* b* b*          | b | held: Unanswered
        the one that works is tried all the same     | a+ b- b- c- 24h d-   | a | granted
        one that works frees the username            | a- b- c+             | b | granted
        the old secret put back finds its count      | a- a- b+             | a | held: Rejections
        three new credentials a day                  | a- b-                | c | granted
        a fourth is not tried unasked                | a- b- c-             | d | held: NewCredentials
        not even after successes                     | a+ b+ c+             | d | held: NewCredentials
        a known one is                               | a+ b+ c+             | a | granted
        a fourth, a day later                        | a- b- c- 24h         | d | granted
        an operator's rejection counts as any        | a- op:a-             | a | held: Rejections
        ",
    );
    for [name, story, credential, want] in table {
        let mut books = Books::after(LIMITS, story);
        let before = books.ledgers(credential);
        let got = books.told(Asker::Schedule, credential);
        assert_eq!(got, want, "{name}");
        let told = hold(&before, &LIMITS, books.present())
            .map_or("granted".to_owned(), |why| format!("held: {why:?}"));
        assert_eq!(told, want, "{name}: what is shown is what is done");
        if got != "granted" {
            assert_eq!(
                books.ledgers(credential),
                before,
                "{name}: nothing is noted"
            );
        }
    }
}

#[test]
fn one_attempt_of_a_username_at_a_time() {
    // A crash, and then the whole flight has gone by.
    let table = rows(
        "
        at once                            | a* -15s | a | wait 15s: InFlight
        with another credential            | a* -15s | b | wait 15s: InFlight
        just before the flight is over     | a* -1s  | a | wait 1s: InFlight
        when it is over                    | a*      | a | granted
        the clock set back a little        | a* -20s | a | wait 20s: InFlight
        set back far: it is not waited for | a* -1h  | a | granted
        set forward: it is over            | a* -15s jump:1h | a | granted
        when it was answered               | a- -15s | a | granted
        ",
    );
    for [name, story, credential, want] in table {
        for who in ["", "op", "force", "one"] {
            let mut books = Books::after(LIMITS, story);
            assert_eq!(books.told(asker(who), credential), want, "{name}, {who}");
        }
    }
}

#[test]
fn a_new_user_is_left_alone_until_it_can_work() {
    let table = rows(
        "
        created just now                   |       | told     | wait 5m: Activation
        created four minutes ago           | 4m    | told     | wait 1m: Activation
        created five minutes ago           | 5m    | told     | granted
        nobody said when: once at once     |       | not told | granted
        and again after the window         | a- 1m | not told | wait 4m: Activation
        even when nothing was answered     | a0 1m | not told | wait 4m: Activation
        the window is over                 | a- 5m | not told | granted
        the username worked before         | b+    | told     | granted
        it worked before, and was rejected | b+ a- | not told | granted
        it was only rejected before        | b-    | told     | wait 5m: Activation
        ",
    );
    for [name, story, when, want] in table {
        let activation = Activation {
            until: start() + Duration::from_mins(5),
            try_at_once: when == "not told",
        };
        let mut books = Books::after(LIMITS, story);
        books.activation = Some(activation);
        assert_eq!(books.told(Asker::Schedule, "a"), want, "{name}");
        let mut books = Books::after(LIMITS, story);
        books.activation = Some(activation);
        assert_eq!(
            books.told(asker("op"), "a"),
            "granted",
            "{name}: an operator may"
        );
    }
}

#[test]
fn an_operator_may_in_spite_of_a_hold_but_not_often() {
    let table = rows(
        "
        held by rejections         | a- a-                          | op    | a | granted
        held by unanswered         | a* a* a* a*                    | op    | a | granted
        held by its username       | a- b-                          | op    | b | granted
        a fourth new credential    | a- b- c-                       | op    | d | granted
        within a minute            | op:a- 59s                      | op    | a | wait 1s: Operator
        by force                   | op:a- 59s                      | force | a | wait 1s: Operator
        another credential         | op:a- 59s                      | op    | b | wait 1s: Operator
        after a minute             | op:a- 1m                       | op    | a | granted
        twice in vain              | op:a- 1m op:a- 1m              | op    | a | needs force
        in vain for a day          | op:a- 1m op:a- 24h             | op    | a | needs force
        by force after two in vain | op:a- 1m op:a- 1m              | force | a | granted
        in vain with another one   | op:a- 1m op:a- 1m              | op    | b | granted
        the schedule is not vain   | a- a-                          | op    | a | granted
        nor is what was not sent   | op:a0 1m op:a0 1m              | op    | a | granted
        it worked since            | op:a- 1m op:a- 1m force:a+ 1h  | op    | a | granted
        a fourth in an hour        | op:a- 1m op:a- 1m force:a- 1m  | force | a | wait 57m: Operator
        whatever came of them      | op:a+ 1m op:a+ 1m op:a+ 1m     | op    | a | wait 57m: Operator
        at once after three        | op:a- 1m op:a- 1m force:a-     | force | a | wait 58m: Operator
        a fourth after the hour    | op:a- 1m op:a- 1m force:a- 58m | force | a | granted
        ",
    );
    for [name, story, who, credential, want] in table {
        let mut books = Books::after(LIMITS, story);
        assert_eq!(books.told(asker(who), credential), want, "{name}");
    }
}

#[test]
fn one_off_probes_have_a_small_budget_of_their_own() {
    let table = rows(
        "
        the first                   |                      | granted
        the second                  | one:a-               | granted
        the third                   | one:a- 1h one:a- 1h  | wait 22h: OneOff
        the third after successes   | one:a+ one:b+        | wait 24h: OneOff
        when the first is a day old | one:a- 1h one:a- 23h | granted
        ",
    );
    for [name, story, want] in table {
        let mut books = Books::after(LIMITS, story);
        assert_eq!(books.told(Asker::OneOff, "c"), want, "{name}");
    }
}

/// After an attempt without an answer each wait is twice the last; here checks are five minutes apart.
#[test]
fn what_is_not_answered_makes_the_next_attempt_wait() {
    let table = rows(
        "
        after one                             | a?                              | a | wait 10m: Unanswered
        when it has waited                    | a? 10m                          | a | granted
        after two                             | a? 10m a?                       | a | wait 20m: Unanswered
        after three                           | a? 10m a? 20m a?                | a | wait 40m: Unanswered
        a crash is no answer                  | a*                              | a | wait 9m 45s: Unanswered
        an answer ends it                     | a? 10m a/                       | a | granted
        what was not sent leaves the wait     | a? 10m a0                       | a | wait 10m: Unanswered
        a rejection is an answer              | a- 1m                           | a | granted
        six hours at most                     | a? 3h a? 3h a? 3h a? 6h a? 6h   | a | granted
        no longer                             | a? 3h a? 3h a? 3h a? 6h a?      | a | held: Unanswered
        a new credential does not wait        | a?                              | b | granted
        a clock set forward ends no wait      | a? jump:10m                     | a | wait 5m: Unanswered
        set back a little, it stands still    | a? -1m 6m                       | a | wait 5m: Unanswered
        an old look at it counts nothing      | a? -4m jump:4m -4m jump:4m 1m   | a | wait 9m: Unanswered
        another user of the zone is accepted  | a? other+                       | a | granted
        that was before                       | other+ 1m a?                    | a | wait 10m: Unanswered
        ",
    );
    for [name, story, credential, want] in table {
        let mut books = Books::after(LIMITS, "");
        books.interval = Duration::from_mins(5);
        books.goes_on(story);
        assert_eq!(books.told(Asker::Schedule, credential), want, "{name}");
        let mut books = Books::after(LIMITS, "");
        books.interval = Duration::from_mins(5);
        books.goes_on(story);
        assert_eq!(
            books.told(asker("op"), credential),
            "granted",
            "{name}: an operator may"
        );
    }
}

#[test]
fn a_hold_of_unanswered_attempts_ends_with_one() {
    let table = rows(
        "
        another user of the zone is accepted    | a? a? a? a? other+              | granted
        once                                    | a? a? a? a? other+ a? other+ 1h | held: Unanswered
        and again six hours later               | a? a? a? a? other+ a? 6h        | granted
        one in six hours, whatever let it       | a? a? a? a? 6h a? other+ 1h     | held: Unanswered
        a clock set forward lets none           | a? a? a? a? jump:6h             | held: Unanswered
        nor does a night without lockwatch      | a? a? a? a? jump:10h            | held: Unanswered
        the zone changes                        | a? a? a? a? zone:B              | granted
        the zone must speak                     | a? a? a? a? 6h silent           | zone closed
        ",
    );
    for [name, story, want] in table {
        let mut books = Books::after(LIMITS, story);
        assert_eq!(books.told(Asker::Schedule, "a"), want, "{name}");
    }
}

/// After an attempt without a clear answer, the zone must answer a request without a credential: whoever asks.
#[test]
fn no_credential_goes_to_a_zone_that_does_not_speak() {
    let table = rows(
        "
        at first nobody asks             | silent         | granted
        after an unanswered attempt      | a? silent      | zone closed
        after an unclear answer          | a~ silent      | zone closed
        after a crash                    | a* silent      | zone closed
        after an answer                  | a- silent      | granted
        after what was not sent          | a0 silent      | granted
        it speaks again                  | a~             | granted
        once it spoke it is asked no more | a~ a+ silent  | granted
        another zone                     | a~ zone:B silent | granted
        ",
    );
    for [name, story, want] in table {
        for who in ["", "force", "one"] {
            let mut books = Books::after(LIMITS, story);
            assert_eq!(books.told(asker(who), "a"), want, "{name}, {who}");
        }
    }
}

#[test]
fn another_zone_excuses_once_a_day() {
    let table = rows(
        "
        a 401 of the wrong zone is void        | moved:a- zone:B                     | 0 | granted
        the next one within the day counts     | moved:a- zone:B moved:a-            | 1 | granted
        the day after it is void again         | moved:a- 24h moved:a-               | 0 | granted
        not by the clock alone                 | moved:a- jump:24h moved:a-          | 1 | granted
        a hold ends when the zone changes      | a- a- zone:B                        | 2 | granted
        with one attempt                       | a- a- zone:B a-                     | 3 | held: Rejections
        once a day                             | a- a- zone:B a- zone:A              | 3 | held: Rejections
        what was not sent uses nothing up      | a- a- zone:B a0 1h                   | 2 | granted
        and again the day after                | a- a- zone:B a- 24h zone:A          | 3 | granted
        not when nobody says so                | a- a- zone:B away                   | 2 | held: Rejections
        the look-up is away: no confirmation   | a- away                             | 1 | zone unsure
        nothing was refused: as always         | a+ away                             | 0 | granted
        ",
    );
    for [name, story, rejections, want] in table {
        let mut books = Books::after(LIMITS, story);
        let counted = books.ledgers("a").credential.rejections.to_string();
        assert_eq!(counted, rejections, "{name}");
        assert_eq!(books.told(Asker::Schedule, "a"), want, "{name}");
    }
}

/// `storm` begins one over the zone; `other+` ends it.
#[test]
fn what_was_refused_in_a_storm_is_tried_once_when_it_is_over() {
    let table = rows(
        "
        while it lasts: one that was refused waits an hour   | a+ a- storm 59m                    | storm
        and another, for a better one                        | a+ a- storm 1h                     | granted
        one that was not may see whether it is over          | a+ storm                           | granted
        once an hour                                         | a+ storm a0 a- 59m                 | storm
        when it is over: one that is not held, as usual      | a+ a- storm other+                 | granted
        one that is held, once                               | a+ a- a- storm 1h other+           | granted
        once                                                 | a+ a- a- storm 1h other+ a-        | held: Rejections
        not when it was not sent                             | a+ a- a- storm 1h other+ a0        | granted
        one that was held long before                        | a+ a- a- 1h storm 1h other+        | held: Rejections
        one that never worked                                | a- a- storm 1h other+              | held: Rejections
        once between two proofs                              | a+ a- a- storm other+ a- 1h storm other+ | held: Rejections
        it works again: anew                                 | a+ a- a- storm other+ a+ a- a- storm other+ | granted
        ",
    );
    for [name, story, want] in table {
        let mut books = Books::after(LIMITS, story);
        assert_eq!(books.told(Asker::Schedule, "a"), want, "{name}");
    }
}

#[test]
fn a_user_that_is_locked_out_is_tried_again_after_days() {
    let limits = Limits {
        retry_held_after: vec![Duration::from_hours(24), Duration::from_hours(72)],
        ..LIMITS
    };
    let table = rows(
        "
        before the first step               | a+ a- a- 23h                  | locked | held: Rejections
        at the first step                   | a+ a- a- 24h                  | locked | granted
        once                                | a+ a- a- 24h a- 47h           | locked | held: Rejections
        at the second step                  | a+ a- a- 24h a- 48h           | locked | granted
        no third                            | a+ a- a- 24h a- 48h a- 2000h  | locked | held: Rejections
        steps that were missed are one      | a+ a- a- 80h a-               | locked | held: Rejections
        an operator does not move the steps | a+ a- a- 23h op:a- 1h         | locked | granted
        of another reason: never            | a+ a- a- 24h                  |        | held: Rejections
        one that never worked: never        | a- a- 24h                     | locked | held: Rejections
        a clock set forward is no step      | a+ a- a- jump:24h             | locked | held: Rejections
        what was not sent uses no step      | a+ a- a- 24h a0 1h            | locked | granted
        unlocked in between: anew           | a+ a- a- 24h a+ a- a- 24h     | locked | granted
        ",
    );
    for [name, story, locked, want] in table {
        let mut books = Books::after(limits.clone(), "");
        books.locked_out = locked == "locked";
        books.goes_on(story);
        assert_eq!(books.told(Asker::Schedule, "a"), want, "{name}");
    }
}

#[test]
fn an_end_that_nobody_waits_for_changes_nothing() {
    let outcomes = [
        Outcome::Accepted,
        Outcome::Rejected,
        Outcome::NotSent,
        Outcome::AnsweredUnclearly,
        Outcome::Unanswered,
    ];
    for outcome in outcomes {
        let mut books = Books::after(LIMITS, "a- a*");
        let before = books.ledgers("a");
        for unknown in ["attempt-0", "attempt-1", ""] {
            books.end("a", unknown, outcome);
            assert_eq!(books.ledgers("a"), before, "{unknown}, {outcome:?}");
        }

        let mut books = Books::after(LIMITS, "a*");
        let next = books.ask(Asker::Schedule, "a").unwrap();
        let before = books.ledgers("a");
        books.end("a", "attempt-1", outcome);
        assert_eq!(books.ledgers("a"), before, "overtaken, {outcome:?}");
        books.end("a", &next, outcome);
        assert_ne!(books.ledgers("a"), before, "its own end, {outcome:?}");
    }
}

#[test]
fn a_late_end_takes_the_place_of_the_unanswered_count() {
    let mut books = Books::after(LIMITS, "a* 1h");
    assert_eq!(books.ledgers("a").credential.unanswered, 1);
    books.end("a", "attempt-1", Outcome::Rejected);
    let credential = books.ledgers("a").credential;
    assert_eq!((credential.unanswered, credential.rejections), (0, 1));
}

#[test]
fn a_credential_changes_when_another_takes_its_place() {
    let mut books = Books::after(LIMITS, "a+ 1h a+ 1h");
    assert_eq!(
        books.username.changed_at, None,
        "the first took nobody's place"
    );
    let changed = books.now;
    books.goes_on("b- 1h b-");
    assert_eq!(books.username.changed_at, Some(changed));
    assert_eq!(books.username.current.as_deref(), Some("b"));
}

/// `attempts_left` is what people read: it must be what the schedule would do.
#[test]
fn attempts_left_says_how_often_the_schedule_may_still_be_rejected() {
    let stories = rows(
        "
        new                            |                   | a
        rejected once                  | a-                | a
        unanswered once                | a*                | a
        unanswered three times         | a* a* a*          | a
        unanswered four times          | a* a* a* a*       | a
        unanswered four times, 6 h ago | a* a* a* a* 6h    | a
        new beside a rejected one      | a-                | b
        new beside two rejections      | a- op:a-          | b
        new beside three rejections    | a- op:a- 1m op:a- | b
        rejected beside a rejected one | a- b-             | b
        the fourth new one             | a+ b+ c+          | d
        rejected by its operator only  | op:a-             | a
        ",
    );
    for max_rejections in 1..=4 {
        let limits = Limits {
            max_rejections,
            ..LIMITS
        };
        for [name, story, credential] in &stories {
            let mut books = Books::after(limits.clone(), story);
            let said = attempts_left(&books.ledgers(credential), &limits, books.present());
            let mut risked = 0;
            while let Ok(id) = books.ask(Asker::Schedule, credential) {
                books.end(credential, &id, Outcome::Rejected);
                risked += 1;
                assert!(risked < 9, "{name} of {max_rejections}: it never ends");
            }
            assert_eq!(said, risked, "{name}, of {max_rejections}");
        }
    }
}

#[test]
fn every_refusal_can_be_read() {
    let holds = [
        Hold::Rejections,
        Hold::Unanswered,
        Hold::Username,
        Hold::NewCredentials,
    ];
    let waits = [
        Waiting::InFlight,
        Waiting::Activation,
        Waiting::Unanswered,
        Waiting::Others,
        Waiting::Operator,
        Waiting::OneOff,
        Waiting::WithoutCode,
    ];
    let until = start();
    let since = start();
    let attempt = "0".to_owned();
    let refusals = holds
        .map(|why| Refusal::Held { why })
        .into_iter()
        .chain(waits.map(|why| Refusal::Wait { until, why }))
        .chain([
            Refusal::NeedsForce,
            Refusal::NotOurs,
            Refusal::ZoneUnsure,
            Refusal::ZoneClosed { attempt },
            Refusal::Storm { since },
        ]);
    let mut seen = Vec::new();
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        let dated = text.contains("2026-11-21 12:00:00 UTC");
        let dates = matches!(refusal, Refusal::Wait { .. } | Refusal::Storm { .. });
        assert_eq!(dated, dates, "{text}");
        assert!(!seen.contains(&text), "said twice: {text}");
        seen.push(text);
    }
}
