//! What the machine watches and whom it mails: a simulated Autotask and a mail server on this side of the wall.

use std::sync::OnceLock;

use lockwatch::demo::{ApiUser, Place, Reach, Simulator, Stats, World};

use crate::{
    machine::{Machine, eventually},
    support::{ports, smtp::Sink},
};

/// See the top of the file. It ends with this guard.
pub struct Site {
    simulator: Simulator,
    sink: Sink,
    // Chosen when it is first written down: the machine has booted then, after those of other tests that it waited for, and
    // what these listened on meanwhile is not taken.
    port: OnceLock<u16>,
}

/// The secret that Autotask knows of a user.
pub fn secret(id: &str) -> String {
    format!("demo-secret-of-{id}")
}

fn username(id: &str) -> String {
    format!("{id}@acme.example")
}

fn code(id: &str) -> String {
    format!("demo-code-of-{id}")
}

impl Site {
    /// These users are known to Autotask.
    pub async fn of(ids: &[&str]) -> Self {
        let mut world = World::new().zone("AE02", 14).tenant("acme", "AE02");
        for id in ids {
            world.add(ApiUser::new(&username(id), &secret(id), &code(id), "acme"));
        }
        Self {
            simulator: Simulator::start_on_thread(world).unwrap(),
            sink: Sink::start(&[]).await,
            port: OnceLock::new(),
        }
    }

    /// What the simulated Autotask has seen of a user.
    pub fn stats(&self, id: &str) -> Stats {
        self.simulator
            .world()
            .with(|world| world.stats(&username(id)))
    }

    /// Changes the secret as an administrator of Autotask does.
    pub fn new_secret(&self, id: &str, secret: &str) {
        let change = |user: &mut ApiUser| user.secret = secret.to_owned();
        assert!(
            self.simulator
                .world()
                .with(|world| world.change(&username(id), change))
        );
    }

    /// Mails so far.
    pub fn mails(&self) -> Vec<String> {
        self.sink.delivered()
    }

    /// Waits for a mail of this kind about this user.
    pub fn until_mailed(&self, machine: &Machine, kind: &str, id: &str) -> String {
        let headers = [
            format!("X-Lockwatch-Kind: {kind}\n"),
            format!("X-Lockwatch-User: {id}\n"),
        ];
        eventually(
            || {
                format!(
                    "no {kind} mail about {id}: {:?} {}",
                    self.mails(),
                    machine.journal()
                )
            },
            || {
                let mut mails = self.mails().into_iter();
                mails.find(|mail| headers.iter().all(|header| mail.contains(header)))
            },
        )
    }

    /// Waits until a user was looked up `more` times from now on: it is still watched.
    pub fn until_checked(&self, machine: &Machine, id: &str, more: u32) {
        let enough = self.stats(id).lookups + more;
        eventually(
            || format!("{id} is not checked: {}", machine.journal()),
            || (self.stats(id).lookups >= enough).then_some(()),
        );
    }

    /// Waits until Autotask has accepted a user once more.
    pub fn until_accepted(&self, machine: &Machine, id: &str) {
        let before = self.stats(id).accepted;
        eventually(
            || format!("{id} is not accepted: {}", machine.journal()),
            || (self.stats(id).accepted > before).then_some(()),
        );
    }

    /// The zone takes requests and answers nothing any more.
    pub fn hang(&self) {
        let zone = Place::Zone("AE02".to_owned());
        self.simulator
            .world()
            .with(|world| world.set_reach(&zone, Reach::Hang));
    }

    /// Waits for an attempt that hangs.
    pub fn until_hanging(&self, machine: &Machine, id: &str) {
        eventually(
            || format!("no attempt of {id} hangs: {}", machine.journal()),
            || (self.stats(id).unanswered_in_row > 0).then_some(()),
        );
    }

    /// Where the daemon listens.
    pub fn port(&self) -> u16 {
        *self.port.get_or_init(|| ports::free::<1>()[0])
    }

    /// What a Prometheus reads.
    pub async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.port());
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build();
        let answer = client.unwrap().get(url).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// The value of one series.
    pub async fn metric(&self, series: &str) -> f64 {
        let all = self.metrics().await;
        let mut values = all.lines().filter_map(|line| line.strip_prefix(series));
        values.next().unwrap().trim().parse().unwrap()
    }

    /// The configuration with these users, whose secrets are where `source` says.
    pub fn config(&self, ids: &[&str], source: impl Fn(&str) -> String) -> String {
        let users: String = ids
            .iter()
            .map(|id| {
                format!(
                    "[[users]]\nid = \"{id}\"\nusername = \"{}\"\ncreated = 2026-01-01T00:00:00Z\nsecret = {{ {} }}\n\
                     integration_code = \"{}\"\nnotify = [\"it@acme.example\"]\n",
                    username(id),
                    source(id),
                    code(id),
                )
            })
            .collect();
        format!(
            "[autotask]\nbase_url = \"{}\"\nallowed_hosts = [\"127.0.0.1\"]\ntimeout = \"2s\"\n\
             [schedule]\ninterval = \"1s\"\n[lockout]\nconfirm_after = \"1s\"\n\
             [email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
             [email.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             [web]\nlisten = \"127.0.0.1:{}\"\n{users}",
            self.simulator.base_url(),
            self.sink.port,
            self.port(),
        )
    }

    /// Configures these users in the machine, each with its secret in a file, as docs/systemd.md says.
    pub fn configure(&self, machine: &Machine, ids: &[&str]) {
        let place = |id: &str| format!("/etc/lockwatch/secrets/{id}");
        for id in ids {
            if !machine.path(&place(id)).exists() {
                self.give(machine, id, &secret(id));
            }
        }
        let config = self.config(ids, |id| format!("file = \"{}\"", place(id)));
        machine.write("/etc/lockwatch/lockwatch.toml", &config);
    }

    /// Puts a secret where lockwatch reads the user's.
    pub fn give(&self, machine: &Machine, id: &str, secret: &str) {
        let path = format!("/etc/lockwatch/secrets/{id}");
        machine.write_as(&path, &format!("{secret}\n"), 0o640, "root:lockwatch");
    }
}
