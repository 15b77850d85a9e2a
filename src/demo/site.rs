//! Carries what the simulated world answers over HTTP, one connection at a time: whole, late, cut short, or not at all.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    handler::Handler,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{
    answers::{Ending, RawAnswer},
    server::WorldHandle,
    world::{Flight, Place},
};

/// Larger than any request a client has reason to send.
const BODY_LIMIT: usize = 1 << 20;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A port of 127.0.0.1 that stays ours while nobody listens on it: then connections to it are refused.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    _reserved: TcpSocket,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = Self::socket()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            _reserved: socket,
        })
    }

    fn listen(&self) -> io::Result<TcpListener> {
        let socket = Self::socket()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }

    fn socket() -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        // So that the listener may share the port with the reservation. The system gives such a port to nobody else
        // who asks for any port.
        socket.set_reuseport(true)?;
        Ok(socket)
    }
}

/// One place of the simulated Autotask, behind its port.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) shared: WorldHandle,
    /// Ends what is served under it.
    pub(super) token: CancellationToken,
}

impl Site {
    /// Takes connections as the world says, until it cannot.
    pub(super) async fn serve(&self, port: &Port) -> io::Result<Infallible> {
        let mut changed = self.shared.changes();
        loop {
            self.tell(false);
            let _ = changed
                .wait_for(|()| !self.shared.refuses(&self.place))
                .await;
            let listener = port.listen()?;
            self.tell(true);
            let connections = Self {
                token: self.token.child_token(),
                ..self.clone()
            };
            tokio::select! {
                _ = changed.wait_for(|()| self.shared.refuses(&self.place)) => {}
                failed = connections.accept(&listener) => match failed? {},
            }
            connections.token.cancel();
        }
    }

    fn tell(&self, is_open: bool) {
        self.shared.is_open(&self.place, is_open);
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<Infallible> {
        loop {
            let (stream, _) = listener.accept().await?;
            let connection = Self {
                token: self.token.child_token(),
                ..self.clone()
            };
            tokio::spawn(connection.converse(stream));
        }
    }

    async fn converse(self, stream: TcpStream) {
        // Without it small answers wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(answer.with_state(self.clone()));
        let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            biased;
            // A client that went away is no error of the simulation.
            _ = connection => {}
            () = self.token.cancelled() => {}
        }
    }
}

/// Gives the place among the simultaneous requests back, also when the client has gone away; then its attempt was lost on it.
struct Landing {
    world: WorldHandle,
    flight: Option<Flight>,
    undelivered: Option<String>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.world.quietly(|world| {
            if let Some(flight) = &self.flight {
                world.land(flight);
            }
            if let Some(username) = &self.undelivered {
                world.lost(username);
            }
        });
    }
}

async fn answer(State(site): State<Site>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return deliver(RawAnswer::new(413, "text/plain", Vec::new()), &site).await;
    };
    let request = Request::from_parts(head, body.to_vec());
    let now = crate::clock::now();
    let reply = site
        .shared
        .quietly(|world| world.answer(&site.place, &request, now));
    let mut landing = Landing {
        world: site.shared.clone(),
        flight: reply.flight,
        undelivered: reply.presented,
    };
    let response = deliver(reply.answer, &site).await;
    landing.undelivered = None;
    response
}

async fn deliver(answer: RawAnswer, site: &Site) -> Response {
    // Even a sleep of nothing takes a tick of the timer.
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        // A scripted header that is none is left out.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let body = match answer.ending {
        Ending::Whole => Body::from(answer.body),
        Ending::Silence => std::future::pending().await,
        Ending::CutBeforeStatus => {
            site.token.cancel();
            std::future::pending().await
        }
        Ending::CutBodyAt(bytes) => {
            headers.insert(header::CONTENT_LENGTH, answer.body.len().into());
            let shown = answer.body.get(..bytes).unwrap_or(&answer.body).to_vec();
            let token = site.token.clone();
            let cut = async move {
                token.cancel();
                std::future::pending().await
            };
            let first = stream::once(async { Ok::<_, Infallible>(Bytes::from(shown)) });
            Body::from_stream(first.chain(stream::once(cut)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    *response.headers_mut() = headers;
    response
}
