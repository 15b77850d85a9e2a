//! A server of raw bytes: it keeps every request as it came and answers as told, also in ways that no web framework can.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What is done after a request was read.
#[derive(Clone)]
pub enum Reply {
    /// These bytes; the connection stays open.
    Say(Vec<u8>),
    /// These bytes, then the end of the connection.
    SayAndClose(Vec<u8>),
    /// These bytes, then one more at a time for ever.
    Drip(Vec<u8>),
    /// Nothing at all.
    Hang,
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// Answers the first request with the first reply, and so on; the last one is repeated.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, replies.clone(), requests.clone()));
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

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, replies: Vec<Reply>, requests: Arc<Mutex<Vec<Vec<u8>>>>) {
    while let Some(request) = read(&mut stream).await {
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
                return;
            }
            Reply::Drip(bytes) => {
                let mut next = stream.write_all(&bytes).await;
                while next.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    next = stream.write_all(b" ").await;
                }
            }
            Reply::Hang => std::future::pending().await,
        }
    }
}

/// One whole request, or nothing when the client has gone.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
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
