//! Commands whose configuration is not there, cannot be read or has problems: whom they ask all the same, and with what.

use std::{
    fs::Permissions,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    house::House,
    who_answers::{TOKEN, answers, until_works},
};

/// Runs the program as somebody who may read only what everybody may: root may read everything, and becomes another.
fn as_reader(program: &Path, arguments: &[&str], token: Option<&str>) -> (Option<i32>, String) {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments);
    command.env_remove("LOCKWATCH_CONFIG");
    match token {
        Some(token) => command.env("LOCKWATCH_TOKEN", token),
        None => command.env_remove("LOCKWATCH_TOKEN"),
    };
    let done = command.output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

/// A file below `folder` that nobody may read, and root alone does.
fn unreadable(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    file
}

#[tokio::test]
async fn who_may_not_read_is_told_who_may() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", TOKEN);
    house.settings.web = "token = { file = \"web.token\" }\nprotect_reads = true".to_owned();
    let daemon = house.start().await;
    until_works(&house).await;
    // The daemon's own files stay as they are, in a folder that is the house's alone.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("program");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("lockwatch"), &program).unwrap();
    unreadable(folder, "web.token", TOKEN);
    let address = house.url("");
    let listen = address.trim_start_matches("http://").trim_end_matches('/');
    let web = format!("[web]\nlisten = \"{listen}\"\ntoken = {{ file = \"web.token\" }}\n");
    let config = folder.join("lockwatch.toml");
    std::fs::write(&config, web).unwrap();
    let status = ["status", "--config", config.to_str().unwrap()];
    let (code, said) = as_reader(&program, &status, None);
    assert_eq!(code, Some(64), "{said}");
    for says in [
        "web.token of ",
        "Permission denied",
        "run this as root or as the account",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let (code, said) = as_reader(&program, &status, Some(TOKEN));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    daemon.stop().await;
}

/// Who listens at 127.0.0.1:9477 may be anybody. Here it is this test, where nobody else is.
#[tokio::test]
async fn an_address_that_nobody_named_gets_no_token_and_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("program");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("lockwatch"), &program).unwrap();
    let closed = unreadable(folder, "closed.toml", "");
    let none = folder.join("none.toml");
    let (closed, none) = (closed.to_str().unwrap(), none.to_str().unwrap());

    // Where there is no configuration, nobody is asked at all: a name that was mistyped is no reason to.
    for arguments in [
        &["status"][..],
        &["probe", "works"],
        &["retry", "works"],
        &["retry", "--all"],
        &["retry", "--tenant", "acme"],
    ] {
        let arguments = [arguments, &["--config", none]].concat();
        let (code, said) = as_reader(&program, &arguments, Some(TOKEN));
        assert_eq!(code, Some(78), "{arguments:?}: {said}");
        assert!(
            said.contains("none.toml") && said.contains("--url") && !said.contains("9477"),
            "{arguments:?}: {said}"
        );
    }

    let Ok(listener) = TcpListener::bind("127.0.0.1:9477") else {
        eprintln!(
            "not tried: what a stranger at 127.0.0.1:9477 is told, because somebody listens there already"
        );
        return;
    };
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{\"error\": \"a token\"}";
    let asked = answers(listener, refusal, b"");
    for arguments in [&["status"][..], &["retry", "--all"], &["retry", "works"]] {
        let arguments = [arguments, &["--config", closed]].concat();
        let (code, said) = as_reader(&program, &arguments, Some(TOKEN));
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        assert!(
            said.contains("goes to an address that is named only") && said.contains("--url"),
            "{said}"
        );
    }
    for arguments in [
        &["health", "--config", closed][..],
        &["health", "--config", none],
    ] {
        let (code, said) = as_reader(&program, arguments, Some(TOKEN));
        assert_eq!(code, Some(1), "{said}");
    }
    let named = ["health", "--url", "http://127.0.0.1:9477/"];
    as_reader(&program, &named, Some(TOKEN));
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 6, "{asked:?}");
    for request in &asked {
        assert!(request.starts_with("get /"), "{request}");
        assert!(!request.contains("authorization"), "{request}");
    }
}

/// A configuration with problems names its address, and there is another daemon.
#[tokio::test]
async fn a_retry_spends_no_attempt_at_another_daemon() {
    let house = House::of(&["wrong"]);
    house.give("wrong", "demo-wrong-secret-1");
    let daemon = house.start().await;
    house.until("wrong", |user| user["held"] == true).await;
    let address = house.url("");
    let listen = address.trim_start_matches("http://").trim_end_matches('/');
    let other = house.folder().join("other.toml");
    std::fs::write(
        &other,
        format!("nonsense = \n[web]\nlisten = \"{listen}\"\n"),
    )
    .unwrap();
    for whom in [&["wrong"][..], &["--all"], &["--tenant", "acme"]] {
        let arguments = [&["retry", "--config", other.to_str().unwrap()], whom].concat();
        let done = house.lockwatch(&arguments).await;
        assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{done:?}");
        for says in ["warning: ", "another lockwatch answers", "--url"] {
            assert!(done.stderr.contains(says), "{says}: {done:?}");
        }
    }
    assert_eq!(house.over_all_credentials("wrong").await.operator, []);
    daemon.stop().await;
}

#[tokio::test]
async fn a_broken_configuration_is_a_warning_where_the_daemon_answers() {
    let mut house = House::of(&["works"]);
    house.secret_file("web.token", TOKEN);
    house.settings.web = "token = { file = \"web.token\" }\nprotect_reads = true".to_owned();
    let daemon = house.start().await;
    until_works(&house).await;
    house.settings.interval = "soon";
    house.settings.lockout = "max_rejections = 9".to_owned();
    house.write();
    let url = house.url("/");
    let token = [("LOCKWATCH_TOKEN", TOKEN)];
    for arguments in [
        &["status"][..],
        &["probe", "works"],
        &["retry", "works"],
        &["retry", "--all"],
        &["retry", "--tenant", "acme"],
        &["status", "works", "--json"],
    ] {
        let done = house.lockwatch_told(arguments, "", &token).await;
        assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
        assert!(
            done.stderr.starts_with("warning: ") && done.stderr.contains("schedule.interval: "),
            "{arguments:?}: {done:?}"
        );
        assert!(
            done.stderr
                .contains("(and 1 more; `lockwatch validate` lists them)"),
            "{done:?}"
        );
        assert_eq!(done.stderr.lines().count(), 2, "{arguments:?}: {done:?}");
    }
    for arguments in [
        &["status", "--url", &url][..],
        &["probe", "--url", &url],
        &["health", "--url", &url],
        &["health"],
    ] {
        let done = house.lockwatch_told(arguments, "", &token).await;
        assert_eq!(
            (done.code, done.stderr.as_str()),
            (0, ""),
            "{arguments:?}: {done:?}"
        );
    }
    let without = house.lockwatch(&["status"]).await;
    assert_eq!(without.code, 64, "{without:?}");
    assert!(
        without.stderr.contains("has problems") && without.stderr.contains("$LOCKWATCH_TOKEN"),
        "{without:?}"
    );
    daemon.stop().await;
    let gone = house.lockwatch_told(&["status"], "", &token).await;
    assert_eq!(gone.code, 78, "{gone:?}");
    for says in [
        "schedule.interval: ",
        "lockout.max_rejections: ",
        "is it running?",
        "--url",
    ] {
        assert!(gone.stderr.contains(says), "{says}: {gone:?}");
    }
}

#[test]
fn validate_says_that_this_account_may_not_write_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("program");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("lockwatch"), &program).unwrap();
    let state = folder.join("state");
    std::fs::create_dir(&state).unwrap();
    let config = folder.join("lockwatch.toml");
    let store = format!(
        "[store]\nurl = \"sqlite://{}/lockwatch.db\"\n",
        state.display()
    );
    std::fs::write(&config, store).unwrap();
    let validate = || {
        as_reader(
            &program,
            &["validate", "--config", config.to_str().unwrap()],
            None,
        )
    };
    let says = |what: &Path| format!("may not write {}, and", what.display());

    std::fs::set_permissions(&state, Permissions::from_mode(0o555)).unwrap();
    let (code, said) = validate();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&says(&state)), "{said}");

    std::fs::set_permissions(&state, Permissions::from_mode(0o777)).unwrap();
    let store = unreadable(&state, "lockwatch.db", "");
    let (_, said) = validate();
    assert!(said.contains(&says(&store)), "{said}");
    std::fs::remove_file(&store).unwrap();
    let (code, said) = validate();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("may not write"), "{said}");
}
