//! Connections of the endpoint: so many at a time, and none that neither takes nor gives. Who holds connections open and says
//! nothing keeps nobody else out: the one that has been still for longest gives way to a new one.

use std::{
    collections::BTreeMap,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// So many at a time. A process may usually have 1024 files open, and checks need theirs.
const MOST: usize = 512;
/// Who takes nothing of an answer for so long, in seconds, or is gone, is given up by the system.
const PATIENCE: u32 = 20;

/// Everything that is accepted from this listener inherits its patience.
pub(super) fn bound(listener: &std::net::TcpListener) -> io::Result<()> {
    // The argument is in milliseconds.
    sockopt::set_tcp_user_timeout(listener, 1_000 * PATIENCE)?;
    sockopt::set_socket_keepalive(listener, true)?;
    Ok(sockopt::set_tcp_keepidle(
        listener,
        Duration::from_secs(PATIENCE.into()),
    )?)
}

/// Lets connections in.
#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    open: Arc<Mutex<Open>>,
}

/// Those that are open, the one that has been still for longest first.
#[derive(Debug, Default)]
struct Open {
    next: u64,
    tokens: BTreeMap<u64, CancellationToken>,
}

impl Door {
    fn enter(&self) -> (Place, CancellationToken) {
        let token = CancellationToken::new();
        let mut open = self.open();
        if open.tokens.len() >= MOST
            && let Some((_, stillest)) = open.tokens.pop_first()
        {
            stillest.cancel();
        }
        let nth = open.last(token.clone());
        let door = self.clone();
        (Place { door, nth }, token)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn last(&mut self, token: CancellationToken) -> u64 {
        self.next += 1;
        self.tokens.insert(self.next, token);
        self.next
    }
}

/// Where a connection stands in line; it leaves when it is dropped.
struct Place {
    door: Door,
    nth: u64,
}

impl Place {
    /// Something was said or taken.
    fn stirs(&mut self) {
        let mut open = self.door.open();
        if let Some(token) = open.tokens.remove(&self.nth) {
            self.nth = open.last(token);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.open().tokens.remove(&self.nth);
    }
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Connection;
    type Service = S;
    type Future = Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (place, token) = self.enter();
        let connection = Connection {
            stream,
            gives_way: Box::pin(token.cancelled_owned()),
            place,
        };
        ready(Ok((connection, service)))
    }
}

/// A connection that ends when it must give way.
pub(super) struct Connection {
    stream: TcpStream,
    gives_way: Pin<Box<WaitForCancellationFutureOwned>>,
    place: Place,
}

impl Connection {
    /// Its stream, while it may go on.
    fn stream(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.gives_way.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream(cx)?.poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.place.stirs();
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream(cx)?.poll_write(cx, bytes);
        if written.is_ready() {
            self.place.stirs();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream(cx)?.poll_write_vectored(cx, slices);
        if written.is_ready() {
            self.place.stirs();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stillest_gives_way_and_who_left_is_not_counted() {
        let door = Door::default();
        let mut inside: Vec<_> = (0..MOST).map(|_| door.enter()).collect();
        drop(inside.remove(1));
        inside.push(door.enter());
        assert!(inside.iter().all(|(_, token)| !token.is_cancelled()));
        inside[0].0.stirs();
        inside.push(door.enter());
        let cancelled = |(_, token): &(Place, CancellationToken)| token.is_cancelled();
        assert_eq!(inside.iter().position(cancelled), Some(1));
        assert_eq!(inside.iter().filter(|one| cancelled(one)).count(), 1);
        // Who must go does not come back.
        inside[1].0.stirs();
        assert_eq!(door.open().tokens.len(), MOST);
        drop(inside);
        assert!(door.open().tokens.is_empty());
    }
}
