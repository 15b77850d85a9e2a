//! Ports for programs that cannot choose one themselves.

use std::net::TcpListener;

/// Ports of the loopback on which nobody listens, each another: all are held until all are chosen. Then they are
/// anybody's, so they are asked for right before they are used.
pub fn free<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    held.map(|port| port.local_addr().unwrap().port())
}
