//! A machine with systemd, thrown away at the end of the test. It shares the network with the test, so what listens on
//! loopback here is reached from there and the other way round.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

/// Nothing takes so long, even where two others compile.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// See the top of the file.
pub struct Machine {
    nspawn: Child,
    leader: u32,
    folder: TempDir,
    // The machines of two tests would have the same control group, and each would kill what it does not know.
    _alone: File,
}

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// Standard output and standard error.
    pub said: String,
}

impl Machine {
    /// A machine with the Debian of this name.
    pub fn boot(debian: &str) -> Self {
        let made = named(&format!("LOCKWATCH_TEST_{}", debian.to_uppercase()));
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let alone = File::create(tmp.join("machine.lock")).unwrap();
        alone.lock().unwrap();
        let folder = TempDir::with_prefix_in("machine", tmp).unwrap();
        let root = folder.path().join("root");
        copy(&made, &root);
        let console = File::create(folder.path().join("console")).unwrap();
        // It ends with this thread, however the test ends.
        let nspawn = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot"])
            .args(["--register=no", "--keep-unit", "--console=read-only"])
            .arg(format!("--machine=lockwatch-{}", std::process::id()))
            .arg("--directory")
            .arg(&root)
            // Where the host's control groups are of both versions, newer ones refuse to start.
            .env(
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY",
                if debian == "bookworm" { "0" } else { "1" },
            )
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut machine = Self {
            nspawn,
            leader: 0,
            folder,
            _alone: alone,
        };
        machine.leader = eventually(
            || format!("the machine does not boot: {}", machine.console()),
            || {
                let leader = child_of(machine.nspawn.id())?;
                let state = inside(leader, &["systemctl", "is-system-running"]).output();
                let state = String::from_utf8(state.unwrap().stdout).unwrap();
                ["running", "degraded"]
                    .contains(&state.trim())
                    .then_some(leader)
            },
        );
        machine
    }

    /// A machine with the package installed, and nothing else done.
    pub fn with_package() -> Self {
        let machine = Self::boot("bookworm");
        machine.install(&package());
        machine
    }

    /// Installs or upgrades a package.
    pub fn install(&self, package: &Path) -> String {
        fs::copy(package, self.path("/lockwatch.deb")).unwrap();
        // As at an upgrade that asks nobody: what the administrator changed stays.
        self.does("dpkg --force-confold --install /lockwatch.deb")
    }

    /// A path of the machine as one of ours.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder
            .path()
            .join("root")
            .join(path.trim_start_matches('/'))
    }

    /// Writes a file of the machine.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a file with a mode, and with an owner by name, as `root:lockwatch`.
    pub fn write_as(&self, path: &str, content: &str, mode: u32, owner: &str) {
        self.write(path, content);
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self.does(&format!("chown {owner} {path}"));
    }

    /// Adds to the unit, or takes that back with an empty text.
    pub fn drop_in(&self, name: &str, text: &str) {
        self.write(
            &format!("/etc/systemd/system/lockwatch.service.d/{name}.conf"),
            text,
        );
        self.does("systemctl daemon-reload");
    }

    /// Puts a drop-in of the package's examples where it works, as docs/systemd.md says.
    pub fn use_example(&self, name: &str) {
        let into = "/etc/systemd/system/lockwatch.service.d";
        let from = format!("/usr/share/doc/lockwatch/examples/drop-ins/{name}.conf");
        self.does(&format!(
            "mkdir -p {into} && cp {from} {into}/ && systemctl daemon-reload"
        ));
    }

    /// Runs a line of shell in it, as root.
    pub fn try_to(&self, line: &str) -> Done {
        let output = inside(self.leader, &["sh", "-c", line]).output().unwrap();
        Done::from(output)
    }

    /// The same, and it must succeed; what it said.
    pub fn does(&self, line: &str) -> String {
        let done = self.try_to(line);
        assert_eq!(done.code, 0, "{line}: {} {}", done.said, self.journal());
        done.said.trim().to_owned()
    }

    /// A property of the service as systemd tells it.
    pub fn shows(&self, property: &str) -> String {
        self.does(&format!(
            "systemctl show --property={property} --value lockwatch"
        ))
    }

    /// Waits until a property is so.
    pub fn until_shows(&self, property: &str, so: impl Fn(&str) -> bool) -> String {
        eventually(
            || {
                format!(
                    "{property} is {:?}: {}",
                    self.shows(property),
                    self.journal()
                )
            },
            || Some(self.shows(property)).filter(|value| so(value)),
        )
    }

    /// What the service has logged, and systemd about it.
    pub fn journal(&self) -> String {
        self.try_to("journalctl --quiet --unit=lockwatch --output=cat")
            .said
    }

    fn console(&self) -> String {
        fs::read_to_string(self.folder.path().join("console")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With the first process of its name space everything in it ends, and then systemd-nspawn.
        let first = i32::try_from(self.leader)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let ended =
            first.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        if !matches!(ended, Some(Ok(()))) {
            let _ = self.nspawn.kill();
        }
        let _ = self.nspawn.wait();
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let both = [output.stdout, output.stderr].concat();
        Self {
            code: output.status.code().unwrap_or(-1),
            said: String::from_utf8_lossy(&both).into_owned(),
        }
    }
}

/// The package that is tested.
pub fn package() -> PathBuf {
    named("LOCKWATCH_TEST_PACKAGE")
}

/// A file that tests/tools/systemd.bash names.
fn named(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("${variable} is not set: run tests/run --test systemd"))
        .into()
}

fn inside(leader: u32, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command
        .args(["--target", &leader.to_string(), "--all", "--"])
        .args(words)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

fn child_of(parent: u32) -> Option<u32> {
    let line = format!("PPid:\t{parent}");
    fs::read_dir("/proc").unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let status = fs::read_to_string(path.join("status")).ok()?;
        let is = status.lines().any(|found| found == line);
        is.then(|| path.file_name()?.to_str()?.parse().ok())?
    })
}

/// A machine of our own. Nobody writes into a file below /usr, only new ones in the place of old ones: so those are links.
fn copy(made: &Path, root: &Path) {
    let copies = "mkdir \"$2\" && cd \"$1\" && cp --archive --link usr \"$2\" && \
                  find . -mindepth 1 -maxdepth 1 ! -name usr -exec cp --archive --target-directory=\"$2\" {} +";
    let status = Command::new("sh")
        .args(["-c", copies, "sh"])
        .args([made, root])
        .status();
    assert!(status.unwrap().success());
}

/// Asks until there is an answer; fails with `what` when there is none in time.
pub fn eventually<T>(what: impl FnOnce() -> String, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask)
}

/// The same, where more or less time is given.
pub fn within<T>(
    patience: Duration,
    what: impl FnOnce() -> String,
    mut ask: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", what());
        thread::sleep(Duration::from_millis(50));
    }
}
