//! An https server on this machine with a certificate of its own making.

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

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

pub struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Gives every request the same `answer`, then closes.
    pub fn start(answer: &[u8]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("ca.pem");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
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

    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: &Arc<ServerConfig>, answer: &[u8], requests: &AtomicUsize) {
    let connection = ServerConnection::new(config.clone()).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    // The query's body ends in `]}`.
    while !bytes.ends_with(b"]}") {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(answer);
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
