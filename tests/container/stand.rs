//! A house whose lockwatch runs in a container: its folder is mounted where the image looks for the configuration, and
//! its store is on a volume. By the host's network, so that the simulated Autotask and mail servers on loopback are
//! reached.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use super::{
    image::image,
    podman::{Container, Volume},
};
use crate::house::{House, eventually};

/// The user of the image, and its group.
pub const USER: u32 = 65532;

/// What docs/containers.md recommends; without podman's own tmpfs in the places where programs write, which docker has
/// not.
pub const CONFINED: [&str; 6] = [
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--pids-limit=64",
];

/// See the top of the file.
pub struct Stand {
    /// Configuration, secrets, and the simulated Autotask.
    pub house: House,
    /// Where the store is.
    pub volume: Volume,
}

impl Stand {
    /// With these users.
    pub fn of(ids: &[&str]) -> Self {
        let mut house = House::of(ids);
        house.settings.store = Some("url = \"sqlite:///var/lib/lockwatch/lockwatch.db\"".into());
        house.settings.allow_ephemeral = false;
        Self {
            house,
            volume: Volume::make(),
        }
    }

    /// Writes the configuration and lets the group of the image read all files.
    pub fn write(&self) {
        self.house.write();
        hand_over(self.house.folder());
    }

    /// The option that mounts the folder.
    pub fn etc(&self) -> String {
        format!(
            "--volume={}:/etc/lockwatch:ro",
            self.house.folder().display()
        )
    }

    /// The option that mounts the store's volume.
    pub fn state(&self) -> String {
        format!("--volume={}:/var/lib/lockwatch", self.volume.name)
    }

    /// Starts a container that can do little, with more `options`, and with this command where it is not `run`.
    pub fn begin(&self, options: &[&str], command: &[&str]) -> Container {
        self.write();
        let etc = self.etc();
        let own = [etc.as_str()];
        let all = [&CONFINED, &own[..], options, &[image()], command].concat();
        Container::start(&all)
    }

    /// Starts `run` with the volume and waits until it is ready.
    pub async fn start(&self) -> Container {
        let container = self.begin(&["--network=host", &self.state()], &[]);
        self.until_ready(&container).await;
        container
    }

    /// Waits until the endpoint says so.
    pub async fn until_ready(&self, container: &Container) {
        eventually(
            || format!("lockwatch is not ready: {}", container.log()),
            async || {
                let answer = self.house.try_get("/-/ready").await?;
                (answer.status == 200).then_some(())
            },
        )
        .await;
    }

    /// Runs a command of lockwatch to its end, without the volume; exit code and what it said.
    pub async fn command(&self, options: &[&str], command: &[&str]) -> (i64, String) {
        let container = self.begin(options, command);
        (container.ended().await, container.log())
    }
}

/// Root's, and readable for the group of the image alone, as docs/containers.md says; with what is in it.
pub fn hand_over(path: &Path) {
    chown(path, Some(0), Some(USER)).unwrap();
    let mode = if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            hand_over(&entry.unwrap().path());
        }
        0o750
    } else {
        0o640
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
