//! The same law through the store: two handles on one file in turn, a crash drops one of them and opens the file anew,
//! a reload renames the user, and late answers come with a claim that may be somebody else's by then.

use std::{cell::Cell, collections::HashMap, path::PathBuf, time::Duration};

use jiff::Timestamp;
use lockwatch::{
    attempt::{Asker, Ledgers, Limits, Outcome, Refusal},
    config::StoreLocation,
    record::Recent,
    store::{
        Store,
        commit::Commit,
        ledger::{PermitRequest, Settlement},
        users::{Claim, Claimed},
        wanted::Wanted,
    },
    user::UserId,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    model::{CREDENTIALS, End, Happening, Told, Truth, happenings, limits},
    start,
};

const USERNAME: &str = "k3jx7q@acme.example";
const LEASE: Duration = Duration::from_secs(25);
const INTERVAL: Duration = Duration::from_mins(5);

/// Two processes on one store.
struct House {
    path: PathBuf,
    limits: Limits,
    now: Timestamp,
    handles: [Store; 2],
    turn: usize,
    renamed: u32,
    /// Attempts whose processes still wait for the answer.
    waiting: HashMap<String, (Claimed, Settlement)>,
}

async fn open(path: &std::path::Path) -> Store {
    let location = StoreLocation::Sqlite(path.to_owned());
    Store::open(&location).await.unwrap()
}

fn fingerprint(credential: usize) -> String {
    format!("credential-{credential}")
}

impl House {
    async fn new(path: PathBuf, limits: Limits) -> Self {
        let handles = [open(&path).await, open(&path).await];
        let mut house = Self {
            path,
            limits,
            now: start(),
            handles,
            turn: 0,
            renamed: 0,
            waiting: HashMap::new(),
        };
        house.reload().await;
        house
    }

    fn id(&self) -> UserId {
        UserId::parse(&format!("acme-{}", self.renamed % 2)).unwrap()
    }

    /// The other process has its turn.
    fn next(&mut self) -> Store {
        self.turn += 1;
        self.handles[self.turn % 2].clone()
    }

    async fn reload(&mut self) {
        self.renamed += 1;
        let wanted = Wanted {
            id: self.id(),
            username: USERNAME.to_owned(),
            interval: INTERVAL,
            first_due: self.now,
        };
        let store = self.next();
        store
            .sync(vec![wanted], self.limits, self.now)
            .await
            .unwrap();
    }

    async fn crash(&mut self) {
        let store = open(&self.path).await;
        self.handles[self.turn % 2] = store;
    }

    fn request(&self, claim: Claim, credential: usize, asker: Asker) -> PermitRequest {
        PermitRequest {
            claim,
            username: USERNAME.to_owned(),
            fingerprint: fingerprint(credential),
            asker,
            activation: None,
            limits: self.limits,
            lease: LEASE,
            now: self.now,
        }
    }

    async fn ask(&mut self, truth: &mut Truth, credential: usize, asker: Asker, end: End) {
        let store = self.next();
        let claimed = store.claim_one(&self.id(), self.now, LEASE).await.unwrap();
        let Some(claimed) = claimed else { return };
        let request = self.request(claimed.claim.clone(), credential, asker);
        let Ok(permit) = store.permit(request).await.unwrap().decision else {
            store.release(claimed.claim, None).await.unwrap();
            return;
        };
        truth.sent(permit.id(), credential, asker, end.outcome, self.now);
        let mut settlement = Settlement {
            username: USERNAME.to_owned(),
            fingerprint: fingerprint(credential),
            attempt: permit.id().to_owned(),
            outcome: end.outcome,
        };
        match end.told {
            Told::Crash => self.crash().await,
            Told::Late => {
                let attempt = settlement.attempt.clone();
                self.waiting.insert(attempt, (claimed, settlement));
            }
            Told::AtOnce => self.tell(&store, truth, claimed, settlement).await,
            Told::Lost => {
                settlement.outcome = Outcome::Unanswered;
                self.tell(&store, truth, claimed, settlement).await;
            }
        }
    }

    async fn tell(
        &self,
        store: &Store,
        truth: &mut Truth,
        claimed: Claimed,
        settlement: Settlement,
    ) {
        truth.told(&settlement.attempt, settlement.outcome, self.now);
        let commit = Commit {
            claim: claimed.claim,
            settlement: Some(settlement),
            record: claimed.record,
            recent: Recent::default(),
            event: None,
            notices: Vec::new(),
            unsendable: None,
            due: self.now + INTERVAL,
            now: self.now,
        };
        store.commit(commit).await.unwrap();
    }

    async fn arrives(&mut self, truth: &mut Truth, ago: usize) {
        let Some(late) = truth.made.iter().rev().nth(ago) else {
            return;
        };
        if let Some((claimed, settlement)) = self.waiting.remove(&late.id) {
            let store = self.next();
            self.tell(&store, truth, claimed, settlement).await;
        }
    }

    /// What is on disk, as somebody without a claim is told it.
    async fn ledgers(&self, credential: usize) -> Ledgers {
        let nobody = Claim {
            id: self.id(),
            token: "nobody's".to_owned(),
        };
        let request = self.request(nobody, credential, Asker::Schedule);
        let answer = self.handles[0].permit(request).await.unwrap();
        assert_eq!(answer.decision.unwrap_err(), Refusal::NotOurs);
        answer.ledgers
    }

    async fn live(&mut self, truth: &mut Truth, happening: Happening) {
        match happening {
            Happening::Ask {
                credential,
                asker,
                end,
            } => self.ask(truth, credential, asker, end).await,
            Happening::Forward(by) => self.now += by,
            Happening::Back(by) => {
                self.now -= by;
                truth.was_set_back(by);
            }
            Happening::Arrives(ago) => self.arrives(truth, ago).await,
            Happening::Reload => self.reload().await,
        }
    }
}

#[test]
fn no_lockout_by_us_through_crashes_reloads_and_two_processes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        // A case takes tenths of a second: shrinking for long helps nobody.
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    });
    let stories = (limits(), happenings(80));
    let made = Cell::new(0);
    let result = runner.run(&stories, |(limits, happenings)| {
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let mut house = House::new(folder.path().join("lockwatch.db"), limits).await;
            let mut truth = Truth::new(limits);
            for happening in happenings {
                house.live(&mut truth, happening).await;
            }
            let mut ledgers = Vec::new();
            for credential in 0..CREDENTIALS {
                ledgers.push(house.ledgers(credential).await);
            }
            truth.check(|credential| ledgers[credential].clone());
            made.set(made.get() + truth.made.len());
        });
        Ok(())
    });
    result.unwrap_or_else(|broken| panic!("{broken}"));
    assert!(made.get() > 1_000, "only {} attempts were made", made.get());
}
