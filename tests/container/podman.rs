//! podman, run to its end; containers, volumes and networks that end with the guard.

use std::{
    env,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use crate::house::eventually;

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The podman of `tests/tools/container.bash`.
pub fn program() -> String {
    env::var("LOCKWATCH_TEST_PODMAN")
        .unwrap_or_else(|_| panic!("tests/run gets podman and names it"))
}

/// Runs podman and waits for its end.
pub fn podman(arguments: &[&str]) -> Done {
    run(Command::new(program()).args(arguments))
}

/// Runs a command and waits for its end.
pub fn run(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The same of what must succeed; standard output without white space around it.
pub fn must(arguments: &[&str]) -> String {
    let done = podman(arguments);
    assert_eq!(done.code, 0, "podman {arguments:?}: {done:#?}");
    done.stdout.trim().to_owned()
}

/// What podman knows of a thing, such as a container.
pub fn inspect(what: &str, name: &str) -> Value {
    let told = must(&[what, "inspect", name]);
    let mut all: Vec<Value> = serde_json::from_str(&told).unwrap();
    all.remove(0)
}

fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("lockwatch-{}-{nth}", std::process::id())
}

/// A container; it is removed with the guard.
pub struct Container {
    /// Its name.
    pub name: String,
}

impl Container {
    /// Starts one in the background: `arguments` are options, the image, and the command.
    pub fn start(arguments: &[&str]) -> Self {
        let name = fresh_name();
        let begin = ["run", "--detach", "--pull=never", "--name", &name];
        must(&[&begin, arguments].concat());
        Self { name }
    }

    /// One that never begins, and has a network of its own.
    pub fn prepare(image: &str) -> Self {
        let name = fresh_name();
        must(&["create", "--pull=never", "--name", &name, image]);
        let this = Self { name };
        must(&["init", &this.name]);
        this
    }

    /// The file of the kernel that stands for its network.
    pub fn network(&self) -> String {
        let pid = &inspect("container", &self.name)["State"]["Pid"];
        format!("/proc/{pid}/ns/net")
    }

    /// Where others reach it.
    pub fn address(&self) -> String {
        let told = inspect("container", &self.name);
        let address = told["NetworkSettings"]["IPAddress"].as_str();
        address.unwrap().to_owned()
    }

    /// Guards one that somebody else has made.
    pub fn named(name: &str) -> Self {
        let name = name.to_owned();
        Self { name }
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        let done = podman(&["logs", &self.name]);
        done.stdout + &done.stderr
    }

    /// Waits until it has said `text`.
    pub async fn says(&self, text: &str) {
        eventually(
            || format!("it did not say {text:?}: {}", self.log()),
            async || self.log().contains(text).then_some(()),
        )
        .await;
    }

    /// Runs a program in it.
    pub fn exec(&self, command: &[&str]) -> Done {
        podman(&[&["exec", &self.name], command].concat())
    }

    /// Waits for its end by itself; the exit code.
    pub async fn ended(&self) -> i64 {
        eventually(
            || format!("it still runs: {}", self.log()),
            async || {
                let state = &inspect("container", &self.name)["State"];
                (state["Running"] == false && state["Status"] == "exited")
                    .then(|| state["ExitCode"].as_i64().unwrap())
            },
        )
        .await
    }

    /// Asks it to end as `docker stop` does; the exit code. It is killed after 20 s, which shows as 137.
    pub fn stop(&self) -> i64 {
        must(&["stop", "--time", "20", &self.name]);
        let state = &inspect("container", &self.name)["State"];
        state["ExitCode"].as_i64().unwrap()
    }

    /// Runs its health check once; whether it is healthy.
    pub fn healthy(&self) -> bool {
        podman(&["healthcheck", "run", &self.name]).code == 0
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let done = podman(&["rm", "--force", "--time", "0", &self.name]);
        if done.code != 0 && !std::thread::panicking() {
            panic!("{done:#?}");
        }
    }
}

/// A named volume.
pub struct Volume {
    /// Its name.
    pub name: String,
}

impl Volume {
    /// Makes one.
    pub fn make() -> Self {
        let name = fresh_name();
        must(&["volume", "create", &name]);
        Self { name }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        podman(&["volume", "rm", "--force", &self.name]);
    }
}

/// A network with names of its own.
pub struct Network {
    /// Its name.
    pub name: String,
}

impl Network {
    /// Makes one.
    pub fn make() -> Self {
        let name = fresh_name();
        must(&["network", "create", &name]);
        Self { name }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        podman(&["network", "rm", "--force", &self.name]);
    }
}
