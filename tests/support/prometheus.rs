//! Prometheus and Alertmanager as people run them, with the files of deploy/prometheus. What differs from those is put in
//! here: addresses, and times, which are shorter.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use url::Url;

/// Nothing that they are waited for takes so long: scrape, rule, `for`, `keep_firing_for` and notice follow one another.
pub const LONG: Duration = Duration::from_secs(180);

/// Reads a file of the repository that is written in YAML.
pub fn yaml(path: impl AsRef<Path>) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The rules of a file of deploy/prometheus, which has one group.
pub fn rules(path: &str) -> Vec<Value> {
    let groups = yaml(path)["groups"].as_array().unwrap().clone();
    assert_eq!(groups.len(), 1, "{path}");
    groups[0]["rules"].as_array().unwrap().clone()
}

/// A server of ours; it ends with this guard.
pub struct Server {
    /// Where it listens.
    pub url: Url,
    log: PathBuf,
    http: reqwest::Client,
    _child: Child,
}

impl Server {
    /// Starts a server that logs its address as those of Prometheus do, and waits until it is ready.
    async fn start(name: &str, folder: &Path, mut command: Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} does not start (tests/run gets it): {why}"));
        let said = || fs::read_to_string(&log).unwrap();
        let address = in_time(
            async || {
                let said = said();
                let (_, rest) = said.split_once("msg=\"Listening on\" address=")?;
                Some(rest.split_once(char::is_whitespace)?.0.to_owned())
            },
            || format!("{name} does not listen: {}", said()),
        )
        .await;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let server = Self {
            url: format!("http://{address}/").parse().unwrap(),
            log: log.clone(),
            http,
            _child: child,
        };
        let ready = server.url.join("-/ready").unwrap();
        in_time(
            async || {
                let answer = server.http.get(ready.clone()).send().await.ok()?;
                answer.status().is_success().then_some(())
            },
            || format!("{name} is not ready: {}", said()),
        )
        .await;
        server
    }

    /// Its address as a target: host and port.
    pub fn target(&self) -> String {
        self.url.authority().to_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let mut url = self.url.join(path).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.http.get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

/// See the top of the file.
pub struct Alertmanager(pub Server);

impl Alertmanager {
    /// Starts one with deploy/prometheus/alertmanager.yml as it is. Its mails go nowhere: its server is an example's.
    pub async fn start(folder: &Path) -> Self {
        let program = std::env::var("LOCKWATCH_TEST_ALERTMANAGER");
        let mut command = Command::new(program.unwrap_or_else(|_| "alertmanager".to_owned()));
        let config =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/alertmanager.yml");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}/alertmanager", folder.display()))
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ]);
        Self(Server::start("alertmanager", folder, command).await)
    }

    /// The alerts that it holds and that have not ended.
    pub async fn alerts(&self) -> Vec<Value> {
        let alerts = self.0.get("api/v2/alerts", &[]).await;
        alerts.as_array().unwrap().clone()
    }

    /// Waits for an alert with these labels that is `so`.
    pub async fn until(&self, labels: &[(&str, &str)], so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Vec::new();
        let deadline = Instant::now() + LONG;
        loop {
            let found = last.iter().find(|alert| has(alert, labels) && so(alert));
            if let Some(alert) = found {
                return alert.clone();
            }
            assert!(Instant::now() < deadline, "no {labels:?} in {last:#?}");
            sleep(Duration::from_millis(100)).await;
            last = self.alerts().await;
        }
    }

    /// Waits until there is none with these labels.
    pub async fn until_over(&self, labels: &[(&str, &str)]) {
        in_time(
            async || {
                let alerts = self.alerts().await;
                (!alerts.iter().any(|alert| has(alert, labels))).then_some(())
            },
            || format!("{labels:?} does not end"),
        )
        .await;
    }

    /// Tells it of alerts, as Prometheus does.
    pub async fn post(&self, alerts: &Value) {
        let url = self.0.url.join("api/v2/alerts").unwrap();
        let answer = self.0.http.post(url).json(alerts).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Whether an alert of Alertmanager has these labels.
pub fn has(alert: &Value, labels: &[(&str, &str)]) -> bool {
    labels
        .iter()
        .all(|(name, value)| alert["labels"][name] == *value)
}

/// See the top of the file.
pub struct Prometheus(pub Server);

impl Prometheus {
    /// Starts one with deploy/prometheus/prometheus.yml and its rules, looking each second at a lockwatch, and telling an
    /// Alertmanager.
    pub async fn start(
        folder: &Path,
        lockwatch: &Url,
        alertmanager: Option<&Alertmanager>,
    ) -> Self {
        let mut config = yaml("deploy/prometheus/prometheus.yml");
        config["global"] =
            json!({ "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" });
        for file in config["rule_files"].as_array_mut().unwrap() {
            let name = file
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned();
            let mut groups = yaml(format!("deploy/prometheus/{name}"));
            hurry(&mut groups);
            fs::write(folder.join(&name), groups.to_string()).unwrap();
            *file = json!(name);
        }
        let targets: Vec<_> = alertmanager
            .iter()
            .map(|server| server.0.target())
            .collect();
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = json!(targets);
        let jobs = config["scrape_configs"].as_array_mut().unwrap();
        jobs.retain(|job| job["job_name"] == "lockwatch");
        assert_eq!(jobs.len(), 1, "the job that the rules name");
        jobs[0]["static_configs"][0]["targets"] = json!([lockwatch.authority()]);
        let path = folder.join("prometheus.yml");
        fs::write(&path, config.to_string()).unwrap();

        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.tsdb.path={}/prometheus",
                folder.display()
            ))
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--rules.alert.resend-delay=1s",
            ]);
        Self(Server::start("prometheus", folder, command).await)
    }

    /// What it answers to a query.
    ///
    /// # Errors
    /// What it says is wrong with the query.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let answer = self.0.get("api/v1/query", &[("query", query)]).await;
        match answer["data"]["result"].as_array() {
            Some(found) => Ok(found.clone()),
            None => Err(answer.to_string()),
        }
    }

    /// The rules as it sees them, with what was wrong at their last evaluation.
    pub async fn rules(&self) -> Vec<Value> {
        let answer = self.0.get("api/v1/rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        rules.cloned().collect()
    }
}

/// Makes a second of each minute in `for`, and three in `keep_firing_for`, so that what is kept firing can be looked at. What
/// an expression looks back stays.
fn hurry(groups: &mut Value) {
    for group in groups["groups"].as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            for (key, seconds) in [("for", 1), ("keep_firing_for", 3)] {
                if let Some(value) = rule.get_mut(key) {
                    let text = value.as_str().unwrap();
                    let (number, unit) = text.split_at(text.len() - 1);
                    let minutes = match unit {
                        "m" => 1,
                        "h" => 60,
                        _ => panic!("{key}: {text} is neither minutes nor hours"),
                    };
                    let number: u32 = number.parse().unwrap();
                    *value = json!(format!("{}s", number * minutes * seconds));
                }
            }
        }
    }
}

async fn in_time<T>(mut ask: impl AsyncFnMut() -> Option<T>, what: impl FnOnce() -> String) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", what());
        sleep(Duration::from_millis(100)).await;
    }
}
