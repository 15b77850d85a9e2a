//! The attempt is on disk before anybody may send it, and what was counted stays counted.

use std::sync::Arc;

use lockwatch::{
    attempt::{Hold, Outcome, Refusal},
    incident::{Event, Incident},
    store::StoreError,
};
use tokio::sync::Barrier;

use super::*;

on_both_engines!(
    an_attempt_is_on_disk_before_its_permit_is_there,
    a_restart_keeps_a_hold,
    a_removed_user_gets_no_permit,
    processes_that_ask_at_once_get_one_permit,
    a_commit_is_kept_whole_or_not_at_all_and_harms_no_other,
    an_incident_is_kept_until_it_closes,
    no_attempt_without_a_store_that_can_be_written,
    a_closed_store_says_so,
);

async fn an_attempt_is_on_disk_before_its_permit_is_there(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let _made = permit(&store, &claimed.claim, start())
        .await
        .decision
        .unwrap();

    // Somebody else's eyes on the file, while the first process still runs; it then dies and says no more.
    let other = place.open().await;
    let credential = ledgers(&other).await.credential;
    assert_eq!((credential.rejections, credential.unanswered), (0, 1));
    drop(store);

    let now = start() + LEASE;
    let claimed = claim(&other, "acme", now).await.expect("the lease is over");
    let answer = permit(&other, &claimed.claim, now).await;
    let Err(Refusal::ZoneClosed { attempt }) = answer.decision else {
        panic!("its end is not known, so the zone must answer first");
    };
    let request = PermitRequest {
        zone_answered: Some(attempt),
        ..request(&claimed.claim, now)
    };
    let answer = other.permit(request).await.unwrap();
    assert!(answer.decision.is_ok());
    assert_eq!(answer.standing.ledgers.credential.unanswered, 2);
}

async fn a_restart_keeps_a_hold(place: Place) {
    let store = place.with(&["acme"]).await;
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    attempt(&store, Outcome::Rejected, start()).await.unwrap();
    store.close().await;

    let store = place.with(&["acme"]).await;
    let held = Err(Refusal::Held {
        why: Hold::Rejections,
    });
    assert_eq!(attempt(&store, Outcome::Accepted, start()).await, held);
    let answer = store.claim_due(start(), HORIZON, LEASE, 9).await;
    assert!(
        answer.unwrap().is_empty(),
        "it is checked again in its turn"
    );
}

async fn a_removed_user_gets_no_permit(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    store.sync(Vec::new(), LIMITS, start()).await.unwrap();
    let refused = permit(&store, &claimed.claim, start()).await.decision;
    assert_eq!(refused.unwrap_err(), Refusal::NotOurs);
}

async fn processes_that_ask_at_once_get_one_permit(place: Place) {
    let names: Vec<String> = (0..8).map(|n| format!("user-{n}")).collect();
    let store = place
        .with(&names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let together = Arc::new(Barrier::new(names.len()));
    let mut asking = Vec::new();
    for name in &names {
        // All of them present the same credential.
        let claimed = claim(&store, name, start()).await.unwrap();
        let request = request(&claimed.claim, start());
        let (other, together) = (place.open().await, Arc::clone(&together));
        asking.push(tokio::spawn(async move {
            together.wait().await;
            other.permit(request).await
        }));
    }
    let mut granted = 0;
    for answer in asking {
        granted += usize::from(answer.await.unwrap().unwrap().decision.is_ok());
    }
    assert_eq!(granted, 1);
    assert_eq!(ledgers(&store).await.credential.unanswered, 1);
}

fn opened(id: &str) -> Event {
    let state = lockwatch::diagnose::Reason::CredentialRejected;
    Event::Opened(Incident::new(
        id,
        start(),
        start(),
        &lockwatch::diagnose::Diagnosis::new(state, Vec::new()),
    ))
}

async fn a_commit_is_kept_whole_or_not_at_all_and_harms_no_other(place: Place) {
    let names: Vec<String> = (0..40).map(|n| format!("user-{n}")).collect();
    let mut users: Vec<&str> = names.iter().map(String::as_str).collect();
    users.push("acme");
    let store = place.with(&users).await;

    let claimed = claim(&store, "acme", start()).await.unwrap();
    let made = permit(&store, &claimed.claim, start())
        .await
        .decision
        .unwrap();
    let mut broken = commit(&claimed, start());
    broken.settlement = Some(ended(&made, Outcome::Accepted));
    broken.event = Some(opened("the same incident"));

    let mut good = Vec::new();
    for name in &names {
        let claimed = claim(&store, name, start()).await.unwrap();
        good.push(commit(&claimed, start()));
    }
    good[0].event = Some(opened("the same incident"));
    assert!(store.commit(good.remove(0)).await.unwrap());

    // They meet in one transaction, the broken one among them.
    let all = good.into_iter().map(|commit| store.commit(commit));
    let (failed, others) =
        futures_util::future::join(store.commit(broken), futures_util::future::join_all(all)).await;
    assert!(matches!(failed, Err(StoreError::Write(_))), "{failed:?}");
    for other in others {
        assert!(other.unwrap());
    }
    let credential = ledgers(&store).await.credential;
    assert_eq!(credential.unanswered, 1, "the attempt stays counted");
    assert_eq!(credential.last_accepted, None);
    assert!(
        claim(&store, "acme", start()).await.is_none(),
        "still claimed"
    );
    let kept = store.load().await.unwrap();
    let moved = kept.iter().filter(|user| user.due > start()).count();
    assert_eq!(moved, names.len());
}

async fn an_incident_is_kept_until_it_closes(place: Place) {
    let store = place.with(&["acme"]).await;
    let mut sql = place.sql().await;
    let Event::Opened(incident) = opened("1a2b3c") else {
        unreachable!()
    };
    let closed = start() + INTERVAL;
    let steps = [
        (Event::Opened(incident.clone()), start(), None),
        (
            Event::Recovered(incident),
            closed,
            Some(closed.as_millisecond().to_string()),
        ),
    ];
    for (event, now, closed_at) in steps {
        let claimed = claim(&store, "acme", now).await.unwrap();
        let mut commit = commit(&claimed, now);
        commit.event = Some(event);
        assert!(store.commit(commit).await.unwrap());
        let rows = sql
            .texts("SELECT user_id, reason, CAST(closed_at AS TEXT) FROM incidents")
            .await;
        let known = |text: &str| Some(text.to_owned());
        let row = vec![known("acme"), known("credential_rejected"), closed_at];
        assert_eq!(rows, [row]);
    }
}

async fn no_attempt_without_a_store_that_can_be_written(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    // Another program keeps the store locked for longer than lockwatch waits.
    let mut other = place.sql().await;
    other.lock().await;
    let refused = store.permit(request(&claimed.claim, start())).await;
    assert!(matches!(refused, Err(StoreError::Write(_))), "{refused:?}");
    other.run("ROLLBACK").await;
    assert_eq!(ledgers(&store).await, Ledgers::default());
    let answer = permit(&store, &claimed.claim, start()).await;
    assert!(answer.decision.is_ok(), "it goes on when the store is free");
}

async fn a_closed_store_says_so(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    store.close().await;
    let refused = store.permit(request(&claimed.claim, start())).await;
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
}
