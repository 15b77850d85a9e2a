//! What users' fates say together: the look-up that denies many, Autotask that refuses many; and what is remembered of
//! attempts over restarts, jumps of the clock and removals.

use lockwatch::{
    attempt::{Hold, Waiting, storm},
    notify::desk::StormOver,
    store::ledger::Settled,
};

use super::*;

on_both_engines!(
    the_look_up_denies_others_as_well,
    two_tenants_that_are_refused_together_are_a_storm,
    three_users_of_a_tenant_are_a_storm_of_its_own,
    whoever_was_refused_for_reasons_of_its_own_makes_no_storm,
    a_first_refusal_brings_the_checks_of_others_forward,
    in_a_storm_one_user_an_hour_is_tried,
    the_first_acceptance_ends_a_storm,
    an_acceptance_from_before_a_storm_does_not_end_it,
    whoever_was_held_in_a_storm_is_tried_when_it_is_over,
    a_zone_that_stays_refused_for_a_day_is_judged_as_usual,
    a_tenant_that_stays_refused_is_judged_as_usual,
    a_late_acceptance_is_no_refusal_any_more,
    a_night_without_lockwatch_releases_nothing,
    a_removed_username_is_remembered_for_ninety_days,
);

const MINUTE: Duration = Duration::from_mins(1);
const ZONE: &str = "https://webservices2.autotask.net/atservicesrest/";

/// Users are written `tenant-name`.
fn tenant(user: &str) -> String {
    user.split('-').next().unwrap().to_owned()
}

fn wants(users: &[&str]) -> Vec<Wanted> {
    let user = |user: &&str| Wanted {
        tenant: tenant(user),
        ..wanted(user, start())
    };
    users.iter().map(user).collect()
}

fn asks(user: &str, claim: &Claim, now: Timestamp) -> PermitRequest {
    PermitRequest {
        bearer: Bearer {
            username: format!("{user}@acme.example"),
            tenant: tenant(user),
            ..bearer(claim)
        },
        ..request(claim, now)
    }
}

/// One check: what a permit is refused for, or what its rejection came to.
async fn check(
    store: &Store,
    user: &str,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Option<Settled>, Refusal> {
    let claimed = claim(store, user, now).await.expect("nobody holds it");
    let asked = asks(user, &claimed.claim, now);
    let end = |attempt: String| Settlement {
        bearer: asked.bearer.clone(),
        attempt,
        outcome,
    };
    let permit = match store.permit(asked.clone()).await.unwrap().decision {
        Ok(permit) => permit,
        Err(refusal) => {
            store.release(claimed.claim, None).await.unwrap();
            return Err(refusal);
        }
    };
    let mut last = commit(&claimed, now);
    last.zone = Some(ZONE.to_owned());
    last.look_up = LookUp::Knows;
    let mut settled = None;
    if outcome == Outcome::Rejected {
        let end = end(permit.id().to_owned());
        settled = Some(store.settle(end, now).await.unwrap());
    } else {
        last.settlement = Some(end(permit.id().to_owned()));
        last.record.last_accepted = outcome.proves().then_some(now);
    }
    assert!(store.commit(last).await.unwrap());
    Ok(settled)
}

async fn is_refused(store: &Store, user: &str, now: Timestamp) -> Settled {
    let settled = check(store, user, Outcome::Rejected, now).await.unwrap();
    settled.unwrap()
}

/// A store whose users all worked, a minute before the start.
async fn working(place: &Place, users: &[&str]) -> Store {
    let store = place.open().await;
    store.sync(wants(users), LIMITS, start()).await.unwrap();
    for user in users {
        let now = start() - MINUTE;
        check(&store, user, Outcome::Accepted, now).await.unwrap();
    }
    store.tick(start()).await.unwrap();
    store
}

/// Those that the desk is told of.
async fn storms(store: &Store) -> Vec<StormOver> {
    store.remembered(start()).await.unwrap().storms
}

async fn due(store: &Store, now: Timestamp) -> Vec<String> {
    let users = store.load().await.unwrap();
    let due = users.iter().filter(|user| user.due <= now);
    due.map(|user| user.id.as_str().to_owned()).collect()
}

async fn minutes_go_by(store: &Store, from: Timestamp, minutes: u32) -> Timestamp {
    for minute in 1..=minutes {
        store.tick(from + MINUTE * minute).await.unwrap();
    }
    from + MINUTE * minutes
}

async fn the_look_up_denies_others_as_well(place: Place) {
    let users = ["acme-a", "acme-b", "acme-c", "globex-a", "globex-b"];
    let store = working(&place, &users).await;
    store
        .sync(
            wants(&[&users[..], &["acme-new"]].concat()),
            LIMITS,
            start(),
        )
        .await
        .unwrap();
    let looks = async |user: &str, look_up: LookUp, now: Timestamp| {
        let claimed = claim(&store, user, now).await.unwrap();
        let mut end = commit(&claimed, now);
        end.look_up = look_up;
        assert!(store.commit(end).await.unwrap());
    };
    let denied = async |user: &str, now: Timestamp| store.denied(&id(user), now).await.unwrap();

    let at_first = denied("acme-a", start()).await;
    assert_eq!((at_first.since, at_first.others), (None, 0));
    assert_eq!(at_first.ask.len(), 2, "two that it knew are asked about");
    assert!(!at_first.ask.contains(&id("acme-a")) && !at_first.ask.contains(&id("acme-new")));

    // One that was never known is denied for a reason of its own.
    looks("acme-new", LookUp::Denies, start()).await;
    looks("acme-b", LookUp::Denies, start()).await;
    looks("globex-a", LookUp::Denies, start() + MINUTE * 2).await;
    looks("globex-b", LookUp::Unclear, start() + MINUTE * 2).await;
    let with_others = denied("acme-a", start() + MINUTE * 2).await;
    assert_eq!((with_others.since, with_others.others), (None, 2));
    let mut ask = with_others.ask;
    ask.sort();
    assert_eq!(ask, [id("acme-c"), id("globex-b")]);

    let mine = start() + MINUTE * 3;
    looks("acme-a", LookUp::Denies, mine).await;
    looks("acme-a", LookUp::Unclear, mine + MINUTE).await;
    let later = denied("acme-a", mine + MINUTE * 60).await;
    assert_eq!((later.since, later.others), (Some(mine), 2), "it is dated");
    looks("acme-b", LookUp::Knows, mine + MINUTE).await;
    assert_eq!(denied("acme-a", mine + MINUTE).await.others, 1);
    let long_after = denied("globex-b", start() + MINUTE * 14).await;
    assert_eq!(long_after.others, 0, "theirs was another time");
}

async fn two_tenants_that_are_refused_together_are_a_storm(place: Place) {
    let store = working(&place, &["acme-a", "globex-a", "initech-a"]).await;
    let first = is_refused(&store, "acme-a", start()).await;
    assert_eq!(storm(&first.standing.ledgers), None);
    let second = is_refused(&store, "globex-a", start() + MINUTE * 2).await;
    let known = StormOver {
        zone: ZONE.to_owned(),
        tenant: None,
        since: start() + MINUTE * 2,
    };
    assert_eq!(storms(&store).await, [known]);
    assert_eq!(storm(&second.standing.ledgers), Some(start() + MINUTE * 2));
    // It is the whole zone's.
    let claimed = claim(&store, "initech-a", start() + MINUTE * 2)
        .await
        .unwrap();
    let asked = asks("initech-a", &claimed.claim, start() + MINUTE * 2);
    let standing = store.permit(asked).await.unwrap().standing;
    assert!(storm(&standing.ledgers).is_some());
}

async fn three_users_of_a_tenant_are_a_storm_of_its_own(place: Place) {
    let users = ["acme-a", "acme-b", "acme-c", "acme-d", "globex-a"];
    let store = working(&place, &users).await;
    for user in ["acme-a", "acme-b"] {
        assert_eq!(
            storm(&is_refused(&store, user, start()).await.standing.ledgers),
            None
        );
    }
    let third = is_refused(&store, "acme-c", start() + MINUTE * 10).await;
    let known = StormOver {
        zone: ZONE.to_owned(),
        tenant: Some("acme".to_owned()),
        since: start() + MINUTE * 10,
    };
    assert_eq!(storms(&store).await, [known]);
    assert!(third.standing.ledgers.zone.storm.is_none());
    let now = start() + MINUTE * 10;
    check(&store, "globex-a", Outcome::Accepted, now)
        .await
        .unwrap();
    let still = is_refused(&store, "acme-d", now + MINUTE).await;
    assert!(
        storm(&still.standing.ledgers).is_some(),
        "only acme's own ends it"
    );
}

async fn whoever_was_refused_for_reasons_of_its_own_makes_no_storm(place: Place) {
    let users = ["acme-a", "globex-a", "globex-b", "initech-a", "initech-b"];
    let store = working(&place, &users).await;
    let mut all = users.to_vec();
    all.push("hooli-new");
    store.sync(wants(&all), LIMITS, start()).await.unwrap();

    // Never accepted.
    assert_eq!(
        storm(
            &is_refused(&store, "hooli-new", start())
                .await
                .standing
                .ledgers
        ),
        None
    );
    assert_eq!(
        storm(&is_refused(&store, "acme-a", start()).await.standing.ledgers),
        None
    );
    // One was accepted in between.
    let now = start() + MINUTE;
    check(&store, "globex-b", Outcome::Accepted, now)
        .await
        .unwrap();
    let now = now + MINUTE;
    assert_eq!(
        storm(&is_refused(&store, "globex-a", now).await.standing.ledgers),
        None
    );
    // Too long after.
    let now = minutes_go_by(&store, now, 11).await;
    assert_eq!(
        storm(&is_refused(&store, "initech-a", now).await.standing.ledgers),
        None
    );
    // At last somebody who is.
    let last = is_refused(&store, "globex-b", now + MINUTE).await;
    assert!(storm(&last.standing.ledgers).is_some());
}

async fn a_first_refusal_brings_the_checks_of_others_forward(place: Place) {
    let users = [
        "acme-a", "acme-b", "acme-c", "acme-d", "globex-a", "globex-b", "globex-c",
    ];
    let store = working(&place, &users).await;
    let mut all = users.to_vec();
    all.push("globex-new");
    store.sync(wants(&all), LIMITS, start()).await.unwrap();
    let claimed = claim(&store, "globex-new", start()).await.unwrap();
    assert!(store.commit(commit(&claimed, start())).await.unwrap());

    assert_eq!(due(&store, start()).await.len(), 0);
    let settled = is_refused(&store, "acme-a", start()).await;
    assert!(settled.standing.others_asked.is_some());
    let due_now = due(&store, start()).await;
    let of = |tenant: &str| {
        due_now
            .iter()
            .filter(|user| user.starts_with(tenant))
            .count()
    };
    assert_eq!((of("acme"), of("globex")), (2, 2), "{due_now:?}");
    assert!(
        !due_now.contains(&"globex-new".to_owned()),
        "it never worked"
    );

    // The confirmation waits for them, at most half a minute.
    let now = start() + Duration::from_secs(29);
    let waits = check(&store, "acme-a", Outcome::Rejected, now).await;
    let others =
        |refusal: &Refusal| matches!(refusal, Refusal::Wait { why, .. } if *why == Waiting::Others);
    assert!(waits.as_ref().is_err_and(others), "{waits:?}");
    for user in &due_now {
        check(&store, user, Outcome::Accepted, now).await.unwrap();
    }
    let confirmed = is_refused(&store, "acme-a", now).await;
    assert_eq!(confirmed.standing.others_asked, None, "they have answered");
    assert_eq!(due(&store, now).await.len(), 0, "only a first refusal asks");

    // Those that never come are not waited for.
    let later = now + MINUTE;
    is_refused(&store, "globex-a", later).await;
    is_refused(&store, "globex-a", later + Duration::from_secs(30)).await;
}

async fn in_a_storm_one_user_an_hour_is_tried(place: Place) {
    let users = ["acme-a", "acme-b", "globex-a", "globex-b"];
    let store = working(&place, &users).await;
    for user in ["acme-a", "globex-a"] {
        is_refused(&store, user, start()).await;
    }
    let since = start();
    let storm = || Err(Refusal::Storm { since });
    let tries = async |user: &str, now: Timestamp| {
        let tried = check(&store, user, Outcome::Rejected, now).await;
        tried.map(|_| ())
    };
    // Other users of the zone were asked to check; half a minute later a confirmation could be made.
    let now = start() + MINUTE;
    assert_eq!(
        tries("acme-b", now).await,
        Ok(()),
        "it has risked nothing yet"
    );
    for user in users {
        assert_eq!(tries(user, now + MINUTE).await, storm(), "{user}");
    }
    let now = minutes_go_by(&store, now, 59).await;
    assert_eq!(tries("globex-b", now).await, storm());
    let now = minutes_go_by(&store, now, 1).await;
    assert_eq!(tries("globex-b", now).await, Ok(()));
    assert_eq!(tries("acme-a", now).await, storm());
}

async fn the_first_acceptance_ends_a_storm(place: Place) {
    let store = working(&place, &["acme-a", "acme-b", "globex-a"]).await;
    for user in ["acme-a", "globex-a"] {
        is_refused(&store, user, start()).await;
    }
    let now = start() + MINUTE;
    check(&store, "acme-b", Outcome::Accepted, now)
        .await
        .unwrap();
    for user in ["acme-a", "globex-a"] {
        let settled = is_refused(&store, user, now + MINUTE).await;
        assert_eq!(storm(&settled.standing.ledgers), None, "{user}");
    }
}

/// It went out before the storm began, and its answer was written after that.
async fn an_acceptance_from_before_a_storm_does_not_end_it(place: Place) {
    let store = working(&place, &["acme-a", "globex-a", "initech-a"]).await;
    let before = claim(&store, "initech-a", start()).await.unwrap();
    let asked = asks("initech-a", &before.claim, start());
    let permit = store.permit(asked.clone()).await.unwrap().decision.unwrap();
    let now = start() + Duration::from_secs(1);
    for user in ["acme-a", "globex-a"] {
        is_refused(&store, user, now).await;
    }
    let mut late = commit(&before, now);
    late.settlement = Some(Settlement {
        bearer: asked.bearer,
        attempt: permit.id().to_owned(),
        outcome: Outcome::Accepted,
    });
    assert!(store.commit(late).await.unwrap());
    let tried = check(&store, "acme-a", Outcome::Rejected, now + MINUTE).await;
    assert_eq!(tried.unwrap_err(), Refusal::Storm { since: now });
}

async fn whoever_was_held_in_a_storm_is_tried_when_it_is_over(place: Place) {
    let store = working(&place, &["acme-a", "globex-a", "initech-a"]).await;
    for user in ["acme-a", "globex-a"] {
        is_refused(&store, user, start()).await;
    }
    // There is nobody who has risked nothing but one, which is not tried; so a victim is, in its turn, and is held.
    let now = minutes_go_by(&store, start(), 60).await;
    is_refused(&store, "acme-a", now).await;
    let now = minutes_go_by(&store, now, 1).await;
    let held = Refusal::Held {
        why: Hold::Rejections,
    };
    let tried = check(&store, "acme-a", Outcome::Rejected, now).await;
    assert_eq!(tried.unwrap_err(), held);
    let now = minutes_go_by(&store, now, 60).await;
    check(&store, "initech-a", Outcome::Accepted, now)
        .await
        .unwrap();
    is_refused(&store, "acme-a", now + MINUTE).await;
    let tried = check(&store, "acme-a", Outcome::Rejected, now + MINUTE * 2).await;
    assert_eq!(tried.unwrap_err(), held, "once");
}

async fn a_zone_that_stays_refused_for_a_day_is_judged_as_usual(place: Place) {
    let store = working(&place, &["acme-a", "globex-a"]).await;
    for user in ["acme-a", "globex-a"] {
        is_refused(&store, user, start()).await;
    }
    let now = minutes_go_by(&store, start(), 24 * 60).await;
    let settled = is_refused(&store, "acme-a", now).await;
    assert_eq!(storm(&settled.standing.ledgers), None);
    assert_eq!(due(&store, now).await, ["globex-a"]);
}

async fn a_tenant_that_stays_refused_is_judged_as_usual(place: Place) {
    let users = ["acme-a", "acme-b", "acme-c"];
    let store = working(&place, &users).await;
    for user in users {
        is_refused(&store, user, start()).await;
    }
    let now = minutes_go_by(&store, start(), 29).await;
    for user in users {
        let waits = check(&store, user, Outcome::Rejected, now).await;
        assert_eq!(waits.unwrap_err(), Refusal::Storm { since: start() });
    }
    assert_eq!(storms(&store).await.len(), 1);
    let now = minutes_go_by(&store, now, 1).await;
    let settled = is_refused(&store, "acme-b", now).await;
    assert_eq!(storm(&settled.standing.ledgers), None);
    let due = due(&store, now).await;
    assert_eq!(due, ["acme-a", "acme-c"], "the others are judged at once");
    assert_eq!(storms(&store).await, [], "no storm any more");
}

/// The claim of the check is over when its answer comes, but the answer is a fact.
async fn a_late_acceptance_is_no_refusal_any_more(place: Place) {
    let store = working(&place, &["acme-a", "globex-a"]).await;
    is_refused(&store, "acme-a", start()).await;
    let now = start() + MINUTE;
    let claimed = claim(&store, "acme-a", now).await.unwrap();
    let asked = asks("acme-a", &claimed.claim, now);
    let permit = store.permit(asked.clone()).await.unwrap().decision.unwrap();
    let now = now + LEASE + LEASE;
    let other = claim(&store, "acme-a", now)
        .await
        .expect("the lease is over");
    let mut late = commit(&claimed, now);
    late.settlement = Some(Settlement {
        bearer: asked.bearer,
        attempt: permit.id().to_owned(),
        outcome: Outcome::Accepted,
    });
    assert!(!store.commit(late).await.unwrap());
    store.release(other.claim, None).await.unwrap();

    let now = minutes_go_by(&store, now, 11).await;
    assert_eq!(
        storm(&is_refused(&store, "acme-a", now).await.standing.ledgers),
        None
    );
    let second = is_refused(&store, "globex-a", now).await;
    let storm = storm(&second.standing.ledgers);
    assert!(storm.is_some(), "both were refused just now");
}

async fn a_night_without_lockwatch_releases_nothing(place: Place) {
    let store = place.with(&["acme"]).await;
    let mut now = start();
    for _ in 0..4 {
        let claimed = claim(&store, "acme", now).await.unwrap();
        let asked = PermitRequest {
            zone_answered: None,
            ..request(&claimed.claim, now)
        };
        let mut decision = store.permit(asked.clone()).await.unwrap().decision;
        if let Err(Refusal::ZoneClosed { attempt }) = decision {
            let asked = PermitRequest {
                zone_answered: Some(attempt),
                ..asked
            };
            decision = store.permit(asked).await.unwrap().decision;
        }
        let mut end = commit(&claimed, now);
        end.settlement = Some(ended(&decision.unwrap(), Outcome::Unanswered));
        assert!(store.commit(end).await.unwrap());
        now = minutes_go_by(&store, now, 1).await;
    }
    store.close().await;

    let store = place.open().await;
    let held = Refusal::Held {
        why: Hold::Unanswered,
    };
    let asks = async |now: Timestamp| {
        let claimed = claim(&store, "acme", now).await.unwrap();
        let answer = permit(&store, &claimed.claim, now).await.decision;
        store.release(claimed.claim, None).await.unwrap();
        answer.map(drop).unwrap_err()
    };
    now += Duration::from_hours(10);
    assert_eq!(asks(now).await, held);
    let now = minutes_go_by(&store, now, 5 * 60 + 50).await;
    assert_eq!(asks(now).await, held);
    let now = minutes_go_by(&store, now, 5).await;
    let gate = asks(now).await;
    assert!(matches!(gate, Refusal::ZoneClosed { .. }), "{gate:?}");
}

async fn a_removed_username_is_remembered_for_ninety_days(place: Place) {
    let store = place.with(&["acme"]).await;
    for _ in 0..2 {
        attempt(&store, Outcome::Rejected, start()).await.unwrap();
    }
    let removed = start() + days(1);
    place.all_was_seen().await;
    store.sync(Vec::new(), LIMITS, removed).await.unwrap();
    let held = Err(Refusal::Held {
        why: Hold::Rejections,
    });
    let back = async |now: Timestamp| {
        place.all_was_seen().await;
        store.sweep(now).await.unwrap();
        // As another user, with the same name and secret.
        let again = Wanted {
            username: "acme@acme.example".to_owned(),
            ..wanted("acme", now)
        };
        store.sync(vec![again], LIMITS, now).await.unwrap();
        let found = attempt(&store, Outcome::NotSent, now).await;
        store.sync(Vec::new(), LIMITS, now).await.unwrap();
        found
    };
    let almost = removed + days(90);
    assert_eq!(back(almost).await, held, "the old secret finds its count");
    assert_eq!(
        back(almost + days(90)).await,
        held,
        "counted from its last removal"
    );
    let over = almost + days(182);
    assert_eq!(back(over).await, Ok(()), "forgotten");
}
