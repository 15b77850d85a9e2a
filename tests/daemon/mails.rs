//! Mails through a real mail server: they reach the right people, hang together, and none is lost.

use lockwatch::demo::World;

use crate::{
    house::{House, Mail, eventually, secret, username},
    support::smtp::Sink,
};

pub const PASSWORD: &str = "demo-smtp-password-1";

pub fn lock(world: &mut World, id: &str) {
    for _ in 0..5 {
        world.someone_else_fails(&username(id));
    }
}

/// `[email]` with encryption and a login, as most mail servers want it.
pub fn settings(house: &House, port: u16, ca: &std::path::Path) -> String {
    house.secret_file("smtp.secret", PASSWORD);
    format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
         [email.smtp]\nhost = \"localhost\"\nport = {port}\ntls = \"starttls\"\nusername = \"alerts\"\n\
         password = {{ file = \"smtp.secret\" }}\nca_file = \"{}\"\ntimeout = \"5s\"\n",
        ca.display()
    )
}

fn login() -> String {
    format!("alerts:{PASSWORD}")
}

/// What every mail of lockwatch carries.
fn is_proper(mail: &Mail) {
    for (name, value) in [
        ("From", "lockwatch@msp.example"),
        ("X-Mail-From", "lockwatch@msp.example"),
        ("X-Auth", "alerts"),
        ("X-TLS", "TLSv1.3"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        assert_eq!(mail.header(name), value, "{name}: {mail:#?}");
    }
    assert_eq!(mail.header("X-Rcpt-To"), mail.header("To"));
    assert!(
        mail.header("Message-ID").ends_with("@msp.example>"),
        "{mail:#?}"
    );
    assert!(!mail.header("Date").is_empty());
}

#[tokio::test]
async fn a_failure_is_told_to_both_and_so_is_its_end() {
    let sink = Sink::start(&["--tls", "starttls", "--login", &login()]).await;
    let mut house = House::of(&["works", "wrong", "locks"]);
    house.settings.email = settings(&house, sink.port, sink.ca.as_ref().unwrap());
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until_state("locks", "healthy", "ok").await;
    house.world().with(|world| lock(world, "locks"));

    for (kind, id, subject) in [
        ("failing", "wrong", "[lockwatch] FAILING wrong (acme):"),
        (
            "locked_out",
            "locks",
            "[lockwatch] LOCKED OUT? locks (acme): refused since",
        ),
    ] {
        let own = format!("{id}@acme.example");
        let first = house.delivered(&sink, kind, id, &own).await;
        is_proper(&first);
        assert!(first.header("Subject").starts_with(subject), "{first:#?}");
        let incident = house.user(id).await["incident"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(first.header("X-Lockwatch-Incident"), incident);
        let thread = first.header("References");
        assert_eq!(thread, format!("<incident.{incident}@msp.example>"));
        assert_eq!(first.header("In-Reply-To"), thread);
        assert!(
            first.text.contains(&format!("lockwatch retry {id}")),
            "{first:#?}"
        );
        is_proper(&house.delivered(&sink, kind, id, "ops@msp.example").await);

        // Mended: a new secret for one, an administrator and a retry for the other.
        if id == "wrong" {
            house.give(id, &secret(id));
        } else {
            house.world().with(|world| world.unlock(&username(id)));
            let done = house.lockwatch(&["retry", id]).await;
            assert_eq!(done.code, 0, "{done:?}");
        }
        let last = house.delivered(&sink, "recovered", id, &own).await;
        is_proper(&last);
        assert!(
            last.header("Subject")
                .starts_with(&format!("[lockwatch] RECOVERED {id} (acme): after"))
        );
        assert_eq!(
            last.header("References"),
            thread,
            "one incident is one thread"
        );
        assert_ne!(last.header("Message-ID"), first.header("Message-ID"));
        is_proper(
            &house
                .delivered(&sink, "recovered", id, "ops@msp.example")
                .await,
        );
    }
    house.until_state("works", "healthy", "ok").await;
    assert!(
        sink.delivered()
            .iter()
            .all(|mail| !mail.contains("works@acme.example"))
    );
    let sent = house
        .metric("lockwatch_notices_total{kind=\"failing\",outcome=\"sent\"}")
        .await;
    assert_eq!(sent, Some(2.0));
    daemon.stop().await;
}

#[tokio::test]
async fn what_the_mail_server_misses_it_gets_later_unchanged() {
    let mut house = House::of(&["wrong"]);
    let files = house.folder().join("tls");
    std::fs::create_dir(&files).unwrap();
    let made = crate::support::certificates::Certificates::make(&files, &["localhost"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    house.settings.email = settings(&house, port, &made.ca);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    let tried = async |at_least| {
        eventually(
            || format!("no mail was tried {at_least} times: {}", daemon.log()),
            async || {
                let mails = house.frozen("wrong@acme.example").await;
                mails.into_iter().find(|(.., tries)| *tries >= at_least)
            },
        )
        .await
    };
    let (message_id, bytes, _) = tried(1).await;
    assert!(house.metric("lockwatch_outbox_pending").await.unwrap() >= 1.0);
    // A dead mail server slows no check.
    house.watch_checks("wrong", 2).await;
    // Not even a crash changes what will be sent.
    daemon.kill().await;
    let daemon = house.start().await;

    let sink = Sink::start_at(port, &["--tls", "starttls", "--login", &login()], &made).await;
    let mail = house
        .delivered(&sink, "failing", "wrong", "wrong@acme.example")
        .await;
    assert_eq!(mail.header("Message-ID"), message_id);
    let frozen = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    let arrived = &mail.raw[mail.raw.find("Date:").unwrap()..];
    assert_eq!(arrived.trim_end(), frozen.trim_end());
    house
        .delivered(&sink, "failing", "wrong", "ops@msp.example")
        .await;
    eventually(
        || "the outbox does not empty".to_owned(),
        async || (house.metric("lockwatch_outbox_pending").await == Some(0.0)).then_some(()),
    )
    .await;
    assert_eq!(sink.delivered().len(), 2, "each once");
    daemon.stop().await;
}
