//! deploy/compose.yaml brings up lockwatch as it is written there, alone, with its store in a folder of the host.
//! walk.rs starts all four services, three of them stand-ins, with the volume; tests/compose.rs holds the file against
//! the schema and against what it mounts.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, chown},
    process::Command,
};

use super::{
    image::{image, root},
    podman::{Container, Done, inspect, program, run},
    stand::{Stand, USER, hand_over},
};
use crate::house::eventually;

/// A project of its own; it is taken down with the guard.
struct Project {
    name: String,
    etc: String,
    /// A folder for the store.
    state: String,
    image: &'static str,
    /// Of this machine, for the page.
    port: String,
}

impl Project {
    fn compose(&self, arguments: &[&str]) -> Done {
        let python = env::var("LOCKWATCH_TEST_PYTHON").unwrap();
        let mut command = Command::new(python);
        command
            .args(["-m", "podman_compose", "--podman-path", &program()])
            .args(["--project-name", &self.name, "--file"])
            .arg(root().join("deploy/compose.yaml"))
            .args(arguments)
            .env("LOCKWATCH_ETC", &self.etc)
            .env("LOCKWATCH_STATE", &self.state)
            .env("LOCKWATCH_IMAGE", self.image)
            .env("LOCKWATCH_PORT", &self.port);
        run(&mut command)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let done = self.compose(&["down", "--volumes"]);
        if done.code != 0 && !std::thread::panicking() {
            panic!("{done:#?}");
        }
    }
}

#[tokio::test]
async fn compose_brings_up_lockwatch() {
    let stand = Stand::of(&["works"]);
    stand.house.write();
    let config = fs::read_to_string(stand.house.config()).unwrap();
    let own = stand.house.url("").replace("http://", "");
    fs::write(stand.house.config(), config.replace(&own, "0.0.0.0:9477")).unwrap();
    hand_over(stand.house.folder());
    let state = tempfile::tempdir().unwrap();
    chown(state.path(), Some(USER), Some(USER)).unwrap();
    let project = Project {
        name: format!("lockwatch-compose-{}", std::process::id()),
        etc: stand.house.folder().display().to_string(),
        state: state.path().display().to_string(),
        image: image(),
        port: own.rsplit(':').next().unwrap().to_owned(),
    };
    let up = project.compose(&["up", "--detach", "lockwatch"]);
    assert_eq!(up.code, 0, "{up:#?}");
    let container = Container::named(&format!("{}_lockwatch_1", project.name));
    eventually(
        || format!("not healthy: {}", container.log()),
        async || container.healthy().then_some(()),
    )
    .await;
    let told = inspect("container", &container.name);
    for (key, value) in [
        ("ReadonlyRootfs", serde_json::json!(true)),
        ("Memory", serde_json::json!(128 << 20)),
        ("PidsLimit", serde_json::json!(256)),
    ] {
        assert_eq!(told["HostConfig"][key], value, "{key}: {told:#}");
    }
    assert_eq!(told["EffectiveCaps"], serde_json::json!(null), "{told:#}");
    let mut networks: Vec<_> = told["NetworkSettings"]["Networks"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    networks.sort();
    assert_eq!(
        networks,
        ["inside", "outside"].map(|network| format!("{}_{network}", project.name))
    );
    let store = fs::metadata(state.path().join("lockwatch.db")).unwrap();
    assert_eq!(store.uid(), USER);
    let page = stand.house.get("/").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(container.stop(), 0, "{}", container.log());
}
