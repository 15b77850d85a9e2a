//! A server of raw bytes: it keeps every request as it came and answers as told, also in ways that no web framework can.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What is done after a request was read.
#[derive(Clone)]
pub enum Reply {
    /// These bytes; the connection stays open.
    Say(Vec<u8>),
    /// These bytes, then the end of the connection.
    SayAndClose(Vec<u8>),
    /// These bytes, then the connection is reset.
    SayAndReset(Vec<u8>),
    /// These bytes, then the others again and again for ever, with a pause in between.
    Drip(Vec<u8>, Vec<u8>),
    /// The same without a pause: as fast as they are taken.
    Flood(Vec<u8>, Vec<u8>),
    /// Nothing at all.
    Hang,
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<Mutex<usize>>,
    flooded: Arc<AtomicUsize>,
    floods: watch::Sender<usize>,
}

impl Server {
    /// Answers the first request with the first reply, and so on; the last one is repeated.
    pub async fn start(replies: Vec<Reply>) -> Self {
        Self::of(replies, true).await
    }

    /// Gives the reply as soon as anything at all was heard, whatever it was.
    pub async fn after_some_bytes(reply: Reply) -> Self {
        Self::of(vec![reply], false).await
    }

    async fn of(replies: Vec<Reply>, http: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
            flooded: Arc::default(),
            floods: watch::Sender::new(0),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        let (flooded, floods) = (server.flooded.clone(), server.floods.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                let (replies, requests) = (replies.clone(), requests.clone());
                let (flooded, floods) = (flooded.clone(), floods.clone());
                tokio::spawn(async move {
                    if serve(stream, http, replies, requests, flooded).await {
                        floods.send_modify(|over| *over += 1);
                    }
                });
            }
        });
        server
    }

    pub async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![Reply::Say(bytes.into())]).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Everything that was heard, by connection.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|bytes| Request::parse(bytes)).collect()
    }

    /// The only request that came.
    pub fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests");
        requests.remove(0)
    }

    /// Waits until nobody listens to a flood any more, and says how much of it was taken at most, buffers on the way
    /// included.
    pub async fn flooded(&self) -> usize {
        let mut over = self.floods.subscribe();
        let end = over.wait_for(|over| *over > 0);
        tokio::time::timeout(Duration::from_secs(60), end)
            .await
            .unwrap()
            .unwrap();
        self.flooded.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// Until the connection ends; whether it ended in a flood.
async fn serve(
    mut stream: TcpStream,
    http: bool,
    replies: Vec<Reply>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    flooded: Arc<AtomicUsize>,
) -> bool {
    while let Some(request) = read(&mut stream, http).await {
        let reply = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            replies[(requests.len() - 1).min(replies.len() - 1)].clone()
        };
        match reply {
            Reply::Say(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Reply::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return false;
            }
            Reply::SayAndReset(bytes) => {
                let _ = stream.write_all(&bytes).await;
                until_read(&stream).await;
                stream.set_zero_linger().unwrap();
                return false;
            }
            Reply::Drip(bytes, piece) => {
                let mut next = stream.write_all(&bytes).await;
                while next.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    next = stream.write_all(&piece).await;
                }
            }
            Reply::Flood(bytes, piece) => {
                let many = piece.repeat(64 * 1024 / piece.len());
                let mut next = stream.write_all(&bytes).await;
                while next.is_ok() {
                    flooded.fetch_add(many.len(), Ordering::SeqCst);
                    next = stream.write_all(&many).await;
                }
                return true;
            }
            Reply::Hang => std::future::pending().await,
        }
    }
    false
}

/// Until the other side has read all that was said: a reset may take away what it has not.
async fn until_read(stream: &TcpStream) {
    let address = |address: std::io::Result<SocketAddr>| match address.unwrap() {
        // As the kernel writes it on a machine that begins with the low byte.
        SocketAddr::V4(v4) => {
            format!(
                "{:08X}:{:04X}",
                u32::from_le_bytes(v4.ip().octets()),
                v4.port()
            )
        }
        SocketAddr::V6(_) => unreachable!("it listens at 127.0.0.1"),
    };
    let (here, there) = (address(stream.local_addr()), address(stream.peer_addr()));
    let read = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let queues = |from: &str, to: &str| {
            let mut rows = table
                .lines()
                .map(|row| row.split_whitespace().collect::<Vec<_>>());
            let row = rows.find(|row| row[1] == from && row[2] == to);
            // Who has gone reads no more.
            row.map_or("00000000:00000000".to_owned(), |row| row[4].to_owned())
        };
        let (sent, received) = (queues(&here, &there), queues(&there, &here));
        sent.starts_with("00000000:") && received.ends_with(":00000000")
    };
    let waiting = async {
        while !read() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
}

/// One whole request, or anything if not of `http`, or nothing when the client has gone.
async fn read(stream: &mut TcpStream, http: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if !http && !bytes.is_empty() {
            return Some(bytes);
        }
        if let Some(request) = Request::try_parse(&bytes)
            && request.body.len() >= request.length()
        {
            return Some(bytes);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A request as it came over the wire.
#[derive(Debug)]
pub struct Request {
    pub line: String,
    /// Names in lower case, sorted.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    fn parse(bytes: &[u8]) -> Self {
        Self::try_parse(bytes).unwrap()
    }

    fn try_parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let (line, rest) = head.split_once("\r\n")?;
        let mut headers: Vec<_> = rest
            .split("\r\n")
            .filter_map(|header| header.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        headers.sort();
        Some(Self {
            line: line.to_owned(),
            headers,
            body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
        })
    }

    fn length(&self) -> usize {
        self.header("content-length")
            .map_or(0, |length| length.parse().unwrap())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// An answer with its length, after which the connection may be used again.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Any\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}
