//! The configuration as operators meet it: good files, bad files and their messages, what is never printed.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests too"
)]

mod extremes;
mod mutations;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lockwatch::config::{
    Config, Problem, Problems, Severity, SmtpTls, StoreLocation, Transport, load,
    secret::SecretSource, secret_problems,
};
use lockwatch::user::Known;
use tempfile::TempDir;

const BAD: &str = "tests/fixtures/config/bad";

const USER: &str = r#"
[[users]]
id = "acme"
username = "k3jx7q@acme.example"
secret = { file = "acme" }
integration_code = "DEMO-CODE-1"
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load_text(text: &str) -> Result<(Config, Vec<Problem>), Problems> {
    load(&folder(&[("main.toml", text)]).path().join("main.toml"))
}

/// Key and message of each warning.
fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = load_text(text).unwrap();
    let told = |warning: &Problem| format!("{}: {}", warning.key, warning.message);
    warnings.iter().map(told).collect()
}

/// Commented keys of the template become real ones.
fn uncommented(template: &str) -> String {
    // It stands instead of store.url.
    let is_key =
        |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && key != "url_file";
    let real = |line: &str| {
        let bare = line
            .strip_prefix("# ")
            .filter(|bare| bare.split_once(" = ").is_some_and(|(key, _)| is_key(key)));
        bare.unwrap_or(line).to_owned() + "\n"
    };
    template.lines().map(real).collect()
}

#[test]
fn every_bad_file_gives_exactly_its_message() {
    let names = |extension: &str| -> BTreeSet<PathBuf> {
        let files = fs::read_dir(BAD)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .map(|path| path.with_extension(""))
            .collect()
    };
    let files = names("toml");
    assert_eq!(files, names("txt"), "each .toml has its .txt");
    assert!(files.len() >= 25);
    let mut differing = Vec::new();
    for file in files {
        let problems = load(&file.with_extension("toml")).err();
        let said = problems.map_or("no problem".to_owned(), |problems| problems.to_string());
        let said = said.replace(&format!("{BAD}/"), "") + "\n";
        if said != fs::read_to_string(file.with_extension("txt")).unwrap() {
            differing.push(said);
        }
    }
    assert!(
        differing.is_empty(),
        "these differ from their .txt:\n{}",
        differing.join("\n")
    );
}

#[test]
fn a_missing_file_is_one_problem_without_a_place() {
    let Problems(problems) = load(Path::new("/nowhere/lockwatch.toml")).unwrap_err();
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/nowhere/lockwatch.toml: cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn the_templates_load_with_their_defaults_in_comments_or_not() {
    let full = fs::read_to_string("config/lockwatch.toml").unwrap();
    let (minimal, told) = load(Path::new("config/minimal.toml")).unwrap();
    assert_eq!(told.len(), 1, "no [email]: {told:?}");
    let (shipped, told) = load(Path::new("config/lockwatch.toml")).unwrap();
    assert!(told.is_empty(), "{told:?}");
    let all = uncommented(&full);
    assert!(all.lines().filter(|line| line.starts_with('#')).count() > 20);
    let (all, _) = load_text(&all).unwrap();

    for config in [&shipped, &all] {
        assert_eq!(config.autotask.base_url, minimal.autotask.base_url);
        assert_eq!(
            config.autotask.allowed_hosts,
            minimal.autotask.allowed_hosts
        );
        assert_eq!(config.autotask.timeout, minimal.autotask.timeout);
        assert_eq!(config.schedule, minimal.schedule);
        assert_eq!(config.lockout, minimal.lockout);
        assert_eq!(config.store, minimal.store);
        assert_eq!(config.web.listen, minimal.web.listen);
        assert_eq!(config.web.protect_reads, minimal.web.protect_reads);
        assert_eq!(config.users[0].entity, minimal.users[0].entity);
        assert_eq!(config.users[0].interval, minimal.users[0].interval);
        assert_eq!(config.users[0].enabled, minimal.users[0].enabled);
    }
    let (by_default, written) = (shipped.email.unwrap(), all.email.unwrap());
    assert_eq!(by_default.copy_operator, written.copy_operator);
    assert_eq!(by_default.remind_every, written.remind_every);
    assert_eq!(by_default.group_wait, written.group_wait);
    assert_eq!(by_default.reopen_within, written.reopen_within);
    assert_eq!(by_default.unclear_after, written.unclear_after);
    let (Transport::Smtp(by_default), Transport::Smtp(written)) =
        (by_default.transport, written.transport)
    else {
        panic!("both by SMTP");
    };
    assert_eq!(by_default.port, written.port);
    assert_eq!(by_default.tls, written.tls);
    assert_eq!(by_default.timeout, written.timeout);
    assert!(by_default.login.is_none() && written.login.is_some());
}

#[test]
fn defaults_are_the_documented_ones() {
    let (config, _) = load_text(USER).unwrap();
    assert_eq!(
        config.autotask.base_url.as_str(),
        "https://webservices.autotask.net/"
    );
    assert_eq!(config.autotask.timeout, Duration::from_secs(10));
    assert_eq!(config.schedule.max_in_flight, 64);
    assert_eq!(config.lockout.max_rejections, 2);
    assert_eq!(config.lockout.max_unanswered, 4);
    assert_eq!(config.lockout.activation, Duration::from_secs(300));
    assert_eq!(config.lockout.confirm_after, Duration::from_secs(60));
    assert_eq!(
        config.store,
        StoreLocation::Sqlite("/var/lib/lockwatch/lockwatch.db".into())
    );
    assert_eq!(config.web.listen.to_string(), "127.0.0.1:9477");
    let user = &config.users[0];
    assert_eq!(user.tenant, "acme.example");
    assert_eq!(user.entity, "Companies");
    assert_eq!(user.interval, Duration::from_secs(300));
    assert!(user.enabled && user.notify.is_empty() && user.created.is_none());
}

#[test]
fn ports_follow_the_protection_of_the_mail_server() {
    for (tls, expected, port) in [
        ("starttls", SmtpTls::StartTls, 587),
        ("implicit", SmtpTls::Implicit, 465),
        ("none", SmtpTls::None, 25),
    ] {
        let text = format!(
            "[email]\nfrom = \"a@b.example\"\nto = [\"o@b.example\"]\n[email.smtp]\nhost = \"localhost\"\ntls = \"{tls}\"\n{USER}"
        );
        let (config, told) = load_text(&text).unwrap();
        let email = config.email.unwrap();
        let Transport::Smtp(smtp) = &email.transport else {
            panic!("by SMTP");
        };
        assert_eq!((smtp.tls, smtp.port), (expected, port));
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(config.users[0].notify, email.to, "the operator by default");
    }
}

#[test]
fn a_recipient_in_another_case_is_the_same_recipient() {
    let text = format!(
        "[email]\nfrom = \"a@b.example\"\nto = [\"Ops@b.example\"]\n[email.smtp]\nhost = \"localhost\"\n{USER}notify = [\"ops@B.example\", \"it@acme.example\"]\n"
    );
    let (config, _) = load_text(&text).unwrap();
    let notify = &config.users[0].notify;
    assert_eq!(notify[0], config.email.unwrap().to[0], "as first written");
    assert_eq!(notify[1].as_str(), "it@acme.example");
}

#[test]
fn zones_on_this_machine_are_trusted_only_where_the_look_up_is_here() {
    let zone = "http://127.0.0.1:8080/atservicesrest/".parse().unwrap();
    for (autotask, trusted) in [
        ("", false),
        ("[autotask]\nbase_url = \"http://127.0.0.1:8080/\"\n", true),
        (
            "[autotask]\nbase_url = \"http://127.0.0.1:8080/\"\nallowed_hosts = [\"*.autotask.net\"]\n",
            false,
        ),
    ] {
        let (config, _) = load_text(&format!("{autotask}{USER}")).unwrap();
        let answer = config.autotask.allowed_hosts.trust("AE02", &zone);
        assert_eq!(answer.is_ok(), trusted, "{autotask}: {answer:?}");
    }
}

#[test]
fn addresses_are_completed_and_paths_are_relative_to_their_file() {
    let main = r#"
include = ["users.d/*.toml"]
[autotask]
base_url = "http://127.0.0.1:8080/sim"
allowed_hosts = ["localhost", "::1"]
ca_file = "ca.pem"
[store]
url = "sqlite:///srv/lockwatch.db"
[email]
from = "a@b.example"
to = ["o@b.example"]
transport = "file"
directory = "mail"
[web]
external_url = "https://lockwatch.msp.example/watch"
token = { command = ["pass", "show"] }
"#;
    let created =
        "tenant = \"acme\"\ncreated = 2026-01-02T03:04:05+01:00\nnotify = [\"it@acme.example\"]\n";
    let user = format!("{USER}{created}");
    let folder = folder(&[
        ("main.toml", main),
        ("ca.pem", ""),
        ("users.d/acme.toml", &user),
    ]);
    let (config, told) = load(&folder.path().join("main.toml")).unwrap();
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(
        config.autotask.base_url.as_str(),
        "http://127.0.0.1:8080/sim/"
    );
    assert_eq!(config.autotask.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(
        config.web.external_url.unwrap().as_str(),
        "https://lockwatch.msp.example/watch/"
    );
    let Transport::File { directory } = config.email.unwrap().transport else {
        panic!("to files");
    };
    assert_eq!(directory, folder.path().join("mail"));
    let Known::All {
        secret: SecretSource::File(secret),
        ..
    } = &config.users[0].known
    else {
        panic!("from a file");
    };
    assert_eq!(*secret, folder.path().join("users.d/acme"));
    assert_eq!(
        config.users[0].created.unwrap().to_string(),
        "2026-01-02T02:04:05Z"
    );
    assert_eq!(config.users[0].notify[0].as_str(), "it@acme.example");
}

/// With `secret` or without, and in the words of the API.
#[test]
fn a_code_that_the_vendor_holds_may_come_without_a_secret() {
    let user = "[[users]]\nid = \"acme\"\nusername = \"k3jx7q@acme.example\"\n";
    for (lines, want) in [
        ("integration_code = \"vendor-held\"", "nothing"),
        (
            "integration_code = \"vendor-held\"\nverify_without_code = false",
            "nothing",
        ),
        (
            "integration_code = \"vendor-held\"\nsecret = { file = \"acme\" }",
            "nothing",
        ),
        (
            "integration_code = \"vendor-held\"\nverify_without_code = true\nsecret = { file = \"acme\" }",
            "secret",
        ),
        (
            "integration_code = \"DEMO-CODE-1\"\nsecret = { file = \"acme\" }",
            "all",
        ),
        (
            "integration_code = \"DEMO-CODE-1\"\nverify_without_code = false\nsecret = { file = \"acme\" }",
            "all",
        ),
    ] {
        let (config, _) = load_text(&format!("{user}{lines}\n")).unwrap();
        assert_eq!(config.users[0].known.as_str(), want, "{lines}");
    }
}

#[test]
fn included_files_are_read_in_order_and_once() {
    let user = |id: &str| USER.replace("acme", id);
    let folder = folder(&[
        (
            "etc[1]/main.toml",
            "include = [\"z.toml\", \"users.d/*.toml\", \"*.toml\", \"none.d/*.toml\"]\n",
        ),
        ("etc[1]/z.toml", &user("z")),
        ("etc[1]/users.d/b.toml", &user("b")),
        ("etc[1]/users.d/a.toml", &format!("\u{feff}{}", user("a"))),
        ("etc[1]/users.d/.hidden.toml", "this is not TOML"),
        ("etc[1]/users.d/c.toml~", "this is not TOML"),
    ]);
    let main = folder.path().join("etc[1]/main.toml");
    let (config, told) = load(&main).unwrap();
    let names: Vec<_> = config
        .files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["main.toml", "z.toml", "a.toml", "b.toml"]);
    let ids: Vec<_> = config.users.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "z"], "sorted");
    let told: Vec<_> = told.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(
        told,
        ["include[4]", "email"]
            .iter()
            .rev()
            .copied()
            .collect::<Vec<_>>()
    );

    let sum = Command::new("sh")
        .args(["-c", "cat \"$@\" | sha256sum", "sh"])
        .args(&config.files)
        .output()
        .unwrap();
    assert!(
        String::from_utf8(sum.stdout)
            .unwrap()
            .starts_with(&config.sha256)
    );
    let before = config.sha256;
    fs::write(folder.path().join("etc[1]/z.toml"), user("y")).unwrap();
    assert_ne!(load(&main).unwrap().0.sha256, before);
}

#[test]
fn problems_of_all_files_come_together_in_the_order_of_the_files() {
    let folder = folder(&[
        ("main.toml", "include = [\"u/*.toml\"]\nnonsense = 1\n"),
        ("u/1.toml", "[[users]]\nid = \"acme\"\n"),
        ("u/2.toml", USER),
    ]);
    fs::create_dir(folder.path().join("u/3.toml")).unwrap();
    let Problems(problems) = load(&folder.path().join("main.toml")).unwrap_err();
    let places: BTreeSet<_> = problems
        .iter()
        .map(|problem| {
            let file = problem.file.file_name().unwrap().to_str().unwrap();
            (file.to_owned(), problem.at.map(|(line, _)| line))
        })
        .collect();
    let place = |file: &str, line| (file.to_owned(), line);
    assert_eq!(
        places,
        BTreeSet::from([
            place("1.toml", Some(1)),
            place("2.toml", Some(3)),
            place("3.toml", None),
            place("main.toml", Some(2)),
        ])
    );
    let again = problems
        .iter()
        .find(|problem| problem.key == "users[1].id")
        .unwrap();
    assert!(again.message.contains("1.toml:2 already"), "{again}");
}

#[test]
fn what_is_suspicious_is_a_warning() {
    let email = "[email]\nfrom = \"a@b.example\"\nto = [\"o@b.example\"]\n[email.smtp]\nhost = \"h.example\"\n";
    for (text, expected) in [
        (
            format!("[web]\nlisten = \"0.0.0.0:9477\"\n{email}{USER}"),
            "web.listen: a non-loopback `listen` without a token serves reads only",
        ),
        (
            format!("[schedule]\ninterval = \"30s\"\n{email}{USER}"),
            "schedule.interval: is shorter than 1m",
        ),
        (
            format!("[schedule]\ninterval = \"20s\"\n{email}{USER}"),
            "schedule.interval: is not longer than two probes",
        ),
        (
            format!("[autotask]\ntimeout = \"3m\"\n{email}{USER}"),
            "autotask.timeout: is at least half of schedule.interval",
        ),
        (
            format!("{email}{USER}interval = \"5s\"\n"),
            "users[1].interval: is not longer than two probes",
        ),
        (
            format!("[autotask]\nallowed_hosts = [\"*.proxy.example\"]\n{email}{USER}"),
            "autotask.allowed_hosts[1]: is not at autotask.net",
        ),
        (
            format!("[autotask]\nbase_url = \"https://proxy.example\"\n{email}{USER}"),
            "autotask.base_url: is not at autotask.net",
        ),
        (
            format!("[autotask]\nca_file = \"none.pem\"\n{email}{USER}"),
            "autotask.ca_file: names a file that is not there",
        ),
        (
            format!("{email}tls = \"none\"\n{USER}"),
            "email.smtp.tls: sends mails",
        ),
        (
            format!("{email}{USER}created = 2999-01-01T00:00:00Z\n"),
            "users[1].created: lies in the future",
        ),
        (
            format!("{email}{USER}enabled = false\n"),
            "users: there is no enabled user",
        ),
        (
            format!(
                "{email}{USER}{}",
                USER.replace("\"acme\"\nu", "\"beta\"\nu")
                    .replace("k3jx7q", "other")
            ),
            "users[2].secret: is the secret of acme too",
        ),
        (
            format!(
                "{email}{USER}{}",
                USER.replace("\"acme\"", "\"ACME\"")
                    .replace("k3jx7q", "other")
            ),
            "users[2].id: differs from the id acme in upper and lower case only",
        ),
        (email.to_owned(), "users: there is no enabled user"),
        (USER.to_owned(), "email: there is no [email]"),
    ] {
        let told = warnings(&text);
        assert!(
            told.len() == 1 && told[0].starts_with(expected),
            "{expected}: {told:?}"
        );
    }
    assert_eq!(warnings(&format!("{email}{USER}")), [""; 0]);
}

#[test]
fn a_configuration_prints_no_secret() {
    let text = "[web]\ntoken = { command = [\"pass\", \"demo-argument-1\"] }\n";
    let (config, _) = load_text(&format!("{text}{USER}")).unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("k3jx7q@acme.example"));
    assert!(
        !shown.contains("DEMO-CODE-1") && !shown.contains("demo-argument-1"),
        "{shown}"
    );
}

#[tokio::test]
async fn secrets_are_checked_without_being_told() {
    let mut main = r#"
[email]
from = "a@b.example"
to = ["o@b.example"]
[email.smtp]
host = "smtp.msp.example"
username = "lockwatch"
password = { env = "LOCKWATCH_TEST_UNSET" }
[web]
token = { file = "token" }
"#
    .to_owned();
    let file = |name: &str| format!("{{ file = \"{name}\" }}");
    let fails = "{ command = [\"sh\", \"-c\", \"exit 3\"] }";
    for (id, secret, code, more) in [
        ("bad", "missing", fails, ""),
        ("good", "good", "\"DEMO-CODE-1\"", ""),
        ("mangled", "mangled", "\" DEMO-CODE-1\"", ""),
        ("off", "missing-too", "\"DEMO-CODE-1\"", "enabled = false\n"),
        ("remark", "good", &file("remark"), ""),
        ("zone-only", "missing-too", "\"vendor-held\"", ""),
        (
            "without-code",
            "missing-three",
            "\"vendor-held\"",
            "verify_without_code = true\n",
        ),
    ] {
        let secret = file(secret);
        main += &format!(
            "[[users]]\nid = \"{id}\"\nusername = \"{id}@acme.example\"\nsecret = {secret}\n\
             integration_code = {code}\n{more}"
        );
    }
    let folder = folder(&[
        ("main.toml", &main),
        ("token", "demo-token-1\n"),
        ("good", "demo-secret-of-25-letters\n"),
        ("remark", "Vendor-Held\n"),
        ("mangled", "\"demo secret\\$\" \n"),
    ]);
    let mode = |name: &str, mode| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("token", 0o600);
    mode("good", 0o640);
    mode("remark", 0o640);
    mode("mangled", 0o644);
    let (config, _) = load(&folder.path().join("main.toml")).unwrap();
    let found = secret_problems(&config).await;
    let told: Vec<_> = found
        .iter()
        .map(|finding| {
            let text = finding.to_string();
            let text = text.replace(&format!("{}/", folder.path().display()), "");
            let text = text.replace(&folder.path().display().to_string(), "FOLDER");
            format!("{:?} {text}", finding.severity)
        })
        .collect();
    assert_eq!(
        told,
        [
            "Error main.toml:11:1: users.bad.secret: the file that `file` names below FOLDER (the name is not shown: it may be a secret in the wrong place) cannot be read: No such file or directory (os error 2)",
            "Error main.toml:11:1: users.bad.integration_code: command `sh` failed with exit status: 3",
            "Warning main.toml:21:1: users.mangled.secret: file mangled begins and ends with a quote: is the quote part of it?",
            "Warning main.toml:21:1: users.mangled.secret: file mangled begins or ends with white space",
            "Warning main.toml:21:1: users.mangled.secret: file mangled holds white space",
            "Warning main.toml:21:1: users.mangled.secret: file mangled holds a backslash before a special character, as shells leave it",
            "Warning main.toml:21:1: users.mangled.secret: file mangled may be read by everybody (mode 0644); chmod o= it",
            "Warning main.toml:21:1: users.mangled.integration_code: the text in the configuration begins or ends with white space",
            "Error main.toml:32:1: users.remark.integration_code: file remark is no code but a remark; write integration_code = \"vendor-held\" in the configuration itself where only the vendor knows the code",
            "Error main.toml:42:1: users.without-code.secret: the file that `file` names below FOLDER (the name is not shown: it may be a secret in the wrong place) cannot be read: No such file or directory (os error 2)",
            "Error main.toml: email.smtp.password: the environment variable that `env` names is not set (the name is not shown: it may be a secret in the wrong place)",
            "Warning main.toml: web.token: file token is shorter than 16 characters and easily guessed",
        ]
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    );
}

/// It may be a program that asks somebody for a password, and thousands of users may share one code.
#[tokio::test]
async fn a_secret_that_many_need_is_asked_for_once() {
    let asks = "{ command = [\"sh\", \"-c\", \"echo asked >> FOLDER/log; echo ' code'\"] }";
    let fails = "{ command = [\"sh\", \"-c\", \"exit 3\"] }";
    let user = |id: &str, secret: &str, code: &str| {
        format!(
            "[[users]]\nid = \"{id}\"\nusername = \"{id}@acme.example\"\n\
             secret = {{ file = \"{secret}\" }}\nintegration_code = {code}\n"
        )
    };
    let many: String = (10..40)
        .map(|nth| user(&format!("user-{nth}"), "good", asks))
        .collect();
    let others = user("one", "lacks", fails) + &user("two", "lacks", "{ file = \"remark\" }");
    let folder = folder(&[
        ("good", "demo-secret-of-25-letters\n"),
        ("remark", "Vendor-Held\n"),
    ]);
    for name in ["good", "remark"] {
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    let at = folder.path().display().to_string();
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text.replace("FOLDER", &at)).unwrap();
    };
    // A remark in place of a code is no unusual secret.
    let third = user("three", "remark", "\"DEMO-CODE-1\"");
    write(
        "main.toml",
        &format!("include = [\"more.toml\"]\n{many}{third}"),
    );
    write("more.toml", &others);
    let (config, _) = load(&folder.path().join("main.toml")).unwrap();
    let found = secret_problems(&config).await;
    let told = found
        .iter()
        .map(|finding| finding.to_string().replace(&format!("{at}/"), ""));
    let missing = format!(
        "the file that `file` names below {at} (the name is not shown: it may be a secret in the wrong place) cannot be read: No such file or directory (os error 2)"
    );
    let mut expected = vec![
        format!("more.toml:1:1: users.one.secret: {missing}"),
        "more.toml:1:1: users.one.integration_code: command `sh` failed with exit status: 3".to_owned(),
        "main.toml:152:1: users.three.secret: file remark has an unusual length: Autotask generates 25 characters".to_owned(),
        format!("more.toml:6:1: users.two.secret: {missing}"),
        "more.toml:6:1: users.two.integration_code: file remark is no code but a remark; write integration_code = \"vendor-held\" in the configuration itself where only the vendor knows the code".to_owned(),
    ];
    expected.extend((10..40).map(|nth| {
        let line = 2 + 5 * (nth - 10);
        format!(
            "main.toml:{line}:1: users.user-{nth}.integration_code: command `sh` begins or ends with white space"
        )
    }));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(log, "asked\n");
}

/// Texts for people name nothing, so what cannot be seen in them is no reason not to start. Paths are the file system's.
#[test]
fn what_cannot_be_seen_in_a_text_for_people_is_left_out_with_a_warning() {
    let more = "integration = \"\u{feff}Email2AT\u{2066}\"\n\
                labels = { a = \"b\u{202e}c\", only = \"\u{200b}\", plain = \"d\" }\n";
    let text = format!("{USER}{more}").replace("file = \"acme\"", "file = \"ac\u{200b}me\"");
    let (config, told) = load_text(&text).unwrap();
    let user = &config.users[0];
    assert_eq!(user.integration.as_deref(), Some("Email2AT"));
    let labels = [("a", "bc"), ("plain", "d")];
    let labels = labels.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(user.labels, labels.into());
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    for (line, key) in [(7, "integration"), (8, "labels.a"), (8, "labels.only")] {
        let said = |warning: &&String| {
            warning.contains(&format!("main.toml:{line}:"))
                && warning.contains(&format!(
                    " users[1].{key}: holds characters that cannot be seen or that turn the direction of writing: \
                     they are left out"
                ))
        };
        assert_eq!(told.iter().filter(said).count(), 1, "{told:#?}");
    }
    assert_eq!(
        told.iter().filter(|said| said.contains("left out")).count(),
        3
    );
}

/// What goes into headers, addresses, mails, pages and labels is refused where it cannot be carried there, or where it would
/// not be seen for what it is.
#[test]
fn names_that_cannot_be_carried_or_seen_are_refused() {
    let ascii = "holds characters other than printable ASCII";
    let control = "holds control characters";
    let unseen = "holds characters that cannot be seen or that turn the direction of writing";
    let ends = "begins or ends with white space";
    let long = "k".repeat(10_000);
    for (key, value, what) in [
        ("username", long.as_str(), "is too long"),
        ("username", "k\u{e9}@acme.example", ascii),
        ("username", "k\u{1f980}@acme.example", ascii),
        ("username", "k\\u0000@acme.example", control),
        ("username", "k@acme.example\\nSecret: x", control),
        ("username", "k\\r\\n@acme.example", control),
        ("username", "k\\u007F@acme.example", control),
        ("username", "k\u{202e}@acme.example", unseen),
        ("username", "k\u{200b}@acme.example", unseen),
        ("username", "k\u{a0}x@acme.example", ascii),
        ("username", "k@acme.example ", ends),
        ("username", "k@acme.example\u{a0}", ends),
        ("username", "", "is empty"),
        ("tenant", "acme\u{200b}", unseen),
        ("tenant", "\u{202e}emca", unseen),
        ("tenant", "ac\u{2028}me", unseen),
        ("tenant", "acme\\n", ends),
        ("tenant", "ac\\u001B[31mme", control),
        ("tenant", long.as_str(), "is too long"),
        ("integration", "a\\tb", control),
        ("integration_code", "DEMO\\u0000CODE", control),
        ("integration_code", "DEMO\\nCODE", control),
    ] {
        // The last line of the table, or in the place of the one that is there.
        let line = format!("{key} = \"{value}\"\n");
        let mut lines: Vec<&str> = USER.lines().collect();
        lines.retain(|there| !there.starts_with(&format!("{key} =")));
        let text = format!("{}\n{line}", lines.join("\n"));
        let Problems(problems) = load_text(&text).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{key} {value:?}: {told:?}");
        let said = format!("users[1].{key}: {what}; write ");
        assert!(told[0].contains(&said), "{value:?}: {}", told[0]);
        assert!(told[0].is_ascii() && told[0].len() < 700, "{}", told[0]);
    }
    let label = format!("{USER}labels = {{ \"x\u{200b}\" = \"a\" }}");
    assert_eq!(load_text(&label).unwrap_err().0.len(), 1);
    // Signs of several parts and scripts whose letters join are names like others.
    for tenant in [
        "\u{1f469}\u{200d}\u{1f52c}",
        "\u{646}\u{200c}\u{645}",
        "\u{e9}&<>\\\"'",
    ] {
        assert!(
            load_text(&format!("{USER}tenant = \"{tenant}\"")).is_ok(),
            "{tenant}"
        );
    }
}
