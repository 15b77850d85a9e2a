//! A simulated Autotask: it serves `lockwatch demo` and the tests. What goes over the wire follows the vendor's
//! documentation and what public clients have seen, to the byte where that is known; where nothing is known it errs on
//! the side that punishes a careless client (every 401 counts towards the lock).
//!
//! - `world`, `api_user` and `trouble` hold the state, `gate` checks credentials and counts towards the lock, `routes` decides which
//!   answer a request gets (synchronous, is given `now`), `entities` and `filter` have the rows, `answers` the bodies.
//! - `server` serves it on loopback ports, one for the central look-up and one per zone; `site` is what one connection sees.
//! - `scenario` is the story that `lockwatch demo` tells, `table` shows it on a terminal.
//!
//! Nothing here is used by `lockwatch run`.

pub mod answers;
pub mod api_user;
pub mod entities;
pub mod filter;
pub mod gate;
pub mod routes;
pub mod scenario;
pub mod server;
mod site;
pub mod table;
pub mod trouble;
pub mod world;

pub use answers::{Ending, RawAnswer};
pub use api_user::{Announced, ApiUser, Level, Right, Rights};
pub use server::{Simulator, WorldHandle};
pub use trouble::{Lag, Logins, LookUps};
pub use world::{Place, Reach, Stats, Tenant, World, Zone};
