//! What lockwatch reaches by the names that the page and its defaults have: a simulated Autotask behind https, and a mail
//! server that wants STARTTLS and the page's login.

use std::{path::Path, sync::Arc};

use lockwatch::demo::{ApiUser, Simulator, Stats, World};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    node::{IP, until},
    support::{certificates::Certificates, smtp::Sink},
};

const LOOK_UP: &str = "webservices.autotask.net";
const ZONE: &str = "webservices14.autotask.net";
const MAIL: &str = "smtp.msp.example";
/// The user of the page.
const USERNAME: &str = "k3jx7q@acme.example";

/// See the top of the file.
pub struct Site {
    pub runtime: Runtime,
    simulator: Simulator,
    sink: Sink,
    certificates: Certificates,
    _folder: TempDir,
}

impl Site {
    /// Autotask knows the page's user by this secret and this code.
    pub fn open(secret: &str, code: &str, smtp_password: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path(), &[LOOK_UP, ZONE, MAIL]);
        let world = World::new()
            .zone("AE14", 14)
            .tenant("acme", "AE14")
            .with(ApiUser::new(USERNAME, secret, code, "acme"));
        let login = format!("lockwatch:{smtp_password}");
        let wishes = ["--tls", "starttls", "--login", &login];
        let sink = runtime.block_on(Sink::start_at(0, &wishes, &certificates));
        Self {
            simulator: Simulator::start_on_thread(world).unwrap(),
            sink,
            certificates,
            runtime,
            _folder: folder,
        }
    }

    /// Whom the image trusts.
    pub fn authority(&self) -> &Path {
        &self.certificates.ca
    }

    /// Lines of a hosts file.
    pub fn hosts(&self) -> String {
        format!("{IP} {LOOK_UP} {ZONE} {MAIL}\n")
    }

    /// Takes connections at the address of the node, once there is one.
    pub fn receive(&self) {
        let [https, smtp] = [443, 587].map(|port| {
            let listener = self.runtime.block_on(TcpListener::bind((IP, port)));
            listener.unwrap_or_else(|why| panic!("{IP}:{port}: {why}"))
        });
        let central = self.simulator.base_url().port().unwrap();
        let zone = self.simulator.zone_url("AE14").unwrap().port().unwrap();
        self.simulator.world().with(|world| {
            let zone = world.zones.get_mut("AE14").unwrap();
            zone.url = format!("https://{ZONE}/ATServicesRest/");
        });
        self.runtime
            .spawn(serve_https(https, self.acceptor(), central, zone));
        self.runtime.spawn(pass_on(smtp, self.sink.port));
    }

    fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::from_pem_file(&self.certificates.cert).unwrap();
        let key = PrivateKeyDer::from_pem_file(&self.certificates.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Changes the secret as an administrator of Autotask does.
    pub fn new_secret(&self, secret: &str) {
        let change = |user: &mut ApiUser| user.secret = secret.to_owned();
        let world = self.simulator.world();
        assert!(world.with(|world| world.change(USERNAME, change)));
    }

    /// Locks the user.
    pub fn locks(&self) {
        let world = self.simulator.world();
        assert!(world.with(|world| world.change(USERNAME, |user| user.locked = true)));
    }

    /// Clears *Locked*, as an administrator of Autotask does.
    pub fn unlocks(&self) {
        let world = self.simulator.world();
        assert!(world.with(|world| world.unlock(USERNAME)));
    }

    /// What the simulated Autotask has seen of the user.
    pub fn stats(&self) -> Stats {
        self.simulator.world().with(|world| world.stats(USERNAME))
    }

    /// Waits for a mail of this kind to this recipient. It came by TLS, and by the login.
    pub fn until_mailed(&self, kind: &str, to: &str) {
        let headers = [
            format!("X-Lockwatch-Kind: {kind}\n"),
            format!("To: {to}\n"),
            "X-TLS: TLSv1.3\n".to_owned(),
            "X-Auth: lockwatch\n".to_owned(),
        ];
        until(&format!("a {kind} mail to {to}"), || {
            let mut mails = self.sink.delivered().into_iter();
            mails.find(|mail| headers.iter().all(|header| mail.contains(header)))
        });
    }
}

/// By the name that was asked for.
async fn serve_https(listener: TcpListener, acceptor: TlsAcceptor, central: u16, zone: u16) {
    loop {
        let (outer, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A pod may end at any moment.
            let mut outer = acceptor.accept(outer).await.ok()?;
            let is_zone = outer.get_ref().1.server_name() == Some(ZONE);
            let port = if is_zone { zone } else { central };
            let mut inner = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            copy_bidirectional(&mut outer, &mut inner).await.ok()
        });
    }
}

async fn pass_on(listener: TcpListener, port: u16) {
    loop {
        let (mut outer, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut inner = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            copy_bidirectional(&mut outer, &mut inner).await.ok()
        });
    }
}
