//! No secret, code, token or password is ever written anywhere. Every house checks that when it is left; here lockwatch is
//! made to say as much as it can.

use reqwest::Method;
use rustix::process::Signal;

use crate::{
    house::{Daemon, House, secret},
    logs::objects,
    support::{PATIENCE, smtp::Sink},
};

const TOKEN: &str = "demo-token-of-25-letters-";

#[tokio::test]
async fn nothing_private_is_ever_written() {
    let log = say_all("text").await;
    assert!(log.contains("TRACE"), "{log:.1000}");
}

#[tokio::test]
async fn nor_is_it_as_json() {
    let log = say_all("json").await;
    // Also what libraries say, whatever they call their fields.
    for line in objects(&log) {
        for key in ["timestamp", "level", "target"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
    }
    assert!(log.contains("\"level\":\"TRACE\""), "{log:.1000}");
}

/// Lets lockwatch do all it can while it says all it can; returns its log.
async fn say_all(format: &str) -> String {
    let password = "demo-smtp-password-1";
    let sink = Sink::start(&[
        "--tls",
        "starttls",
        "--login",
        &format!("alerts:{password}"),
        "--echo-login",
    ])
    .await;
    let mut house = House::of(&["works", "wrong", "code", "gone"]);
    house.secret_file("smtp.secret", "demo-smtp-password-2");
    house.secret_file("web.token", TOKEN);
    house.secret_file("code.code", "demo-wrong-code-1");
    house.give("wrong", "demo-wrong-secret-1");
    house.administer("gone", |user| {
        user.announced = lockwatch::demo::Announced::Unknown
    });
    house.settings.web = "token = { file = \"web.token\" }".to_owned();
    house.settings.email = format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
         [email.smtp]\nhost = \"localhost\"\nport = {}\nusername = \"alerts\"\n\
         password = {{ file = \"smtp.secret\" }}\nca_file = \"{}\"\n",
        sink.port,
        sink.ca.as_ref().unwrap().display()
    );
    house.write();
    let mut daemon = Daemon::spawn(
        &house,
        &[
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "1"),
            ("LOCKWATCH_LOG_FORMAT", format),
        ],
    );
    house.until_ready(&daemon).await;
    house.until("wrong", |user| user["held"] == true).await;
    for id in ["code", "gone"] {
        house.until(id, |user| user["state"] == "failing").await;
    }
    // The mail server refuses the login and repeats it.
    daemon.says("failed to send a mail").await;
    house.secret_file("smtp.secret", password);
    let reload = house
        .ask(Method::POST, "/-/reload", |plain| {
            plain
                .header("Content-Type", "application/json")
                .bearer_auth(TOKEN)
        })
        .await;
    assert_eq!(reload.status, 200);
    house.lockwatch(&["test-mail"]).await;
    house.give("wrong", &secret("wrong"));
    house.until_state("wrong", "healthy", "ok").await;

    // An endless line and a second line are no secrets; what they begin with might be.
    for mangled in [
        "demo-private-first\ndemo-private-second",
        "demo-private-\u{7}bell",
    ] {
        house.give("wrong", mangled);
        for part in mangled.split(['\n', '\u{7}']) {
            house.keep_private(part);
        }
        house
            .until_state("wrong", "failing", "secret_unreadable")
            .await;
        house.give("wrong", &secret("wrong"));
        house.until_state("wrong", "healthy", "ok").await;
    }
    for path in [
        "/",
        "/metrics",
        "/api/v1/users",
        "/users/wrong",
        "/users/code",
        "/users/gone",
        "/users/works",
    ] {
        assert_eq!(house.get(path).await.status, 200);
    }
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["probe"],
        &["probe", "--json"],
        &["probe", "wrong", "--force"],
        &["retry", "code"],
        &["validate"],
        &["health"],
    ] {
        house
            .lockwatch_told(arguments, "", &[("RUST_LOG", "trace")])
            .await;
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(PATIENCE).await, Some(0));
    let log = daemon.log();
    assert!(
        log.len() > 10_000,
        "the log says little: {} bytes",
        log.len()
    );
    assert_eq!(house.leaks(), Vec::<String>::new());

    // The search itself finds what is there: the username is no secret, and stands in the store and in mails.
    house.keep_private("works@acme.example");
    assert!(!house.leaks().is_empty());
    house.forget("works@acme.example");
    log
}

/// What stands in place of a name may be a secret in the wrong place: where nothing has that name, it is told nowhere.
#[tokio::test]
async fn a_secret_in_place_of_a_name_is_told_nowhere() {
    let mut house = House::of(&["works", "variable", "program"]);
    let (variable, program) = ("demoPrivatePastedAsVariable", "demo@Private#Pasted");
    for (id, credential) in [
        ("variable", format!("{{ env = \"{variable}\" }}")),
        ("program", format!("{{ command = [\"{program}\"] }}")),
    ] {
        house.account(id).credential =
            format!("secret = {credential}\nintegration_code = {{ file = \"{id}.code\" }}");
    }
    house.keep_private(variable);
    house.keep_private(program);
    let mut daemon = house.start().await;
    for (id, says) in [
        (
            "variable",
            "the environment variable that `env` names is not set (the name is not shown",
        ),
        (
            "program",
            "the program that `command` names first (the name is not shown: it may be a secret in the wrong place) cannot \
             be started",
        ),
    ] {
        house.until_state(id, "failing", "secret_unreadable").await;
        house
            .mailed("secret_unreadable", id, "ops@msp.example")
            .await;
        let validated = house.lockwatch(&["validate"]).await;
        assert_eq!(validated.code, 78, "{validated:?}");
        let said = |text: &str| text.contains(says);
        assert!(said(&validated.stderr), "{id}: {validated:?}");
        let key = format!("users.{id}.secret");
        assert!(validated.stderr.contains(&key), "{id}: {validated:?}");
        assert!(said(&daemon.log()), "{id}: {}", daemon.log());
        let user = house.user(id).await;
        assert!(said(&user["evidence"].to_string()), "{user}");
        for path in ["/", &format!("/users/{id}"), "/metrics"] {
            assert_eq!(house.get(path).await.status, 200);
        }
        house.lockwatch(&["status", id]).await;
        house.lockwatch(&["probe", id]).await;
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(PATIENCE).await, Some(0));
    // There it stands by mistake.
    std::fs::remove_file(house.config()).unwrap();
    assert_eq!(house.leaks(), Vec::<String>::new());
}
