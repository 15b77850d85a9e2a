//! A configuration that no start takes is taken by no reload either, in the same words, and nothing of it is applied.

use std::{fs, os::unix::fs::symlink};

use rustix::process::Signal;

use crate::{
    house::{Daemon, House, eventually},
    support::PATIENCE,
};

/// Five lines a user; each tenth has a mistake of its own.
fn many_mistakes() -> String {
    let user = |n: usize| {
        let wrong = if n.is_multiple_of(10) {
            "interval = \"demo-private-value\"\n"
        } else {
            "\n"
        };
        format!(
            "[[users]]\nid = \"u{n}\"\nusername = \"u{n}@acme.example\"\nintegration_code = \"vendor-held\"\n{wrong}"
        )
    };
    (0..10_000).map(user).collect()
}

#[tokio::test]
async fn what_validate_refuses_neither_a_start_nor_a_reload_takes() {
    let house = House::of(&["works"]);
    house.keep_private("demo-private-value");
    house.write();
    let good = fs::read_to_string(house.config()).unwrap();
    for (what, text, lines) in [
        ("1,000 mistakes", format!("{good}{}", many_mistakes()), 101),
        ("cut off", good[..good.len() - 20].to_owned(), 1),
        ("nested", format!("x = {}\n{good}", "[".repeat(1_000)), 2),
        ("not UTF-8", String::new(), 1),
        ("a device", String::new(), 1),
        ("a pipe", String::new(), 1),
    ] {
        let daemon = house.start().await;
        house.until_state("works", "healthy", "ok").await;
        fs::remove_file(house.config()).unwrap();
        match what {
            "not UTF-8" => fs::write(house.config(), b"[web]\n\xff\n").unwrap(),
            "a device" => symlink("/dev/zero", house.config()).unwrap(),
            "a pipe" => {
                let made = std::process::Command::new("mkfifo")
                    .arg(house.config())
                    .status();
                assert!(made.unwrap().success());
            }
            _ => fs::write(house.config(), text).unwrap(),
        }
        let validated = house.lockwatch(&["validate"]).await;
        assert_eq!(validated.code, 78, "{what}: {validated:?}");
        let mut problems: Vec<_> = validated.stderr.lines().collect();
        assert_eq!(problems.len(), lines, "{what}: {problems:#?}");
        // Those a command may read, once; a daemon has to read them again.
        let no_file = format!(
            "{}: is not a regular file; write the configuration to one",
            house.config().display()
        );
        if what.starts_with("a ") {
            problems = vec![&no_file];
        }

        let reloaded = house.post("/-/reload", "").await;
        assert_eq!(reloaded.status, 422, "{what}: {reloaded:?}");
        assert_eq!(
            reloaded.json()["problems"],
            serde_json::json!(problems),
            "{what}"
        );
        let told = || daemon.log().matches("configuration not reloaded").count();
        assert_eq!(told(), 1, "{what}");
        daemon.signal(Signal::HUP);
        eventually(
            || format!("{what}: {}", daemon.log()),
            async || (told() == 2).then_some(()),
        )
        .await;
        assert_eq!(
            house
                .metric("lockwatch_config_last_reload_successful")
                .await,
            Some(0.0)
        );
        let users = house.get("/api/v1/users").await.json();
        assert_eq!(users["users"].as_array().unwrap().len(), 1, "{what}");
        house.watch_checks("works", 1).await;
        daemon.stop().await;

        let mut refused = Daemon::spawn(&house, &[]);
        assert_eq!(
            refused.ended(PATIENCE).await,
            Some(78),
            "{what}: {}",
            refused.log()
        );
        for problem in problems {
            assert!(refused.log().contains(problem), "{what}: {}", refused.log());
        }
        fs::remove_file(house.config()).unwrap();
        fs::remove_file(house.folder().join("daemon.log")).unwrap();
    }
}

#[tokio::test]
async fn a_command_reads_a_pipe() {
    let house = House::of(&[]);
    let user = "[[users]]\nid = \"u\"\nusername = \"u@acme.example\"\nintegration_code = \"vendor-held\"\n\
                notify = [\"a@b.example\"]\n";
    let store = house.folder().join("lockwatch.db");
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\nallow_ephemeral = true\n{user}",
        store.display()
    );
    let arguments = ["validate", "--config", "/dev/stdin"];
    let done = house.lockwatch_told(&arguments, &text, &[]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.contains("/dev/stdin: good; 1 user is watched"),
        "{done:?}"
    );
    let done = house
        .lockwatch_told(&arguments, "[web]\nlosten = 1\n", &[])
        .await;
    assert_eq!(done.code, 78, "{done:?}");
    let said = "/dev/stdin:2:1: web.losten: is not a known key";
    assert!(done.stderr.starts_with(said), "{done:?}");
    let started = house
        .lockwatch_told(&["run", "--config", "/dev/stdin"], &text, &[])
        .await;
    assert_eq!(started.code, 78, "{started:?}");
    assert!(
        started.stderr.contains("/dev/stdin: is not a regular file"),
        "{started:?}"
    );
}
