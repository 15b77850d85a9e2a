//! The law of the budget, on the pure rules: whatever the order of asking, answers, crashes, changed credentials, moves and
//! clocks, one username is not rejected more often in a row than its budget, the exceptions that were its due (another zone,
//! a step of `retry_held_after`, once after a storm) and what operators asked for; attempts without a known answer stay
//! within theirs; what was not sent uses nothing up; the ledgers never know of fewer rejections than Autotask counts; and
//! while Autotask refuses everybody, one user an hour is tried, until an attempt that was made meanwhile is accepted.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use lockwatch::{
    attempt::{
        CredentialLedger, End, GroupLedger, Ledgers, Limits, Meter, Now, Outcome, Refusal, Request,
        Storm, TENANT_STORM, UsernameLedger, ZONE_STORM, permit, settle, storm,
    },
    fleet::{self, Refused},
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    clock::{Clock, LOOKS},
    happenings::{Happening, Pace, Reload, Setting, USERS, of_many, of_one, setting},
    storms::tenant,
    sums::Sums,
    town::{Asked, Keeper, Town, Whose},
};

const CASES: u32 = 2_000;

/// The ledgers in memory, as the store keeps them on disk.
struct Memory {
    limits: Limits,
    meter: Meter,
    made: u32,
    usernames: Vec<UsernameLedger>,
    credentials: HashMap<(usize, usize), CredentialLedger>,
    zones: HashMap<usize, GroupLedger>,
    tenants: HashMap<(usize, usize), GroupLedger>,
    refused: Vec<Option<Timestamp>>,
}

fn username(user: usize) -> String {
    format!("user-{user}@acme.example")
}

impl Memory {
    /// The present; a look that is due is noted.
    fn now(&mut self, wall: Timestamp) -> Now {
        let now = self.meter.now(wall);
        if self.meter.is_stale(wall) {
            self.meter = self.meter.read(wall);
        }
        now
    }

    fn load(&self, whose: Whose) -> Ledgers {
        let Whose {
            user,
            credential,
            zone,
        } = whose;
        let of_tenant = (zone, tenant(user, self.refused.len()));
        let credential = self.credentials.get(&(user, credential));
        Ledgers {
            username: self.usernames[user].clone(),
            credential: credential.cloned().unwrap_or_default(),
            zone: self.zones.get(&zone).cloned().unwrap_or_default(),
            tenant: self.tenants.get(&of_tenant).cloned().unwrap_or_default(),
        }
    }

    fn save(&mut self, whose: Whose, ledgers: Ledgers) {
        let Whose {
            user,
            credential,
            zone,
        } = whose;
        let of_tenant = (zone, tenant(user, self.refused.len()));
        self.usernames[user] = ledgers.username;
        self.credentials
            .insert((user, credential), ledgers.credential);
        self.zones.insert(zone, ledgers.zone);
        self.tenants.insert(of_tenant, ledgers.tenant);
    }

    /// What the store does with a rejection: is Autotask refusing many?
    fn weigh(&mut self, user: usize, ledgers: &mut Ledgers, wall: Timestamp) {
        let now = self.now(wall);
        let worked = ledgers.credential.was_good();
        let since = worked.then(|| self.refused[user].unwrap_or(now.counted));
        self.refused[user] = since;
        let users = self.refused.len();
        let refused = |user: usize| {
            self.refused[user].map(|since| Refused {
                username: username(user),
                tenant: tenant(user, users).to_string(),
                since,
            })
        };
        let Some(me) = refused(user).filter(|_| storm(ledgers).is_none()) else {
            return;
        };
        let others: Vec<Refused> = (0..users)
            .filter(|one| *one != user)
            .filter_map(refused)
            .collect();
        let accepted = |group: &GroupLedger| group.accepted.as_ref().map(|one| one.at);
        let seen = fleet::storm(
            &me,
            &others,
            accepted(&ledgers.zone),
            accepted(&ledgers.tenant),
        );
        let group = match seen {
            Some(fleet::Storm::Zone) => &mut ledgers.zone,
            Some(fleet::Storm::Tenant) => &mut ledgers.tenant,
            None => return,
        };
        group.storm.get_or_insert(Storm {
            at: now.counted,
            since: wall,
            canary: None,
            judged: false,
        });
    }
}

impl Keeper for Memory {
    async fn new(users: usize, limits: &Limits, wall: Timestamp) -> Self {
        Self {
            limits: limits.clone(),
            meter: Meter::new(wall),
            made: 0,
            usernames: vec![UsernameLedger::default(); users],
            credentials: HashMap::new(),
            zones: HashMap::new(),
            tenants: HashMap::new(),
            refused: vec![None; users],
        }
    }

    async fn permit(&mut self, asked: &Asked) -> Result<(String, Ledgers), Refusal> {
        let Asked { whose, wall, .. } = *asked;
        let now = self.now(wall);
        let mut ledgers = self.load(whose);
        for (group, after) in [
            (&mut ledgers.zone, ZONE_STORM),
            (&mut ledgers.tenant, TENANT_STORM),
        ] {
            if let Some(storm) = &mut group.storm
                && now.counted >= storm.at + after
            {
                storm.judged = true;
            }
        }
        self.save(whose, ledgers.clone());
        self.made += 1;
        let id = format!("attempt-{}", self.made);
        let request = Request {
            attempt: &id,
            username: &username(whose.user),
            fingerprint: &whose.credential.to_string(),
            zone: &whose.zone.to_string(),
            zone_found: asked.found,
            zone_answered: asked.answered.as_deref(),
            asker: asked.asker,
            activation: None,
            locked_out: asked.locked_out,
            interval: asked.interval,
            others_asked: None,
        };
        let granted = permit(&ledgers, &request, &self.limits, now)?;
        self.save(whose, granted.ledgers.clone());
        Ok((id, granted.ledgers))
    }

    async fn settle(
        &mut self,
        whose: Whose,
        id: &str,
        outcome: Outcome,
        wall: Timestamp,
    ) -> Ledgers {
        let now = self.now(wall);
        let before = self.load(whose);
        let end = End {
            attempt: id,
            username: &username(whose.user),
            outcome,
        };
        let mut after = settle(&before, &end, &self.limits, now);
        if after.username.rejections > before.username.rejections {
            self.weigh(whose.user, &mut after, wall);
        }
        if outcome.lets_in() && after != before {
            self.refused[whose.user] = None;
        }
        self.save(whose, after.clone());
        after
    }

    async fn dies(&mut self, _: &str) {}

    async fn restarts(&mut self) {}

    async fn ticks(&mut self, readings: Vec<Timestamp>) {
        for wall in readings {
            self.now(wall);
        }
    }

    async fn reload(&mut self, _: Reload, _: Timestamp) {}

    async fn ledgers(&mut self, whose: Whose, _: Timestamp) -> Ledgers {
        self.load(whose)
    }
}

/// Lives so many stories in memory.
fn live(
    users: usize,
    cases: u32,
    stories: impl Strategy<Value = (Setting, Vec<Happening>)>,
) -> Sums {
    let sums = RefCell::new(Sums::default());
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let result = runner.run(&stories, |(setting, story)| {
        let mut sums = sums.borrow_mut();
        let lives = Town::<Memory>::lives(users, setting, story, &mut sums);
        lives.now_or_never().expect("nothing in memory waits");
        Ok(())
    });
    result.unwrap_or_else(|broken| panic!("{broken}"));
    sums.into_inner()
}

#[test]
fn no_lockout_by_us() {
    let pace = prop_oneof![5 => Just(Pace::Brisk), 1 => Just(Pace::Weeks)];
    let stories = pace.prop_flat_map(|pace| (setting(), of_one(pace, 120)));
    let sums = live(2, CASES, stories);
    println!("the law of one user: {sums}");
    sums.tell_of_everything();
}

#[test]
fn while_autotask_refuses_everybody_one_an_hour_is_tried() {
    let pace = prop_oneof![3 => Just(Pace::Brisk), 1 => Just(Pace::Weeks)];
    let stories = pace.prop_flat_map(|pace| (setting(), of_many(pace, 160)));
    let sums = live(USERS, CASES, stories);
    println!("the law of many: {sums}");
    assert!(sums.storms > 100 && sums.canaries > 50, "{sums}");
    assert!(sums.released > 50 && sums.judged > 50, "{sums}");
}

/// Two processes look at the clock a little late, each in its own order; now and then somebody sets it.
#[derive(Clone, Debug)]
enum Look {
    At { after: u64, late: u64 },
    Set(i64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// However many look, and however stale what they saw, no more time is counted than passed.
    #[test]
    fn no_more_time_is_counted_than_passed(looks in proptest::collection::vec(prop_oneof![
        20 => (0..90_000_u64, 0..20_000_u64).prop_map(|(after, late)| Look::At { after, late }),
        1 => (-9_000..9_000_i64).prop_map(Look::Set),
    ], 1..200)) {
        let mut clock = Clock::new();
        let begin = clock.wall;
        let mut meter = Meter::new(begin);
        let mut passed = Duration::ZERO;
        // A look before the clock was set shows what it was then.
        let mut since_set = Duration::ZERO;
        for look in looks {
            match look {
                Look::Set(by) => {
                    let by = jiff::SignedDuration::from_secs(by);
                    clock.wall += by;
                    passed += LOOKS;
                    since_set = Duration::ZERO;
                }
                Look::At { after, late } => {
                    clock.wall += Duration::from_millis(after);
                    passed += Duration::from_millis(after);
                    since_set += Duration::from_millis(after);
                    let saw = clock.wall - Duration::from_millis(late).min(since_set);
                    let counted = meter.now(saw).counted.duration_since(begin);
                    prop_assert!(counted <= passed.try_into().unwrap(), "{counted:#} of {passed:?}");
                    if meter.is_stale(saw) {
                        meter = meter.read(saw);
                    }
                }
            }
        }
    }
}
