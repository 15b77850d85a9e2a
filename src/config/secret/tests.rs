//! Every kind of source, read and refused.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use super::*;

fn command(words: &[&str]) -> SecretSource {
    SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
}

async fn read(source: &SecretSource) -> Result<String, String> {
    let read = source.read().await;
    read.map(|secret| secret.expose_secret().to_owned())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_loses_one_line_break_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let source = SecretSource::File(path.clone());
    let named = |what: &str| Err(format!("file {} {what}", path.display()));
    for (content, expected) in [
        (&b"demo-secret-1"[..], Ok("demo-secret-1".to_owned())),
        (b"demo-secret-1\n", Ok("demo-secret-1".to_owned())),
        (b"demo-secret-1\r\n", Ok("demo-secret-1".to_owned())),
        (b" demo-secret-1 \n", Ok(" demo-secret-1 ".to_owned())),
        (
            "dem\u{f6}-secret".as_bytes(),
            Ok("dem\u{f6}-secret".to_owned()),
        ),
        (b"", named("is empty")),
        (b"\n", named("is empty")),
        (
            b"demo-secret-1\n\n",
            named("gives control characters, such as a second line or a tab"),
        ),
        (
            b"demo\0secret",
            named("gives control characters, such as a second line or a tab"),
        ),
        (b"demo-secret-\xff", named("does not give UTF-8")),
        (&[b'x'; LONGEST + 1], named("gives more than 64 KiB")),
    ] {
        fs::write(&path, content).unwrap();
        let shown = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
        assert_eq!(read(&source).await, expected, "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_no_readable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // What is not there may be a secret that was pasted as a name: only the folder is told.
    let below = |folder: &Path| format!("the file that `file` names below {} (", folder.display());
    for pasted in ["demo-pasted-secret", "demo-pasted/secret"] {
        let missing = SecretSource::File(folder.path().join(pasted));
        let error = read(&missing).await.unwrap_err();
        assert!(
            error.contains(&below(folder.path())) && !error.contains("demo"),
            "{error}"
        );
        assert!(error.contains(") cannot be read: No such file"), "{error}");
    }
    // Where the folder of the configuration is known, a path with another folder that is there is a path.
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    for (written, named) in [
        (secrets.join("acme"), true),
        (folder.path().join("../demo-elsewhere"), true),
        (folder.path().join("demo-pasted-secret"), false),
        (folder.path().join("./demo-pasted-secret"), false),
        (folder.path().join("demo-pasted/secret"), false),
        ("/demo-pasted-secret".into(), false),
    ] {
        let missing = SecretSource::File(written.clone());
        let error = missing.read_beside(&[folder.path()]).await.unwrap_err().0;
        let name = format!("file {} cannot be read: No such file", written.display());
        assert_eq!(error.contains(&name), named, "{error}");
        assert_eq!(
            error.contains(&*written.to_string_lossy()),
            named,
            "{error}"
        );
    }

    let error = read(&SecretSource::File(folder.path().into()))
        .await
        .unwrap_err();
    assert!(error.ends_with("is not a regular file"), "{error}");

    // A pipe without a writer would hold its reader for ever.
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let error = read(&SecretSource::File(pipe)).await.unwrap_err();
    assert!(error.ends_with("is not a regular file"), "{error}");
}

#[tokio::test]
async fn the_environment() {
    // Cargo sets it for every test.
    let set = SecretSource::Env("CARGO_PKG_NAME".into());
    assert_eq!(read(&set).await, Ok("lockwatch".to_owned()));
    let unset = SecretSource::Env("LOCKWATCH_TEST_UNSET".into());
    assert_eq!(
        read(&unset).await,
        Err(
            "the environment variable that `env` names is not set (the name is not shown: it may be a secret in the wrong place)"
                .to_owned()
        )
    );
}

/// The folder comes from the environment, which a test may not change for its whole process: it runs itself again.
#[test]
fn a_credential_is_a_file_in_systemds_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("acme"), "demo-secret-1\n").unwrap();
    for (set, expected) in [
        (true, "read demo-secret-1"),
        (false, "systemd passed no credentials"),
    ] {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again
            .args([
                "config::secret::tests::credential_child",
                "--exact",
                "--nocapture",
            ])
            .env("LOCKWATCH_TEST_CHILD", "1")
            .env_remove("CREDENTIALS_DIRECTORY")
            .stderr(Stdio::null());
        if set {
            again.env("CREDENTIALS_DIRECTORY", folder.path());
        }
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn credential_child() {
    let source = SecretSource::Credential("acme".into());
    if std::env::var_os("LOCKWATCH_TEST_CHILD").is_some() {
        println!("read {}", read(&source).await.unwrap_or_else(|error| error));
    } else {
        assert_eq!(source.describe(), "credential acme");
    }
}

#[tokio::test]
async fn a_commands_output() {
    let long = format!("head -c {} /dev/zero | tr '\\0' x", LONGEST + 1);
    for (words, expected) in [
        (&["printf", "demo-secret-1\\n"][..], Ok("demo-secret-1")),
        // No shell: the argument stays what it is.
        (&["echo", "$HOME"], Ok("$HOME")),
        (
            &["sh", "-c", "echo demo-secret-1 >&2; exit 3"],
            Err("command `sh` failed with exit status: 3"),
        ),
        (
            &["sh", "-c", "kill -9 $$"],
            Err("command `sh` failed with signal: 9 (SIGKILL)"),
        ),
        (&["true"], Err("command `true` is empty")),
        (
            &["sh", "-c", &long],
            Err("command `sh` gives more than 64 KiB"),
        ),
        // Standard input is empty rather than the terminal.
        (&["cat"], Err("command `cat` is empty")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(read(&command(words)).await, expected, "{words:?}");
    }
    let error = read(&command(&["lockwatch-no-such-program", "demo-secret-1"]))
        .await
        .unwrap_err();
    assert!(
        error.starts_with(
            "the program that `command` names first (the name is not shown: it may be a secret in the wrong place) \
             cannot be started: "
        ),
        "{error}"
    );
    assert!(
        !error.contains("demo-secret-1") && !error.contains("no-such"),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_is_there_or_is_given_by_a_path_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    fs::write(&there, "").unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o600)).unwrap();
    let absent = folder.path().join("absent");
    for (program, beside, is_named) in [
        (there.to_str().unwrap(), None, true),
        (absent.to_str().unwrap(), None, false),
        (absent.to_str().unwrap(), Some(Path::new("/etc")), true),
        (absent.to_str().unwrap(), Some(folder.path()), false),
        ("/demo-pasted-secret", Some(Path::new("/etc")), false),
        ("demo-pasted-secret", Some(Path::new("/etc")), false),
    ] {
        let beside: Vec<_> = beside.into_iter().collect();
        let error = command(&[program])
            .read_beside(&beside)
            .await
            .unwrap_err()
            .0;
        let begin = format!("command `{program}` cannot be started: ");
        assert_eq!(error.starts_with(&begin), is_named, "{error}");
        assert_eq!(error.contains(program), is_named, "{error}");
    }
}

/// The clock is paused, and jumps to the deadline as soon as nothing but it is waited for.
#[tokio::test(start_paused = true)]
async fn a_slow_command_is_given_up_and_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!(
        "echo $$ > {}.new; mv {0}.new {0}; exec sleep 600",
        pid.display()
    );
    let source = command(&["sh", "-c", &script]);
    let mut reading = tokio::spawn(async move { read(&source).await });
    // Real files appear in real time, which the paused clock does not know: poll without it.
    let process = loop {
        if let Ok(text) = fs::read_to_string(&pid) {
            break text.trim().to_owned();
        }
        if reading.is_finished() {
            // The jump came before the program had begun: nothing was left behind.
            assert_eq!(
                (&mut reading).await.unwrap(),
                Err("command `sh` took longer than 10 s".into())
            );
            return;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        reading.await.unwrap(),
        Err("command `sh` took longer than 10 s".into())
    );
    // Killed: gone, or a zombie until the runtime collects it. The signal takes a moment; 10 s are plenty.
    let gone = (0..1000).any(|_| {
        let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let gone = state.is_empty() || state.contains(") Z") || state.contains(") X");
        if !gone {
            std::thread::sleep(Duration::from_millis(10));
        }
        gone
    });
    assert!(gone, "process {process} runs on");
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let plain = SecretSource::Plain(SecretString::from("demo-secret-1"));
    assert_eq!(read(&plain).await, Ok("demo-secret-1".to_owned()));
    for source in [plain, command(&["pass", "demo-secret-1"])] {
        let shown = source.describe();
        assert!(!shown.contains("demo-secret-1"), "{shown}");
    }
    let pasted = || "demo-secret-1".to_owned();
    for source in [
        SecretSource::Plain(SecretString::from(pasted())),
        SecretSource::File(pasted().into()),
        SecretSource::Env(pasted()),
        SecretSource::Credential(pasted()),
        SecretSource::Command(vec![pasted(), pasted()]),
    ] {
        let error = read(&source).await;
        let shown = format!("{source:?} {source:#?}");
        assert!(!shown.contains("demo-secret-1"), "{shown}");
        assert!(
            error.as_ref().is_ok_and(|text| *text == pasted())
                || !error.as_ref().unwrap_err().contains("demo"),
            "{error:?}"
        );
    }
    assert_eq!(command(&["pass", "show"]).describe(), "command `pass`");
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    fs::write(&path, "demo-secret-1").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let read = read(&SecretSource::File(path)).await;
    // root may read everything.
    if rustix::process::geteuid().is_root() {
        assert_eq!(read, Ok("demo-secret-1".to_owned()));
    } else {
        assert!(read.unwrap_err().contains("Permission denied"));
    }
}
