//! From settings to a connection that a mail may be sent over: TCP, TLS as configured, greeting.

use std::{error::Error as _, net::SocketAddr};

use lettre::transport::smtp::{
    Error as SmtpError,
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    commands::Ehlo,
    extension::ClientId,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::net::TcpStream;

use crate::config::{Smtp, SmtpTls};

use super::{
    Progress, SendError, Step,
    reply::{failed, say},
};

/// A server that has greeted us, encrypted where that is configured.
pub(super) struct Server {
    pub(super) connection: AsyncSmtpConnection,
    /// MAIL FROM may tell the size of the mail.
    pub(super) takes_size: bool,
}

impl Server {
    /// lettre does not keep what EHLO says of SIZE, so the server is asked once more, before a login, which a server may
    /// forget over it. One that minds a second EHLO is not told sizes.
    async fn learn(mut connection: AsyncSmtpConnection, step: Step) -> Result<Self, SendError> {
        let takes_size = match connection.command(Ehlo::new(ClientId::default())).await {
            Ok(reply) => reply.message().skip(1).any(|line| {
                let keyword = line.split_whitespace().next().unwrap_or_default();
                keyword.eq_ignore_ascii_case("SIZE")
            }),
            Err(refused) if refused.status().is_some() => false,
            Err(error) => return Err(failed(step, &error)),
        };
        Ok(Self {
            connection,
            takes_size,
        })
    }
}

/// The system's roots, and `ca_file` besides. A fragment when it fails.
pub(super) async fn trust(smtp: &Smtp) -> Result<TlsParameters, String> {
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

pub(super) async fn connect(
    smtp: &Smtp,
    tls: Option<&TlsParameters>,
    progress: &mut Progress<'_, '_>,
) -> Result<Server, SendError> {
    let server = (smtp.host.as_str(), smtp.port);
    progress.begin(Step::Connect);
    if smtp.tls == SmtpTls::Implicit {
        return connect_implicit(smtp, tls, progress).await;
    }
    let stream = TcpStream::connect(server)
        .await
        .map_err(|error| SendError::transient(Step::Connect, error.to_string()))?;
    let peer = stream.peer_addr().map(|peer| peer.to_string());
    progress.done(&peer.unwrap_or_default());

    progress.begin(Step::Greeting);
    let mut connection =
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ClientId::default())
            .await
            .map_err(|error| failed(Step::Greeting, &error))?;
    let Some(tls) = tls else {
        let server = Server::learn(connection, Step::Greeting).await?;
        progress.done(server.connection.server_info().name());
        return Ok(server);
    };
    progress.done(connection.server_info().name());

    progress.begin(Step::StartTls);
    // lettre refuses a server that does not offer it, and so nothing ever goes on in plain text.
    connection
        .starttls(tls.clone(), &ClientId::default())
        .await
        .map_err(|error| failed(Step::StartTls, &error))?;
    let server = Server::learn(connection, Step::StartTls).await?;
    progress.done("encrypted");
    Ok(server)
}

/// lettre connects, shakes hands and greets in one call here; what failed is told by the shape of its error.
async fn connect_implicit(
    smtp: &Smtp,
    tls: Option<&TlsParameters>,
    progress: &mut Progress<'_, '_>,
) -> Result<Server, SendError> {
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
        &ClientId::default(),
        tls.cloned(),
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
    for (step, detail) in [(Step::Connect, ""), (Step::Tls, "encrypted")] {
        progress.begin(step);
        progress.done(detail);
    }
    progress.begin(Step::Greeting);
    let server = Server::learn(connection, Step::Greeting).await?;
    progress.done(server.connection.server_info().name());
    Ok(server)
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
