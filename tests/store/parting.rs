//! A user goes, or gets another username, while its incident is open: it is closed, and whoever heard of it is told.

use lockwatch::{
    diagnose::{Diagnosis, Reason},
    incident::{Event, Incident, Phase, Suspicion},
    notify::{Kind, Matter, Notice},
    store::{
        Store,
        wanted::{Telling, Wants},
    },
};

use super::*;

on_both_engines!(
    a_removed_user_leaves_no_open_incident,
    another_username_ends_the_incident_of_the_old_one,
    an_incident_that_nobody_heard_of_ends_in_silence,
    a_suspicion_goes_with_its_user,
    a_check_under_way_opens_nothing_of_a_user_that_is_gone,
    without_email_the_end_is_kept_as_not_sent,
    what_another_version_wrote_is_closed_as_well,
);

const GROUP_WAIT: Duration = Duration::from_secs(30);

fn wants(users: &[Wanted]) -> Wants {
    Wants {
        users: users.to_vec(),
        telling: Telling {
            host: "watch.msp.example".to_owned(),
            group_wait: GROUP_WAIT,
            unsendable: None,
        },
    }
}

fn later() -> Timestamp {
    start() + Duration::from_hours(1)
}

/// A store in which `acme` fails, and these were told.
async fn failing(place: &Place, heard: &[&str]) -> Store {
    let store = place.with(&["acme"]).await;
    opens(&store, "acme", heard, start()).await;
    store
}

async fn opens(store: &Store, user: &str, heard: &[&str], now: Timestamp) {
    let claimed = claim(store, user, now).await.expect("nobody holds it");
    assert!(store.commit(opening(&claimed, heard, now)).await.unwrap());
}

fn opening(claimed: &Claimed, heard: &[&str], now: Timestamp) -> Commit {
    let diagnosis = Diagnosis::new(Reason::UnknownUser, Vec::new());
    let mut incident = Incident::new("1a2b3c", now, now, &diagnosis);
    incident.turn = 1;
    incident.heard.by = heard.iter().map(|&one| one.to_owned()).collect();
    incident.heard.integration = Some("Email2AT".to_owned());
    let mut commit = commit(claimed, now);
    commit.event = Some(Event::Opened(incident.clone()));
    commit.record.state.phase = Phase::Open(incident);
    commit
}

async fn owed(store: &Store) -> Vec<Notice> {
    let mut all = Vec::new();
    loop {
        let now = later() + GROUP_WAIT;
        let owed = store.owed(now, &[]).await.unwrap();
        if owed.notices.is_empty() {
            return all;
        }
        let ids = owed.notices.iter().map(|notice| notice.id.clone());
        store.give_up(ids.collect(), "it was seen").await.unwrap();
        all.extend(owed.notices);
    }
}

/// When the incidents were closed, as text.
async fn closed(place: &Place) -> Vec<Option<String>> {
    let text = "SELECT CAST(closed_at AS TEXT) FROM incidents ORDER BY id";
    let rows = place.sql().await.texts(text).await;
    rows.into_iter().flatten().collect()
}

fn at(now: Timestamp) -> Option<String> {
    Some(now.as_millisecond().to_string())
}

async fn a_removed_user_leaves_no_open_incident(place: Place) {
    let store = failing(&place, &["it@acme.example", "ops@msp.example"]).await;
    let partings = store.sync(wants(&[]), LIMITS, later()).await.unwrap();
    assert_eq!(partings.len(), 1);
    assert_eq!(
        (partings[0].user.as_str(), partings[0].notices),
        ("acme", 2)
    );
    assert_eq!(closed(&place).await, [at(later())]);
    assert!(
        store.owed(later(), &[]).await.unwrap().notices.is_empty(),
        "they are gathered"
    );

    let notices = owed(&store).await;
    let told: Vec<&str> = notices.iter().map(|one| one.recipient.as_str()).collect();
    assert_eq!(told, ["it@acme.example", "ops@msp.example"]);
    for notice in &notices {
        let Matter::Incident(facts) = &notice.matter else {
            panic!("not of an incident: {notice:?}");
        };
        assert_eq!(
            (notice.kind, facts.dropped, facts.found),
            (Kind::Recovered, true, None)
        );
        assert_eq!(
            (facts.user.as_str(), facts.username.as_str()),
            ("acme", "acme@acme.example")
        );
        assert_eq!(
            (facts.tenant.as_str(), facts.integration.as_deref()),
            ("acme", Some("Email2AT"))
        );
        assert_eq!((facts.incident.as_str(), facts.turn), ("1a2b3c", 2));
        assert_eq!((facts.since, facts.at), (start(), later()));
        assert_eq!(facts.host, "watch.msp.example");
    }

    // The same configuration again, here or in another process, owes nothing.
    assert_eq!(store.sync(wants(&[]), LIMITS, later()).await.unwrap(), []);
    // It comes back: nothing is open that could be told to have recovered.
    let back = wants(&[wanted("acme", later())]);
    assert_eq!(store.sync(back, LIMITS, later()).await.unwrap(), []);
    let state = store.load().await.unwrap().remove(0).record.state;
    assert_eq!(state.phase, Phase::Clear);
    assert_eq!(owed(&store).await, []);
}

async fn another_username_ends_the_incident_of_the_old_one(place: Place) {
    let store = failing(&place, &["it@acme.example"]).await;
    let mut other = wanted("acme", later());
    other.username = "corrected@acme.example".to_owned();
    store.sync(wants(&[other]), LIMITS, later()).await.unwrap();
    assert_eq!(closed(&place).await, [at(later())]);
    let notices = owed(&store).await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    let Matter::Incident(facts) = &notices[0].matter else {
        panic!("not of an incident: {notices:?}");
    };
    assert!(facts.dropped);
    assert_eq!(facts.username, "acme@acme.example", "the one that failed");
    let state = store.load().await.unwrap().remove(0).record.state;
    assert_eq!(
        (state.phase, state.reason),
        (Phase::Clear, Reason::NeverChecked)
    );
}

async fn an_incident_that_nobody_heard_of_ends_in_silence(place: Place) {
    let store = failing(&place, &[]).await;
    store.sync(wants(&[]), LIMITS, later()).await.unwrap();
    assert_eq!(closed(&place).await, [at(later())]);
    assert_eq!(owed(&store).await, []);
}

async fn a_suspicion_goes_with_its_user(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    let mut seen_once = commit(&claimed, start());
    seen_once.record.state.phase = Phase::Suspected(Suspicion {
        reason: Reason::UnknownUser,
        since: start(),
    });
    assert!(store.commit(seen_once).await.unwrap());
    assert_eq!(store.sync(wants(&[]), LIMITS, later()).await.unwrap(), []);
    let back = wants(&[wanted("acme", later())]);
    store.sync(back, LIMITS, later()).await.unwrap();
    let state = store.load().await.unwrap().remove(0).record.state;
    assert_eq!(state.phase, Phase::Clear);
    assert_eq!(owed(&store).await, []);
}

async fn a_check_under_way_opens_nothing_of_a_user_that_is_gone(place: Place) {
    let store = place.with(&["acme"]).await;
    let claimed = claim(&store, "acme", start()).await.unwrap();
    store.sync(wants(&[]), LIMITS, start()).await.unwrap();
    let opening = opening(&claimed, &["it@acme.example"], start());
    assert!(!store.commit(opening).await.unwrap(), "the claim is gone");
    assert_eq!(closed(&place).await, []);
}

async fn without_email_the_end_is_kept_as_not_sent(place: Place) {
    let store = failing(&place, &["it@acme.example"]).await;
    let mut wants = wants(&[]);
    wants.telling.unsendable = Some("there is no [email] in the configuration");
    let partings = store.sync(wants, LIMITS, later()).await.unwrap();
    assert_eq!(partings[0].notices, 1);
    assert_eq!(owed(&store).await, []);
    let kept = place
        .sql()
        .await
        .texts("SELECT unsendable FROM notices")
        .await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0][0].is_some());
}

async fn what_another_version_wrote_is_closed_as_well(place: Place) {
    let store = failing(&place, &["it@acme.example"]).await;
    place
        .sql()
        .await
        .run("UPDATE users SET record = '{}'")
        .await;
    assert_eq!(store.sync(wants(&[]), LIMITS, later()).await.unwrap(), []);
    assert_eq!(closed(&place).await, [at(later())]);
}
