//! Changed files are noticed without being told.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use tokio::task::{LocalSet, spawn_local};

use crate::house::{Daemon, House, code, eventually, secret, within};

/// Files are looked at every 10 s, and a change counts at the second look.
const NOTICED: Duration = Duration::from_secs(60);

async fn noticed(what: &str, mut so: impl AsyncFnMut() -> bool) {
    within(
        NOTICED,
        || what.to_owned(),
        async || so().await.then_some(()),
    )
    .await;
}

/// Starts each of them on its own, with its name.
macro_rules! started {
    ($($scenario:ident),+ $(,)?) => { [$((stringify!($scenario), spawn_local($scenario()))),+] };
}

/// All at once, for looks are 10 s apart and there are many to wait for; each fails for itself.
#[tokio::test]
async fn changed_files_are_noticed() {
    let all = async {
        let mut failed = Vec::new();
        for (scenario, running) in started![
            a_mounted_configuration_that_is_swapped,
            a_bad_configuration_is_refused_by_itself_and_told_until_it_is_mended,
            what_was_refused_is_taken_when_the_file_that_was_wrong_is_mended,
            many_users_go_only_when_somebody_asks_for_it,
            a_rotated_secret_is_tried_soon_and_once,
            secret_and_code_that_change_together_are_tried_once_in_whatever_order_and_way,
            files_that_include_names_come_and_go,
            what_is_being_written_is_not_read_and_what_is_gone_for_a_while_is_missed_once,
        ] {
            if running.await.is_err() {
                failed.push(scenario);
            }
        }
        failed
    };
    let failed = LocalSet::new().run_until(all).await;
    assert!(
        failed.is_empty(),
        "{failed:?}: what went wrong stands above"
    );
}

/// Puts the configuration where Kubernetes does: a link to a file in a folder that a second link names, and that link is
/// replaced.
fn mount(house: &House, version: &str) {
    let folder = house.folder();
    fs::create_dir(folder.join(version)).unwrap();
    house.write();
    let config = house.config();
    fs::rename(&config, folder.join(version).join("lockwatch.toml")).unwrap();
    symlink(version, folder.join("..data_new")).unwrap();
    fs::rename(folder.join("..data_new"), folder.join("..data")).unwrap();
    symlink(Path::new("..data").join("lockwatch.toml"), &config).unwrap();
}

async fn a_mounted_configuration_that_is_swapped() {
    let mut house = House::of(&["stays", "comes"]);
    let comes = house.accounts.pop().unwrap();
    mount(&house, "..v1");
    let daemon = Daemon::spawn(&house, &[]);
    house.until_ready(&daemon).await;
    house.until_state("stays", "healthy", "ok").await;

    house.accounts.push(comes);
    fs::remove_file(house.config()).unwrap();
    mount(&house, "..v2");
    noticed("the new user is not there", async || {
        house.get("/api/v1/users/comes").await.status == 200
    })
    .await;
    house.until_state("comes", "healthy", "ok").await;
    daemon.stop().await;
}

async fn a_bad_configuration_is_refused_by_itself_and_told_until_it_is_mended() {
    let house = House::of(&["stays"]);
    let daemon = house.start().await;
    house.until_state("stays", "healthy", "ok").await;
    let good = fs::read_to_string(house.config()).unwrap();

    fs::write(house.config(), format!("intervall = 1\n{good}")).unwrap();
    let refused = "lockwatch_config_last_reload_successful";
    noticed("nothing is refused", async || {
        house.metric(refused).await == Some(0.0)
    })
    .await;
    let users = house.get("/api/v1/users").await.json();
    let told = users["reload_refused"]["problems"].to_string();
    assert!(told.contains(":1:1: intervall"), "{users}");
    let status = house.lockwatch(&["status"]).await;
    for said in [&status.stdout, &house.get("/").await.body] {
        assert!(
            said.contains("a changed configuration is refused"),
            "{said}"
        );
        assert!(said.contains(":1:1: intervall"), "{said}");
    }
    house.watch_checks("stays", 1).await;

    // As editors do it: another file under the same name.
    let fresh = house.folder().join("lockwatch.toml~");
    fs::write(&fresh, good).unwrap();
    fs::rename(&fresh, house.config()).unwrap();
    noticed("it is not taken again", async || {
        house.metric(refused).await == Some(1.0)
    })
    .await;
    let status = house.lockwatch(&["status"]).await;
    assert!(!status.stdout.contains("refused"), "{status:?}");
    let refusals = daemon
        .log()
        .matches("changed configuration refused")
        .count();
    assert_eq!(refusals, 1, "{}", daemon.log());
    daemon.stop().await;
}

async fn what_was_refused_is_taken_when_the_file_that_was_wrong_is_mended() {
    let house = House::of(&["stays"]);
    let daemon = house.start().await;
    house.until_state("stays", "healthy", "ok").await;
    // A file that the configuration in force does not name.
    let more = house.folder().join("more.toml");
    fs::write(&more, "[[users]]\nid = 7\n").unwrap();
    let text = fs::read_to_string(house.config()).unwrap();
    let text = format!("include = [\"more.toml\"]\n{text}");
    fs::write(house.config(), text).unwrap();
    let taken = "lockwatch_config_last_reload_successful";
    noticed("nothing is refused", async || {
        house.metric(taken).await == Some(0.0)
    })
    .await;
    fs::write(&more, "# nobody yet\n").unwrap();
    noticed("it is not taken", async || {
        house.metric(taken).await == Some(1.0)
    })
    .await;
    daemon.stop().await;
}

async fn many_users_go_only_when_somebody_asks_for_it() {
    let mut house = House::of(&["stays", "goes", "goes-too"]);
    let daemon = house.start().await;
    house.until_state("goes", "healthy", "ok").await;
    house.accounts.truncate(1);
    house.write();
    noticed("it is not refused", async || {
        house.get("/api/v1/users").await.json()["reload_refused"]["why"]
            .as_str()
            .is_some_and(|why| why.starts_with("2 of 3 users are not in it any more"))
    })
    .await;
    assert_eq!(house.get("/api/v1/users/goes").await.status, 200);
    daemon.signal(rustix::process::Signal::HUP);
    eventually(
        || format!("not reloaded: {}", daemon.log()),
        async || (house.get("/api/v1/users/goes").await.status == 404).then_some(()),
    )
    .await;
    daemon.stop().await;
}

async fn a_rotated_secret_is_tried_soon_and_once() {
    let mut house = House::of(&["rotated", "other"]);
    // Nothing but the change of a file brings a check forward.
    house.settings.confirm_after = "1h";
    for id in ["rotated", "other"] {
        house.account(id).more = "interval = \"1h\"\n".to_owned();
    }
    let daemon = house.start().await;
    for id in ["rotated", "other"] {
        noticed("not checked", async || {
            house.user(id).await["state"] == "healthy"
        })
        .await;
    }
    let before = house.stats("rotated").attempts;
    house.give("rotated", "demo-not-the-secret");
    noticed("the new secret is not tried", async || {
        house.user("rotated").await["reason"] == "suspected"
    })
    .await;
    assert_eq!(house.stats("rotated").attempts, before + 1);

    // The same content in another file is no change: its confirmation stays where it is. A change that comes later is seen.
    let lookups = house.stats("rotated").lookups;
    house.give("rotated", "demo-not-the-secret");
    house.give("other", "demo-another");
    noticed("the other's new secret is not tried", async || {
        house.user("other").await["reason"] == "suspected"
    })
    .await;
    let stats = house.stats("rotated");
    assert_eq!((stats.attempts, stats.lookups), (before + 1, lookups));
    daemon.stop().await;
}

fn files<'a>(secret: &'a str, code: &'a str) -> [(&'static str, &'a str); 2] {
    [("a.secret", secret), ("a.code", code)]
}

/// Replaces a folder of secrets as Kubernetes does, all files of it at once.
fn mount_secrets(folder: &Path, version: &str, files: &[(&str, &str)]) {
    fs::create_dir_all(folder.join(version)).unwrap();
    for (name, content) in files {
        fs::write(folder.join(version).join(name), content).unwrap();
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(name), &link).unwrap();
        }
    }
    symlink(version, folder.join("..data_new")).unwrap();
    fs::rename(folder.join("..data_new"), folder.join("..data")).unwrap();
}

async fn secret_and_code_that_change_together_are_tried_once_in_whatever_order_and_way() {
    let ids = ["mounted", "code-first", "secret-first"];
    let mut house = House::of(&ids);
    for id in ids {
        house.account(id).more = "interval = \"1h\"\n".to_owned();
    }
    let mounted = house.folder().join("mounted");
    mount_secrets(
        &mounted,
        "..v1",
        &files(&secret("mounted"), &code("mounted")),
    );
    house.account("mounted").credential = "secret = { file = \"mounted/a.secret\" }\n\
         integration_code = { file = \"mounted/a.code\" }"
        .to_owned();
    let daemon = house.start().await;
    for id in ids {
        noticed("not checked", async || {
            house.user(id).await["state"] == "healthy"
        })
        .await;
    }

    for id in ids {
        house.administer(id, |user| {
            user.secret = format!("demo-new-secret-of-{id}");
            user.integration_code = format!("demo-new-code-of-{id}");
        });
        let (secret, code) = (
            format!("demo-new-secret-of-{id}"),
            format!("demo-new-code-of-{id}"),
        );
        house.keep_private(&secret);
        house.keep_private(&code);
        match id {
            "mounted" => mount_secrets(&mounted, "..v2", &files(&secret, &code)),
            "code-first" => {
                house.secret_file(&format!("{id}.code"), &code);
                house.give(id, &secret);
            }
            _ => {
                house.give(id, &secret);
                house.secret_file(&format!("{id}.code"), &code);
            }
        }
    }
    for id in ids {
        noticed("the new credential is not tried", async || {
            house.stats(id).attempts == 2
        })
        .await;
    }
    // A look may have come between two of the changes.
    let log = daemon.log();
    let told = log
        .lines()
        .filter(|line| line.contains("secrets or codes changed in their files"));
    let told = told.collect::<Vec<_>>().join("\n");
    for id in ids {
        assert_eq!(told.matches(id).count(), 1, "{log}");
    }
    for id in ids {
        house.until_state(id, "healthy", "ok").await;
        let stats = house.stats(id);
        assert_eq!((stats.attempts, stats.accepted), (2, 2), "{id}: {stats:?}");
    }
    daemon.stop().await;
}

async fn files_that_include_names_come_and_go() {
    let mut house = House::of(&["main", "early", "late"]);
    let more: Vec<_> = house.accounts.split_off(1);
    house.settings.top = "include = [\"users.d/*.toml\"]".to_owned();
    let folder = house.folder().join("users.d");
    fs::create_dir(&folder).unwrap();
    let file = |id: &str| folder.join(format!("{id}.toml"));
    for mut account in more {
        let above = house.folder().display();
        account.credential = account
            .credential
            .replace("file = \"", &format!("file = \"{above}/"));
        fs::write(file(&account.id), account.text()).unwrap();
    }
    // Not named yet.
    let aside = house.folder().join("late.toml");
    fs::rename(file("late"), &aside).unwrap();
    let daemon = house.start().await;
    house.until_state("early", "healthy", "ok").await;

    fs::rename(&aside, file("late")).unwrap();
    let status = async |id: &str| house.get(&format!("/api/v1/users/{id}")).await.status;
    noticed("a new file is not read", async || {
        status("late").await == 200
    })
    .await;
    house.until_state("late", "healthy", "ok").await;
    fs::rename(file("early"), &aside).unwrap();
    noticed("a file that went is not missed", async || {
        status("early").await == 404
    })
    .await;
    assert!(!house.metrics().await.contains("\"early\""));

    // The last one: perhaps the folder is not there just now.
    fs::rename(file("late"), house.folder().join("last.toml")).unwrap();
    let why = async || {
        let users = house.get("/api/v1/users").await.json();
        users["reload_refused"]["why"].as_str().map(str::to_owned)
    };
    noticed("it is not refused", async || {
        why()
            .await
            .is_some_and(|why| why.contains("no such file is there any more"))
    })
    .await;
    assert_eq!(status("late").await, 200);
    fs::rename(house.folder().join("last.toml"), file("late")).unwrap();
    noticed("it is still refused", async || why().await.is_none()).await;
    house.watch_checks("late", 1).await;
    daemon.stop().await;
}

async fn what_is_being_written_is_not_read_and_what_is_gone_for_a_while_is_missed_once() {
    let mut house = House::of(&["stays", "witness", "comes"]);
    let comes = house.accounts.pop().unwrap();
    // Nothing but a look at its file brings its check forward, and none follows it.
    house.settings.confirm_after = "1h";
    house.account("witness").more = "interval = \"1h\"\n".to_owned();
    let daemon = house.start().await;
    noticed("not checked", async || {
        house.user("witness").await["state"] == "healthy"
    })
    .await;
    let good = fs::read_to_string(house.config()).unwrap();

    // Longer by the moment, and wrong all the time, until two looks have seen something else change.
    house.give("witness", "demo-another");
    let mut half = good[..good.len() / 2].to_owned();
    half.push_str("\n[[users]]\nid = \"");
    noticed("nobody looks", async || {
        half.push('x');
        fs::write(house.config(), &half).unwrap();
        house.user("witness").await["reason"] == "suspected"
    })
    .await;
    house.accounts.push(comes);
    house.write();
    noticed("what was written is not read", async || {
        house.get("/api/v1/users/comes").await.status == 200
    })
    .await;
    assert!(!daemon.log().contains("refused"), "{}", daemon.log());

    let aside = house.folder().join("aside.toml");
    fs::rename(house.config(), &aside).unwrap();
    let taken = "lockwatch_config_last_reload_successful";
    noticed("it is not missed", async || {
        house.metric(taken).await == Some(0.0)
    })
    .await;
    house.watch_checks("stays", 1).await;
    fs::rename(&aside, house.config()).unwrap();
    noticed("it is not found again", async || {
        house.metric(taken).await == Some(1.0)
    })
    .await;
    let log = daemon.log();
    assert_eq!(
        log.matches("changed configuration refused").count(),
        1,
        "{log}"
    );
    daemon.stop().await;
}
