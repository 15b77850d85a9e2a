//! The mail server of `smtp_sink.py`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::{certificates::Certificates, program::Program};

/// A running mail server; it ends with this guard.
pub struct Sink {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// The same, and where else it listens: a port for every `--at`.
    pub ports: Vec<u16>,
    /// The authority of its certificate, with TLS.
    pub ca: Option<PathBuf>,
    directory: TempDir,
    _program: Program,
}

impl Sink {
    /// Starts one with the options that `smtp_sink.py --help` names; with `--tls` it gets a certificate for localhost and
    /// 127.0.0.1.
    pub async fn start(options: &[&str]) -> Self {
        Self::start_as(options, &["localhost", "127.0.0.1"]).await
    }

    /// The same with a certificate for other names.
    pub async fn start_as(options: &[&str], names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = options
            .contains(&"--tls")
            .then(|| Certificates::make(directory.path(), names));
        Self::run(directory, 0, options, made.as_ref()).await
    }

    /// Starts one with TLS at a port of the caller's choice, with a certificate of the caller's.
    pub async fn start_at(port: u16, options: &[&str], made: &Certificates) -> Self {
        Self::run(tempfile::tempdir().unwrap(), port, options, Some(made)).await
    }

    async fn run(
        directory: TempDir,
        port: u16,
        options: &[&str],
        made: Option<&Certificates>,
    ) -> Self {
        let python = std::env::var("LOCKWATCH_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut command = Command::new(python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_sink.py"))
            .arg("--maildir")
            .arg(directory.path().join("mail"))
            .arg("--port")
            .arg(port.to_string())
            .args(options);
        let ca = made.map(|made| {
            command
                .arg("--cert")
                .arg(&made.cert)
                .arg("--key")
                .arg(&made.key);
            made.ca.clone()
        });
        let mut program = Program::start(command);
        let ports = program.wait_for("listening").await;
        let ports: Vec<u16> = ports.split(' ').map(|port| port.parse().unwrap()).collect();
        Self {
            port: ports[0],
            ports,
            ca,
            directory,
            _program: program,
        }
    }

    /// Every mail delivered so far, in no order, as text with LF line ends. The headers that `smtp_sink.py` adds come first.
    pub fn delivered(&self) -> Vec<String> {
        let new = self.directory.path().join("mail/new");
        std::fs::read_dir(new)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .map(|mail| mail.replace("\r\n", "\n"))
            .collect()
    }
}
