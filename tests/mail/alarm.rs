//! The operator is told that the store is lost and that it is back: straight from memory, at most once an hour.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lockwatch::{
    config::{self, StoreLocation},
    metrics::Metrics,
    notify::store_alarm::StoreAlarm,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_mins(1);

fn setup(folder: &Path, email: &str) -> Setup {
    let path = folder.join("lockwatch.toml");
    let text = format!(
        "[autotask]\nbase_url = \"http://127.0.0.1:9/\"\n[email]\nfrom = \"lockwatch@msp.example\"\n\
         group_wait = \"30s\"\n{email}"
    );
    fs::write(&path, text).unwrap();
    Setup::new(config::load(&path).unwrap().0).unwrap()
}

const TO_A_FILE: &str = "to = [\"ops@msp.example\"]\ntransport = \"file\"\ndirectory = \"mail\"\n";

/// How many mails were written.
fn mails(folder: &Path) -> usize {
    fs::read_dir(folder.join("mail")).map_or(0, |files| files.count())
}

fn count(metrics: &Arc<Metrics>, outcome: &str) -> f64 {
    let parts = Arc::clone(metrics).parts(Vec::new());
    let text = String::from_utf8(parts.flat_map(Result::unwrap).collect()).unwrap();
    let series = format!("lockwatch_notices_total{{kind=\"store\",outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn at_most_one_mail_an_hour_tells_of_it_and_a_failed_one_is_tried_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let location = StoreLocation::Sqlite(folder.path().join("lockwatch.db"));
    let store = Store::open(&location).await.unwrap();
    let keeper = Keeper::without(&location, &StoreError::Closed);
    let metrics = Arc::new(Metrics::new().unwrap());
    let (_settings, setup) = watch::channel(Arc::new(setup(folder.path(), TO_A_FILE)));
    let stopping = CancellationToken::new();
    let alarm = StoreAlarm {
        store: keeper.clone(),
        setup,
        metrics: Arc::clone(&metrics),
        host: "mon1".to_owned(),
        stopping: stopping.clone(),
    };
    // In the way of the folder for mails.
    let mail = folder.path().join("mail");
    fs::write(&mail, "").unwrap();
    tokio::time::pause();
    let alarm = tokio::spawn(alarm.run());

    sleep(MINUTE / 4).await;
    assert_eq!(count(&metrics, "owed"), 0.0, "it may be away for a moment");
    sleep(30 * MINUTE).await;
    assert_eq!(count(&metrics, "undeliverable"), 1.0, "one try");
    fs::remove_file(&mail).unwrap();
    sleep(20 * MINUTE).await;
    assert_eq!(mails(folder.path()), 0, "not before the hour is over");
    sleep(20 * MINUTE).await;
    assert_eq!(mails(folder.path()), 1);
    sleep(300 * MINUTE).await;
    assert_eq!(mails(folder.path()), 1, "told once");
    keeper.regain(store.clone());
    sleep(MINUTE).await;
    assert_eq!(mails(folder.path()), 2, "and its end");

    // Lost for a moment, and again and again.
    keeper.lose(&StoreError::Closed);
    sleep(MINUTE / 4).await;
    keeper.regain(store.clone());
    sleep(90 * MINUTE).await;
    assert_eq!(mails(folder.path()), 2, "a moment is not worth a mail");
    for _ in 0..10 {
        keeper.lose(&StoreError::Closed);
        sleep(2 * MINUTE).await;
        keeper.regain(store.clone());
        sleep(2 * MINUTE).await;
    }
    assert_eq!(mails(folder.path()), 4, "one an hour, and its end");
    assert_eq!(count(&metrics, "sent"), 4.0);
    stopping.cancel();
    alarm.await.unwrap();
}

/// What a mail server does, in the process of the test, so that its clock may stand still.
#[derive(Default)]
struct Server {
    /// What AUTH is answered.
    login: Mutex<&'static str>,
    /// What is answered to a recipient.
    recipient: Mutex<&'static str>,
    /// How often AUTH was said.
    logins: AtomicUsize,
    /// Connections.
    calls: AtomicUsize,
}

impl Server {
    async fn listen(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.calls.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(Arc::clone(&self).answer(stream));
        }
    }

    async fn answer(self: Arc<Self>, stream: TcpStream) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 here\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split(' ').next().unwrap() {
                "EHLO" => "250-here\r\n250 AUTH PLAIN",
                "AUTH" => {
                    self.logins.fetch_add(1, Ordering::Relaxed);
                    *self.login.lock().unwrap()
                }
                "RCPT" => *self.recipient.lock().unwrap(),
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            let answer = format!("{answer}\r\n");
            if writer.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_login_hears_of_it_once_and_then_more_and_more_seldom() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Arc::new(Server::default());
    *server.login.lock().unwrap() = "535 5.7.8 no";
    *server.recipient.lock().unwrap() = "550 5.1.1 no";
    tokio::spawn(Arc::clone(&server).listen(listener));
    fs::write(folder.path().join("password"), "demo-secret-1").unwrap();
    let to: Vec<String> = (0..5).map(|n| format!("ops-{n}@msp.example")).collect();
    let email = format!(
        "to = {to:?}\n[email.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nusername = \"alerts\"\n\
         password = {{ file = \"password\" }}\n"
    );
    let location = StoreLocation::Sqlite(folder.path().join("lockwatch.db"));
    let metrics = Arc::new(Metrics::new().unwrap());
    let (_settings, setup) = watch::channel(Arc::new(setup(folder.path(), &email)));
    let stopping = CancellationToken::new();
    let alarm = StoreAlarm {
        store: Keeper::without(&location, &StoreError::Closed),
        setup,
        metrics: Arc::clone(&metrics),
        host: "mon1".to_owned(),
        stopping: stopping.clone(),
    };
    tokio::time::pause();
    let alarm = tokio::spawn(alarm.run());
    let logins = || server.logins.load(Ordering::Relaxed);

    // At the beginning, after an hour, after two more, and then every four.
    let mut seen = Vec::new();
    for _ in 0..12 {
        sleep(2 * MINUTE).await;
        seen.push(logins());
        sleep(58 * MINUTE).await;
    }
    assert_eq!(seen, [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5]);
    assert_eq!(count(&metrics, "undeliverable"), 5.0);

    // Taken again, though nobody is there: each recipient is asked for, once an hour.
    *server.login.lock().unwrap() = "235 2.7.0 yes";
    sleep(210 * MINUTE).await;
    assert_eq!(logins(), 10);
    sleep(61 * MINUTE).await;
    assert_eq!(logins(), 15, "the pause is an hour again");
    // Nobody takes mail at all: one call, as no other would be answered either.
    *server.login.lock().unwrap() = "454 4.7.0 not now";
    let calls = server.calls.load(Ordering::Relaxed);
    sleep(60 * MINUTE).await;
    assert_eq!(server.calls.load(Ordering::Relaxed), calls + 1);
    stopping.cancel();
    alarm.await.unwrap();
}

#[tokio::test]
async fn only_the_same_store_is_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let location = StoreLocation::Sqlite(folder.path().join("lockwatch.db"));
    let store = Store::open(&location).await.unwrap();
    let keeper = Keeper::of(store.clone(), &location);
    // Not the store's fault: one row, one write.
    keeper.lose(&StoreError::Read(sqlx::Error::RowNotFound));
    assert!(keeper.trouble().is_none());
    fs::rename(folder.path().join("lockwatch.db"), folder.path().join("x")).unwrap();
    let error = keeper.get().unwrap_err();
    assert!(error.to_string().contains("removed or replaced"), "{error}");
    assert!(
        error.to_string().ends_with(": no attempt is made"),
        "{error}"
    );
    assert!(keeper.is_gone());
    fs::rename(folder.path().join("x"), folder.path().join("lockwatch.db")).unwrap();
    assert!(!keeper.is_gone());
    keeper.recognise(&store).unwrap();
    let other = StoreLocation::Sqlite(folder.path().join("other.db"));
    let other = Store::open(&other).await.unwrap();
    let error = keeper.recognise(&other).unwrap_err();
    assert!(matches!(error, StoreError::Another), "{error:?}");
}
