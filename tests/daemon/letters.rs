//! Mail that waits and mail that will never arrive is told wherever somebody looks.

use std::path::Path;

use serde_json::Value;

use crate::{
    house::{House, eventually},
    support::{certificates::Certificates, smtp::Sink},
};

const OWN: &str = "wrong@acme.example";
const DEAD: &str = "lockwatch_outbox_dead";

/// A house in which `wrong` fails, and one that works.
fn house() -> House {
    let house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    house
}

fn settings(port: u16, ca: &Path) -> String {
    format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
         [email.smtp]\nhost = \"localhost\"\nport = {port}\ntls = \"starttls\"\nca_file = \"{}\"\ntimeout = \"5s\"\n",
        ca.display()
    )
}

impl House {
    /// Waits until the API shows the outbox so.
    async fn until_outbox(&self, so: impl Fn(&Value) -> bool) -> Value {
        eventually(
            || "the outbox is never shown so".to_owned(),
            async || {
                let outbox = self.get("/api/v1/users").await.json()["outbox"].take();
                so(&outbox).then_some(outbox)
            },
        )
        .await
    }

    /// What `lockwatch status` says of mail, below its table of two users. Its exit code is that of users, whatever becomes of mail.
    async fn says_below_the_table(&self, exit: i32) -> Vec<String> {
        let done = self.lockwatch(&["status"]).await;
        assert_eq!((done.code, done.stderr.as_str()), (exit, ""), "{done:?}");
        let (_, below) = done.stdout.split_once("\n\n2 users: ").unwrap();
        let below = below.lines().skip(1);
        let of_mail = below.filter(|line| !line.starts_with("no attempt for "));
        of_mail.map(str::to_owned).collect()
    }

    /// The page says the same.
    async fn page_says(&self, lines: &[String]) {
        let page = self.get("/").await.body;
        let (_, section) = page.split_once("<h2>Mail</h2>").unwrap();
        let (section, _) = section.split_once("</section>").unwrap();
        let told: Vec<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("<p>")?.strip_suffix("</p>"))
            .collect();
        assert_eq!(told, lines);
    }

    async fn dead(&self, total: f64) {
        eventually(
            || format!("{DEAD} never is {total}"),
            async || (self.metric(DEAD).await == Some(total)).then_some(()),
        )
        .await;
    }
}

fn minute(at: &Value) -> String {
    let at: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
    at.strftime("%F %H:%M UTC").to_string()
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_told_everywhere() {
    let sink = Sink::start(&["--tls", "starttls", "--refuse", OWN]).await;
    let mut house = House::of(&["works", "wrong"]);
    house.settings.email = settings(sink.port, sink.ca.as_ref().unwrap());
    let daemon = house.start().await;
    for id in ["works", "wrong"] {
        house.until_state(id, "healthy", "ok").await;
    }
    // Nothing is dead yet, and so nothing is said.
    assert_eq!(house.metric(DEAD).await, Some(0.0));
    assert!(!house.get("/").await.body.contains("<h2>Mail</h2>"));
    assert_eq!(house.says_below_the_table(0).await, [""; 0]);

    house.give("wrong", "demo-wrong-secret-1");
    house
        .delivered(&sink, "failing", "wrong", "ops@msp.example")
        .await;
    let told = |outbox: &Value| outbox["dead_letters_total"] == 1 && outbox["pending"] == 0;
    let outbox = house.until_outbox(told).await;
    let letter = &outbox["dead_letters"][0];
    assert_eq!(letter["recipient"], OWN);
    assert_eq!(letter["kinds"][0], "failing");
    assert_eq!(letter["users"][0], "wrong");
    let incident = house.user("wrong").await["incident"]["id"].clone();
    assert_eq!(letter["incidents"][0], incident);
    let why = letter["why"].as_str().unwrap();
    assert!(why.contains("550 5.1.1 no such user here"), "{outbox:#}");
    assert!(letter["mail"].is_string(), "{outbox:#}");
    assert_eq!(house.get("/api/v1/users").await.json()["outbox_pending"], 0);

    let line = format!(
        "1 mail could not be delivered: to {OWN}, failing wrong, {}: {why}",
        minute(&letter["at"])
    );
    assert_eq!(house.says_below_the_table(1).await, [line.as_str()]);
    let done = house.lockwatch(&["status", "--json"]).await;
    assert_eq!(done.json()["outbox"], outbox);
    house.page_says(std::slice::from_ref(&line)).await;
    house.dead(1.0).await;
    assert_eq!(house.metric("lockwatch_outbox_pending").await, Some(0.0));

    // It is no less dead after a restart, and it keeps nobody from being ready.
    daemon.stop().await;
    let daemon = house.start().await;
    house.until_outbox(told).await;
    house.dead(1.0).await;
    assert_eq!(house.get("/-/ready").await.body, "ready\n");
    daemon.stop().await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_named_as_what_keeps_the_mail() {
    let mut house = house();
    let files = house.folder().join("tls");
    std::fs::create_dir(&files).unwrap();
    let made = Certificates::make(&files, &["localhost"]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    house.settings.email = settings(port, &made.ca);
    let daemon = house.start().await;
    let outbox = house
        .until_outbox(|outbox| outbox["pending"] == 2 && outbox["waiting_because"].is_string())
        .await;
    let why = outbox["waiting_because"].as_str().unwrap();
    assert!(why.contains("connect"), "{outbox:#}");
    assert!(outbox["tries"].as_u64().unwrap() >= 1, "{outbox:#}");
    assert!(outbox["next_try"].is_string(), "{outbox:#}");
    assert_eq!(outbox["dead_letters_total"], 0);
    let said = house.says_below_the_table(1).await;
    let begins = format!(
        "2 notices or mails wait to be sent since {} ({why}; ",
        minute(&outbox["oldest"])
    );
    assert!(said.len() == 1 && said[0].starts_with(&begins), "{said:?}");
    assert!(said[0].ends_with(" try)") || said[0].ends_with(" tries)"));
    assert!(house.get("/").await.body.contains(&begins));

    // Its settings are taken away: then nobody tries any more, and that is why it waits.
    house.settings.email = String::new();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    let outbox = house.until_outbox(|outbox| outbox["pending"] == 2).await;
    let why = "there is no [email] in the configuration";
    assert_eq!(outbox["waiting_because"], why);
    daemon.stop().await;

    // It is there at last.
    house.settings.email = settings(port, &made.ca);
    let sink = Sink::start_at(port, &["--tls", "starttls"], &made).await;
    let daemon = house.start().await;
    house.delivered(&sink, "failing", "wrong", OWN).await;
    house.until_outbox(|outbox| outbox["pending"] == 0).await;
    assert_eq!(house.says_below_the_table(1).await, [""; 0]);
    assert!(!house.get("/").await.body.contains("<h2>Mail</h2>"));
    daemon.stop().await;
}

#[tokio::test]
async fn what_nobody_is_mailed_for_want_of_email_is_told_as_well() {
    let mut house = house();
    house.settings.email = String::new();
    let daemon = house.start().await;
    let outbox = house
        .until_outbox(|outbox| outbox["dead_letters_total"].as_u64() >= Some(1))
        .await;
    assert_eq!(outbox["pending"], 0);
    let said = house.says_below_the_table(1).await;
    let about = format!("to {OWN}, failing wrong, ");
    let why = ": there is no [email] in the configuration";
    assert!(
        said.iter()
            .any(|line| line.contains(&about) && line.ends_with(why)),
        "{said:?}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn without_its_store_the_daemon_tells_what_it_knew_of_mail() {
    let mut house = house();
    house.settings.email = String::new();
    let mut daemon = house.start().await;
    let known = house
        .until_outbox(|outbox| outbox["dead_letters_total"].as_u64() >= Some(1))
        .await;
    for name in ["lockwatch.db", "lockwatch.db-wal", "lockwatch.db-shm"] {
        // Whoever was last may have taken the log with it.
        let _ = std::fs::remove_file(house.folder().join(name));
    }
    let trouble = async || {
        let answer = house.get("/api/v1/users").await.json();
        answer["store_trouble"].is_string().then_some(answer)
    };
    let lost = "the store is never missed".to_owned();
    let answer = eventually(|| lost, trouble).await;
    let letters = |outbox: &Value| outbox["dead_letters"].as_array().unwrap().len();
    assert!(letters(&answer["outbox"]) >= letters(&known), "{answer:#}");
    assert!(house.metric(DEAD).await >= Some(1.0));
    daemon.signal(rustix::process::Signal::TERM);
    daemon.ended(crate::support::PATIENCE).await;

    // One that never had it knows nothing, and answers all the same.
    std::fs::write(house.store(), b"# not a database\n".repeat(400)).unwrap();
    let daemon = crate::house::Daemon::spawn(&house, &[]);
    daemon.says("is damaged").await;
    let nothing = "it does not answer".to_owned();
    let ask = async || house.try_get("/api/v1/users").await;
    let answer = eventually(|| nothing, ask).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert!(answer["store_trouble"].is_string(), "{answer:#}");
    assert_eq!(answer.get("outbox"), None);
    assert_eq!(answer["outbox_pending"], 0);
    let done = house.lockwatch(&["status"]).await;
    assert_eq!(done.code, 2, "{done:?}");
    assert!(!done.stdout.contains("wait to be sent"), "{done:?}");
    daemon.stop().await;
}
