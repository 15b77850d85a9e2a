//! Two processes on one store, on either engine: a check claims its user, a crash drops a process's store and opens it anew,
//! a reload renames users or takes them away, and late answers come with a claim that may be somebody else's by then.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use lockwatch::{
    attempt::{Asker, Ledgers, Limits, Outcome, Refusal},
    config::{self, PostgresUrl, StoreLocation},
    record::Recent,
    store::{
        Store,
        commit::{Commit, LookUp},
        ledger::{Bearer, PermitRequest, Settlement},
        users::{Claim, Claimed},
        wanted::Wanted,
    },
    user::UserId,
};
use tempfile::TempDir;

use crate::{
    happenings::Reload,
    storms::tenant,
    support::postgres::Database,
    town::{Asked, Keeper, Whose},
};

const LEASE: Duration = Duration::from_secs(25);
const INTERVAL: Duration = Duration::from_mins(5);

/// Where the two processes have their store; it ends with this guard.
pub(crate) trait Place {
    async fn new() -> Self;
    fn location(&self) -> StoreLocation;
}

impl Place for TempDir {
    async fn new() -> Self {
        tempfile::tempdir().unwrap()
    }

    fn location(&self) -> StoreLocation {
        StoreLocation::Sqlite(self.path().join("lockwatch.db"))
    }
}

impl Place for Database {
    async fn new() -> Self {
        Self::new().await
    }

    fn location(&self) -> StoreLocation {
        let url = PostgresUrl::parse(self.url.as_str()).unwrap();
        StoreLocation::Postgres(config::Database::Url(url))
    }
}

/// Two processes.
pub(crate) struct House<P> {
    handles: [Store; 2],
    turn: usize,
    users: usize,
    limits: Limits,
    /// Users have other ids after each renaming.
    renamed: u32,
    /// They come back with the next time that goes by.
    removed: bool,
    /// Checks whose attempts have no end yet.
    running: HashMap<String, Claimed>,
    /// The last, so that the processes are gone before it is.
    place: P,
}

impl<P: Place> House<P> {
    async fn open(&self) -> Store {
        Store::open(&self.place.location()).await.unwrap()
    }

    /// The other process has its turn.
    fn next(&mut self) -> Store {
        self.turn += 1;
        self.handles[self.turn % 2].clone()
    }

    fn id(&self, user: usize) -> UserId {
        let name = ["before", "after"][self.renamed as usize % 2];
        UserId::parse(&format!("{name}-{user}")).unwrap()
    }

    async fn sync(&mut self, wall: Timestamp) {
        let wanted = |user| Wanted {
            id: self.id(user),
            username: username(user),
            tenant: self.tenant(user),
            interval: INTERVAL,
            first_due: wall,
        };
        let users = if self.removed { 0 } else { self.users };
        let wanted: Vec<_> = (0..users).map(wanted).collect();
        let limits = self.limits.clone();
        self.next().sync(wanted, limits, wall).await.unwrap();
    }

    fn tenant(&self, user: usize) -> String {
        format!("tenant-{}", tenant(user, self.users))
    }

    fn bearer(&self, whose: Whose, claim: Claim) -> Bearer {
        Bearer {
            claim,
            username: username(whose.user),
            fingerprint: format!("credential-{}", whose.credential),
            tenant: self.tenant(whose.user),
            zone: zone(whose),
            limits: self.limits.clone(),
        }
    }

    fn request(&self, asked: &Asked, claim: Claim) -> PermitRequest {
        PermitRequest {
            bearer: self.bearer(asked.whose, claim),
            zone_found: asked.found,
            zone_answered: asked.answered.clone(),
            asker: asked.asker,
            activation: None,
            locked_out: asked.locked_out,
            interval: asked.interval,
            lease: LEASE,
            now: asked.wall,
        }
    }

    fn nobody(&self, user: usize) -> Claim {
        Claim {
            id: self.id(user),
            token: "nobody's".to_owned(),
        }
    }
}

fn username(user: usize) -> String {
    format!("user-{user}@acme.example")
}

fn zone(whose: Whose) -> String {
    format!(
        "https://webservices{}.autotask.net/atservicesrest/",
        whose.zone
    )
}

impl<P: Place> Keeper for House<P> {
    async fn new(users: usize, limits: &Limits, wall: Timestamp) -> Self {
        let place = P::new().await;
        let location = place.location();
        let handles = [
            Store::open(&location).await.unwrap(),
            Store::open(&location).await.unwrap(),
        ];
        let mut house = Self {
            handles,
            turn: 0,
            users,
            limits: limits.clone(),
            renamed: 0,
            removed: false,
            running: HashMap::new(),
            place,
        };
        house.sync(wall).await;
        house
    }

    async fn permit(&mut self, asked: &Asked) -> Result<(String, Ledgers), Refusal> {
        let store = self.next();
        let id = self.id(asked.whose.user);
        let claimed = store.claim_one(&id, asked.wall, LEASE).await.unwrap();
        let claimed = claimed.ok_or(Refusal::NotOurs)?;
        let request = self.request(asked, claimed.claim.clone());
        let answer = store.permit(request).await.unwrap();
        match answer.decision {
            Ok(permit) => {
                let attempt = permit.id().to_owned();
                self.running.insert(attempt.clone(), claimed);
                Ok((attempt, answer.standing.ledgers))
            }
            Err(refusal) => {
                store.release(claimed.claim, None).await.unwrap();
                Err(refusal)
            }
        }
    }

    async fn settle(
        &mut self,
        whose: Whose,
        id: &str,
        outcome: Outcome,
        wall: Timestamp,
    ) -> Ledgers {
        let store = self.next();
        let claimed = self.running.remove(id).expect("a check that is not over");
        let mut end = Some(Settlement {
            bearer: self.bearer(whose, claimed.claim.clone()),
            attempt: id.to_owned(),
            outcome,
        });
        // A rejection is weighed before the check is over.
        let mut weighed = None;
        if matches!(outcome, Outcome::Rejected | Outcome::RejectedElsewhere) {
            let settled = store.settle(end.take().unwrap(), wall).await.unwrap();
            weighed = Some(settled.standing.ledgers);
        }
        let mut record = claimed.record;
        if outcome.lets_in() {
            record.last_accepted = Some(wall);
        }
        let commit = Commit {
            claim: claimed.claim,
            settlement: end,
            zone: Some(zone(whose)),
            look_up: LookUp::Knows,
            record,
            recent: Recent::default(),
            event: None,
            notices: Vec::new(),
            unsendable: None,
            due: wall + INTERVAL,
            now: wall,
        };
        store.commit(commit).await.unwrap();
        match weighed {
            Some(ledgers) => ledgers,
            None => self.ledgers(whose, wall).await,
        }
    }

    async fn dies(&mut self, id: &str) {
        self.running.remove(id);
        self.handles[self.turn % 2] = self.open().await;
    }

    async fn restarts(&mut self) {
        self.handles = [self.open().await, self.open().await];
    }

    async fn ticks(&mut self, readings: Vec<Timestamp>) {
        let store = self.next();
        let (first, last) = (readings.first().copied(), readings.last().copied());
        for done in join_all(readings.into_iter().map(|wall| store.tick(wall))).await {
            done.unwrap();
        }
        if let Some(wall) = last.filter(|_| self.removed && first != last) {
            self.removed = false;
            self.sync(wall).await;
            store.sweep(wall).await.unwrap();
        }
    }

    async fn reload(&mut self, reload: Reload, wall: Timestamp) {
        self.renamed += u32::from(reload == Reload::Renamed);
        self.removed = reload == Reload::Removed;
        self.sync(wall).await;
    }

    async fn ledgers(&mut self, whose: Whose, wall: Timestamp) -> Ledgers {
        // What is on disk, as somebody without a claim is told it.
        let asked = Asked {
            whose,
            asker: Asker::Schedule,
            found: true,
            answered: None,
            locked_out: false,
            interval: INTERVAL,
            wall,
        };
        let request = self.request(&asked, self.nobody(whose.user));
        let answer = self.next().permit(request).await.unwrap();
        assert_eq!(answer.decision.unwrap_err(), Refusal::NotOurs);
        answer.standing.ledgers
    }
}
