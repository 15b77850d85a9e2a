//! Takes the port of the endpoint, or says what is in the way.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Listens at `web.listen`.
///
/// # Errors
/// Why not, and what to do.
pub(super) async fn listen(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = tokio::net::TcpListener::bind(at).await;
    bound
        .and_then(tokio::net::TcpListener::into_std)
        .map_err(|fault| {
            let what = advice(at, &fault);
            anyhow::anyhow!("failed to listen on {at} (web.listen): {what} ({fault})")
        })
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
    use super::*;

    async fn refused(at: &str) -> String {
        listen(at.parse().unwrap()).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_is_in_the_way_is_said() {
        for host in ["127.0.0.1", "[::1]"] {
            let Ok(taken) = TcpListener::bind(format!("{host}:0")) else {
                assert_ne!(host, "127.0.0.1");
                continue;
            };
            let at = taken.local_addr().unwrap();
            let said = refused(&at.to_string()).await;
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
        let said = refused("192.0.2.1:9477").await;
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
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
    }
}
