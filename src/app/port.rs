//! Takes the port of the endpoint, or says what is in the way.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use tokio::net::TcpSocket;

/// As many may wait to be served as with `tokio::net::TcpListener::bind`.
const BACKLOG: u32 = 1024;

/// The port, where nobody is let in yet: who connects is refused rather than left to wait.
#[derive(Debug)]
pub(super) struct Port {
    at: SocketAddr,
    socket: TcpSocket,
}

/// Takes `web.listen`.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn take(at: SocketAddr) -> anyhow::Result<Port> {
    let bound = || {
        let socket = if at.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // Connections of the one before, which linger, are no reason to fail.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        Ok(socket)
    };
    let socket = bound().map_err(|fault| told(at, &fault))?;
    Ok(Port { at, socket })
}

impl Port {
    /// Lets others in.
    ///
    /// # Errors
    /// Another program was faster.
    pub(super) fn open(self) -> anyhow::Result<TcpListener> {
        let open = self.socket.listen(BACKLOG);
        open.and_then(tokio::net::TcpListener::into_std)
            .map_err(|fault| told(self.at, &fault))
    }
}

fn told(at: SocketAddr, fault: &io::Error) -> anyhow::Error {
    let what = advice(at, fault);
    anyhow::anyhow!("failed to listen on {at} (web.listen): {what} ({fault})")
}

fn advice(at: SocketAddr, fault: &io::Error) -> String {
    let port = at.port();
    match fault.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program listens there, maybe another lockwatch; to see which: ss -ltnp 'sport = :{port}'"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "the account that lockwatch runs as may not; take a port from 1024 up, or give it the right to port {port} \
             (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "this host does not have the address {}; name one of its own (ip address shows them), or {} for all",
            at.ip(),
            if at.is_ipv4() { "0.0.0.0" } else { "[::]" },
        ),
        // EAFNOSUPPORT has no kind of its own.
        _ if at.is_ipv6() => "can this host do IPv6? Else name an IPv4 address".to_owned(),
        _ => "name another address and port".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn refused(at: &str) -> String {
        take(at.parse().unwrap()).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_is_in_the_way_is_said() {
        for host in ["127.0.0.1", "[::1]"] {
            let Ok(taken) = TcpListener::bind(format!("{host}:0")) else {
                assert_ne!(host, "127.0.0.1");
                continue;
            };
            let at = taken.local_addr().unwrap();
            let said = refused(&at.to_string());
            assert!(
                said.contains(&format!("listen on {at} (web.listen)")),
                "{said}"
            );
            assert!(
                said.contains(&format!("ss -ltnp 'sport = :{}'", at.port())),
                "{said}"
            );
        }
        // For examples only: https://www.rfc-editor.org/rfc/rfc5737
        let said = refused("192.0.2.1:9477");
        assert!(
            said.contains("does not have the address 192.0.2.1"),
            "{said}"
        );
        assert!(said.contains("0.0.0.0 for all"), "{said}");
        // Root may take any.
        let at = "127.0.0.1:80".parse().unwrap();
        let said = advice(at, &io::ErrorKind::PermissionDenied.into());
        assert!(said.contains("from 1024 up"), "{said}");
    }

    #[tokio::test]
    async fn port_0_is_whichever_is_free() {
        let listener = take("127.0.0.1:0".parse().unwrap())
            .unwrap()
            .open()
            .unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
    }

    #[tokio::test]
    async fn until_it_is_opened_who_connects_is_refused() {
        let port = take("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = port.socket.local_addr().unwrap();
        let refused = TcpStream::connect(at).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let _open = port.open().unwrap();
        TcpStream::connect(at).unwrap();
    }
}
