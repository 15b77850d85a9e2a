//! lockwatch is killed again and again at bad moments, restarted, reloaded, asked, and given new names for its users: it is
//! never the reason for a lockout.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::house::{Daemon, House};

const WRONG: [&str; 5] = ["wrong-1", "wrong-2", "wrong-3", "wrong-4", "wrong-5"];
const WORKS: [&str; 2] = ["works-1", "works-2"];
const KILLS: u32 = 16;
/// The simulated zone answers after this: time enough to be killed in.
const DELAY: Duration = Duration::from_millis(80);

/// The budget of a campaign.
#[derive(Clone, Copy, Debug)]
struct Budget {
    max_rejections: u32,
    max_unanswered: u32,
}

impl Budget {
    /// The law: so many attempts with a wrong secret may ever be seen. Crashes hide answers, but no attempt is forgotten;
    /// one more is risked when another user of the zone is accepted after the last that had no answer.
    fn attempts(self) -> u32 {
        self.max_rejections.max(self.max_unanswered + 1)
    }
}

/// What a campaign came to.
#[derive(Debug, Default)]
struct Outcome {
    attempts: u32,
    known_rejections: u32,
    unknown_answers: u32,
    accepted: u32,
}

#[tokio::test]
async fn it_is_never_the_reason_for_a_lockout() {
    let budgets = [(2, 4), (2, 2), (1, 3)];
    let campaigns = (1..)
        .zip(budgets)
        .map(|(seed, (max_rejections, max_unanswered))| {
            campaign(
                seed,
                Budget {
                    max_rejections,
                    max_unanswered,
                },
            )
        });
    let outcomes = join_all(campaigns).await;
    for outcome in &outcomes {
        println!("{KILLS} kills: {outcome:?}");
    }
    let sum = |of: fn(&Outcome) -> u32| outcomes.iter().map(of).sum::<u32>();
    assert!(
        sum(|outcome| outcome.unknown_answers) > 0,
        "no crash fell between an attempt and its answer"
    );
    assert!(
        sum(|outcome| outcome.known_rejections) > 0,
        "no answer was ever seen"
    );
    assert!(sum(|outcome| outcome.accepted) > 0, "nobody was healthy");
}

async fn campaign(seed: u64, budget: Budget) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed);
    let ids: Vec<&str> = WRONG.iter().chain(&WORKS).copied().collect();
    let mut house = House::of(&ids);
    house.settings.timeout = "500ms";
    house.settings.lockout = format!(
        "max_rejections = {}\nmax_unanswered = {}",
        budget.max_rejections, budget.max_unanswered
    );
    for (nth, account) in house.accounts.iter_mut().enumerate() {
        account.more = format!("interval = \"{}s\"", 2 + nth % 3);
    }
    for id in WRONG {
        house.give(id, &format!("demo-wrong-secret-of-{id}"));
    }
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().delay = DELAY;
        // One more attempt than the law allows locks.
        world.tenants.get_mut("acme").unwrap().lock_after = budget.attempts() + 1;
    });

    for _ in 0..KILLS {
        house.write();
        let daemon = Daemon::spawn(&house, &[]);
        if random.random_ratio(1, 3) {
            // Killed while it starts, or soon after.
            sleep(Duration::from_millis(random.random_range(0..600))).await;
        } else {
            let seen = attempts(&house, &ids);
            let probed = random.random_range(0..2 * ids.len());
            let probed = house.accounts.get(probed).map(|account| account.id.clone());
            let renamed = random.random_ratio(1, 3);
            if renamed {
                let nth = random.random_range(0..ids.len());
                let account = &mut house.accounts[nth];
                account.id = format!("{}x", account.id);
            }
            let bad_moment = async {
                house.until_ready(&daemon).await;
                if renamed {
                    house.write();
                    daemon.signal(Signal::HUP);
                }
                let deadline = Instant::now() + Duration::from_secs(3);
                while attempts(&house, &ids) == seen && Instant::now() < deadline {
                    sleep(Duration::from_millis(2)).await;
                }
            };
            let asked = async {
                if let Some(id) = probed {
                    let _ = timeout(Duration::from_secs(3), house.lockwatch(&["probe", &id])).await;
                }
            };
            tokio::select! {
                () = bad_moment => {}
                () = async { asked.await; std::future::pending().await } => {}
            }
            sleep(random.random_range(Duration::ZERO..2 * DELAY)).await;
        }
        daemon.kill().await;
        if random.random_ratio(1, 4) {
            // A command that works on the store itself is killed as well.
            let id = house.accounts[random.random_range(0..ids.len())].id.clone();
            let patience = Duration::from_millis(random.random_range(100..1000));
            let _ = timeout(patience, house.lockwatch(&["probe", &id])).await;
        }
    }

    let daemon = house.start().await;
    for id in &ids {
        house.watch_checks(id, 2).await;
    }
    daemon.stop().await;
    judge(&house, budget).await
}

async fn judge(house: &House, budget: Budget) -> Outcome {
    let mut outcome = Outcome::default();
    for id in WRONG {
        let stats = house.stats(id);
        let [ledger] = &house.credentials(id).await[..] else {
            panic!("{id} has one credential");
        };
        let said = format!("{id}, {budget:?}: {stats:?}, {ledger:?}");
        assert_eq!(stats.lockouts, 0, "{said}");
        assert!(stats.attempts <= budget.attempts(), "{said}");
        assert!(ledger.rejections <= budget.max_rejections, "{said}");
        assert!(
            stats.attempts <= ledger.rejections + ledger.unanswered,
            "an attempt was made that is not in the ledger: {said}"
        );
        assert!(stats.attempts > 0, "it was not even tried: {said}");
        outcome.attempts += stats.attempts;
        outcome.known_rejections += ledger.rejections;
        outcome.unknown_answers += ledger.unanswered;
    }
    for id in WORKS {
        let stats = house.stats(id);
        assert_eq!(
            (stats.lockouts, stats.rejections),
            (0, 0),
            "{id}: {stats:?}"
        );
        outcome.accepted += stats.accepted;
    }
    outcome
}

fn attempts(house: &House, ids: &[&str]) -> u32 {
    ids.iter().map(|id| house.stats(id).attempts).sum()
}
