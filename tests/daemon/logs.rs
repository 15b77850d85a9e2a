//! What the daemon logs: lines for people or objects, how much of it, and that it lives without anybody who reads it.

use std::{fs, os::unix::fs::MetadataExt, process::Stdio};

use assert_cmd::cargo::cargo_bin;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::{
    house::{Daemon, House, command::ended, eventually, username},
    support::PATIENCE,
};

const JSON: (&str, &str) = ("LOCKWATCH_LOG_FORMAT", "json");

/// Every line as the object that it must be.
pub fn objects(log: &str) -> Vec<Value> {
    let object = |line: &str| match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Value::Object(object),
        other => panic!("{other:?}: {line}"),
    };
    log.lines().map(object).collect()
}

fn lines_with(daemon: &Daemon, text: &str) -> usize {
    daemon.log().matches(text).count()
}

#[tokio::test]
async fn a_change_is_a_line_and_a_check_is_none() {
    let mut house = House::of(&["works", "wrong"]);
    // A check that took too long would be a change.
    house.settings.timeout = "30s";
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    daemon.says("mail sent").await;
    house.watch_checks("works", 4).await;
    let log = daemon.log();
    for (said, times) in [
        ("made a new store", 1),
        ("INFO watching; ", 1),
        (
            "INFO user is healthy user.id=works tenant=\"acme\" reason=\"ok\" before=\"never_checked\"",
            1,
        ),
        (
            "WARN incident opened: the user does not work user.id=wrong",
            1,
        ),
        ("user.id=works", 1),
        ("checked ", 0),
        // Colours.
        ("\u{1b}", 0),
        (&username("works"), 0),
        (&username("wrong"), 0),
    ] {
        assert_eq!(log.matches(said).count(), times, "{said:?} in {log}");
    }
    for line in log.lines() {
        let (at, rest) = line.split_once(' ').unwrap();
        let _: Timestamp = at.parse().unwrap_or_else(|why| panic!("{why}: {line}"));
        let level = rest.trim_start().split(' ').next().unwrap();
        assert!(["INFO", "WARN"].contains(&level), "{line}");
    }

    house.give("wrong", &crate::house::secret("wrong"));
    daemon
        .says("INFO incident closed: the user works again user.id=wrong tenant=\"acme\" lasted=")
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn json_is_an_object_a_line_whatever_is_said() {
    let house = House::of(&["works", "wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    house.write();
    // Its own times are for whoever collects it, the journal or not.
    let log = house.folder().join("daemon.log");
    let stream = fs::File::create(&log).unwrap().metadata().unwrap();
    let journal = format!("{}:{}", stream.dev(), stream.ino());
    let daemon = Daemon::spawn(&house, &[JSON, ("JOURNAL_STREAM", &journal)]);
    house.until_ready(&daemon).await;
    daemon.says("mail sent").await;
    daemon.says("user is healthy").await;
    for line in objects(&daemon.log()) {
        let _: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(
            ["INFO", "WARN"].contains(&line["level"].as_str().unwrap()),
            "{line}"
        );
        assert!(
            line["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{line}"
        );
    }
    let opened = objects(&daemon.log()).into_iter().find(|line| {
        line["message"]
            .as_str()
            .unwrap()
            .starts_with("incident opened")
    });
    let opened = opened.unwrap();
    assert_eq!(
        (&opened["user.id"], &opened["reason"], &opened["level"]),
        (
            &"wrong".into(),
            &"credential_rejected".into(),
            &"WARN".into()
        ),
    );
    daemon.stop().await;

    // What ends it is said the same way.
    fs::write(house.config(), "[web]\nlosten = 1\nlisten = 2\n").unwrap();
    let done = house.lockwatch(&["run", "--log-format", "json"]).await;
    assert_eq!(done.code, 78, "{done:?}");
    let said = objects(&done.stderr);
    assert_eq!(said.len(), 2, "{done:?}");
    for line in said {
        assert_eq!(
            (&line["level"], &line["exit"]),
            (&"ERROR".into(), &78.into())
        );
        assert!(
            line["message"].as_str().unwrap().contains("web.l"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn the_journal_has_times_of_its_own() {
    let house = House::of(&["works"]);
    house.write();
    let log = house.folder().join("daemon.log");
    let stream = fs::File::create(&log).unwrap().metadata().unwrap();
    let own = format!("{}:{}", stream.dev(), stream.ino());
    // A program that was started from a service inherits the variable, and writes elsewhere.
    for (journal, times) in [(own.as_str(), false), ("1:1", true), ("", true)] {
        let before = fs::read_to_string(&log).unwrap().len();
        let daemon = Daemon::spawn(&house, &[("JOURNAL_STREAM", journal)]);
        house.until_ready(&daemon).await;
        daemon.says("watching; ").await;
        let log = daemon.log().split_off(before);
        let timed = |line: &str| line.split(' ').next().unwrap().parse::<Timestamp>().is_ok();
        assert!(
            log.lines().all(|line| timed(line) == times),
            "{journal}: {log}"
        );
        daemon.stop().await;
    }
}

#[tokio::test]
async fn how_much_is_said_is_chosen_by_option_environment_or_configuration() {
    let mut house = House::of(&["works"]);
    house.settings.top = "[log]\nlevel = \"error\"".to_owned();
    house.write();
    let mut heard = 0;
    for (arguments, environment, says, is_silent_about) in [
        // Of the configuration.
        (&[][..], &[][..], "", "INFO"),
        // RUST_LOG is before it, and is about everybody.
        (&[], &[("RUST_LOG", "trace")], "TRACE", "no such text"),
        (
            &[],
            &[("RUST_LOG", "lockwatch=debug")],
            "DEBUG checked",
            "TRACE",
        ),
        (
            &[],
            &[("RUST_LOG", "lockwatch=loud")],
            "RUST_LOG is no filter of the log, and is ignored",
            "DEBUG",
        ),
        // The environment is before that.
        (
            &[],
            &[("LOCKWATCH_LOG_LEVEL", "debug"), ("RUST_LOG", "trace")],
            "DEBUG checked",
            "TRACE",
        ),
        // And an option before all.
        (
            &["--log-level", "info"],
            &[("LOCKWATCH_LOG_LEVEL", "trace"), ("RUST_LOG", "trace")],
            "INFO user is healthy",
            "DEBUG",
        ),
    ] {
        let daemon = Daemon::spawn_with(&house, arguments, environment);
        house.until_ready(&daemon).await;
        house.watch_checks("works", 2).await;
        daemon.says(says).await;
        let log = daemon.log().split_off(heard);
        assert!(log.contains(says), "{arguments:?} {environment:?}: {log}");
        assert!(
            !log.contains(is_silent_about),
            "{arguments:?} {environment:?}: {log}"
        );
        daemon.stop().await;
        heard = fs::read_to_string(house.folder().join("daemon.log"))
            .unwrap()
            .len();
        // Each start is a first one.
        let _ = fs::remove_file(house.store());
    }
}

#[tokio::test]
async fn a_level_or_format_that_is_none_is_refused_with_those_that_are() {
    let house = House::of(&["works"]);
    house.write();
    for (arguments, environment, says) in [
        (
            &["run", "--log-level", "inof"][..],
            &[][..],
            "error, warn, info, debug or trace, or a filter such as",
        ),
        (
            &["run", "--log-level", "lockwatch=loud"],
            &[],
            "error, warn, info, debug or trace",
        ),
        (
            &["run"],
            &[("LOCKWATCH_LOG_LEVEL", "verbose")],
            "error, warn, info, debug or trace",
        ),
        (
            &["run"],
            &[("LOCKWATCH_LOG_LEVEL", "verbose")],
            "the value comes from $LOCKWATCH_LOG_LEVEL",
        ),
        (
            &["run", "--log-format", "xml"],
            &[],
            "[possible values: text, json]",
        ),
        (
            &["run"],
            &[("LOCKWATCH_LOG_FORMAT", "logfmt")],
            "[possible values: text, json]",
        ),
    ] {
        let done = house.lockwatch_told(arguments, "", environment).await;
        assert_eq!(done.code, 64, "{done:?}");
        assert!(done.stderr.contains(says), "{done:?}");
    }
    let typed = ["run", "--log-level=loudly"];
    let environment = [("LOCKWATCH_LOG_LEVEL", "debug")];
    let typed = house.lockwatch_told(&typed, "", &environment).await;
    assert!(!typed.stderr.contains("comes from"), "{typed:?}");
}

#[tokio::test]
async fn the_level_changes_with_a_reload() {
    let mut house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    assert_eq!(lines_with(&daemon, "DEBUG"), 0);

    house.settings.top = "[log]\nlevel = \"debug\"".to_owned();
    house.write();
    daemon.signal(Signal::HUP);
    daemon
        .says("INFO log.level changed from=\"info\" to=\"debug\"")
        .await;
    daemon.says("DEBUG checked user.id=works").await;

    house.settings.top = "[log]\nlevel = \"loud\"".to_owned();
    house.write();
    let answer = house.post("/-/reload", "").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(
        answer.body.contains("log.level: is no level; write"),
        "{answer:?}"
    );
    assert!(!answer.body.contains("loud"), "{answer:?}");
    let before = lines_with(&daemon, "DEBUG checked");
    house.watch_checks("works", 2).await;
    assert!(lines_with(&daemon, "DEBUG checked") > before);

    house.settings.top = "[log]\nlevel = \"error\"".to_owned();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    daemon
        .says("INFO log.level changed from=\"debug\" to=\"error\"")
        .await;
    // A check under way may still have been told.
    house.watch_checks("works", 1).await;
    let quiet = daemon.log().len();
    house.watch_checks("works", 2).await;
    assert_eq!(daemon.log().len(), quiet, "{}", daemon.log());

    // Without the key it is as at first, and that is said by the level that lets it pass.
    house.settings.top.clear();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    daemon
        .says("INFO log.level changed from=\"error\" to=\"info\"")
        .await;
    assert_eq!(
        lines_with(&daemon, "log.level changed"),
        3,
        "{}",
        daemon.log()
    );
    daemon.stop().await;
}

#[tokio::test]
async fn what_the_command_line_says_of_the_level_stays() {
    let mut house = House::of(&["works"]);
    house.write();
    let daemon = Daemon::spawn_with(&house, &["--log-level", "info"], &[]);
    house.until_ready(&daemon).await;
    house.settings.top = "[log]\nlevel = \"debug\"".to_owned();
    house.write();
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    daemon.says("WARN log.level has changed, but the command line or the environment says what is logged in_force=\"info\"").await;
    house.watch_checks("works", 2).await;
    assert_eq!(lines_with(&daemon, "DEBUG"), 0, "{}", daemon.log());
    daemon.stop().await;
}

#[tokio::test]
async fn nobody_has_to_read_it() {
    let house = House::of(&["works"]);
    house.write();
    let mut daemon = Command::new(cargo_bin!("lockwatch"))
        .args(["run", "--log-level", "debug", "--config"])
        .arg(house.config())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    drop(daemon.stdout.take());
    let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
    let first = timeout(PATIENCE, lines.next_line()).await.unwrap();
    assert!(first.unwrap().is_some());
    // From here every line breaks a pipe.
    drop(lines);
    house.until_ready_or(String::new).await;
    house.until_state("works", "healthy", "ok").await;
    house.watch_checks("works", 3).await;
    assert_eq!(house.post("/-/reload", "").await.status, 200);
    house.watch_checks("works", 2).await;
    let pid = i32::try_from(daemon.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    let ended = timeout(PATIENCE, daemon.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

/// Runs the daemon on a terminal and prints what it said there until it was ready.
const TERMINAL: &str = r#"
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"watching" not in said:
    said += os.read(terminal, 4096)
os.kill(pid, signal.SIGTERM)
try:
    while more := os.read(terminal, 4096):
        said += more
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
"#;

#[tokio::test]
async fn colours_are_for_terminals_and_for_who_wants_them() {
    let house = House::of(&["works"]);
    house.write();
    for (no_color, coloured) in [(None, true), (Some("1"), false)] {
        let mut python = Command::new("python3");
        python
            .args(["-c", TERMINAL])
            .arg(cargo_bin!("lockwatch"))
            .args(["run", "--config"])
            .arg(house.config())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env_remove("RUST_LOG");
        if let Some(no_color) = no_color {
            python.env("NO_COLOR", no_color);
        }
        let done = ended(&mut python, "", PATIENCE).await;
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.contains("watching"), "{said}");
        assert_eq!(said.contains("\u{1b}["), coloured, "{said}");
    }
    eventually(
        || "still there".to_owned(),
        async || house.try_get("/").await.is_none().then_some(()),
    )
    .await;
}
