//! One SMTP dialogue, driven command by command: at the level of lettre's transport a refused login and a refused recipient
//! look alike, and a bad certificate looks like a broken line.

use std::{
    error::Error as _,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use email_address::EmailAddress;
use lettre::{
    Address,
    message::Mailbox,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
        response::Response,
    },
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use crate::config::{Smtp, SmtpLogin, SmtpTls};

use super::{Class, Letter, Progress, SendError, Sent, Step, printable};

/// QUIT is a courtesy; nobody waits long for its answer.
const QUIT: Duration = Duration::from_secs(2);

pub(super) async fn hold(
    smtp: &Smtp,
    from: &EmailAddress,
    letter: &Letter<'_>,
    progress: &mut Progress<'_, '_>,
) -> Result<Sent, SendError> {
    let mut connection = None;
    let dialogue = async {
        progress.begin(Step::Prepare);
        let ready = Ready::prepare(smtp, from, letter).await?;
        progress.done(&format!("{}:{}", smtp.host, smtp.port));
        let connection = connection.insert(connect(smtp, &ready, progress).await?);
        converse(connection, &ready, letter, progress).await
    };
    // lettre's own timeout covers the connection only; a server that falls silent must not hold us for ever.
    let Ok(result) = tokio::time::timeout(smtp.timeout, dialogue).await else {
        let text = format!(
            "not done within {:?}, the time for a whole dialogue",
            smtp.timeout
        );
        return Err(SendError::transient(progress.step, text));
    };
    // Outside of the deadline: a mail that the server took is sent, however slowly it says goodbye.
    if let Some(mut connection) = connection {
        let _ = tokio::time::timeout(QUIT, connection.abort()).await;
    }
    result
}

/// Everything that can be known before the first byte is sent.
struct Ready {
    from: Address,
    to: Address,
    hello: ClientId,
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
            hello: ClientId::default(),
            tls,
            login,
        })
    }
}

/// The system's roots, and `ca_file` besides. A fragment when it fails.
async fn trust(smtp: &Smtp) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca_file {
        let pem = tokio::fs::read(path)
            .await
            .map_err(|error| format!("ca_file {}: {error}", path.display()))?;
        // lettre takes a file without any for good.
        if CertificateDer::pem_slice_iter(&pem).next().is_none() {
            return Err(format!("ca_file {}: no certificate in it", path.display()));
        }
        let roots = Certificate::from_pem(&pem)
            .map_err(|error| format!("ca_file {}: {}", path.display(), say(&error)))?;
        parameters = parameters.add_root_certificate(roots);
    }
    parameters
        .build()
        .map_err(|error| format!("certificates: {}", say(&error)))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn connect(
    smtp: &Smtp,
    ready: &Ready,
    progress: &mut Progress<'_, '_>,
) -> Result<AsyncSmtpConnection, SendError> {
    let server = (smtp.host.as_str(), smtp.port);
    progress.begin(Step::Connect);
    if smtp.tls == SmtpTls::Implicit {
        return connect_implicit(smtp, ready, progress).await;
    }
    let stream = TcpStream::connect(server)
        .await
        .map_err(|error| SendError::transient(Step::Connect, error.to_string()))?;
    let peer = stream.peer_addr().map(|peer| peer.to_string());
    progress.done(&peer.unwrap_or_default());

    progress.begin(Step::Greeting);
    let mut connection =
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ready.hello)
            .await
            .map_err(|error| failed(Step::Greeting, &error))?;
    progress.done(connection.server_info().name());

    if let Some(tls) = &ready.tls {
        progress.begin(Step::StartTls);
        // lettre refuses a server that does not offer it, and so nothing ever goes on in plain text.
        connection
            .starttls(tls.clone(), &ready.hello)
            .await
            .map_err(|error| failed(Step::StartTls, &error))?;
        progress.done("encrypted");
    }
    Ok(connection)
}

/// lettre connects, shakes hands and greets in one call here; what failed is told by the shape of its error.
async fn connect_implicit(
    smtp: &Smtp,
    ready: &Ready,
    progress: &mut Progress<'_, '_>,
) -> Result<AsyncSmtpConnection, SendError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((smtp.host.as_str(), smtp.port))
        .await
        .map_err(|error| SendError::transient(Step::Connect, error.to_string()))?
        .collect();
    // No address gets so much that they could use the deadline up: when it passes, the silence came after the connection.
    let shares = u32::try_from(addresses.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    progress.begin(Step::Tls);
    let connection = AsyncSmtpConnection::connect_tokio1(
        addresses.as_slice(),
        Some(smtp.timeout / shares),
        &ready.hello,
        ready.tls.clone(),
        None,
    )
    .await
    .map_err(|error| {
        let in_handshake = error
            .source()
            .is_some_and(|source| source.is::<SmtpError>());
        let step = if in_handshake {
            Step::Tls
        } else if error.status().is_some() || error.is_response() || broke_later(&error) {
            Step::Greeting
        } else {
            Step::Connect
        };
        failed(step, &error)
    })?;
    for (step, detail) in [
        (Step::Connect, ""),
        (Step::Tls, "encrypted"),
        (Step::Greeting, connection.server_info().name()),
    ] {
        progress.begin(step);
        progress.done(detail);
    }
    Ok(connection)
}

/// An error of the network that only a standing connection has.
fn broke_later(error: &SmtpError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
    let source = error.source().and_then(|source| source.downcast_ref());
    source.is_some_and(|source: &std::io::Error| {
        matches!(
            source.kind(),
            BrokenPipe | ConnectionReset | InvalidData | UnexpectedEof
        )
    })
}

async fn converse(
    connection: &mut AsyncSmtpConnection,
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
            return Err(SendError::transient(
                Step::Sender,
                "an address is not ASCII, and the server does not offer SMTPUTF8",
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
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
    connection
        .command(Data)
        .await
        .map_err(|error| failed(Step::Data, &error))?;
    let reply = connection
        .message(letter.bytes)
        .await
        .map_err(|error| failed(Step::Data, &error))?;
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

/// What an error of one step means.
fn failed(step: Step, error: &SmtpError) -> SendError {
    let code = error.status().map(u16::from);
    let class = match (step, code) {
        // "Authentication required", wherever it is said.
        (_, Some(530)) => Class::Login,
        (Step::Login, _) if error.is_permanent() => Class::Login,
        // Anywhere else a 5xx speaks about our settings, which an operator can correct: the mail must not be lost.
        (Step::Recipient | Step::Data, _) if error.is_permanent() => Class::Permanent,
        _ => Class::Transient,
    };
    SendError {
        step,
        class,
        text: printable(&say(error)),
    }
}

/// The server's words where it spoke, else the innermost cause.
fn say(error: &SmtpError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match error.status() {
        Some(code) => format!("the server answered {code} {innermost}"),
        None => innermost.to_string(),
    }
}

fn line(reply: &Response) -> String {
    let words: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), words.join(" "))
}
