//! Everything that knows how the Autotask REST API speaks. `client` is the only code that talks to it.

pub mod client;
pub mod hosts;
pub mod text;
mod tls;
mod transport;
pub mod wire;
