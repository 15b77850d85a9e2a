//! What happens to mails that cannot leave at once: at the end of the daemon, with a refused login, with a refused recipient.

use rustix::process::Signal;

use crate::{
    house::{House, eventually, username},
    mails::settings,
    support::smtp::Sink,
};

const WRONG: &str = "demo-wrong-secret-1";

/// `[email]` for a server without TLS and login.
fn to(port: u16) -> String {
    format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
         [email.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n"
    )
}

#[tokio::test]
async fn what_is_still_gathered_is_sent_before_the_end() {
    let mut house = House::of(&["wrong"]);
    house.settings.email = house.settings.email.replace("\"200ms\"", "\"1h\"");
    house.give("wrong", WRONG);
    let daemon = house.start().await;
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    assert_eq!(house.filed().len(), 0, "it is gathered for an hour");
    daemon.stop().await;
    let told = house.filed();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|mail| mail.tells("failing", "wrong")));
    // Each is sent once, whatever comes after.
    let daemon = house.start().await;
    house.watch_checks("wrong", 2).await;
    daemon.stop().await;
    assert_eq!(house.filed().len(), 2);
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_by_a_restart_and_a_new_password_is_tried_at_once() {
    let right = "demo-smtp-password-2";
    let sink = Sink::start(&["--tls", "starttls", "--login", &format!("alerts:{right}")]).await;
    let mut house = House::of(&["wrong"]);
    house.settings.email = settings(&house, sink.port, sink.ca.as_ref().unwrap());
    house.give("wrong", WRONG);
    let mut daemon = house.start().await;
    let tries = async || {
        let mut tries = 0;
        for to in ["wrong@acme.example", "ops@msp.example"] {
            let mails = house.frozen(to).await;
            tries += mails.iter().map(|(.., tries)| *tries).sum::<i64>();
        }
        tries
    };
    eventually(
        || "the login was not refused".to_owned(),
        async || (house.login_pauses().await == 1).then_some(()),
    )
    .await;
    for _ in 0..2 {
        daemon.kill().await;
        daemon = house.start().await;
        house.watch_checks("wrong", 3).await;
    }
    assert_eq!(tries().await, 1, "one login with this password");
    assert!(daemon.log().contains("login"), "{}", daemon.log());

    house.secret_file("smtp.secret", right);
    daemon.signal(Signal::HUP);
    for to in ["wrong@acme.example", "ops@msp.example"] {
        house.delivered(&sink, "failing", "wrong", to).await;
    }
    daemon.stop().await;
}

#[tokio::test]
async fn the_operator_is_told_of_what_will_never_arrive() {
    let theirs = username("wrong").to_string();
    let sink = Sink::start(&["--refuse", &theirs]).await;
    let mut house = House::of(&["wrong"]);
    house.settings.email = to(sink.port);
    house.give("wrong", WRONG);
    let daemon = house.start().await;
    let told = house
        .delivered(&sink, "undeliverable", "wrong", "ops@msp.example")
        .await;
    assert!(
        told.text.contains("550 5.1.1 no such user here"),
        "{}",
        told.text
    );
    let own = house
        .delivered(&sink, "failing", "wrong", "ops@msp.example")
        .await;
    assert!(!own.text.is_empty());
    let lost = house
        .metric("lockwatch_notices_total{kind=\"failing\",outcome=\"undeliverable\"}")
        .await;
    assert_eq!(lost, Some(1.0));
    let owed = house
        .metric("lockwatch_notices_total{kind=\"undeliverable\",outcome=\"owed\"}")
        .await;
    assert_eq!(owed, Some(1.0));
    assert_eq!(house.metric("lockwatch_outbox_pending").await, Some(0.0));
    daemon.stop().await;
}

#[tokio::test]
async fn a_recipient_that_is_put_off_at_first_gets_the_same_mail_later() {
    let sink = Sink::start(&["--greylist"]).await;
    let mut house = House::of(&["wrong"]);
    house.settings.email = to(sink.port);
    house.give("wrong", WRONG);
    let daemon = house.start().await;
    for to in ["wrong@acme.example", "ops@msp.example"] {
        let mail = house.delivered(&sink, "failing", "wrong", to).await;
        let frozen = house.frozen(to).await;
        assert_eq!(frozen.len(), 1);
        let (message_id, _, tries) = &frozen[0];
        assert_eq!((&mail.header("Message-ID"), *tries), (message_id, 2));
    }
    assert_eq!(sink.delivered().len(), 2);
    daemon.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_relay_for_us_loses_no_mail() {
    let stubborn = Sink::start(&["--at", "recipient", "550 5.7.1 relaying denied"]).await;
    let mut house = House::of(&["wrong"]);
    house.settings.email = to(stubborn.ports[0]);
    house.give("wrong", WRONG);
    let daemon = house.start().await;
    let status = eventually(
        || format!("nobody says what keeps the mail: {}", daemon.log()),
        async || {
            let status = house.lockwatch(&["status"]).await;
            status.stdout.contains("relaying denied").then_some(status)
        },
    )
    .await;
    assert!(
        status.stdout.contains("it wants a login (email.smtp)"),
        "{status:?}"
    );
    let pending = house.metric("lockwatch_outbox_pending").await;
    assert_eq!(pending, Some(2.0));
    let tried = house.lockwatch(&["test-mail"]).await;
    assert_eq!(tried.code, 1, "{tried:?}");
    assert!(
        tried.stderr.contains("it wants a login (email.smtp)"),
        "{tried:?}"
    );

    let sink = Sink::start(&[]).await;
    house.settings.email = to(sink.port);
    house.write();
    daemon.signal(Signal::HUP);
    for to in ["wrong@acme.example", "ops@msp.example"] {
        house.delivered(&sink, "failing", "wrong", to).await;
    }
    daemon.stop().await;
}
