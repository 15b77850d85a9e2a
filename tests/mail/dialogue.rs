//! Real SMTP dialogues with a real server, and each way in which they fail.

use std::{fs, time::Duration};

use lockwatch::{
    config::{Email, Smtp, SmtpLogin, SmtpTls, Transport, secret::SecretSource},
    notify::{
        envelope::freeze,
        mailer::{Class, Letter, Mailer, SendError, Sent, Step},
        message::test_mail,
    },
};

use crate::support::{PATIENCE, smtp::Sink};

const TO: &str = "it@acme.example";
const PASSWORD: &str = "demo-secret-1";

/// Settings for a server on 127.0.0.1 without TLS and login.
fn plain(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".into(),
        port,
        tls: SmtpTls::None,
        login: None,
        ca_file: None,
        timeout: PATIENCE,
    }
}

fn encrypted(sink: &Sink, tls: SmtpTls) -> Smtp {
    Smtp {
        host: "localhost".into(),
        tls,
        ca_file: sink.ca.clone(),
        ..plain(sink.port)
    }
}

fn email(smtp: Smtp) -> Email {
    Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: vec![],
        copy_operator: true,
        remind_every: None,
        group_wait: Duration::ZERO,
        reopen_within: Duration::from_hours(1),
        unclear_after: Duration::from_hours(1),
        transport: Transport::Smtp(smtp),
    }
}

/// The steps as they were told, and how it ended.
async fn try_out(smtp: Smtp) -> (Vec<Step>, Result<Sent, SendError>) {
    let date = "2026-11-22T14:05:12Z".parse().unwrap();
    let email = email(smtp);
    let frozen = freeze(&test_mail(date, TO, "mon1"), &email.from, TO, "m1", date).unwrap();
    let letter = Letter {
        id: "m1",
        date,
        to: TO,
        bytes: &frozen.bytes,
    };
    let mut steps = Vec::new();
    let mut last = None;
    let result = Mailer::new(&email)
        .try_out(&letter, &mut |step, outcome| {
            steps.push(step);
            last = outcome.err().cloned();
        })
        .await;
    assert_eq!(last, result.clone().err(), "a failure is told too");
    (steps, result)
}

async fn fails(smtp: Smtp) -> SendError {
    let (steps, result) = try_out(smtp).await;
    let error = result.expect_err("it must not leave");
    assert_eq!(steps.last(), Some(&error.step));
    error
}

/// A login whose password stands in a file that lives as long as the returned directory.
fn with_login(smtp: Smtp, password: &str) -> (Smtp, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let login = Some(SmtpLogin {
        username: "alerts".into(),
        password: SecretSource::File(file),
    });
    (Smtp { login, ..smtp }, directory)
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_frozen() {
    let sink = Sink::start(&[]).await;
    let (steps, result) = try_out(plain(sink.port)).await;
    assert_eq!(result.unwrap().detail, "250 2.0.0 kept");
    use Step::{Connect, Data, Greeting, Prepare, Recipient, Sender};
    assert_eq!(steps, [Prepare, Connect, Greeting, Sender, Recipient, Data]);

    let mails = sink.delivered();
    assert_eq!(mails.len(), 1);
    let (how, mail) = mails[0].split_at(mails[0].find("Date:").unwrap());
    insta::assert_snapshot!(how, @r"
    X-Mail-From: lockwatch@msp.example
    X-Rcpt-To: it@acme.example
    X-TLS: none
    X-Auth: none
    ");
    let date = "2026-11-22T14:05:12Z".parse().unwrap();
    let from = "lockwatch@msp.example".parse().unwrap();
    let frozen = freeze(&test_mail(date, TO, "mon1"), &from, TO, "m1", date).unwrap();
    let frozen = String::from_utf8(frozen.bytes)
        .unwrap()
        .replace("\r\n", "\n");
    assert_eq!(mail.trim_end(), frozen.trim_end());
}

#[tokio::test]
async fn with_tls_and_login_in_every_combination() {
    let secure: [(&str, SmtpTls, Step); 2] = [
        ("starttls", SmtpTls::StartTls, Step::StartTls),
        ("implicit", SmtpTls::Implicit, Step::Tls),
    ];
    for (name, tls, step) in secure {
        for mechanism in ["PLAIN", "LOGIN"] {
            let login = format!("alerts:{PASSWORD}");
            let options = ["--tls", name, "--login", &login, "--mechanism", mechanism];
            let sink = Sink::start(&options).await;
            let (smtp, _kept) = with_login(encrypted(&sink, tls), PASSWORD);
            let (steps, result) = try_out(smtp).await;
            result.unwrap_or_else(|error| panic!("{name} {mechanism}: {error}"));
            assert!(
                steps.contains(&step) && steps.contains(&Step::Login),
                "{steps:?}"
            );
            let mail = sink.delivered().concat();
            assert!(
                mail.contains("X-TLS: TLSv1.3\nX-Auth: alerts\n"),
                "{name} {mechanism}: {mail}"
            );
        }
        let sink = Sink::start(&["--tls", name]).await;
        try_out(encrypted(&sink, tls)).await.1.unwrap();
        assert!(
            sink.delivered()
                .concat()
                .contains("X-TLS: TLSv1.3\nX-Auth: none\n")
        );
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    for (name, tls, step) in [
        ("starttls", SmtpTls::StartTls, Step::StartTls),
        ("implicit", SmtpTls::Implicit, Step::Tls),
    ] {
        let sink = Sink::start(&["--tls", name]).await;
        let error = fails(Smtp {
            ca_file: None,
            ..encrypted(&sink, tls)
        })
        .await;
        assert_eq!(
            (error.step, error.class),
            (step, Class::Transient),
            "{error}"
        );
        assert!(error.text.contains("certificate"), "{error}");

        let sink = Sink::start_as(&["--tls", name], &["mail.elsewhere.example"]).await;
        let error = fails(encrypted(&sink, tls)).await;
        assert_eq!(error.step, step, "{error}");
        assert!(error.text.contains("not valid for name"), "{error}");
        assert!(sink.delivered().is_empty());
    }
}

#[tokio::test]
async fn starttls_never_falls_back_to_plain_text() {
    let sink = Sink::start(&[]).await;
    let error = fails(Smtp {
        tls: SmtpTls::StartTls,
        ..plain(sink.port)
    })
    .await;
    assert_eq!(
        (error.step, error.class),
        (Step::StartTls, Class::Transient)
    );
    assert!(error.text.contains("not supported"), "{error}");
    assert!(sink.delivered().is_empty());
}

#[tokio::test]
async fn tls_against_a_server_that_begins_in_plain_text() {
    let sink = Sink::start(&[]).await;
    let error = fails(Smtp {
        tls: SmtpTls::Implicit,
        ..plain(sink.port)
    })
    .await;
    assert_eq!(error.step, Step::Tls, "{error}");
}

#[tokio::test]
async fn a_refused_login_is_told_apart_and_its_echo_removed() {
    let login = format!("alerts:{PASSWORD}");
    for mechanism in ["PLAIN", "LOGIN"] {
        let options = [
            "--tls",
            "starttls",
            "--login",
            &login,
            "--echo-login",
            "--mechanism",
            mechanism,
        ];
        let sink = Sink::start(&options).await;
        let (smtp, _kept) = with_login(encrypted(&sink, SmtpTls::StartTls), "demo-secret-2");
        let error = fails(smtp).await;
        assert_eq!((error.step, error.class), (Step::Login, Class::Login));
        assert_eq!(
            error.text,
            "the server answered 535 5.7.8 refused [removed] [removed] [removed]"
        );
        assert!(sink.delivered().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_wants_a_login_we_do_not_have() {
    let login = format!("alerts:{PASSWORD}");
    let sink = Sink::start(&["--tls", "starttls", "--login", &login]).await;
    let error = fails(encrypted(&sink, SmtpTls::StartTls)).await;
    assert_eq!(
        (error.step, error.class),
        (Step::Sender, Class::Login),
        "{error}"
    );
    assert!(error.text.starts_with("the server answered 530"), "{error}");
}

#[tokio::test]
async fn a_server_without_login_is_not_sent_one() {
    let sink = Sink::start(&[]).await;
    let (smtp, _kept) = with_login(plain(sink.port), PASSWORD);
    let error = fails(smtp).await;
    assert_eq!((error.step, error.class), (Step::Login, Class::Transient));
    assert!(error.text.contains("no login"), "{error}");
}

#[tokio::test]
async fn a_password_goes_in_plain_text_to_this_host_only() {
    let login = format!("alerts:{PASSWORD}");
    let sink = Sink::start(&["--login", &login]).await;
    let (smtp, _kept) = with_login(plain(sink.port), PASSWORD);
    try_out(smtp.clone()).await.1.unwrap();

    // 192.0.2.1 is for documentation: if this were not refused beforehand, it would be a failure to connect.
    let error = fails(Smtp {
        host: "192.0.2.1".into(),
        ..smtp
    })
    .await;
    assert_eq!((error.step, error.class), (Step::Prepare, Class::Transient));
    assert!(error.text.contains("plain text"), "{error}");
}

#[tokio::test]
async fn a_password_that_cannot_be_read_is_found_before_anything_is_sent() {
    let sink = Sink::start(&[]).await;
    let (smtp, directory) = with_login(plain(sink.port), PASSWORD);
    drop(directory);
    let error = fails(smtp).await;
    assert_eq!((error.step, error.class), (Step::Prepare, Class::Transient));
    assert!(error.text.starts_with("the password: "), "{error}");
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_named_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let missing = Smtp {
        tls: SmtpTls::StartTls,
        ca_file: Some(file.clone()),
        ..plain(9)
    };
    let error = fails(missing.clone()).await;
    assert_eq!((error.step, error.class), (Step::Prepare, Class::Transient));
    assert!(error.text.contains("ca.pem: No such file"), "{error}");

    fs::write(&file, "no certificate").unwrap();
    let error = fails(missing).await;
    assert_eq!(error.step, Step::Prepare, "{error}");
    assert!(
        error.text.contains("ca.pem: no certificate in it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_recipient_is_for_good_and_a_greylisted_one_is_not() {
    let sink = Sink::start(&["--refuse", TO]).await;
    let error = fails(plain(sink.port)).await;
    assert_eq!(
        (error.step, error.class),
        (Step::Recipient, Class::Permanent)
    );
    assert_eq!(
        error.to_string(),
        "failed at step recipient: the server answered 550 5.1.1 no such user here"
    );

    let sink = Sink::start(&["--greylist"]).await;
    let error = fails(plain(sink.port)).await;
    assert_eq!(
        (error.step, error.class),
        (Step::Recipient, Class::Transient)
    );
    try_out(plain(sink.port)).await.1.unwrap();
    assert_eq!(sink.delivered().len(), 1);
}

#[tokio::test]
async fn silence_ends_with_the_deadline_and_names_its_step() {
    let soon = Duration::from_secs(3);
    let mute = Sink::start(&["--silent"]).await;
    let after_data = Sink::start(&["--silent-after-data"]).await;
    let cases = [
        (plain(mute.port), Step::Greeting),
        (
            Smtp {
                tls: SmtpTls::StartTls,
                ..plain(mute.port)
            },
            Step::Greeting,
        ),
        (
            Smtp {
                tls: SmtpTls::Implicit,
                ..plain(mute.port)
            },
            Step::Tls,
        ),
        (plain(after_data.port), Step::Data),
    ];
    futures_util::future::join_all(cases.map(async |(smtp, step)| {
        let error = fails(Smtp {
            timeout: soon,
            ..smtp
        })
        .await;
        assert_eq!(
            (error.step, error.class),
            (step, Class::Transient),
            "{error}"
        );
        assert!(error.text.contains("not done within 3s"), "{error}");
    }))
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_up_while_the_mail_is_sent() {
    let sink = Sink::start(&["--close-in-data"]).await;
    let error = fails(plain(sink.port)).await;
    assert_eq!(
        (error.step, error.class),
        (Step::Data, Class::Transient),
        "{error}"
    );
    assert!(sink.delivered().is_empty());
}

#[tokio::test]
async fn a_mail_that_was_taken_is_sent_however_the_server_says_goodbye() {
    let sink = Sink::start(&["--silent-at-quit"]).await;
    let smtp = Smtp {
        timeout: Duration::from_secs(1),
        ..plain(sink.port)
    };
    try_out(smtp).await.1.unwrap();
    assert_eq!(sink.delivered().len(), 1);
}

#[tokio::test]
async fn nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for tls in [SmtpTls::None, SmtpTls::StartTls, SmtpTls::Implicit] {
        let error = fails(Smtp { tls, ..plain(port) }).await;
        assert_eq!(
            (error.step, error.class),
            (Step::Connect, Class::Transient),
            "{error}"
        );
    }
}
