//! Carries the simulated Autotask over HTTP: one loopback port for the central look-up and one per zone, so that a
//! zone can really refuse connections, hang or cut an answer short. Decides nothing: `World::answer` does.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, mpsc},
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
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{
    answers::{Ending, RawAnswer},
    world::{Flight, Place, Reach, World},
};

/// Larger than any request a client has reason to send.
const BODY_LIMIT: usize = 1 << 20;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A running simulation. Ends when it is dropped.
pub struct Simulator {
    shared: WorldHandle,
    base_url: Url,
    token: CancellationToken,
    _ends_it: DropGuard,
}

/// Reads and changes the simulated world while it is served, from any thread or runtime.
#[derive(Clone)]
pub struct WorldHandle(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<()>,
    /// Whether each place takes connections at the moment.
    open: watch::Sender<BTreeMap<Place, bool>>,
}

impl WorldHandle {
    /// Runs `f` under the lock; it must not block. Servers follow a changed [`Reach`] afterwards.
    pub fn with<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let result = self.quietly(f);
        self.0.changed.send_replace(());
        result
    }

    /// A panic in a test's closure must not take the server with it, so poison is ignored.
    fn quietly<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut world)
    }

    fn refuses(&self, place: &Place) -> bool {
        self.quietly(|world| world.reach(place) == Reach::Refuse)
    }

    /// Returns once every place takes connections, or refuses them, as the world says.
    pub async fn settled(&self) {
        let mut open = self.0.open.subscribe();
        let as_wished = |open: &BTreeMap<Place, bool>| {
            open.iter()
                .all(|(place, open)| *open != self.refuses(place))
        };
        // The sender lives in `self`.
        let _ = open.wait_for(as_wished).await;
    }
}

impl Simulator {
    /// Serves `world` on the current runtime, on ports of 127.0.0.1 that the system chooses.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(world: World) -> io::Result<Self> {
        let shared = WorldHandle(Arc::new(Shared {
            world: Mutex::new(world),
            changed: watch::Sender::new(()),
            open: watch::Sender::new(BTreeMap::new()),
        }));
        let token = CancellationToken::new();
        let central = Port::reserve()?;
        let base_url = Url::parse(&format!("http://{}/", central.address))
            .map_err(|error| io::Error::other(format!("base url of the simulator: {error}")))?;
        let mut places = vec![(Place::Central, central)];
        for name in shared.quietly(|world| world.zones.keys().cloned().collect::<Vec<_>>()) {
            let port = Port::reserve()?;
            let url = format!("http://{}/ATServicesRest/", port.address);
            shared.quietly(|world| {
                if let Some(zone) = world.zones.get_mut(&name) {
                    zone.url = url;
                }
            });
            places.push((Place::Zone(name), port));
        }
        for (place, port) in places {
            shared.0.open.send_modify(|open| {
                // Neither state yet: what it should not be, so that `settled` waits for it.
                open.insert(place.clone(), shared.refuses(&place));
            });
            let site = Site {
                place,
                shared: shared.clone(),
                token: token.clone(),
            };
            tokio::spawn(async move {
                let served = site.token.run_until_cancelled(site.serve(&port)).await;
                if let Some(Err(error)) = served {
                    tracing::error!(place = ?site.place, %error, "the simulated Autotask stopped");
                }
            });
        }
        shared.settled().await;
        Ok(Self {
            shared,
            base_url,
            _ends_it: token.clone().drop_guard(),
            token,
        })
    }

    /// Serves `world` on a thread of its own, for tests without a runtime.
    ///
    /// # Errors
    /// When the thread, its runtime or the ports cannot be had.
    pub fn start_on_thread(world: World) -> io::Result<Self> {
        let (send, receive) = mpsc::channel();
        std::thread::Builder::new()
            .name("simulated-autotask".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(send.send(Err(error))),
                };
                let started = runtime.block_on(Self::start(world));
                let ended = started.as_ref().map(|simulator| simulator.token.clone());
                let ended = ended.unwrap_or_default();
                if send.send(started).is_ok() {
                    runtime.block_on(ended.cancelled());
                }
            })?;
        receive.recv().map_err(io::Error::other)?
    }

    /// What `autotask.base_url` is set to: the central look-up, without a path.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The `url` that the look-up answers for a zone.
    #[must_use]
    pub fn zone_url(&self, zone: &str) -> Option<Url> {
        let url = self
            .shared
            .quietly(|world| world.zones.get(zone).map(|zone| zone.url.clone()))?;
        Url::parse(&url).ok()
    }

    /// The simulated world.
    #[must_use]
    pub fn world(&self) -> WorldHandle {
        self.shared.clone()
    }

    /// Changes how a place can be reached, and returns when it is so.
    pub async fn set_reach(&self, place: &Place, reach: Reach) {
        self.shared.with(|world| world.set_reach(place, reach));
        self.shared.settled().await;
    }

    /// Ends it now: ports are closed and connections cut.
    pub fn shutdown(self) {
        self.token.cancel();
    }
}

/// A port of 127.0.0.1 that stays ours while nobody listens on it: then connections to it are refused.
struct Port {
    address: SocketAddr,
    _reserved: TcpSocket,
}

impl Port {
    fn reserve() -> io::Result<Self> {
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

#[derive(Clone)]
struct Site {
    place: Place,
    shared: WorldHandle,
    /// Ends what is served under it.
    token: CancellationToken,
}

impl Site {
    async fn serve(&self, port: &Port) -> io::Result<Infallible> {
        let mut changed = self.shared.0.changed.subscribe();
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
        self.shared.0.open.send_modify(|open| {
            open.insert(self.place.clone(), is_open);
        });
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
