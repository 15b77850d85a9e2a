//! A mail server as people run it: exim, with TLS, a login and mailboxes. Each connection is served by a process of its own,
//! as under inetd, so that it needs no free port and nothing of it outlives the test.

use std::{
    os::{fd::OwnedFd, unix::fs::chown},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep},
};

use super::{PATIENCE, certificates::Certificates};

/// Who exim becomes when root starts it: nobody, by this number on every Linux.
const NOBODY: u32 = 65_534;

/// What it is told. The login's name is `alerts`.
pub struct Wishes<'a> {
    /// TLS begins with the connection, else with STARTTLS.
    pub implicit_tls: bool,
    /// The login's password.
    pub password: &'a str,
    /// Whether the login works by PLAIN too, or by LOGIN alone.
    pub plain: bool,
    /// Who has a mailbox; everybody else is refused.
    pub recipients: &'a [&'a str],
    /// No larger mail is taken, in bytes.
    pub size_limit: usize,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Self {
            implicit_tls: false,
            password: "demo-secret-1",
            plain: true,
            recipients: &["it@acme.example"],
            size_limit: 1 << 20,
        }
    }
}

/// A running exim; it ends with this guard.
pub struct Exim {
    /// Where it listens, on 127.0.0.1. Its certificate is for localhost and 127.0.0.1.
    pub port: u16,
    /// The authority of its certificate.
    pub ca: PathBuf,
    folder: TempDir,
    serving: JoinHandle<()>,
}

impl Exim {
    /// Starts one.
    pub async fn start(wishes: &Wishes<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Certificates::make(folder.path(), &["localhost", "127.0.0.1"]);
        let user = if geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            NOBODY
        } else {
            geteuid().as_raw()
        };
        let config = folder.path().join("exim.conf");
        std::fs::write(&config, wishes.config(folder.path(), user)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            port: listener.local_addr().unwrap().port(),
            ca: made.ca,
            folder,
            serving: tokio::spawn(serve(listener, config, wishes.implicit_tls)),
        }
    }

    /// The mails in a mailbox so far, in no order.
    pub fn mailbox(&self, recipient: &str) -> Vec<Vec<u8>> {
        let new = self.folder.path().join("mail").join(recipient).join("new");
        let Ok(mails) = std::fs::read_dir(new) else {
            return Vec::new();
        };
        mails
            .map(|mail| std::fs::read(mail.unwrap().path()).unwrap())
            .collect()
    }

    /// Waits for a mail in a mailbox.
    pub async fn delivered(&self, recipient: &str, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mails = self.mailbox(recipient);
            if let Some(mail) = mails.into_iter().find(|mail| wanted(mail)) {
                return mail;
            }
            assert!(
                Instant::now() < deadline,
                "no mail to {recipient}: {}",
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.path().join("log").join(name));
        ["main", "reject", "panic"]
            .map(|name| read(name).unwrap_or_default())
            .concat()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Wishes<'_> {
    fn config(&self, folder: &Path, user: u32) -> String {
        let part = |nth: usize| {
            let parts = self
                .recipients
                .iter()
                .map(|to| to.split('@').nth(nth).unwrap());
            parts.collect::<Vec<_>>().join(" : ")
        };
        [
            ("FOLDER", folder.display().to_string()),
            ("USER", user.to_string()),
            ("SIZE_LIMIT", self.size_limit.to_string()),
            ("LOCAL_PARTS", part(0)),
            ("DOMAINS", part(1)),
            ("PLAIN", self.plain.to_string()),
            ("PASSWORD", self.password.to_owned()),
        ]
        .iter()
        .fold(
            include_str!("exim.conf").to_owned(),
            |config, (name, value)| config.replace(&format!("@{name}@"), value),
        )
    }
}

async fn serve(listener: TcpListener, config: PathBuf, implicit_tls: bool) {
    let mut sessions = JoinSet::new();
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let mut session = session(connection, &config, implicit_tls);
        sessions.spawn(async move { session.wait().await });
    }
}

fn session(connection: TcpStream, config: &Path, implicit_tls: bool) -> Child {
    let exim = std::env::var("LOCKWATCH_TEST_EXIM").unwrap_or_else(|_| "exim4".into());
    let connection = connection.into_std().unwrap();
    connection.set_nonblocking(false).unwrap();
    let both_ways = [connection.try_clone().unwrap(), connection].map(OwnedFd::from);
    let [input, output] = both_ways;
    Command::new(&exim)
        .arg("-C")
        .arg(config)
        .args(implicit_tls.then_some("-tls-on-connect"))
        .arg("-bs")
        .stdin(input)
        .stdout(output)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{exim} does not start: {error}"))
}
