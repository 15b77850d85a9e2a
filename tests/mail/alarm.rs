//! The operator is told that the store is lost and that it is back: straight from memory, at most once an hour.

use std::{fs, path::Path, sync::Arc, time::Duration};

use lockwatch::{
    config::{self, StoreLocation},
    metrics::Metrics,
    notify::store_alarm::StoreAlarm,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_mins(1);

fn setup(folder: &Path) -> Setup {
    let path = folder.join("lockwatch.toml");
    let text = "[autotask]\nbase_url = \"http://127.0.0.1:9/\"\n[email]\nfrom = \"lockwatch@msp.example\"\n\
                to = [\"ops@msp.example\"]\ngroup_wait = \"30s\"\ntransport = \"file\"\ndirectory = \"mail\"\n";
    fs::write(&path, text).unwrap();
    Setup::new(config::load(&path).unwrap().0).unwrap()
}

/// How many mails were written.
fn mails(folder: &Path) -> usize {
    fs::read_dir(folder.join("mail")).map_or(0, |files| files.count())
}

fn count(metrics: &Metrics, outcome: &str) -> f64 {
    let text = String::from_utf8(metrics.encode(&[]).unwrap()).unwrap();
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
    let (_settings, setup) = watch::channel(Arc::new(setup(folder.path())));
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
