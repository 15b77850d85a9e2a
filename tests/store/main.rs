//! The store on both engines, a real file and a real server: claims, attempts, what the configuration wants, mails; then
//! what is the file's own, and the server's.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says that something is wrong"
)]

mod attempts;
mod claims;
mod desk;
mod file;
mod letters;
mod mails;
mod opening;
mod parting;
mod place;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod telling;
mod telling_law;
mod tenure;
mod together;
#[allow(dead_code, reason = "every test binary uses another part of it")]
#[path = "../support/users.rs"]
mod users;
mod wanted;

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::{
    attempt::{Asker, Ledgers, Limits, Outcome, Permit, Refusal},
    record::Recent,
    store::{
        Store,
        commit::{Commit, LookUp},
        ledger::{Bearer, PermitAnswer, PermitRequest, Settlement},
        users::{Claim, Claimed},
        wanted::Wanted,
    },
    user::UserId,
};

use place::Place;

const LIMITS: Limits = Limits {
    max_rejections: 2,
    max_unanswered: 4,
    retry_held_after: Vec::new(),
    flight: Duration::from_secs(15),
};
const LEASE: Duration = Duration::from_secs(25);
const HORIZON: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_mins(5);

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn days(number: u64) -> Duration {
    Duration::from_hours(24 * number)
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

/// A user as the configuration wants it, due at `first_due`.
fn wanted(text: &str, first_due: Timestamp) -> Wanted {
    Wanted {
        id: id(text),
        username: format!("{text}@acme.example"),
        tenant: "acme".to_owned(),
        interval: INTERVAL,
        first_due,
    }
}

/// Makes two tests of each body: one on either engine.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::place::Place::file()).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::place::Place::database().await).await;
            })*
        }
    };
}
use on_both_engines;

async fn claim(store: &Store, text: &str, now: Timestamp) -> Option<Claimed> {
    store.claim_one(&id(text), now, LEASE).await.unwrap()
}

fn bearer(claim: &Claim) -> Bearer {
    Bearer {
        claim: claim.clone(),
        username: "acme@acme.example".to_owned(),
        fingerprint: "credential".to_owned(),
        tenant: "acme".to_owned(),
        zone: "https://webservices2.autotask.net/atservicesrest/".to_owned(),
        limits: LIMITS,
    }
}

fn request(claim: &Claim, now: Timestamp) -> PermitRequest {
    PermitRequest {
        bearer: bearer(claim),
        zone_found: true,
        zone_answered: None,
        asker: Asker::Schedule,
        activation: None,
        locked_out: false,
        interval: Duration::ZERO,
        lease: LEASE,
        now,
    }
}

async fn permit(store: &Store, claim: &Claim, now: Timestamp) -> PermitAnswer {
    store.permit(request(claim, now)).await.unwrap()
}

/// What is on disk, as somebody without a claim is told it.
async fn ledgers(store: &Store) -> Ledgers {
    let nobody = Claim {
        id: id("nobody"),
        token: "none".to_owned(),
    };
    let answer = permit(store, &nobody, start()).await;
    assert_eq!(answer.decision.unwrap_err(), Refusal::NotOurs);
    answer.standing.ledgers
}

fn ended(permit: &Permit, outcome: Outcome) -> Settlement {
    let nobody = Claim {
        id: id("nobody"),
        token: "none".to_owned(),
    };
    Settlement {
        bearer: bearer(&nobody),
        attempt: permit.id().to_owned(),
        outcome,
    }
}

/// The end of a check without anything to tell; the next is one interval later.
fn commit(claimed: &Claimed, now: Timestamp) -> Commit {
    Commit {
        claim: claimed.claim.clone(),
        settlement: None,
        zone: None,
        look_up: LookUp::Unclear,
        record: claimed.record.clone(),
        recent: Recent::default(),
        event: None,
        notices: Vec::new(),
        unsendable: None,
        due: now + INTERVAL,
        now,
    }
}

/// Claims `acme`, makes one attempt, and writes its end.
async fn attempt(store: &Store, outcome: Outcome, now: Timestamp) -> Result<(), Refusal> {
    let claimed = claim(store, "acme", now).await.expect("nobody holds it");
    let answer = permit(store, &claimed.claim, now).await;
    let mut commit = commit(&claimed, now);
    let result = match answer.decision {
        Ok(permit) => {
            commit.settlement = Some(ended(&permit, outcome));
            Ok(())
        }
        Err(refusal) => Err(refusal),
    };
    assert!(store.commit(commit).await.unwrap());
    result
}
