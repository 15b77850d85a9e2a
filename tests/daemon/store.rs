//! No store, no attempt: whatever is wrong with it, lockwatch says what, looks zones up, tells the operator once, and goes on
//! by itself when the store can be used.

use std::{fs, path::PathBuf};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    house::{Daemon, House, eventually},
    support::PATIENCE,
};

const OPERATOR: &str = "ops@msp.example";

impl House {
    /// Waits until lockwatch says that its store cannot be used, and that zones are looked up for all that.
    pub async fn until_without_store(&self, says: &str) {
        eventually(
            || format!("not without a store that says {says:?}"),
            async || {
                let ready = self.try_get("/-/ready").await?;
                (ready.status == 503 && ready.body.contains(says)).then_some(())
            },
        )
        .await;
        let ready = self.get("/-/ready").await;
        assert_eq!(ready.body.trim_end().lines().count(), 1, "{ready:?}");
        assert_eq!(self.get("/-/healthy").await.status, 200);
        assert_eq!(self.metric("lockwatch_store_usable").await, Some(0.0));
        let users = self.get("/api/v1/users").await.json();
        let trouble = users["store_trouble"].as_str().unwrap();
        assert!(trouble.contains(says), "{trouble}");
        assert!(self.get("/").await.body.contains("no attempt is made"));
        let status = self.lockwatch(&["status"]).await;
        assert!(status.stdout.contains("no attempt is made"), "{status:?}");
    }

    /// Waits for the end of it.
    pub async fn until_store_is_back(&self, daemon: &Daemon) {
        self.until_ready(daemon).await;
        assert_eq!(self.metric("lockwatch_store_usable").await, Some(1.0));
        let users = self.get("/api/v1/users").await.json();
        assert_eq!(users["store_trouble"], serde_json::Value::Null);
    }

    /// Zones are looked up, on schedule and shown; no attempt is made.
    pub async fn goes_on_without_attempts(&self, id: &str) {
        let before = self.stats(id);
        self.watch_checks(id, 2).await;
        let user = self
            .until(id, |user| {
                user["not_attempted"]
                    .as_str()
                    .is_some_and(|why| why.starts_with("the store "))
            })
            .await;
        assert_ne!(user["last_check"], serde_json::Value::Null);
        let zone = format!("autotask_probe_success{{user=\"{id}\",probe=\"zone\"}}");
        assert_eq!(self.metric(&zone).await, Some(1.0));
        let retry = self.post(&format!("/api/v1/users/{id}/retry"), "{}").await;
        assert_eq!(retry.status, 503, "{retry:?}");
        assert!(retry.body.contains("no attempt is made"), "{retry:?}");
        assert_eq!(self.stats(id).attempts, before.attempts, "an attempt");
    }

    /// How many mails tell of the store, and the last of them.
    fn told_of_the_store(&self) -> (usize, String) {
        let mut mails = self.filed();
        mails.retain(|mail| mail.header("X-Lockwatch-Kind") == "store");
        mails.sort_by_key(|mail| mail.text.contains("works again"));
        let last = mails.last().map(|mail| mail.text.clone());
        (mails.len(), last.unwrap_or_default())
    }
}

/// The write-ahead log, where most of a small store is.
fn log_of(store: &std::path::Path) -> PathBuf {
    store.with_extension("db-wal")
}

#[tokio::test]
async fn a_disk_that_is_full_stops_attempts_until_there_is_space() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;

    // As full as a test may make a disk: no file may grow.
    let pid = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    let limit = fs::metadata(log_of(&house.store())).unwrap().len();
    let before = prlimit(
        pid,
        Resource::Fsize,
        Rlimit {
            current: Some(limit),
            maximum: rustix::process::getrlimit(Resource::Fsize).maximum,
        },
    )
    .unwrap();
    house.until_without_store("cannot be used").await;
    house.goes_on_without_attempts("works").await;
    let user = house.user("works").await;
    assert_eq!(user["state"], "healthy", "the last word stands");
    let mail = house.mailed("store", "", OPERATOR).await;
    assert_eq!(
        mail.header("Subject"),
        "[lockwatch] lockwatch cannot use its store: no attempt is made"
    );
    assert!(mail.text.contains("lockwatch.db"), "{mail:#?}");
    let attempts = house.stats("works").attempts;

    prlimit(pid, Resource::Fsize, before).unwrap();
    house.until_store_is_back(&daemon).await;
    eventually(
        || "no attempt is made although the store is back".to_owned(),
        async || (house.stats("works").attempts > attempts).then_some(()),
    )
    .await;
    house
        .until("works", |user| user["not_attempted"].is_null())
        .await;
    eventually(
        || "nobody is told that the store is back".to_owned(),
        async || {
            let (_, last) = house.told_of_the_store();
            last.contains("works again since").then_some(())
        },
    )
    .await;
    assert_eq!(house.told_of_the_store().0, 2, "told once, and the end");
    assert_eq!(
        house
            .metric("lockwatch_notices_total{kind=\"store\",outcome=\"sent\"}")
            .await,
        Some(2.0)
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_that_is_removed_is_not_made_anew_and_works_when_it_is_put_back() {
    let mut house = House::of(&["wrong"]);
    house.settings.email = house.settings.email.replace("200ms", "100ms");
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    let spent = house.stats("wrong").attempts;

    let aside = house.folder().join("aside");
    fs::create_dir(&aside).unwrap();
    let names = ["lockwatch.db", "lockwatch.db-wal", "lockwatch.db-shm"];
    let carry = |from: &std::path::Path, to: &std::path::Path| {
        for name in names {
            // Whoever is last takes the log with it.
            let _ = fs::rename(from.join(name), to.join(name));
        }
    };
    carry(house.folder(), &aside);
    house.until_without_store("was removed or replaced").await;
    house.goes_on_without_attempts("wrong").await;
    // By then it has been tried again.
    house.watch_checks("wrong", 6).await;
    assert!(
        !house.store().exists(),
        "a start makes a store, nobody else"
    );
    // Another store in its place knows of no attempt.
    let other = House::of(&["wrong"]);
    other.write();
    let started = other.start().await;
    started.stop().await;
    fs::copy(other.store(), house.store()).unwrap();
    house.until_without_store("is another store").await;
    house.goes_on_without_attempts("wrong").await;
    for name in names {
        let _ = fs::remove_file(house.folder().join(name));
    }

    carry(&aside, house.folder());
    house.until_store_is_back(&daemon).await;
    house.watch_checks("wrong", 2).await;
    let user = house.user("wrong").await;
    assert_eq!(
        (&user["held"], &user["reason"]),
        (&true.into(), &"credential_rejected".into())
    );
    assert_eq!(house.stats("wrong").attempts, spent, "its budget was kept");
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_that_is_damaged_while_it_is_used() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    for file in [house.store(), log_of(&house.store())] {
        let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
        fs::write(&file, vec![b'#'; length]).unwrap();
    }
    house.until_without_store("is damaged").await;
    house.goes_on_without_attempts("works").await;
    house.mailed("store", "", OPERATOR).await;
    // What was known before is no green, and nobody is said to work.
    let status = house.lockwatch(&["status"]).await;
    assert_eq!(status.code, 2, "{status:?}");
    assert!(
        status.stdout.contains("what was known before"),
        "{status:?}"
    );
    let retry = house.lockwatch(&["retry", "--all"]).await;
    assert_eq!(retry.code, 70, "{retry:?}");
    assert!(retry.stderr.contains("is damaged"), "{retry:?}");
    assert!(!retry.stdout.contains("works, not retried"), "{retry:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_used_at_the_start_is_waited_for() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;
    let good = fs::read(house.store()).unwrap();
    let spent = house.stats("works").attempts;

    // Damaged.
    fs::write(house.store(), b"# not a database\n".repeat(400)).unwrap();
    let daemon = Daemon::spawn(&house, &[]);
    house.until_without_store("is damaged").await;
    daemon.says("Put a good copy in its place").await;
    house.goes_on_without_attempts("works").await;
    let user = house.user("works").await;
    assert_eq!(
        (&user["state"], &user["attempts_left"]),
        (&"unclear".into(), &0.into())
    );
    house.mailed("store", "", OPERATOR).await;

    // Another fault in its place, without a restart: somebody has put the store of a newer lockwatch there.
    let fresh = house.folder().join("fresh.db");
    fs::write(&fresh, &good).unwrap();
    let options = SqliteConnectOptions::new().filename(&fresh);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    fs::rename(&fresh, house.store()).unwrap();
    house
        .until_without_store("newer lockwatch (schema 9000)")
        .await;
    assert_eq!(house.stats("works").attempts, spent);
    assert_eq!(house.told_of_the_store().0, 1, "at most one mail an hour");

    // Nobody waits for it on the command line.
    let done = house.lockwatch(&["validate"]).await;
    assert_eq!(done.code, 0, "{done:?}");

    fs::write(&fresh, &good).unwrap();
    fs::rename(&fresh, house.store()).unwrap();
    house.until_store_is_back(&daemon).await;
    house.until_state("works", "healthy", "ok").await;
    eventually(
        || "no attempt is made although the store is there".to_owned(),
        async || (house.stats("works").attempts > spent).then_some(()),
    )
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_that_a_backup_linked_is_told_with_what_to_do() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;
    let spent = house.stats("works").attempts;
    let (store, backup) = (house.store(), house.folder().join("backup.db"));
    fs::hard_link(&store, &backup).unwrap();

    let daemon = Daemon::spawn(&house, &[]);
    house
        .until_without_store("has several names (2 hard links)")
        .await;
    let mail = house.mailed("store", "", OPERATOR).await.text;
    let status = house.lockwatch(&["status"]).await.stdout;
    let at = store.display();
    for part in [
        format!("-samefile {at}"),
        format!("cp -p {at} {at}.new && mv {at}.new {at}"),
    ] {
        for said in [&mail, &status] {
            assert!(said.contains(&part), "{part}: {said}");
        }
    }
    assert_eq!(house.stats("works").attempts, spent);
    fs::copy(&store, backup.with_extension("new")).unwrap();
    fs::rename(backup.with_extension("new"), &store).unwrap();
    house.until_store_is_back(&daemon).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_folder_that_nobody_can_write_to_is_named() {
    let mut house = House::of(&["works"]);
    // Not even root makes a file there.
    house.settings.store = Some("url = \"sqlite:///sys/lockwatch.db\"".to_owned());
    house.write();
    let probe = house.lockwatch(&["probe", "works"]).await;
    assert_eq!(probe.code, 78, "{probe:?}");
    assert!(
        probe.stderr.contains("cannot be opened for writing"),
        "{probe:?}"
    );
    assert!(probe.stderr.contains("no attempt was made"), "{probe:?}");

    let daemon = Daemon::spawn(&house, &[]);
    house
        .until_without_store("/sys/lockwatch.db cannot be opened for writing")
        .await;
    daemon
        .says("writable for the account that lockwatch runs as")
        .await;
    house.goes_on_without_attempts("works").await;
    assert_eq!(house.stats("works").attempts, 0);
    // A configuration is taken all the same.
    let reload = house.post("/-/reload", "{}").await;
    assert_eq!(reload.status, 200, "{reload:?}");
    daemon.stop().await;
}

/// A folder in memory.
fn in_memory() -> tempfile::TempDir {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let places = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (place, kind) = (words.nth(1)?, words.next()?);
        (kind == "tmpfs").then_some(place)
    });
    let made = ["/dev/shm"]
        .into_iter()
        .filter(|wanted| mounts.contains(&format!(" {wanted} tmpfs ")))
        .chain(places)
        .find_map(|place| tempfile::tempdir_in(place).ok());
    made.unwrap_or_else(|| panic!("this test needs a tmpfs that it can write to, such as /dev/shm"))
}

#[tokio::test]
async fn a_store_in_memory_is_refused() {
    let mut house = House::of(&["works"]);
    let memory = in_memory();
    let place = memory.path().display();
    house.settings.store = Some(format!("url = \"sqlite://{place}/lockwatch.db\""));
    house.settings.allow_ephemeral = false;
    house.write();
    for command in [&["run"][..], &["validate"], &["probe", "works"]] {
        let done = house.lockwatch(command).await;
        assert_eq!(done.code, 78, "{command:?}: {done:?}");
        for part in [
            &*format!("{place}/lockwatch.db"),
            "tmpfs",
            "lock users",
            "store.allow_ephemeral = true",
        ] {
            assert!(done.stderr.contains(part), "{command:?}: {part}: {done:?}");
        }
    }
    assert_eq!(fs::read_dir(memory.path()).unwrap().count(), 0);
    assert_eq!(house.stats("works").lookups, 0);

    house.settings.allow_ephemeral = true;
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_without_a_place_is_the_configurations_fault() {
    let mut house = House::of(&["works"]);
    let folder = house.folder().display().to_string();
    fs::write(house.folder().join("file"), "").unwrap();
    for (place, says) in [
        ("not/there/lockwatch.db", "sudo install -d"),
        ("file/lockwatch.db", "sudo install -d"),
        ("made/lockwatch.db/x", "sudo install -d"),
    ] {
        house.settings.store = Some(format!("url = \"sqlite://{folder}/{place}\""));
        house.write();
        let mut daemon = Daemon::spawn(&house, &[]);
        assert_eq!(daemon.ended(PATIENCE).await, Some(78), "{place}");
        assert!(daemon.log().contains(says), "{place}: {}", daemon.log());
    }
    house.settings.store = Some(format!("url = \"sqlite://{folder}/made/lockwatch.db\""));
    let daemon = house.start().await;
    assert!(house.folder().join("made/lockwatch.db").exists());
    daemon.says("made a new store").await;
    daemon.stop().await;
}

#[tokio::test]
async fn root_does_not_take_a_store_from_its_owner() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else can give a file away; what belongs to root is seen as root's.
        assert_eq!(lockwatch::store::place::other_owner("/".as_ref()), Some(0));
        return;
    }
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    daemon.stop().await;
    std::os::unix::fs::chown(house.store(), Some(12_345), None).unwrap();
    let mut daemon = Daemon::spawn(&house, &[]);
    assert_eq!(daemon.ended(PATIENCE).await, Some(78));
    assert!(
        daemon.log().contains("sudo -u '#12345' lockwatch run"),
        "{}",
        daemon.log()
    );
}
