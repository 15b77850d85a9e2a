//! `test-mail`: one mail by the way that all mails go, naming each step: a bare one, or a sample of a kind.

use std::path::Path;

use super::{
    exit::{Exit, Failure},
    report::{note, say},
};
use crate::{
    app::{self, host_name},
    clock,
    notify::{
        Kind, envelope,
        mailer::{Letter, Mailer, Step},
        message,
        sample::sample,
    },
    store::fresh_id,
    telemetry::chain,
};

pub(super) async fn test_mail(
    path: &Path,
    to: Option<String>,
    kind: Option<Kind>,
) -> Result<Exit, Failure> {
    let config = app::load(path).await?;
    let email = config.email.ok_or_else(|| {
        Failure::config(format!(
            "{}: there is no [email]: nobody is mailed",
            path.display()
        ))
    })?;
    let recipients = match to {
        Some(to) => {
            let address: email_address::EmailAddress = to
                .parse()
                .map_err(|_| Failure::usage("--to wants an address such as ops@msp.example"))?;
            vec![address]
        }
        None => email.to.clone(),
    };
    if recipients.is_empty() {
        return Err(Failure::usage(
            "there is nobody to mail: give --to, or set email.to",
        ));
    }
    let links = config.web.external_url.as_ref();
    let mailer = Mailer::new(&email);
    let mut exit = Exit::Ok;
    for recipient in recipients {
        let now = clock::now();
        let to = recipient.as_str();
        let mail = kind.map_or_else(
            || message::test_mail(now, to, &host_name()),
            |kind| {
                let tellings = sample(kind, now, to, &host_name());
                message::compose_sample(&tellings, links, to)
            },
        );
        let id = fresh_id();
        let frozen = envelope::freeze(&mail, &email.from, recipient.as_str(), &id, now)
            .map_err(|why| Failure::internal(chain(&why)))?;
        let letter = Letter {
            id: &id,
            date: now,
            to: recipient.as_str(),
            bytes: &frozen.bytes,
        };
        say(format!("to {recipient}"));
        let sent = mailer
            .try_out(&letter, &mut |step, result| match result {
                Ok("") => say(format!("  {step:<10} ok")),
                Ok(detail) => say(format!("  {step:<10} ok: {detail}")),
                Err(error) => note(format!("  {step:<10} FAILED: {}", error.text)),
            })
            .await;
        if let Err(error) = sent {
            if let Some(advice) = advice(error.step) {
                note(format!("  {:<10} {advice}", ""));
            }
            exit = Exit::Failing;
        }
    }
    Ok(exit)
}

/// What to look at when a step failed; `None` where what was said is all there is to know.
fn advice(step: Step) -> Option<&'static str> {
    Some(match step {
        Step::Connect => {
            "does the mail server run, is it at email.smtp.host and port, and does a firewall let this machine reach it?"
        }
        Step::Greeting => {
            "is it a mail server? tls = \"starttls\" goes with port 587, tls = \"implicit\" with 465"
        }
        Step::Tls | Step::StartTls => {
            "email.smtp.host must be a name in the server's certificate; a CA of your own goes into email.smtp.ca_file; \
             tls = \"starttls\" goes with port 587, tls = \"implicit\" with 465"
        }
        Step::Login => {
            "check email.smtp.username and password: many servers want a password made for an application, or allow such \
             logins per account"
        }
        Step::Sender => "may this login, or this machine, send as email.from?",
        Step::Write => "may this account write into email.directory?",
        Step::Prepare | Step::Recipient | Step::Data => return None,
    })
}
