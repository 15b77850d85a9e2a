//! Mails as files.

use std::os::unix::fs::PermissionsExt;

use lockwatch::{
    config::{Email, Transport},
    notify::mailer::{Class, Letter, Mailer, Step},
};

fn mailer(directory: &std::path::Path) -> Mailer {
    Mailer::new(&Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: vec![],
        copy_operator: true,
        remind_every: None,
        group_wait: std::time::Duration::ZERO,
        reopen_within: std::time::Duration::from_hours(1),
        unclear_after: std::time::Duration::from_hours(1),
        transport: Transport::File {
            directory: directory.to_owned(),
        },
    })
}

fn letter<'a>(id: &'a str, date: &str, bytes: &'a [u8]) -> Letter<'a> {
    Letter {
        id,
        date: date.parse().unwrap(),
        to: "it@acme.example",
        bytes,
    }
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn one_file_a_mail_sorted_by_time_for_its_owner_only() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("deep/mails");
    let mailer = mailer(&directory);
    let later = letter("a", "2026-11-22T14:06:00Z", b"second");
    let earlier = letter("b", "2026-11-22T14:05:00Z", b"first");
    mailer.send(&later).await.unwrap();
    mailer.send(&earlier).await.unwrap();
    let sent = mailer.send(&earlier).await.unwrap();

    let expected = ["20261122T140500Z-b.eml", "20261122T140600Z-a.eml"];
    assert_eq!(
        names(&directory),
        expected,
        "a mail sent twice is one file, and nothing is left over"
    );
    let file = directory.join(expected[0]);
    assert_eq!(std::fs::read(&file).unwrap(), b"first");
    assert_eq!(sent.detail, file.display().to_string());
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(directory)), (0o600, 0o700));
}

#[tokio::test]
async fn an_id_cannot_leave_the_directory() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("mails");
    let letter = letter("../../x/../y", "2026-11-22T14:06:00Z", b"m");
    mailer(&directory).send(&letter).await.unwrap();
    assert_eq!(names(outer.path()), ["mails"]);
    assert_eq!(names(&directory).len(), 1);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let outer = tempfile::tempdir().unwrap();
    let blocked = outer.path().join("file");
    std::fs::write(&blocked, b"").unwrap();
    let error = mailer(&blocked.join("mails"))
        .send(&letter("a", "2026-11-22T14:06:00Z", b"m"))
        .await
        .unwrap_err();
    assert_eq!((error.step, error.class), (Step::Prepare, Class::Transient));
    assert!(
        error.text.contains(&blocked.display().to_string()),
        "{error}"
    );
}
