//! Mails that exim takes, or refuses.

use lockwatch::{
    config::{Smtp, SmtpTls},
    notify::mailer::{Class, SendError, Step},
};

use crate::{
    sending::{PASSWORD, TO, fails, frozen, plain, try_out, with_login},
    support::exim::{Exim, Wishes},
};

fn settings(exim: &Exim, tls: SmtpTls) -> Smtp {
    Smtp {
        host: "localhost".into(),
        tls,
        ca_file: Some(exim.ca.clone()),
        ..plain(exim.port)
    }
}

async fn refused(wishes: &Wishes<'_>, password: &str) -> SendError {
    let exim = Exim::start(wishes).await;
    let (smtp, _kept) = with_login(settings(&exim, SmtpTls::StartTls), password);
    let error = fails(smtp).await;
    assert!(exim.mailbox(TO).is_empty(), "{}", exim.log());
    assert!(!error.in_doubt, "{error:?}");
    error
}

#[tokio::test]
async fn it_delivers_what_was_frozen() {
    for (implicit_tls, tls) in [(false, SmtpTls::StartTls), (true, SmtpTls::Implicit)] {
        for plain in [true, false] {
            let exim = Exim::start(&Wishes {
                implicit_tls,
                plain,
                ..Wishes::default()
            })
            .await;
            let (smtp, _kept) = with_login(settings(&exim, tls), PASSWORD);
            let sent = try_out(smtp).await.1;
            let sent = sent.unwrap_or_else(|error| panic!("{error}: {}", exim.log()));
            assert!(sent.detail.starts_with("250 OK id="), "{sent:?}");

            let mail = exim.delivered(TO, |_| true).await;
            assert_eq!(exim.mailbox(TO).len(), 1);
            let mail = String::from_utf8(mail).unwrap();
            let (received, mail) = mail.split_at(mail.find("Date:").unwrap());
            // With extensions, secure, authenticated.
            assert!(received.contains("with esmtpsa"), "{received}");
            let frozen = String::from_utf8(frozen()).unwrap().replace("\r\n", "\n");
            assert_eq!(mail.trim_end(), frozen.trim_end());
            let how = if plain {
                "A=plain:alerts"
            } else {
                "A=login:alerts"
            };
            assert!(exim.log().contains(how), "{}", exim.log());
        }
    }
}

#[tokio::test]
async fn it_refuses_a_login_a_recipient_and_a_mail_that_is_too_big() {
    let error = refused(&Wishes::default(), "demo-secret-2").await;
    assert_eq!((error.step, error.class), (Step::Login, Class::Login));
    assert!(error.text.starts_with("the server answered 535"), "{error}");

    let wishes = Wishes {
        recipients: &["somebody@else.example"],
        ..Wishes::default()
    };
    let error = refused(&wishes, PASSWORD).await;
    assert_eq!(
        (error.step, error.class),
        (Step::Recipient, Class::Permanent)
    );
    assert!(error.text.starts_with("the server answered 550"), "{error}");

    let wishes = Wishes {
        size_limit: frozen().len() - 1,
        ..Wishes::default()
    };
    let error = refused(&wishes, PASSWORD).await;
    assert_eq!((error.step, error.class), (Step::Sender, Class::Permanent));
    assert!(error.text.starts_with("the server answered 552"), "{error}");
}

#[tokio::test]
async fn it_wants_a_login() {
    let exim = Exim::start(&Wishes::default()).await;
    let error = fails(settings(&exim, SmtpTls::StartTls)).await;
    assert_eq!(error.step, Step::Recipient, "{error}");
    assert!(exim.mailbox(TO).is_empty());
}
