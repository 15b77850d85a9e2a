//! lockwatch is killed again and again at bad moments, restarted in loops, reloaded, asked, given new names for its users and
//! secrets that are mistaken, right and mistaken again, and its zone goes away in the middle: it is never the reason for a
//! lockout. A prober that does not think of lockouts lives through the same, and is.
//!
//! `cargo test --test daemon campaign -- --nocapture` prints what happened; `LOCKWATCH_CAMPAIGN_SEEDS` (3) and
//! `LOCKWATCH_CAMPAIGN_ROUNDS` (20) make it longer.

mod cast;
mod life;
mod naive;
mod report;
mod script;

use std::time::Duration;

use futures_util::{
    StreamExt,
    future::{join, join_all},
    stream,
};

use crate::house::{House, secret};
use life::{Side, live};
use report::{Outcome, Tables};
use script::Script;

/// The simulated zone answers after this: time enough to be killed in.
const DELAY: Duration = Duration::from_millis(150);
/// Between two checks of a user.
const INTERVAL: Duration = Duration::from_secs(3);
/// Of one request.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The budget of a campaign, and when Autotask locks.
#[derive(Clone, Copy, Debug)]
struct Rules {
    max_rejections: u32,
    max_unanswered: u32,
    lock_after: u32,
}

impl Rules {
    /// Autotask locks after three. The default of two rejections is kept. What a kill hides counts there all the same, so of
    /// attempts without a known answer no more may be risked than of rejections: one, and the one exception to it, when
    /// another user of the zone is accepted. (The default of four wants a lock after six.)
    const STRICT: Self = Self {
        max_rejections: 2,
        max_unanswered: 1,
        lock_after: 3,
    };

    /// The law: so many attempts in a row with a mistaken secret may ever be seen, whatever the crashes hid.
    fn most(self) -> u32 {
        self.max_rejections.max(self.max_unanswered + 1)
    }
}

#[tokio::test]
async fn it_is_never_the_reason_for_a_lockout() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let rounds = number("LOCKWATCH_CAMPAIGN_ROUNDS", 20);
    let seeds = number("LOCKWATCH_CAMPAIGN_SEEDS", 3);
    let both = (1..).take(seeds).map(async |seed| {
        let script = Script::new(seed, rounds);
        let (ours, naive) = join(
            campaign(&script, Rules::STRICT),
            campaign_of_the_naive(&script, Rules::STRICT),
        )
        .await;
        [ours, naive]
    });
    let outcomes: Vec<_> = stream::iter(both).buffered(3).collect().await;
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    println!("{}", Tables(&outcomes));

    let (ours, naive): (Vec<_>, Vec<_>) = outcomes
        .iter()
        .partition(|outcome| outcome.side == Side::Lockwatch.name());
    let sum =
        |of: fn(&lockwatch::demo::Stats) -> u32| ours.iter().map(|one| one.sum(of)).sum::<u32>();
    assert!(
        sum(|stats| stats.lost) > 0,
        "no kill fell between an attempt and its answer"
    );
    assert!(sum(|stats| stats.rejections) > 0, "nobody was refused");
    assert_eq!(sum(|stats| stats.lockouts), 0);
    for one in naive {
        for id in cast::WRONG {
            assert!(one.stats(id).lockouts > 0, "the naive prober spared {id}");
        }
    }
}

/// With budgets of other sizes the law is the same.
#[tokio::test]
async fn a_campaign_with_a_larger_budget_keeps_to_it_as_well() {
    let rules = [(2, 4), (1, 3)].map(|(max_rejections, max_unanswered)| {
        let rules = Rules {
            max_rejections,
            max_unanswered,
            lock_after: u32::MAX,
        };
        // One more attempt than the law allows locks.
        let lock_after = rules.most() + 1;
        Rules {
            lock_after,
            ..rules
        }
    });
    let scripts = [Script::new(101, 12), Script::new(102, 12)];
    join(
        campaign(&scripts[0], rules[0]),
        campaign(&scripts[1], rules[1]),
    )
    .await;
}

fn furnish(rules: Rules) -> House {
    let mut house = House::of(&cast::all());
    house.settings.timeout = "500ms";
    house.settings.interval = "3s";
    house.settings.lockout = format!(
        "max_rejections = {}\nmax_unanswered = {}",
        rules.max_rejections, rules.max_unanswered
    );
    cast::hand_out(&house);
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().delay = DELAY;
        world.tenants.get_mut("acme").unwrap().lock_after = rules.lock_after;
    });
    house
}

async fn campaign_of_the_naive(script: &Script, rules: Rules) -> Outcome {
    let mut house = furnish(rules);
    let mut outcome = live(script, &mut house, Side::Naive).await;
    outcome.count(&house);
    outcome
}

async fn campaign(script: &Script, rules: Rules) -> Outcome {
    let mut house = furnish(rules);
    let mut outcome = live(script, &mut house, Side::Lockwatch).await;
    outcome.starts += 1;
    let daemon = house.start().await;
    watch(&house, &cast::all()).await;
    outcome.count(&house);
    judge(&outcome, &house, rules).await;
    settle(&mut outcome, &house).await;
    outcome.count(&house);
    daemon.stop().await;
    judge(&outcome, &house, rules).await;
    outcome
}

async fn judge(outcome: &Outcome, house: &House, rules: Rules) {
    for (id, stats) in &outcome.users {
        let credentials = house.credentials(id).await;
        let all = house.over_all_credentials(id).await;
        let said = format!(
            "{id}, seed {}, {rules:?}: {stats:?}, {all:?}, {credentials:?}",
            outcome.seed
        );
        assert_eq!(stats.lockouts, 0, "{said}");
        // Whoever asks for an attempt has put the right secret there before: it adds none.
        assert!(stats.max_rejections_in_row <= rules.most(), "{said}");
        assert!(stats.attempts > 0, "it was not even tried: {said}");
        assert!(
            stats.rejections_in_row <= all.rejections + all.unanswered,
            "Autotask counts attempts that lockwatch does not know of: {said}"
        );
        for credential in credentials {
            assert!(credential.rejections <= rules.max_rejections, "{said}");
        }
    }
    for id in cast::WORKS {
        assert_eq!(outcome.stats(id).rejections, 0, "{id}");
        assert!(outcome.stats(id).accepted > 0, "{id}");
    }
}

/// All secrets that were ever right are right again: whoever is not healthy by itself is after a retry.
async fn settle(outcome: &mut Outcome, house: &House) {
    for id in cast::ROLLED {
        house.give(id, &secret(id));
    }
    watch(house, &cast::ROLLED).await;
    let right = cast::WORKS.into_iter().chain(cast::ROLLED);
    // Whose attempts were asked for before could be refused one for that.
    let never_asked_for = right.filter(|id| *id != cast::ASKED_FOR);
    let retries = join_all(never_asked_for.map(async |id| {
        let now = &house.account_of(id).id;
        let held = house.user(now).await["held"] == true;
        if held {
            let done = house.lockwatch(&["retry", now]).await;
            assert_eq!(done.code, 0, "{id}: {done:?}");
        }
        house.until_state(now, "healthy", "ok").await;
        u32::from(held)
    }));
    outcome.retries += retries.await.iter().sum::<u32>();
}

async fn watch(house: &House, ids: &[&str]) {
    join_all(ids.iter().map(|id| house.watch_checks(id, 2))).await;
}
