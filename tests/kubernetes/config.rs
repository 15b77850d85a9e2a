//! The configurations that come with the chart and its page, as lockwatch itself judges them.

use std::{fs, path::Path, process::Output};

use assert_cmd::Command;

use crate::house::{objects, one, read, rendered};

/// `lockwatch validate`, with its folders somewhere else.
fn validate(files: &[(String, String)], secrets: &[&str]) -> Output {
    let house = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = house.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder.to_str().unwrap().to_owned()
    };
    let (etc, hidden, state) = (folder("etc"), folder("secrets"), folder("state"));
    for name in secrets {
        write(
            &Path::new(&hidden).join(name),
            "demo-Secret-0123456789abcdef",
        );
    }
    for (name, text) in files {
        let mut text = text
            .replace("/etc/lockwatch/secrets", &hidden)
            .replace("/var/lib/lockwatch", &state);
        if name == "lockwatch.toml" && !text.contains("[store]") {
            // The tests may run in a container.
            text += &format!(
                "\n[store]\nurl = \"sqlite://{state}/lockwatch.db\"\nallow_ephemeral = true\n"
            );
        }
        fs::write(Path::new(&etc).join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockwatch"));
    command.args(["validate", "--config", &format!("{etc}/lockwatch.toml")]);
    command.output().unwrap()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
}

/// What is in the ConfigMap of a render.
fn files(values: &str) -> Vec<(String, String)> {
    let objects = objects(&rendered(values));
    let data = one(&objects, "ConfigMap", "-config")["data"]
        .as_object()
        .unwrap()
        .clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    data.iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn complaints(done: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&done.stderr);
    told.lines().map(str::to_owned).collect()
}

#[test]
fn the_default_is_good_and_says_that_it_watches_nobody() {
    let done = validate(&files("{}"), &[]);
    let told = complaints(&done).join("\n");
    assert!(done.status.success(), "{told}");
    for part in [
        "there is no enabled user",
        "there is no [email]",
        "without a token serves reads only",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn the_configuration_of_the_base_is_good() {
    let config = read("deploy/kubernetes/base/lockwatch.toml");
    let files = [("lockwatch.toml".to_owned(), config)];
    let secrets = [
        "acme-email2at",
        "acme-email2at-code",
        "web-token",
        "smtp-password",
    ];
    let done = validate(&files, &secrets);
    assert!(done.status.success(), "{:?}", complaints(&done));
    assert_eq!(
        complaints(&done)
            .iter()
            .filter(|line| !line.contains("ephemeral"))
            .count(),
        0,
        "{:?}",
        complaints(&done)
    );
    let done = validate(&files, &secrets[1..]);
    assert_eq!(done.status.code(), Some(78), "it can fail");
}

/// The values on the page: what it tells people to write is rendered, and lockwatch finds nothing to say about it.
#[test]
fn the_values_of_the_page_are_good() {
    let page = read("docs/kubernetes.md");
    let (_, rest) = page.split_once("```yaml\n# values.yaml\n").unwrap();
    let (values, _) = rest.split_once("```").unwrap();
    let secrets = [
        "acme-email2at",
        "acme-email2at-code",
        "web-token",
        "smtp-password",
    ];
    let done = validate(&files(values), &secrets);
    assert!(done.status.success(), "{:?}", complaints(&done));
    assert_eq!(complaints(&done), [""; 0]);
    for secret in secrets {
        assert!(
            page.contains(&format!("--from-file={secret}")),
            "{secret} is not made on the page"
        );
    }
}
