//! One mail on its way to a server: what the tests of the mailer share.

use std::{fs, time::Duration};

use lockwatch::{
    config::{Email, Smtp, SmtpLogin, SmtpTls, Transport, secret::SecretSource},
    notify::{
        envelope::freeze,
        mailer::{Letter, Mailer, SendError, Sent, Step},
        message::test_mail,
    },
};

use crate::support::{PATIENCE, smtp::Sink};

const DATE: &str = "2026-11-22T14:05:12Z";
/// The recipient.
pub const TO: &str = "it@acme.example";
/// Of the account `alerts`.
pub const PASSWORD: &str = "demo-secret-1";

/// Settings for a server on 127.0.0.1 without TLS and login.
pub fn plain(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".into(),
        port,
        tls: SmtpTls::None,
        login: None,
        ca_file: None,
        timeout: PATIENCE,
    }
}

/// Settings for a server with TLS, in whose authority we trust.
pub fn encrypted(sink: &Sink, tls: SmtpTls) -> Smtp {
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
        reopen_within: Duration::ZERO,
        unclear_after: Duration::from_hours(1),
        transport: Transport::Smtp(smtp),
    }
}

/// The mail, as `email` has it.
pub fn frozen() -> Vec<u8> {
    let date = DATE.parse().unwrap();
    let from = "lockwatch@msp.example".parse().unwrap();
    let mail = test_mail(date, TO, "mon1");
    freeze(&mail, &from, TO, "m1", date).unwrap().bytes
}

/// The steps as they were told, and how it ended.
pub async fn try_out(smtp: Smtp) -> (Vec<Step>, Result<Sent, SendError>) {
    let bytes = frozen();
    let letter = Letter {
        id: "m1",
        date: DATE.parse().unwrap(),
        to: TO,
        bytes: &bytes,
    };
    let mut steps = Vec::new();
    let mut last = None;
    let result = Mailer::new(&email(smtp))
        .try_out(&letter, &mut |step, outcome| {
            steps.push(step);
            last = outcome.err().cloned();
        })
        .await;
    assert_eq!(last, result.clone().err(), "a failure is told too");
    (steps, result)
}

/// How it fails.
pub async fn fails(smtp: Smtp) -> SendError {
    let (steps, result) = try_out(smtp).await;
    let error = result.expect_err("it must not leave");
    assert_eq!(steps.last(), Some(&error.step));
    assert!(!error.in_doubt || error.step == Step::Data, "{error:?}");
    error
}

/// A login whose password stands in a file that lives as long as the returned directory.
pub fn with_login(smtp: Smtp, password: &str) -> (Smtp, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let login = Some(SmtpLogin {
        username: "alerts".into(),
        password: SecretSource::File(file),
    });
    (Smtp { login, ..smtp }, directory)
}
