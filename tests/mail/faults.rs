//! What a mail server can do to a mail: what each failure means for the next attempt, and whether the mail may have been
//! delivered all the same.

use std::time::Duration;

use futures_util::future::join_all;
use lockwatch::{
    config::{Email, Smtp, SmtpTls, Transport},
    notify::mailer::{Class, Letter, Mailer, SendError, Step},
};

use crate::{
    sending::{TO, encrypted, fails, frozen, plain, try_out},
    support::smtp::Sink,
    table::rows,
};

/// As long as a dialogue may take where a server falls silent.
const SOON: Duration = Duration::from_secs(3);

/// What the server does at which stage (see `smtp_sink.py`), and what follows from it: the step, the class, whether the mail
/// may have been delivered, and how the text begins.
const FAULTS: &str = "
sender    | 550 5.7.1 not you                   | sender    | transient | no  | the server answered 550 5.7.1 not you
sender    | 552 5.2.2 your mailbox is full      | sender    | transient | no  | the server answered 552
sender    | 452 4.3.1 no room now               | sender    | transient | no  | the server answered 452
sender    | 552 message size exceeds the limit  | sender    | permanent | no  | the server answered 552
sender    | 552 5.3.4 message too big           | sender    | permanent | no  | the server answered 552
sender    | 552 5.2.3 message exceeds our limit | sender    | permanent | no  | the server answered 552
sender    | 550 5.3.4 message too big           | sender    | permanent | no  | the server answered 550
sender    | 452 4.3.4 message too big           | sender    | transient | no  | the server answered 452
sender    | 530 5.7.0 authentication required   | sender    | login     | no  | the server answered 530
sender    | cut                                 | sender    | transient | no  | Connection reset
sender    | close                               | sender    | transient | no  | incomplete response
sender    | silence                             | sender    | transient | no  | not done within 3s
recipient | 550 5.1.1 no such user here         | recipient | permanent | no  | the server answered 550 5.1.1 no such user here
recipient | 552 5.2.2 their mailbox is full     | recipient | permanent | no  | the server answered 552
recipient | 550 no such user                     | recipient | permanent | no  | the server answered 550 no such user
recipient | 553 5.1.3 what address is that      | recipient | permanent | no  | the server answered 553
recipient | 550 5.7.1 relaying denied           | recipient | barred    | no  | the server answered 550 5.7.1 relaying denied; the server does not let us send there: it wants a login (email.smtp)
recipient | 554 5.7.1 relay access denied       | recipient | barred    | no  | the server answered 554 5.7.1 relay
recipient | 550 relay not permitted             | recipient | barred    | no  | the server answered 550 relay
recipient | 550 Authentication is required      | recipient | barred    | no  | the server answered 550 Auth
recipient | 530 5.7.0 authentication required   | recipient | login     | no  | the server answered 530
recipient | 451 4.7.1 greylisted                | recipient | transient | no  | the server answered 451 4.7.1 greylisted
recipient | 421 4.3.2 shutting down             | recipient | transient | no  | the server answered 421
recipient | silence                             | recipient | transient | no  | not done within 3s
data      | 554 5.5.1 no valid recipients       | data      | permanent | no  | the server answered 554
data      | 451 4.3.0 not now                   | data      | transient | no  | the server answered 451
data      | 250 what data                       | data      | transient | no  | the server answered out of turn: 250
data      | cut                                 | data      | transient | no  | Connection reset
data      | silence                             | data      | transient | no  | not done within 3s
body      | cut                                 | data      | transient | yes |
body      | close                               | data      | transient | yes |
body      | silence                             | data      | transient | yes | not done within 3s
dot       | 552 5.3.4 message too big           | data      | permanent | no  | the server answered 552
dot       | 554 5.7.1 looks like spam           | data      | permanent | no  | the server answered 554
dot       | 451 4.3.0 try again                 | data      | transient | no  | the server answered 451
dot       | 421 4.3.2 shutting down             | data      | transient | no  | the server answered 421
dot       | 354 go on                           | data      | transient | yes | the server answered out of turn: 354
dot       | kept, I think                       | data      | transient | yes |
dot       | cut                                 | data      | transient | yes | Connection reset
dot       | close                               | data      | transient | yes | incomplete response
dot       | silence                             | data      | transient | yes | not done within 3s
";

#[tokio::test]
async fn each_fault_has_its_step_its_class_and_its_doubt() {
    let faults = rows::<6>(FAULTS);
    let at = faults
        .iter()
        .flat_map(|[stage, what, ..]| ["--at", *stage, *what]);
    let sink = Sink::start(&at.collect::<Vec<_>>()).await;
    assert_eq!(sink.ports.len(), faults.len());
    let cases = faults.iter().zip(&sink.ports).map(async |(row, port)| {
        let [stage, what, step, class, in_doubt, text] = row;
        let case = format!("{stage}: {what}");
        let mut smtp = plain(*port);
        if *what == "silence" {
            smtp.timeout = SOON;
        }
        let error = fails(smtp).await;
        let found = (error.step.as_str(), named(&error), error.in_doubt);
        assert_eq!(
            found,
            (*step, *class, *in_doubt == "yes"),
            "{case}: {error}"
        );
        assert!(error.text.starts_with(text), "{case}: {error}");
    });
    join_all(cases).await;
}

fn named(error: &SendError) -> &'static str {
    match error.class {
        Class::Transient => "transient",
        Class::Permanent => "permanent",
        Class::Barred => "barred",
        Class::Login => "login",
    }
}

#[tokio::test]
async fn a_server_that_never_says_a_word() {
    let mute = Sink::start(&["--silent"]).await;
    let cases = [
        (SmtpTls::None, Step::Greeting),
        (SmtpTls::StartTls, Step::Greeting),
        (SmtpTls::Implicit, Step::Tls),
    ];
    join_all(cases.map(async |(tls, step)| {
        let error = fails(Smtp {
            tls,
            timeout: SOON,
            ..plain(mute.port)
        })
        .await;
        assert_eq!((error.step, error.class), (step, Class::Transient));
        assert!(error.text.contains("not done within 3s"), "{error}");
    }))
    .await;
}

#[tokio::test]
async fn a_greylisted_mail_leaves_later() {
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
async fn what_is_in_doubt_may_be_delivered() {
    let sink = Sink::start(&["--at", "dot", "cut"]).await;
    let error = fails(plain(sink.port)).await;
    assert!(error.in_doubt, "{error}");
    assert_eq!(sink.delivered().len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_too_big_is_not_sent_where_the_server_announces_its_limit() {
    let limit = (frozen().len() - 1).to_string();
    let options = ["--size-limit", &limit];
    for tls in [SmtpTls::None, SmtpTls::StartTls, SmtpTls::Implicit] {
        let name = match tls {
            SmtpTls::None => "none",
            SmtpTls::StartTls => "starttls",
            SmtpTls::Implicit => "implicit",
        };
        let sink = Sink::start(&[&options[..], &["--tls", name]].concat()).await;
        let error = fails(encrypted(&sink, tls)).await;
        assert_eq!(
            (error.step, error.class, error.in_doubt),
            (Step::Sender, Class::Permanent, false),
            "{name}: {error}"
        );
    }

    let sink = Sink::start(&[&options[..], &["--hide-size"]].concat()).await;
    let error = fails(plain(sink.port)).await;
    assert_eq!(
        (error.step, error.class, error.in_doubt),
        (Step::Data, Class::Permanent, false),
        "{error}"
    );
    assert!(sink.delivered().is_empty());
}

#[tokio::test]
async fn a_size_is_told_only_to_a_server_that_asks_for_it() {
    for (options, told) in [
        (vec![], format!("SIZE={}", frozen().len())),
        (vec!["--hide-size"], "none".to_owned()),
        (
            vec!["--at", "hello-again", "503 5.5.1 you already said EHLO"],
            "none".to_owned(),
        ),
    ] {
        let sink = Sink::start(&options).await;
        try_out(plain(sink.port)).await.1.unwrap();
        let mail = sink.delivered().concat();
        assert!(
            mail.contains(&format!("\nX-Mail-Options: {told}\n")),
            "{options:?}: {mail}"
        );
    }
}

#[tokio::test]
async fn a_mail_that_was_taken_is_sent_however_the_server_says_goodbye() {
    for deed in ["silence", "cut", "close", "421 4.3.2 shutting down"] {
        let sink = Sink::start(&["--at", "quit", deed]).await;
        let smtp = Smtp {
            timeout: Duration::from_secs(1),
            ..plain(sink.port)
        };
        try_out(smtp).await.1.unwrap();
        assert_eq!(sink.delivered().len(), 1, "{deed}");
    }
}

#[tokio::test]
async fn a_file_is_never_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("20261122T140512Z-m1.eml");
    // Where the mail would stand, a folder stands.
    std::fs::create_dir(&blocked).unwrap();
    let mailer = Mailer::new(&Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: vec![],
        copy_operator: true,
        remind_every: None,
        group_wait: Duration::ZERO,
        reopen_within: Duration::ZERO,
        unclear_after: Duration::from_hours(1),
        transport: Transport::File {
            directory: folder.path().to_owned(),
        },
    });
    let letter = Letter {
        id: "m1",
        date: "2026-11-22T14:05:12Z".parse().unwrap(),
        to: TO,
        bytes: &frozen(),
    };
    let error = mailer.send(&letter).await.unwrap_err();
    assert_eq!(
        (error.step, error.class, error.in_doubt),
        (Step::Write, Class::Transient, false),
        "{error}"
    );
}

#[test]
fn a_failure_can_be_told_without_its_recipient() {
    let said = |text: &str, recipient: &str| {
        let error = SendError {
            step: Step::Recipient,
            class: Class::Permanent,
            text: text.into(),
            in_doubt: false,
        };
        error.without(recipient)
    };
    let table = [
        (
            "550 <It@Acme.Example> unknown",
            "it@acme.example",
            "550 <the recipient> unknown",
        ),
        (
            "550 IT@ACME.EXAMPLE",
            "it@acme.example",
            "550 the recipient",
        ),
        (
            "550 User unknown: OPS",
            "ops@msp.example",
            "550 User unknown: the recipient",
        ),
        (
            "550 ops@elsewhere.example",
            "ops@msp.example",
            "550 the recipient@elsewhere.example",
        ),
        (
            "550 drops stops shops",
            "ops@msp.example",
            "550 drops stops shops",
        ),
        ("550 it is unknown", "it@acme.example", "550 it is unknown"),
        (
            "550 Größe über ÄRGER@x.example é",
            "ärger@x.example",
            "550 Größe über ÄRGER@x.example é",
        ),
        (
            "550 Grüße@x.example é",
            "grüße@X.example",
            "550 the recipient é",
        ),
    ];
    for (text, recipient, want) in table {
        assert_eq!(
            said(text, recipient),
            format!("failed at step recipient: {want}"),
            "{text}"
        );
    }
}
