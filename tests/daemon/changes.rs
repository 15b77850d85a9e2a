//! The configuration changes again and again, by chance, while checks are under way: users come, go, are called otherwise,
//! belong to another tenant, change places, and now and then the file is wrong. Whatever happens, no username is ever refused
//! more often in a row than its budget allows, and who is shown is who is configured.
//!
//! `LOCKWATCH_CHANGES_SEEDS` (2) and `LOCKWATCH_CHANGES_STEPS` (20) make it longer.

use std::{collections::BTreeSet, fs, time::Duration};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::house::{Account, House, secret};

/// The default of the budget; one more locks.
const BUDGET: u32 = 2;
/// Its secret is right, mistaken, and right again. One alone: more that are refused together would be a storm.
const ROLLED: &str = "rolled";
/// Its secret was never right.
const NEVER: &str = "never";
const ALL: [&str; 6] = [ROLLED, NEVER, "one", "two", "three", "four"];
const DISABLED: &str = "enabled = false\n";

struct Town {
    house: House,
    random: StdRng,
    /// Who is not configured just now.
    away: Vec<Account>,
    /// Every name that anybody had is had once.
    names: u32,
    story: Vec<String>,
}

#[tokio::test]
async fn nobody_s_budget_and_nobody_s_trace_survive_a_change_that_should_not() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let steps = number("LOCKWATCH_CHANGES_STEPS", 20);
    let seeds = 1..=number("LOCKWATCH_CHANGES_SEEDS", 2);
    join_all(seeds.map(async |seed| Town::new(seed).live(steps).await)).await;
}

impl Town {
    fn new(seed: u64) -> Self {
        let house = House::of(&ALL);
        house.give(NEVER, "demo-secret-never-right");
        house.world().with(|world| {
            // Whatever is changed, something is under way.
            world.zones.get_mut("AE02").unwrap().delay = Duration::from_millis(200);
            world.tenants.get_mut("acme").unwrap().lock_after = BUDGET + 1;
        });
        Self {
            house,
            random: StdRng::seed_from_u64(seed),
            away: Vec::new(),
            names: 0,
            story: vec![format!("seed {seed}")],
        }
    }

    async fn live(mut self, steps: u64) {
        let daemon = self.house.start().await;
        for _ in 0..steps {
            let right = self.change();
            self.reload(right).await;
            if self.random.random_ratio(1, 2) {
                let enabled = self.shown();
                let accounts = self.house.accounts.iter();
                let shown: Vec<_> = accounts
                    .filter(|account| enabled.contains(&account.id))
                    .collect();
                let whose = shown
                    .choose(&mut self.random)
                    .map(|account| account.first_id.clone());
                self.house.watch_checks(&whose.unwrap(), 1).await;
            }
            self.judge();
        }
        // Everybody is there, and all is well but for who never was.
        self.house.accounts.append(&mut self.away);
        for account in &mut self.house.accounts {
            account.more.clear();
        }
        self.roll(true);
        self.reload(true).await;
        for account in &self.house.accounts {
            if account.first_id == NEVER {
                self.house
                    .until(&account.id, |user| user["held"] == true)
                    .await;
            } else {
                self.house.until_state(&account.id, "healthy", "ok").await;
            }
            self.house.watch_checks(&account.first_id, 1).await;
        }
        self.judge();
        let never = self.house.stats(NEVER);
        assert_eq!(never.rejections, BUDGET, "{never:?}: {:#?}", self.story);
        daemon.stop().await;
    }

    /// Whether what is written now is right.
    fn change(&mut self) -> bool {
        let accounts = self.house.accounts.len();
        let nth = self.random.random_range(0..accounts);
        let what = self.random.random_range(0..10);
        let account = &mut self.house.accounts[nth];
        let told = match what {
            0 if accounts > 2 => {
                let account = self.house.accounts.remove(nth);
                let told = format!("{} goes", account.id);
                self.away.push(account);
                told
            }
            0 | 1 => match self.away.pop() {
                Some(account) => {
                    let told = format!("{} comes", account.id);
                    self.house.accounts.push(account);
                    told
                }
                None => "as it was".to_owned(),
            },
            2 | 3 => {
                self.names += 1;
                let old = std::mem::replace(&mut account.id, format!("name-{}", self.names));
                format!("{old} is {}", account.id)
            }
            4 => {
                account.tenant = if account.tenant == "acme" {
                    "globex"
                } else {
                    "acme"
                };
                format!("{} belongs to {}", account.id, account.tenant)
            }
            5 => {
                let more = [
                    "",
                    "interval = \"2s\"\n",
                    DISABLED,
                    "labels = { a = \"b\" }\n",
                ];
                account.more = (*more.choose(&mut self.random).unwrap()).to_owned();
                format!("{}: {}", account.id, account.more)
            }
            6 => {
                account.notify = Some(
                    *["one@acme.example", "two@acme.example"]
                        .choose(&mut self.random)
                        .unwrap(),
                );
                format!("{} notifies another", account.id)
            }
            7 => {
                // Two users change places: the same ids, other usernames.
                let other = (nth + 1) % accounts;
                let (ours, theirs) = (
                    self.house.accounts[nth].clone(),
                    self.house.accounts[other].clone(),
                );
                for (account, by) in [(nth, theirs), (other, ours)] {
                    let account = &mut self.house.accounts[account];
                    (account.first_id, account.credential) = (by.first_id, by.credential);
                }
                format!("{nth} and {other} change places")
            }
            8 => {
                let right = self.random.random_ratio(1, 2);
                self.roll(right);
                format!("the rolled secret is right: {right}")
            }
            _ => "a mistake".to_owned(),
        };
        self.story.push(told);
        self.house.write();
        if what == 9 {
            let text = fs::read_to_string(self.house.config()).unwrap();
            fs::write(
                self.house.config(),
                text.replace("[[users]]\nid = ", "[[users]]\nid = 1"),
            )
            .unwrap();
        }
        what != 9
    }

    fn roll(&self, right: bool) {
        let mistaken = "demo-secret-mistaken".to_owned();
        self.house
            .give(ROLLED, &if right { secret(ROLLED) } else { mistaken });
    }

    /// Asks for it, and looks at who is shown: whoever was configured last without a mistake.
    async fn reload(&mut self, right: bool) {
        if right {
            self.house.write();
        }
        let before = self.house.metrics().await;
        let answer = self.house.post("/-/reload", "").await;
        let expected = if right { 200 } else { 422 };
        assert_eq!(answer.status, expected, "{answer:?}: {:#?}", self.story);
        let metrics = self.house.metrics().await;
        let in_metrics = |metrics: &str| -> BTreeSet<String> {
            let labels = metrics.split("user=\"").skip(1);
            labels
                .map(|rest| rest.split('"').next().unwrap().to_owned())
                .collect()
        };
        let configured = if right {
            self.shown()
        } else {
            in_metrics(&before)
        };
        assert_eq!(in_metrics(&metrics), configured, "{:#?}", self.story);
        let users = self.house.get("/api/v1/users").await.json();
        let in_api = users["users"].as_array().unwrap().iter();
        let in_api: BTreeSet<_> = in_api
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(in_api, configured, "{:#?}", self.story);
        let taken = self
            .house
            .metric("lockwatch_config_last_reload_successful")
            .await;
        assert_eq!(taken, Some(f64::from(u8::from(right))));
    }

    fn shown(&self) -> BTreeSet<String> {
        let accounts = self.house.accounts.iter();
        let enabled = accounts.filter(|account| account.more != DISABLED);
        enabled.map(|account| account.id.clone()).collect()
    }

    fn judge(&self) {
        for id in ALL {
            let stats = self.house.stats(id);
            let said = || format!("{id}: {stats:?}: {:#?}", self.story);
            assert!(stats.max_rejections_in_row <= BUDGET, "{}", said());
            assert_eq!((stats.lockouts, stats.lost), (0, 0), "{}", said());
            if id != ROLLED && id != NEVER {
                assert_eq!(stats.rejections, 0, "{}", said());
            }
        }
    }
}
