//! One SMTP dialogue, driven command by command: at the level of lettre's transport a refused login and a refused recipient
//! look alike, and a bad certificate looks like a broken line.

use std::{net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use email_address::EmailAddress;
use lettre::{
    Address,
    message::Mailbox,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailParameter},
        response::{Response, Severity},
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Smtp, SmtpLogin, SmtpTls};

use super::{
    Class, Letter, Progress, SendError, Sent, Step,
    connect::{Server, connect, trust},
    printable,
    reply::{expect, failed, failed_on_its_way, line, say},
};

/// QUIT is a courtesy; nobody waits long for its answer.
const QUIT: Duration = Duration::from_secs(2);

pub(super) async fn hold(
    smtp: &Smtp,
    from: &EmailAddress,
    letter: &Letter<'_>,
    progress: &mut Progress<'_, '_>,
) -> Result<Sent, SendError> {
    let mut server = None;
    let dialogue = async {
        progress.begin(Step::Prepare);
        let ready = Ready::prepare(smtp, from, letter).await?;
        progress.done(&format!("{}:{}", smtp.host, smtp.port));
        let server = server.insert(connect(smtp, ready.tls.as_ref(), progress).await?);
        converse(server, &ready, letter, progress).await
    };
    // lettre's own timeout covers the connection only; a server that falls silent must not hold us for ever.
    let Ok(result) = tokio::time::timeout(smtp.timeout, dialogue).await else {
        let text = format!(
            "not done within {:?}, the time for a whole dialogue",
            smtp.timeout
        );
        return Err(SendError {
            in_doubt: progress.on_its_way,
            ..SendError::transient(progress.step, text)
        });
    };
    // Outside of the deadline: a mail that the server took is sent, however slowly it says goodbye.
    if let Some(mut server) = server {
        let _ = tokio::time::timeout(QUIT, server.connection.abort()).await;
    }
    result
}

/// Everything that can be known before the first byte is sent.
struct Ready {
    from: Address,
    to: Address,
    tls: Option<TlsParameters>,
    login: Option<Login>,
}

struct Login {
    username: String,
    password: SecretString,
}

impl Ready {
    async fn prepare(
        smtp: &Smtp,
        from: &EmailAddress,
        letter: &Letter<'_>,
    ) -> Result<Self, SendError> {
        let failed = |text: String| SendError::transient(Step::Prepare, text);
        let from: Mailbox = from
            .as_str()
            .parse()
            .map_err(|error| failed(format!("the sender's address: {error}")))?;
        let to: Mailbox = letter.to.parse().map_err(|error| SendError {
            class: Class::Permanent,
            ..failed(format!("the recipient's address: {error}"))
        })?;
        let tls = match smtp.tls {
            SmtpTls::None => None,
            SmtpTls::StartTls | SmtpTls::Implicit => Some(trust(smtp).await.map_err(failed)?),
        };
        let login = match &smtp.login {
            Some(_) if tls.is_none() && !is_loopback(&smtp.host) => {
                return Err(failed(format!(
                    "a login is not sent in plain text to {}: use tls = \"starttls\" or \"implicit\"",
                    smtp.host
                )));
            }
            Some(SmtpLogin { username, password }) => Some(Login {
                username: username.clone(),
                password: password
                    .read()
                    .await
                    .map_err(|error| failed(format!("the password: {error}")))?,
            }),
            None => None,
        };
        Ok(Self {
            from: from.email,
            to: to.email,
            tls,
            login,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn converse(
    Server {
        connection,
        takes_size,
    }: &mut Server,
    ready: &Ready,
    letter: &Letter<'_>,
    progress: &mut Progress<'_, '_>,
) -> Result<Sent, SendError> {
    if let Some(login) = &ready.login {
        progress.begin(Step::Login);
        let reply = login.present(connection).await?;
        progress.done(&login.scrub(&line(&reply)));
    }

    progress.begin(Step::Sender);
    let mut parameters = Vec::new();
    if !(ready.from.as_ref() as &str).is_ascii() || !(ready.to.as_ref() as &str).is_ascii() {
        if !connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            // The sender's is a setting, which concerns every mail.
            let step = if (ready.from.as_ref() as &str).is_ascii() {
                Step::Recipient
            } else {
                Step::Sender
            };
            return Err(SendError::transient(
                step,
                "an address is not ASCII, and the server does not offer SMTPUTF8",
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if *takes_size {
        // What is too big for the server is refused before it is sent.
        parameters.push(MailParameter::Size(letter.bytes.len()));
    }
    let reply = connection
        .command(Mail::new(Some(ready.from.clone()), parameters))
        .await
        .map_err(|error| failed(Step::Sender, &error))?;
    progress.done(&line(&reply));

    progress.begin(Step::Recipient);
    let reply = connection
        .command(Rcpt::new(ready.to.clone(), vec![]))
        .await
        .map_err(|error| failed(Step::Recipient, &error))?;
    progress.done(&line(&reply));

    progress.begin(Step::Data);
    let go_on = connection
        .command(Data)
        .await
        .map_err(|error| failed(Step::Data, &error))?;
    expect(Severity::PositiveIntermediate, go_on, false)?;
    progress.on_its_way = true;
    let reply = connection
        .message(letter.bytes)
        .await
        .map_err(|error| failed_on_its_way(&error))?;
    let reply = expect(Severity::PositiveCompletion, reply, true)?;
    let detail = printable(&line(&reply));
    progress.done(&detail);
    Ok(Sent { detail })
}

impl Login {
    async fn present(&self, connection: &mut AsyncSmtpConnection) -> Result<Response, SendError> {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        if connection
            .server_info()
            .get_auth_mechanism(&mechanisms)
            .is_none()
        {
            return Err(SendError::transient(
                Step::Login,
                "the server offers no login that we know (PLAIN, LOGIN)",
            ));
        }
        let credentials = Credentials::new(
            self.username.clone(),
            self.password.expose_secret().to_owned(),
        );
        connection
            .auth(&mechanisms, &credentials)
            .await
            .map_err(|error| SendError {
                // Scrubbed before it is shortened, or the beginning of a secret could stay.
                text: printable(&self.scrub(&say(&error))),
                ..failed(Step::Login, &error)
            })
    }

    /// Without the password, in any spelling in which it went over the wire: a server may echo what it got.
    fn scrub(&self, text: &str) -> String {
        let password = self.password.expose_secret();
        let plain = format!("\0{}\0{password}", self.username);
        let spellings = [
            password.to_owned(),
            BASE64.encode(password),
            BASE64.encode(plain),
        ];
        spellings.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "[removed]")
        })
    }
}
