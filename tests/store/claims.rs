//! One flight a user: who claims whom, for how long, and what an old claim is still good for.

use std::collections::HashSet;

use lockwatch::{
    attempt::{Outcome, Refusal},
    store::Store,
};

use super::*;

on_both_engines!(
    two_processes_never_claim_the_same_user,
    a_claim_is_exclusive_until_it_is_given_back_or_over,
    a_claim_can_be_prolonged_while_it_is_ours,
    users_are_claimed_when_due_and_a_little_ahead,
    an_old_claim_is_good_for_its_attempts_end_only,
    a_claim_that_is_over_gives_no_permit_even_when_nobody_took_it,
    a_commit_gives_the_claim_back_and_keeps_the_result,
);

async fn claim_all(store: Store) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let batch = store.claim_due(start(), HORIZON, LEASE, 7).await.unwrap();
        if batch.is_empty() {
            return ids;
        }
        ids.extend(batch.iter().map(|user| user.claim.id.to_string()));
    }
}

async fn two_processes_never_claim_the_same_user(place: Place) {
    let names: Vec<String> = (0..200).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = place.with(&names).await;
    let second = place.open().await;
    let claimers = [first.clone(), second.clone(), first, second];
    let tasks: Vec<_> = claimers
        .map(|store| tokio::spawn(claim_all(store)))
        .into_iter()
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    let distinct: HashSet<&String> = claimed.iter().collect();
    assert_eq!(claimed.len(), 200);
    assert_eq!(distinct.len(), 200);
}

async fn a_claim_is_exclusive_until_it_is_given_back_or_over(place: Place) {
    let store = place.with(&["acme"]).await;
    let other = place.open().await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let almost = start() + LEASE - Duration::from_millis(1);
    assert!(claim(&other, "acme", almost).await.is_none());
    assert!(claim(&store, "acme", almost).await.is_none());
    let due = other.claim_due(almost, HORIZON, LEASE, 9).await.unwrap();
    assert!(due.is_empty());

    store.release(claimed.claim, None).await.unwrap();
    assert!(claim(&other, "acme", start()).await.is_some());
    assert!(claim(&store, "acme", start() + LEASE).await.is_some());
}

async fn a_claim_can_be_prolonged_while_it_is_ours(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let later = start() + LEASE / 2;
    let renewed = store.renew(claimed.claim.clone(), later, LEASE).await;
    assert!(renewed.unwrap());
    assert!(claim(&store, "acme", start() + LEASE).await.is_none());

    let over = later + LEASE;
    let renewed = store.renew(claimed.claim.clone(), over, LEASE).await;
    assert!(!renewed.unwrap(), "a claim that is over stays over");
    assert!(claim(&store, "acme", over).await.is_some());
    let renewed = store.renew(claimed.claim, over, LEASE).await.unwrap();
    assert!(!renewed, "and it is somebody else's now");
}

async fn users_are_claimed_when_due_and_a_little_ahead(place: Place) {
    let store = place.open().await;
    let now = start();
    let ahead = |millis| now + Duration::from_millis(millis);
    let users = vec![
        wanted("late", now - Duration::from_secs(60)),
        wanted("now", now),
        wanted("soon", ahead(2_000)),
        wanted("later", ahead(2_001)),
    ];
    store.sync(users, LIMITS, now).await.unwrap();
    let claimed = store.claim_due(now, HORIZON, LEASE, 2).await.unwrap();
    let names = |claimed: &[Claimed]| -> Vec<String> {
        let mut names: Vec<_> = claimed.iter().map(|one| one.claim.id.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&claimed), ["late", "now"], "the latest first");
    let claimed = store.claim_due(now, HORIZON, LEASE, 9).await.unwrap();
    assert_eq!(names(&claimed), ["soon"]);
    assert_eq!(claimed[0].due, ahead(2_000));
    // The lease of a check that waits for its time begins then.
    let over = ahead(2_000) + LEASE;
    let almost = over - Duration::from_millis(1);
    assert!(claim(&store, "soon", almost).await.is_none());
    assert!(claim(&store, "soon", over).await.is_some());
}

async fn an_old_claim_is_good_for_its_attempts_end_only(place: Place) {
    let store = place.with(&["acme"]).await;
    let old = claim(&store, "acme", start()).await.unwrap();
    let made = permit(&store, &old.claim, start()).await.decision.unwrap();

    let now = start() + LEASE;
    let other = place.open().await;
    let new = claim(&other, "acme", now).await.expect("the lease is over");
    assert_ne!(new.claim.token, old.claim.token);
    let refused = permit(&store, &old.claim, now).await.decision;
    assert_eq!(refused.unwrap_err(), Refusal::NotOurs);

    let mut late = commit(&old, now);
    late.settlement = Some(ended(&made, Outcome::Rejected));
    late.due = now + days(1);
    late.record.not_attempted = Some("of the old claim".to_owned());
    assert!(!store.commit(late).await.unwrap(), "the result is refused");
    let credential = ledgers(&store).await.credential;
    assert_eq!((credential.rejections, credential.unanswered), (1, 0));

    let seen = &store.load().await.unwrap()[0];
    assert_eq!(seen.due, start());
    assert_eq!(seen.record.not_attempted, None);
    store.release(old.claim, Some(now)).await.unwrap();
    assert!(
        claim(&store, "acme", now).await.is_none(),
        "not his to give back"
    );
    assert!(other.commit(commit(&new, now)).await.unwrap());
}

async fn a_claim_that_is_over_gives_no_permit_even_when_nobody_took_it(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let refused = permit(&store, &claimed.claim, start() + LEASE).await;
    assert_eq!(refused.decision.unwrap_err(), Refusal::NotOurs);
    assert_eq!(ledgers(&store).await, Ledgers::default());
}

async fn a_commit_gives_the_claim_back_and_keeps_the_result(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    assert_eq!(claimed.first_seen, start());
    let mut result = commit(&claimed, start());
    result.record.last_check = Some(start());
    assert!(store.commit(result.clone()).await.unwrap());
    assert!(!store.commit(result).await.unwrap(), "once only");
    let again = claim(&store, "acme", start()).await.expect("given back");
    assert_eq!(again.record.last_check, Some(start()));
    assert_eq!(again.due, start() + INTERVAL);
}
