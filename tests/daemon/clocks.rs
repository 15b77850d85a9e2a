//! A clock that jumps: by hours, months and decades, forth and back, while lockwatch runs and while it does not. No budget is
//! released, nobody is forgotten, checks and mails go on. The clock is libfaketime's, which leaves the monotonic one alone.

use std::{fs, path::PathBuf};

use crate::house::{Daemon, House, eventually, username};

/// The clock of a house.
struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    fn of(house: &House) -> Self {
        let library = std::env::var("LOCKWATCH_TEST_FAKETIME")
            .unwrap_or_else(|_| panic!("there is no libfaketime to test with: use tests/run"));
        let file = house.folder().join("clock");
        let clock = Self { file, library };
        clock.set("+0d");
        clock
    }

    /// Sets it so far ahead of the right time, or behind.
    fn set(&self, offset: &str) {
        let fresh = self.file.with_extension("fresh");
        fs::write(&fresh, format!("{offset}\n")).unwrap();
        fs::rename(&fresh, &self.file).unwrap();
    }

    fn environment(&self) -> [(&str, &str); 5] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]
    }
}

/// Where the clock goes, one after the other.
const JUMPS: [&str; 7] = [
    // More than any step of `retry_held_after`, and more than ledgers are kept.
    "+2h", "+92d", // Beyond 2038, before 1980, and back.
    "+7300d", "-17500d", "+1h", "-1h", "+0d",
];

impl House {
    async fn reload(&self) {
        self.write();
        let answer = self.post("/-/reload", "{}").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn year(&self, id: &str) -> String {
        let user = self.user(id).await;
        user["last_check"].as_str().unwrap()[..4].to_owned()
    }

    /// Everybody is checked by this clock, and nobody's budget is a larger one.
    async fn goes_on(&self, jump: &str) {
        let accepted = self.stats("works").accepted;
        for id in ["works", "wrong", "locks"] {
            self.watch_checks(id, 2).await;
        }
        eventually(
            || format!("{jump}: no attempt of a user that works"),
            async || (self.stats("works").accepted > accepted + 1).then_some(()),
        )
        .await;
        assert_eq!(self.stats("wrong").attempts, 2, "{jump}");
        assert_eq!(self.stats("locks").rejections, 2, "{jump}");
        for id in ["wrong", "locks"] {
            let user = self.user(id).await;
            assert_eq!(user["held"], true, "{jump}: {user}");
        }
        let users = self.get("/api/v1/users").await.json();
        assert!(users["store_trouble"].is_null(), "{jump}: {users}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_releases_nothing_and_stops_nothing() {
    let mut house = House::of(&["works", "wrong", "locks", "gone"]);
    for id in ["wrong", "gone"] {
        house.give(id, "demo-wrong-secret-1");
    }
    house.write();
    let clock = Clock::of(&house);
    let mut daemon = Daemon::spawn(&house, &clock.environment());
    house.until_ready(&daemon).await;
    house.until_state("locks", "healthy", "ok").await;
    house.world().with(|world| {
        for _ in 0..5 {
            world.someone_else_fails(&username("locks"));
        }
    });
    for (id, kind) in [
        ("wrong", "failing"),
        ("locks", "locked_out"),
        ("gone", "failing"),
    ] {
        house.until(id, |user| user["held"] == true).await;
        house.mailed(kind, id, &username(id)).await;
    }
    // It was removed when the clock jumped.
    let gone = house.accounts.pop().unwrap();
    house.reload().await;

    for jump in JUMPS {
        clock.set(jump);
        house.goes_on(jump).await;
        if jump.ends_with("00d") {
            let year = if jump.starts_with('+') { "204" } else { "19" };
            let seen = house.year("works").await;
            assert!(seen.starts_with(year), "{jump}: {seen}");
        }
        if !jump.ends_with("2d") && !jump.starts_with("-17") {
            continue;
        }
        // And between two runs.
        daemon.stop().await;
        daemon = Daemon::spawn(&house, &clock.environment());
        house.until_ready(&daemon).await;
        house.goes_on(jump).await;
        let status = house
            .lockwatch_told(&["status"], "", &clock.environment())
            .await;
        assert_eq!(status.code, 1, "{jump}: {status:?}");
    }
    house.accounts.push(gone);
    house.reload().await;
    house.watch_checks("gone", 2).await;
    assert_eq!(house.stats("gone").attempts, 2, "its ledger was forgotten");

    // Whoever is mended while the clock is behind is told so, with a time that can be.
    clock.set("-1h");
    house.give("wrong", &crate::house::secret("wrong"));
    let mail = house.mailed("recovered", "wrong", &username("wrong")).await;
    assert!(mail.text.contains("less than a minute"), "{}", mail.text);
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    daemon.stop().await;
}
