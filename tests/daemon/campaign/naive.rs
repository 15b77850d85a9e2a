//! What people watch an API with when they do not think of lockouts: each user is looked up and logged in with at once after
//! a start and then each interval, and what fails is tried again, as one does with a web page.

use std::{path::PathBuf, time::Duration};

use reqwest::{Client, Url};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{INTERVAL, TIMEOUT};
use crate::house::{self, House, username};

/// What fails is tried again so often.
const RETRIES: u32 = 1;
const PAUSE: Duration = Duration::from_millis(200);

/// A running one; dropping it is its `kill -9`.
pub struct Naive {
    _loops: JoinSet<()>,
}

struct Target {
    username: String,
    secret: PathBuf,
    code: PathBuf,
    look_up: Url,
    client: Client,
}

impl Naive {
    /// Watches everybody who is configured.
    pub fn start(house: &House) -> Self {
        let mut loops = JoinSet::new();
        for account in &house.accounts {
            let id = &account.first_id;
            let mut look_up = house.autotask().clone();
            look_up.set_path("atservicesrest/v1.0/zoneInformation");
            look_up.query_pairs_mut().append_pair("user", &username(id));
            let target = Target {
                username: username(id),
                secret: house.folder().join(format!("{id}.secret")),
                code: house.folder().join(format!("{id}.code")),
                look_up,
                client: house::client(),
            };
            loops.spawn(target.watch());
        }
        Self { _loops: loops }
    }
}

impl Target {
    async fn watch(self) {
        let mut turns = interval(INTERVAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            turns.tick().await;
            for _ in 0..=RETRIES {
                if self.works().await.unwrap_or(false) {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
    }

    async fn works(&self) -> Result<bool, reqwest::Error> {
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap().trim().to_owned();
        let found = self.client.get(self.look_up.clone()).timeout(TIMEOUT);
        let found = found.send().await?.error_for_status()?.text().await?;
        let zone: serde_json::Value = serde_json::from_str(&found).unwrap_or_default();
        let zone = zone["url"].as_str().unwrap_or_default();
        let answer = self
            .client
            .post(format!("{zone}v1.0/Companies/query"))
            .timeout(TIMEOUT)
            .header("UserName", &self.username)
            .header("Secret", read(&self.secret))
            .header("ApiIntegrationCode", read(&self.code))
            .header("Content-Type", "application/json")
            .body(r#"{"filter":[{"op":"gte","field":"id","value":0}],"maxRecords":1}"#)
            .send()
            .await?;
        Ok(answer.status().is_success())
    }
}
