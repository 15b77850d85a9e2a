//! Commands: what they print, and with which code they end.

use std::{fs, path::Path};

use lockwatch::notify::Kind;
use serde_json::Value;

use crate::{
    house::{House, command::lockwatch},
    support::{certificates::Certificates, smtp::Sink},
};

#[tokio::test]
async fn status_says_how_all_are() {
    let house = House::of(&["works", "wrong", "unclear"]);
    let daemon = house.start().await;
    for id in ["works", "wrong", "unclear"] {
        house.until_state(id, "healthy", "ok").await;
    }
    let done = house.lockwatch(&["status"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.ends_with("\n\n3 users: 3 healthy\n") && done.stdout.lines().count() == 6,
        "{done:?}"
    );

    house.administer("unclear", |user| user.tenant = "globex".to_owned());
    let zone = lockwatch::demo::Place::Zone("AE05".to_owned());
    house
        .world()
        .with(|world| world.set_reach(&zone, lockwatch::demo::Reach::Outage));
    house.until_state("unclear", "unclear", "outage").await;
    assert_eq!(house.lockwatch(&["status"]).await.code, 2);

    house.give("wrong", "demo-wrong-secret-1");
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    let done = house.lockwatch(&["status"]).await;
    assert_eq!(done.code, 1, "failing outweighs unclear: {done:?}");
    let row = done.stdout.lines().nth(1).unwrap();
    assert!(
        row.contains("wrong") && row.contains("failing (held)"),
        "the worst first: {done:?}"
    );
    let why = "no attempt for wrong: the credential is held: it was rejected as often as the budget allows";
    assert!(done.stdout.contains(why), "{done:?}");
    let done = house.lockwatch(&["status", "--json"]).await;
    assert_eq!(done.code, 1);
    assert_eq!(done.json()["users"].as_array().unwrap().len(), 3);
    let url = house.url("/");
    let done = lockwatch(&["status", "--url", &url], "", &[], house.folder()).await;
    assert_eq!(done.code, 1, "{done:?}");

    assert_eq!(house.lockwatch(&["health"]).await.code, 0);
    daemon.stop().await;
    let done = house.lockwatch(&["health"]).await;
    assert_eq!(done.code, 1, "{done:?}");
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--url", &url],
    ] {
        let done = house.lockwatch(arguments).await;
        assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{done:?}");
        assert!(done.stderr.contains("is it running?"), "{done:?}");
    }
}

#[tokio::test]
async fn validate_says_everything_or_one_line() {
    let mut house = House::of(&["works"]);
    (house.settings.interval, house.settings.timeout) = ("5m", "10s");
    house.write();
    let done = house.lockwatch(&["validate"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    assert_eq!(done.stdout.lines().count(), 1, "{done:?}");
    assert!(done.stdout.contains("good; 1 user is watched"), "{done:?}");

    fs::remove_file(house.folder().join("works.secret")).unwrap();
    let done = house.lockwatch(&["validate"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (78, ""), "{done:?}");
    assert!(
        done.stderr
            .contains("users.works.secret: the file that `file` names below ")
            && done.stderr.contains("cannot be read"),
        "{done:?}"
    );

    house.settings.interval = "soon";
    house.settings.lockout = "max_rejections = 9\nmax_regections = 1".to_owned();
    house.write();
    for command in ["validate", "run", "probe", "status", "test-mail"] {
        let done = house.lockwatch(&[command]).await;
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (78, ""),
            "{command}: {done:?}"
        );
        for problem in [
            "schedule.interval: ",
            "lockout.max_rejections: ",
            "lockout.max_regections: ",
        ] {
            let config = house.config();
            let named =
                |line: &str| line.starts_with(config.to_str().unwrap()) && line.contains(problem);
            assert!(
                done.stderr.lines().any(named),
                "{command} does not name {problem}: {done:?}"
            );
        }
    }
    let missing = house.folder().join("none.toml");
    let done = house
        .lockwatch(&["validate", "--config", missing.to_str().unwrap()])
        .await;
    assert_eq!(done.code, 78, "{done:?}");
    assert!(done.stderr.contains("none.toml"), "{done:?}");
}

#[tokio::test]
async fn run_goes_on_without_a_secret_that_it_cannot_read() {
    let house = House::of(&["works", "lacks"]);
    fs::remove_file(house.folder().join("lacks.secret")).unwrap();
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    house
        .until_state("lacks", "failing", "secret_unreadable")
        .await;
    house
        .mailed("secret_unreadable", "lacks", "ops@msp.example")
        .await;
    assert!(
        house
            .filed()
            .iter()
            .all(|mail| mail.header("To") == "ops@msp.example")
    );
    assert_eq!(house.stats("lacks").attempts, 0);
    assert!(
        daemon.log().contains("users.lacks.secret: the file "),
        "{}",
        daemon.log()
    );
    house.give("lacks", &crate::house::secret("lacks"));
    house.until_state("lacks", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn wrong_arguments_are_said_so() {
    let house = House::of(&["works"]);
    house.write();
    for (code, arguments) in [
        (64, &[][..]),
        (64, &["dance"]),
        (64, &["run", "--fast"]),
        (64, &["probe", "--wait"]),
        (64, &["probe", "works", "--username", "other@acme.example"]),
        (64, &["test-mail", "--kind", "dance"]),
        (64, &["test-mail", "--to", "nobody"]),
        (64, &["status", "--url", "somewhere"]),
        (64, &["demo", "--for", "soon"]),
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["help", "probe"]),
    ] {
        let done = house.lockwatch(arguments).await;
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        assert_eq!(done.stdout.is_empty(), code != 0, "{arguments:?}: {done:?}");
        assert_eq!(done.stderr.is_empty(), code == 0, "{arguments:?}: {done:?}");
    }
    let done = house.lockwatch(&["test-mail", "--kind", "dance"]).await;
    for kind in Kind::ALL {
        assert!(done.stderr.contains(kind.as_str()), "{done:?}");
    }
    let done = house.lockwatch(&["probe", "--wait"]).await;
    assert!(done.stderr.contains("by id, or --username"), "{done:?}");
    for (option, wrong, write) in [
        ("--listen", "9999", "such as 127.0.0.1:9477"),
        ("--for", "banana", "such as 30s or 10m"),
    ] {
        let done = house.lockwatch(&["demo", option, wrong]).await;
        assert_eq!(done.code, 64, "{done:?}");
        assert!(done.stderr.contains(write), "{done:?}");
    }
    let done = house.lockwatch(&["completions", "bash"]).await;
    assert_eq!(done.code, 0);
    assert!(
        done.stdout.contains("complete -F _lockwatch") && done.stdout.contains("test-mail"),
        "{done:?}"
    );
}

#[tokio::test]
async fn later_keys_are_said_to_come_later() {
    let mut house = House::of(&["works"]);
    house.settings.top = "[quota]\nslow_above = 0.75\n[history]\nkeep = \"90d\"".to_owned();
    house.account("works").more = "manual = [\"impersonation\"]".to_owned();
    house.write();
    let done = house.lockwatch(&["validate"]).await;
    assert_eq!(done.code, 78, "{done:?}");
    let later = done
        .stderr
        .lines()
        .filter(|line| line.contains("not supported yet"));
    assert_eq!(later.count(), 3, "{done:?}");
}

#[tokio::test]
async fn a_test_mail_names_the_step_that_failed() {
    let mut house = House::of(&["works"]);
    house.secret_file("smtp.secret", "demo-smtp-password-1");
    let files = house.folder().join("tls");
    fs::create_dir(&files).unwrap();
    let made = Certificates::make(&files, &["localhost"]);
    let options = [
        "--tls",
        "starttls",
        "--login",
        "alerts:demo-smtp-password-1",
        "--refuse",
        "gone@msp.example",
        "--echo-login",
    ];
    let sink = Sink::start_at(0, &options, &made).await;
    let port = sink.port;
    let ca = &made.ca;
    house.settings.email = format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\n[email.smtp]\nhost = \"localhost\"\n\
         port = {port}\nusername = \"alerts\"\npassword = {{ file = \"smtp.secret\" }}\nca_file = \"{}\"\n",
        ca.display()
    );
    house.write();
    let done = house.lockwatch(&["test-mail"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    for step in ["connect", "starttls", "login", "recipient", "data"] {
        assert!(
            done.stdout.contains(&format!("  {step:<10} ok")),
            "{step}: {done:?}"
        );
    }
    assert_eq!(sink.delivered().len(), 1);
    assert!(sink.delivered()[0].contains("Subject: [lockwatch] test mail"));
    let sample = ["test-mail", "--kind", "recovered", "--to", "it@msp.example"];
    let done = house.lockwatch(&sample).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let mails = sink.delivered();
    let to_it = |mail: &&String| mail.contains("\nTo: it@msp.example\n");
    let mail = mails.iter().find(to_it).expect("a sample");
    for header in ["Kind: recovered", "State: closed", "Sample: true"] {
        assert!(mail.contains(&format!("X-Lockwatch-{header}")), "{mail}");
    }
    assert!(mail.contains("To: it@msp.example"), "{mail}");

    let fails = async |arguments: &[&str], step: &str, advice: &str| {
        let done = house.lockwatch(arguments).await;
        assert_eq!(done.code, 1, "{done:?}");
        let (failed, advised) = done.stderr.split_once('\n').unwrap();
        assert!(
            failed.starts_with(&format!("  {step:<10} FAILED: ")),
            "{done:?}"
        );
        assert!(advised.contains(advice), "{done:?}");
        assert_eq!(advised.is_empty(), advice.is_empty(), "{done:?}");
    };
    fails(&["test-mail", "--to", "gone@msp.example"], "recipient", "").await;
    house.secret_file("smtp.secret", "demo-smtp-password-2");
    fails(&["test-mail"], "login", "email.smtp.username").await;
    drop(sink);
    fails(&["test-mail"], "connect", "email.smtp.host").await;
    fs::remove_file(house.folder().join("smtp.secret")).unwrap();
    fails(&["test-mail"], "prepare", "").await;
}

#[tokio::test]
async fn the_demo_shows_itself_and_ends() {
    let home = tempfile::tempdir().unwrap();
    // As in a container: no certificates, and none are needed.
    let bare = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("TMPDIR", home.path().to_str().unwrap()),
    ];
    let done = lockwatch(
        &["demo", "--for", "3s", "--json", "--listen", "127.0.0.1:0"],
        "",
        &bare,
        home.path(),
    )
    .await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.stderr.contains("ERROR"), "{done:?}");
    let open = "everybody who reaches port";
    assert!(!done.stderr.contains(open), "{done:?}");
    let first: Value = serde_json::from_str(&done.stdout).unwrap();
    let keys: Vec<_> = first.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["autotask", "mail", "users", "web"]);
    assert!(Path::new(first["mail"].as_str().unwrap()).starts_with(home.path()));
    let users = first["users"].as_array().unwrap();
    assert!(users.len() > 5);
    assert!(
        users
            .iter()
            .all(|user| user["id"].is_string() && user["username"].is_string())
    );
    let listen = ["demo", "--for", "1ms", "--listen", "0.0.0.0:0"];
    let done = lockwatch(&listen, "", &bare, home.path()).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains(open), "{done:?}");
}

#[tokio::test]
async fn the_demos_autotask_answers_others_too() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let home = tempfile::tempdir().unwrap();
    let mut child = tokio::process::Command::new(assert_cmd::cargo::cargo_bin!("lockwatch"))
        .args(["demo", "--json", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", home.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(home.path().join("stderr")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(crate::support::PATIENCE, lines.next_line()).await;
    let first: Value = serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap();
    let get = async |url: String| {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        client.get(url).send().await.unwrap()
    };
    let username = first["users"][0]["username"].as_str().unwrap();
    let autotask = first["autotask"].as_str().unwrap();
    let zone = get(format!(
        "{autotask}atservicesrest/v1.0/zoneInformation?user={username}"
    ))
    .await;
    let zone: Value = zone.json().await.unwrap();
    assert!(
        zone["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:"),
        "{zone}"
    );
    let users: Value = get(format!("{}api/v1/users", first["web"].as_str().unwrap()))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        users["users"].as_array().unwrap().len(),
        first["users"].as_array().unwrap().len()
    );
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let status = tokio::time::timeout(crate::support::PATIENCE, child.wait())
        .await
        .unwrap()
        .unwrap();
    let said = fs::read_to_string(home.path().join("stderr")).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
}
