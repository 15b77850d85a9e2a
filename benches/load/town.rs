//! Whom the simulator knows and lockwatch watches: the same people on both sides, told by their number. An integration
//! vendor's fleet: four integrations at each customer, one secret file a user, one file for the code of each integration.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use lockwatch::{
    demo::{ApiUser, World},
    user::UserId,
};
use url::Url;

/// Integrations that each tenant has.
const INTEGRATIONS: usize = 4;
/// Data centres that the tenants are spread over.
const ZONES: usize = 8;
/// Users in one file of `users.d`.
const A_FILE: usize = 100;

/// The configured id of a user.
pub fn id(number: usize) -> UserId {
    let id = format!("{}-integration{}", tenant(number), integration(number));
    UserId::parse(&id).expect("letters, digits and hyphens")
}

/// Its login.
pub fn username(number: usize) -> String {
    format!("k{number:07}@{}.example", tenant(number))
}

/// What the query probe reads.
pub const ENTITY: &str = "Companies";

/// The secret that Autotask knows of it.
pub fn secret(number: usize) -> String {
    format!("demo-secret-of-{number}")
}

/// The code of its tracking identifier.
pub fn code(number: usize) -> String {
    format!("demo-code-of-integration{}", integration(number))
}

fn tenant(number: usize) -> String {
    format!("customer{:05}", number / INTEGRATIONS)
}

fn integration(number: usize) -> usize {
    number % INTEGRATIONS
}

/// Everybody works.
pub fn world(users: usize) -> World {
    let zone = |nth: usize| format!("AE{nth:02}");
    let mut world = World::new();
    for nth in 0..ZONES {
        world = world.zone(&zone(nth), u16::try_from(nth).expect("a few"));
    }
    for number in (0..users).step_by(INTEGRATIONS) {
        world = world.tenant(&tenant(number), &zone(number / INTEGRATIONS % ZONES));
    }
    for number in 0..users {
        let (username, secret, code) = (username(number), secret(number), code(number));
        world.add(ApiUser::new(&username, &secret, &code, &tenant(number)));
    }
    world
}

/// What a configuration says besides its users.
pub struct Settings<'a> {
    /// The simulated Autotask.
    pub autotask: &'a Url,
    /// Where the endpoint is to listen.
    pub port: u16,
    /// Seconds between two checks of a user.
    pub interval: u64,
    /// How many.
    pub users: usize,
}

/// Writes `lockwatch.toml` and all that it names into `folder`.
pub fn write(folder: &Path, settings: &Settings<'_>) -> io::Result<()> {
    let Settings {
        autotask,
        port,
        interval,
        users,
    } = settings;
    for name in ["users.d", "secrets", "codes"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let main = format!(
        "include = [\"users.d/*.toml\"]\n\
         [autotask]\nbase_url = \"{autotask}\"\nallowed_hosts = [\"127.0.0.1\"]\n\
         [schedule]\ninterval = \"{interval}s\"\n\
         [store]\nurl = \"sqlite://{}/lockwatch.db\"\nallow_ephemeral = true\n\
         [email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ntransport = \"file\"\n\
         directory = \"mail\"\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\n",
        folder.display()
    );
    fs::write(folder.join("lockwatch.toml"), main)?;
    for integration in 0..INTEGRATIONS {
        let file = format!("codes/integration{integration}");
        private(&folder.join(file), &code(integration))?;
    }
    for first in (0..*users).step_by(A_FILE) {
        let last = (first + A_FILE).min(*users);
        let tables: String = (first..last).map(table).collect();
        fs::write(folder.join(format!("users.d/{first:05}.toml")), tables)?;
        for number in first..last {
            private(
                &folder.join(format!("secrets/{}", id(number))),
                &secret(number),
            )?;
        }
    }
    Ok(())
}

fn table(number: usize) -> String {
    let (id, username, tenant) = (id(number), username(number), tenant(number));
    let integration = integration(number);
    format!(
        "[[users]]\nid = \"{id}\"\nusername = \"{username}\"\ntenant = \"{tenant}\"\n\
         integration = \"Integration {integration}\"\nnotify = [\"it@{tenant}.example\"]\n\
         secret = {{ file = \"../secrets/{id}\" }}\n\
         integration_code = {{ file = \"../codes/integration{integration}\" }}\n\
         created = 2026-01-01T00:00:00Z\n\n"
    )
}

fn private(file: &Path, content: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?;
    io::Write::write_all(&mut file, content.as_bytes())
}
