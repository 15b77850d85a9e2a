//! Under a service manager: what the daemon says on the notification socket.

use std::{cell::RefCell, fs, os::unix::net::UnixDatagram};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    house::{Daemon, House, eventually},
    support::PATIENCE,
};

/// The manager's end of the socket, and everything heard so far.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
    heard: RefCell<String>,
}

impl Manager {
    fn listens() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let heard = RefCell::default();
        Self {
            folder,
            socket,
            heard,
        }
    }

    fn heard(&self) -> String {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = str::from_utf8(&datagram[..length]).unwrap();
            self.heard.borrow_mut().push_str(text);
        }
        self.heard.borrow().clone()
    }

    async fn hears(&self, text: &str) {
        eventually(
            || format!("not told {text:?}: {}", self.heard()),
            async || self.heard().contains(text).then_some(()),
        )
        .await;
    }
}

#[tokio::test]
async fn what_the_service_manager_hears() {
    let house = House::of(&["good", "refused"]);
    let manager = Manager::listens();
    let socket = manager.folder.path().join("notify");
    house.give("refused", "demo-another");
    house.write();
    // The manager takes the daemon for stuck after 2 s.
    let mut daemon = Daemon::spawn(
        &house,
        &[
            ("NOTIFY_SOCKET", socket.to_str().unwrap()),
            ("WATCHDOG_USEC", "2000000"),
        ],
    );
    manager.hears("READY=1\n").await;
    manager.hears("WATCHDOG=1\n").await;
    manager
        .hears("STATUS=2 users: 1 failing, 1 healthy\n")
        .await;

    let before = manager.heard().len();
    daemon.signal(Signal::HUP);
    eventually(
        || format!("no reload: {}", manager.heard()),
        async || {
            let since = manager.heard()[before..].to_owned();
            let (_, reload) = since.split_once("RELOADING=1\nMONOTONIC_USEC=")?;
            reload.contains("READY=1\n").then_some(())
        },
    )
    .await;

    fs::write(house.config(), "unknown = 1\n").unwrap();
    daemon.signal(Signal::HUP);
    manager
        .hears("; a changed configuration was refused, the old one is in force\n")
        .await;

    daemon.signal(Signal::TERM);
    manager.hears("STOPPING=1\nSTATUS=stopping").await;
    assert_eq!(daemon.ended(PATIENCE).await, Some(0));
}
