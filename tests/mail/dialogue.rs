//! Real SMTP dialogues with a real server, and each way in which they fail before the mail is spoken of. `faults` has the
//! rest.

use std::fs;

use lockwatch::{
    config::{Smtp, SmtpTls},
    notify::mailer::{Class, Step},
};

use crate::{
    sending::{PASSWORD, encrypted, fails, frozen, plain, try_out, with_login},
    support::smtp::Sink,
};

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
    let frozen = frozen();
    let how = how.replace(&frozen.len().to_string(), "[bytes]");
    insta::assert_snapshot!(how, @r"
    X-Mail-From: lockwatch@msp.example
    X-Rcpt-To: it@acme.example
    X-Mail-Options: SIZE=[bytes]
    X-TLS: none
    X-Auth: none
    ");
    let frozen = String::from_utf8(frozen).unwrap().replace("\r\n", "\n");
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
