//! What there is outside of containers, as they find it: Autotask and a mail server, by their names, at their usual ports, by
//! TLS. Both are simulated; a file of hosts says where they are.

use std::{env, fs, path::Path};

use lockwatch::demo::{ApiUser, Simulator, Stats, World};

use super::{
    image::{image, root},
    podman::Container,
};
use crate::support::{certificates::Certificates, program::Program, smtp::Sink};

/// The look-up, the user's zone, the mail server.
const NAMES: [&str; 3] = [
    "webservices.autotask.net",
    "webservices2.autotask.net",
    "smtp.msp.example",
];
/// Who is known there, by the names of deploy/compose/lockwatch.toml.
const USERNAME: &str = "k3jx7q@acme.example";
/// What Autotask knows of the user: the secret and the integration code.
pub const CREDENTIAL: [&str; 2] = ["demo-secret-of-acme", "demo-code-of-acme"];
/// The login of the mail server.
pub const PASSWORD: &str = "demo-password-of-the-mail-server";

/// See the top of the file. It ends with this guard.
pub struct Outside {
    sink: Sink,
    simulator: Simulator,
    _ways: Program,
    _network: Container,
}

impl Outside {
    /// Puts the authority of its certificates into `ca.pem`, and where it is into `hosts`.
    pub async fn make(folder: &Path) -> Self {
        let mut world = World::new().zone("AE02", 14).tenant("acme", "AE02");
        world.add(ApiUser::new(USERNAME, CREDENTIAL[0], CREDENTIAL[1], "acme"));
        let simulator = Simulator::start_on_thread(world).unwrap();
        let central = simulator.base_url().port().unwrap();
        let zone = simulator.zone_url("AE02").unwrap().port().unwrap();
        simulator.world().with(|world| {
            let url = format!("https://{}/ATServicesRest/", NAMES[1]);
            world.zones.get_mut("AE02").unwrap().url = url;
        });
        let made = Certificates::make(folder, &NAMES);
        let login = format!("lockwatch:{PASSWORD}");
        let sink = Sink::start_at(0, &["--tls", "starttls", "--login", &login], &made).await;
        let network = Container::prepare(image());
        let hosts = format!("{} {}\n", network.address(), NAMES.join(" "));
        fs::write(folder.join("hosts"), hosts).unwrap();

        let python = env::var("LOCKWATCH_TEST_PYTHON").unwrap();
        let mut command = tokio::process::Command::new(python);
        command
            .arg(root().join("tests/container/outside.py"))
            .args(["--network", &network.network()])
            .arg("--cert")
            .arg(&made.cert)
            .arg("--key")
            .arg(&made.key)
            .args(["--name", NAMES[0], &central.to_string()])
            .args(["--name", NAMES[1], &zone.to_string()])
            .args(["--mail", &sink.port.to_string()]);
        let mut ways = Program::start(command);
        ways.wait_for("listening").await;
        Self {
            sink,
            simulator,
            _ways: ways,
            _network: network,
        }
    }

    /// What the simulated Autotask has seen of the user.
    pub fn stats(&self) -> Stats {
        self.simulator.world().with(|world| world.stats(USERNAME))
    }

    /// Mails so far.
    pub fn mails(&self) -> usize {
        self.sink.delivered().len()
    }
}
