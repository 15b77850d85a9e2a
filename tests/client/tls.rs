//! An https server on this machine with certificates of its own making.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// What a server shows: its certificate, and perhaps others that lead to an authority.
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: String,
    /// Whom one must trust.
    ca: String,
    protocols: Vec<Vec<u8>>,
}

impl Shown {
    /// A certificate of an authority nobody knows, for `name`, changed as `change` says.
    pub fn of(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority = authority(None);
        let (leaf, key) = leaf(name, &authority, change);
        Self::new(vec![leaf.der().clone()], &key, &authority)
    }

    /// One whose authority has its right from another, which alone is trusted; with or without what lies in between.
    pub fn by_another(name: &str, whole: bool) -> Self {
        let root = authority(None);
        let between = authority(Some(&root));
        let (leaf, key) = leaf(name, &between, |_| {});
        let mut chain = vec![leaf.der().clone(), between.der().clone()];
        chain.truncate(if whole { 2 } else { 1 });
        Self::new(chain, &key, &root)
    }

    /// Speaks only this over TLS.
    pub fn speaking(mut self, protocol: &str) -> Self {
        self.protocols = vec![protocol.into()];
        self
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair, root: &Authority) -> Self {
        Self {
            chain,
            key: key.serialize_pem(),
            ca: root.pem(),
            protocols: Vec::new(),
        }
    }
}

fn authority(above: Option<&Authority>) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = if above.is_some() { "between" } else { "root" };
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    match above {
        Some(above) => CertifiedIssuer::signed_by(params, key, above).unwrap(),
        None => CertifiedIssuer::self_signed(params, key).unwrap(),
    }
}

fn leaf(
    name: &str,
    by: &Authority,
    change: impl FnOnce(&mut CertificateParams),
) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    (params.signed_by(&key, by).unwrap(), key)
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<AtomicUsize>,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Gives every request the same `answer`, then closes.
    pub fn start(answer: &[u8]) -> Self {
        Self::showing(Shown::of("127.0.0.1", |_| {}), answer)
    }

    /// The same with another certificate.
    pub fn showing(shown: Shown, answer: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("ca.pem");
        std::fs::write(&certificate, &shown.ca).unwrap();
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(shown.chain, key)
            .unwrap();
        config.alpn_protocols = shown.protocols;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (requests.clone(), answer.to_vec());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                serve(stream, &config, &answer, &counter);
            }
        });
        Self {
            address,
            requests,
            certificate,
            _folder: folder,
        }
    }

    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Whom one must trust to trust it.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// How many requests came, whole or in part.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: &Arc<ServerConfig>, answer: &[u8], requests: &AtomicUsize) {
    let connection = ServerConnection::new(config.clone()).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    // The query's body ends in `]}`; a request without a body in its headers.
    let whole = |bytes: &[u8]| {
        bytes.ends_with(b"]}") || bytes.starts_with(b"GET") && bytes.ends_with(b"\r\n\r\n")
    };
    while !whole(&bytes) {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => {
                if bytes.is_empty() {
                    requests.fetch_add(1, Ordering::SeqCst);
                }
                bytes.extend_from_slice(&chunk[..read]);
            }
            _ => return,
        }
    }
    let _ = stream.write_all(answer);
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
