//! The endpoint byte by byte: what no HTTP client would send.

use std::{fs, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Daemon, House, within};

/// Every deadline of the endpoint is shorter.
pub const LONG: Duration = Duration::from_secs(60);

impl House {
    /// A connection on which nothing was said.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends `bytes` and reads until the other side closes, or cuts, the connection.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // It may be refused half-way.
        let _ = stream.write_all(bytes.as_ref()).await;
        self.rest(stream).await
    }

    /// What still comes before the end of a connection.
    pub async fn rest(&self, mut stream: TcpStream) -> String {
        let mut said = Vec::new();
        // A reset is an end too.
        let _: io::Result<usize> = timeout(LONG, stream.read_to_end(&mut said))
            .await
            .unwrap_or_else(|_| panic!("still open: {}", String::from_utf8_lossy(&said)));
        self.hear(&said);
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Daemon {
    /// How many sockets it has open.
    pub fn sockets(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap();
        let is_socket = |file: &fs::DirEntry| {
            fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        };
        open.filter_map(Result::ok).filter(is_socket).count()
    }

    /// Waits until it has so few.
    pub async fn has_sockets(&self, at_most: usize) {
        within(
            LONG,
            || format!("it has {} sockets, not {at_most}", self.sockets()),
            async || (self.sockets() <= at_most).then_some(()),
        )
        .await;
    }
}
