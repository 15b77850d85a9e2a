//! The simulated Autotask as it runs: one loopback port for the central look-up and one per zone, so that a zone can really
//! refuse connections, hang or cut an answer short. Decides nothing: `World::answer` does, and `site` carries it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{
    site::{Port, Site},
    world::{Place, Reach, World},
};

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
    pub(super) fn quietly<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut world)
    }

    pub(super) fn refuses(&self, place: &Place) -> bool {
        self.quietly(|world| world.reach(place) == Reach::Refuse)
    }

    /// Notes whether a place takes connections now.
    pub(super) fn is_open(&self, place: &Place, is_open: bool) {
        self.0.open.send_modify(|open| {
            open.insert(place.clone(), is_open);
        });
    }

    /// Tells of each change of the world.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
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
            // Neither state yet: what it should not be, so that `settled` waits for it.
            shared.is_open(&place, shared.refuses(&place));
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
