//! What the configuration wants, and what the rows become: state outlives reloads, and nobody's next check is lost.

use std::collections::BTreeMap;

use lockwatch::{
    attempt::{Hold, Outcome, Refusal},
    store::{Store, users::Stored},
};

use super::*;

on_both_engines!(
    a_new_user_has_its_first_check_soon,
    a_user_that_stays_keeps_its_state_and_its_turn,
    of_hundreds_only_those_change_that_are_configured_otherwise,
    a_removed_user_is_neither_shown_nor_checked_and_finds_its_state_again,
    another_username_under_an_old_id_is_another_user,
    a_renamed_id_finds_the_budget_of_its_username,
    no_next_check_is_lost_to_the_clock,
    a_shorter_interval_is_obeyed_at_once,
    a_wait_that_autotask_asked_for_is_obeyed_however_long,
    the_budget_outlives_a_removal_by_90_days_and_never_ends_before,
    a_clock_that_is_set_forward_makes_nobody_forgotten,
);

async fn sync(store: &Store, users: Vec<Wanted>, now: Timestamp) {
    store.sync(users, LIMITS, now).await.unwrap();
    store.sweep(now).await.unwrap();
}

async fn the_one(store: &Store) -> Stored {
    let mut users = store.load().await.unwrap();
    assert_eq!(users.len(), 1, "{users:?}");
    users.remove(0)
}

/// One check, which writes `last_check` and `due`.
async fn checked(store: &Store, now: Timestamp, due: Timestamp) {
    let claimed = claim(store, "acme", now).await.expect("nobody holds it");
    let mut commit = commit(&claimed, now);
    commit.record.last_check = Some(now);
    commit.due = due;
    assert!(store.commit(commit).await.unwrap());
}

async fn is_due(store: &Store, now: Timestamp) -> bool {
    let claimed = store.claim_due(now, HORIZON, LEASE, 9).await.unwrap();
    for user in &claimed {
        store.release(user.claim.clone(), None).await.unwrap();
    }
    !claimed.is_empty()
}

async fn a_new_user_has_its_first_check_soon(place: Place) {
    let store = place.open().await;
    let first_due = start() + Duration::from_secs(17);
    sync(&store, vec![wanted("acme", first_due)], start()).await;
    let user = the_one(&store).await;
    assert_eq!((user.due, user.first_seen), (first_due, start()));
    assert_eq!(user.record.last_check, None);
    assert_eq!(user.record.budget.attempts_left, LIMITS.max_rejections);
}

async fn a_user_that_stays_keeps_its_state_and_its_turn(place: Place) {
    let store = place.with(&["acme"]).await;
    checked(&store, start(), start() + INTERVAL).await;
    let before = the_one(&store).await;
    let now = start() + Duration::from_secs(10);
    sync(&store, vec![wanted("acme", now)], now).await;
    let after = the_one(&store).await;
    assert_eq!(after.record, before.record);
    assert_eq!(after.due, before.due);
    assert_eq!(after.first_seen, start());
}

async fn of_hundreds_only_those_change_that_are_configured_otherwise(place: Place) {
    let named = |nth: usize, due| wanted(&format!("user-{nth:03}"), due);
    let store = place.open().await;
    let all = (0..250).map(|nth| named(nth, start())).collect();
    sync(&store, all, start()).await;
    let in_flight = claim(&store, "user-000", start()).await.unwrap();
    let mut sql = place.sql().await;
    // Whatever is written again loses it.
    sql.run("UPDATE users SET removed_at = first_seen").await;

    let now = start() + Duration::from_secs(10);
    let mut all: Vec<_> = (0..251)
        .filter(|nth| *nth != 1)
        .map(|nth| named(nth, now))
        .collect();
    all[1].tenant = "other".to_owned();
    all[2].interval = 2 * INTERVAL;
    all[3].username = "other@acme.example".to_owned();
    sync(&store, all, now).await;

    let found: BTreeMap<_, _> = store
        .load()
        .await
        .unwrap()
        .into_iter()
        .map(|user| (user.id.to_string(), (user.first_seen, user.due)))
        .collect();
    let begins_anew = ["user-004", "user-250"];
    let expected = (0..251).filter(|nth| *nth != 1).map(|nth| {
        let id = format!("user-{nth:03}");
        let at = if begins_anew.contains(&id.as_str()) {
            now
        } else {
            start()
        };
        (id, (at, at))
    });
    assert_eq!(found, expected.collect());
    let written = "SELECT id FROM users WHERE active AND removed_at IS NULL ORDER BY id";
    let written = sql.texts(written).await.concat();
    let written: Vec<_> = written.iter().flatten().collect();
    assert_eq!(written, ["user-002", "user-003", "user-004", "user-250"]);
    let others = "SELECT id FROM users WHERE tenant = 'other' OR interval_ms <> \
        (SELECT MIN(interval_ms) FROM users) ORDER BY id";
    let others = sql.texts(others).await.concat();
    let others: Vec<_> = others.iter().flatten().collect();
    assert_eq!(others, ["user-002", "user-003"]);
    assert!(
        store.commit(commit(&in_flight, now)).await.unwrap(),
        "its check goes on"
    );
}

async fn a_removed_user_is_neither_shown_nor_checked_and_finds_its_state_again(place: Place) {
    let store = place.with(&["acme"]).await;
    checked(&store, start(), start() + INTERVAL).await;
    sync(&store, Vec::new(), start()).await;
    assert!(store.load().await.unwrap().is_empty());
    let later = start() + Duration::from_hours(1);
    assert!(!is_due(&store, later).await);
    assert!(claim(&store, "acme", later).await.is_none());

    sync(&store, vec![wanted("acme", later)], later).await;
    let user = the_one(&store).await;
    assert_eq!(user.record.last_check, Some(start()));
    assert_eq!(user.first_seen, start());
    assert!(is_due(&store, later).await);
}

async fn another_username_under_an_old_id_is_another_user(place: Place) {
    let store = place.with(&["acme"]).await;
    checked(&store, start(), start() + INTERVAL).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let now = start() + Duration::from_mins(1);
    let mut other = wanted("acme", now);
    other.username = "other@acme.example".to_owned();
    sync(&store, vec![other], now).await;
    let user = the_one(&store).await;
    assert_eq!(user.record.last_check, None);
    assert_eq!((user.first_seen, user.due), (now, now));
    let result = store.commit(commit(&claimed, now)).await.unwrap();
    assert!(!result, "what was seen of the old one is not the new one's");
}

async fn a_renamed_id_finds_the_budget_of_its_username(place: Place) {
    let store = place.with(&["acme"]).await;
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    let mut renamed = wanted("acme-email2at", start());
    renamed.username = "acme@acme.example".to_owned();
    sync(&store, vec![renamed], start()).await;
    let claimed = claim(&store, "acme-email2at", start()).await.unwrap();
    let refused = permit(&store, &claimed.claim, start()).await.decision;
    let why = Hold::Rejections;
    assert_eq!(refused.unwrap_err(), Refusal::Held { why });
}

async fn no_next_check_is_lost_to_the_clock(place: Place) {
    let store = place.with(&["acme"]).await;
    let ahead = start() + days(10);
    checked(&store, ahead, ahead + INTERVAL).await;
    assert!(
        is_due(&store, start()).await,
        "the clock was ten days ahead"
    );

    sync(&store, vec![wanted("acme", start())], start()).await;
    assert_eq!(the_one(&store).await.due, start());
}

async fn a_shorter_interval_is_obeyed_at_once(place: Place) {
    let store = place.open().await;
    let mut slow = wanted("acme", start());
    slow.interval = Duration::from_hours(6);
    sync(&store, vec![slow], start()).await;
    checked(&store, start(), start() + Duration::from_hours(6)).await;
    let first_due = start() + Duration::from_secs(20);
    sync(&store, vec![wanted("acme", first_due)], start()).await;
    assert_eq!(the_one(&store).await.due, first_due);
}

async fn a_wait_that_autotask_asked_for_is_obeyed_however_long(place: Place) {
    let store = place.with(&["acme"]).await;
    let asked = start() + Duration::from_hours(20);
    checked(&store, start(), asked).await;
    let now = start() + Duration::from_mins(1);
    assert!(!is_due(&store, now).await);
    sync(&store, vec![wanted("acme", now)], now).await;
    assert_eq!(the_one(&store).await.due, asked);
    assert!(!is_due(&store, asked - Duration::from_secs(3)).await);
    assert!(is_due(&store, asked).await);
}

async fn held(place: &Place, store: &Store, now: Timestamp) -> bool {
    place.all_was_seen().await;
    sync(store, vec![wanted("acme", now)], now).await;
    let claimed = claim(store, "acme", now).await.unwrap();
    let answer = permit(store, &claimed.claim, now).await;
    store.release(claimed.claim, None).await.unwrap();
    answer.decision.is_err()
}

async fn the_budget_outlives_a_removal_by_90_days_and_never_ends_before(place: Place) {
    let store = place.with(&["acme"]).await;
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    // Configured all the time: time forgives nothing, however often the configuration is read.
    for day in [89, 91, 200] {
        let now = start() + days(day);
        assert!(held(&place, &store, now).await, "on day {day}");
    }
    // Removed on day 200, and wanted again on day 289.
    sync(&store, Vec::new(), start() + days(200)).await;
    place.all_was_seen().await;
    sync(&store, Vec::new(), start() + days(289)).await;
    assert!(held(&place, &store, start() + days(289)).await);
    // Removed again, and forgotten after 90 days and the one that may go by until it is written down who is wanted.
    sync(&store, Vec::new(), start() + days(289)).await;
    place.all_was_seen().await;
    sync(&store, Vec::new(), start() + days(381)).await;
    assert!(!held(&place, &store, start() + days(381)).await);
}

async fn a_clock_that_is_set_forward_makes_nobody_forgotten(place: Place) {
    let store = place.with(&["acme"]).await;
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    store.sweep(start()).await.unwrap();
    sync(&store, Vec::new(), start()).await;
    let known = async || {
        let mut sql = place.sql().await;
        let users = sql.texts("SELECT id FROM users").await.len();
        let credentials = sql.texts("SELECT fingerprint FROM ledger").await.len();
        (users, credentials)
    };
    assert_eq!(known().await, (1, 2));
    for now in [
        "2027-12-01T00:00:00Z",
        "2038-02-01T00:00:00Z",
        "2026-11-21T12:05:00Z",
        "1970-01-01T00:00:10Z",
        "2100-01-01T00:00:00Z",
        "2026-11-21T12:10:00Z",
    ] {
        store.sweep(now.parse().unwrap()).await.unwrap();
        assert_eq!(known().await, (1, 2), "{now}");
    }
    // The clock is right after all: what is kept for people goes by it, a day later. The budget does not.
    let later: Timestamp = "2027-12-01T00:00:00Z".parse().unwrap();
    store.sweep(later).await.unwrap();
    store.sweep(later + Duration::from_hours(24)).await.unwrap();
    assert_eq!(known().await, (0, 2));
    sync(&store, vec![wanted("acme", later)], later).await;
    let found = attempt(&store, Outcome::NotSent, later).await;
    let why = Hold::Rejections;
    assert_eq!(found, Err(Refusal::Held { why }));
}
