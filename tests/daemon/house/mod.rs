//! The house that a test puts lockwatch into: a folder with its configuration, secrets and store, and a simulated Autotask.
//! Everything that lockwatch says is kept, and when the house is left, no secret may stand in any of it.

pub mod command;
mod http;
mod mail;
mod process;
mod raw;
mod settings;
mod store;
mod waiting;

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use lockwatch::demo::{ApiUser, Simulator, Stats, World, WorldHandle};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::support::PATIENCE;

pub use http::client;
pub use mail::Mail;
pub use process::Daemon;
pub use raw::LONG;
pub use settings::{Account, Settings};

/// See the top of the file.
pub struct House {
    /// What the configuration says, besides users. Takes effect with [`House::write`].
    pub settings: Settings,
    /// The configured users.
    pub accounts: Vec<Account>,
    simulator: Simulator,
    folder: TempDir,
    port: u16,
    http: reqwest::Client,
    heard: Mutex<Vec<u8>>,
    private: Mutex<BTreeSet<String>>,
}

/// The login of a user, wherever only its id is known.
pub fn username(id: &str) -> String {
    format!("{id}@acme.example")
}

/// The secret that Autotask knows of a user.
pub fn secret(id: &str) -> String {
    format!("demo-secret-of-{id}")
}

/// The integration code that Autotask knows of a user.
pub fn code(id: &str) -> String {
    format!("demo-code-of-{id}")
}

impl House {
    /// A house in which these users are configured, and known to Autotask as configured. All of them live in tenant `acme` and
    /// zone `AE02`; there is a tenant `globex` in zone `AE05`.
    pub fn of(ids: &[&str]) -> Self {
        let mut world = World::new()
            .zone("AE02", 14)
            .zone("AE05", 5)
            .tenant("acme", "AE02")
            .tenant("globex", "AE05");
        for id in ids {
            world.add(ApiUser::new(&username(id), &secret(id), &code(id), "acme"));
        }
        let house = Self {
            settings: Settings::default(),
            accounts: ids.iter().map(|id| Account::new(id)).collect(),
            simulator: Simulator::start_on_thread(world).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            http: http::client(),
            heard: Mutex::default(),
            private: Mutex::default(),
        };
        for id in ids {
            house.give(id, &secret(id));
            house.secret_file(&format!("{id}.code"), &code(id));
        }
        house
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The main file of the configuration.
    pub fn config(&self) -> PathBuf {
        self.folder().join("lockwatch.toml")
    }

    /// The simulated Autotask.
    pub fn world(&self) -> WorldHandle {
        self.simulator.world()
    }

    /// Where its central look-up is.
    pub fn autotask(&self) -> &Url {
        self.simulator.base_url()
    }

    /// What the simulated Autotask has seen of a user.
    pub fn stats(&self, id: &str) -> Stats {
        self.world().with(|world| world.stats(&username(id)))
    }

    /// Changes a user as an administrator of Autotask does.
    pub fn administer(&self, id: &str, change: impl FnOnce(&mut ApiUser)) {
        assert!(
            self.world()
                .with(|world| world.change(&username(id), change))
        );
    }

    /// A user of the configuration.
    pub fn account(&mut self, id: &str) -> &mut Account {
        let account = self.accounts.iter_mut().find(|account| account.id == id);
        account.unwrap()
    }

    /// A user of the configuration, whatever it is called by now.
    pub fn account_of(&self, first_id: &str) -> &Account {
        let mut accounts = self.accounts.iter();
        accounts
            .find(|account| account.first_id == first_id)
            .unwrap()
    }

    /// Puts a secret where lockwatch reads the user's.
    pub fn give(&self, id: &str, secret: &str) {
        self.secret_file(&format!("{id}.secret"), secret);
    }

    /// Writes a file that nobody else may read, at once or not at all, and remembers that its content is private.
    pub fn secret_file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder().join(name);
        let fresh = self.folder().join(format!("{name}.new"));
        fs::write(&fresh, format!("{content}\n")).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&fresh, &path).unwrap();
        self.keep_private(content);
        path
    }

    /// This must never be seen in anything that lockwatch says or keeps.
    pub fn keep_private(&self, text: &str) {
        self.private.lock().unwrap().insert(text.to_owned());
    }

    /// It may be seen after all.
    pub fn forget(&self, text: &str) {
        self.private.lock().unwrap().remove(text);
    }

    /// A running daemon of two users: "works" does, and an incident of "wrong" is open.
    pub async fn one_fails() -> (Self, Daemon) {
        let house = Self::of(&["works", "wrong"]);
        house.give("wrong", "demo-wrong-secret-1");
        let daemon = house.start().await;
        house.until_state("works", "healthy", "ok").await;
        house
            .until_state("wrong", "failing", "credential_rejected")
            .await;
        (house, daemon)
    }

    /// Writes the configuration as settings and accounts say now.
    pub fn write(&self) {
        let text = self.settings.text(
            self.folder(),
            self.simulator.base_url(),
            self.port,
            &self.accounts,
        );
        fs::write(self.config(), text).unwrap();
    }

    /// Starts `lockwatch run` and waits until it is ready.
    pub async fn start(&self) -> Daemon {
        self.write();
        let daemon = Daemon::spawn(self, &[]);
        self.until_ready(&daemon).await;
        daemon
    }

    /// Waits until the endpoint says so.
    pub async fn until_ready(&self, daemon: &Daemon) {
        self.until_ready_or(|| daemon.log()).await;
    }

    /// The same of one whose log is elsewhere.
    pub async fn until_ready_or(&self, log: impl Fn() -> String) {
        eventually(
            || format!("lockwatch is not ready: {}", log()),
            async || {
                let answer = self.http.get(self.url("/-/ready")).send().await.ok()?;
                answer.status().is_success().then_some(())
            },
        )
        .await;
    }

    /// Keeps what lockwatch said.
    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap().extend_from_slice(bytes);
    }

    /// Which secrets stand where they must not: in what lockwatch said, in its logs, its store, its mails.
    pub fn leaks(&self) -> Vec<String> {
        let mut places = vec![(
            "an answer or output".to_owned(),
            self.heard.lock().unwrap().clone(),
        )];
        let mut folders = vec![self.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if ![".secret", ".code", ".token", ".new"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    match fs::read(path) {
                        Ok(bytes) => places.push((name, bytes)),
                        // What SQLite keeps beside the store goes with the last who has it open.
                        Err(why) if why.kind() == ErrorKind::NotFound => {}
                        Err(why) => panic!("{name}: {why}"),
                    }
                }
            }
        }
        let mut leaks = Vec::new();
        for private in self.private.lock().unwrap().iter() {
            for (place, bytes) in &places {
                if bytes
                    .windows(private.len())
                    .any(|window| window == private.as_bytes())
                {
                    leaks.push(format!("{private} in {place}"));
                }
            }
        }
        leaks
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.leaks(), Vec::<String>::new());
        }
    }
}

/// Asks until there is an answer; fails with `what` when there is none in time.
pub async fn eventually<T>(
    what: impl FnOnce() -> String,
    ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    within(PATIENCE, what, ask).await
}

/// The same with another patience.
pub async fn within<T>(
    patience: Duration,
    what: impl FnOnce() -> String,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", what());
        sleep(Duration::from_millis(20)).await;
    }
}

/// A port that nobody uses. It lies below those that the system gives away by itself, and tests that run at the same time, in
/// this process or another, begin at different ones.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 997).unwrap() * 10;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
