//! helm and the others as the tests call them, and what they print.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

pub const CHART: &str = "deploy/kubernetes/lockwatch";
/// Both major versions of helm that people run.
pub const HELMS: [&str; 2] = ["LOCKWATCH_TEST_HELM3", "LOCKWATCH_TEST_HELM"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A program that tests/run got.
pub fn program(variable: &str) -> Command {
    let path = env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: start the tests with tests/run"));
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

/// Runs it with `input`.
pub fn output(command: &mut Command, input: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    command.stdin(Stdio::from(file)).output().unwrap()
}

/// Its standard output, of a success.
pub fn said(command: &mut Command, input: &str) -> String {
    let done = output(command, input);
    let complaint = String::from_utf8_lossy(&done.stderr);
    let stdout = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{command:?}: {complaint}{stdout}");
    stdout
}

/// `helm template`, with the values in a file or in YAML.
pub fn template(helm: &str, values: &str, more: &[&str]) -> Command {
    let mut command = program(helm);
    command.args(["template", "lockwatch", CHART, "--namespace", "watch"]);
    command.args(["--values", values]).args(more);
    command
}

/// What the newer helm renders of these values.
pub fn rendered(values: &str) -> String {
    said(&mut template(HELMS[1], "-", &[]), values)
}

/// The objects of manifests.
pub fn objects(manifests: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// The one object of a kind whose name ends with `end`.
pub fn one<'a>(objects: &'a [Value], kind: &str, end: &str) -> &'a Value {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let mut of_kind = objects
        .iter()
        .filter(|object| object["kind"] == kind && name(object).ends_with(end));
    let found = of_kind.next().unwrap_or_else(|| panic!("no {kind} {end}"));
    assert!(of_kind.next().is_none(), "more than one {kind} {end}");
    found
}

/// Files with values, by name.
pub fn values() -> Vec<(String, PathBuf)> {
    let folder = root().join("tests/kubernetes/values");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// Compares with a file of the repository, or writes it where $LOCKWATCH_WRITE_GOLDEN asks for it.
pub fn golden(path: &str, text: &str) {
    if env::var_os("LOCKWATCH_WRITE_GOLDEN").is_some() {
        fs::write(root().join(path), text).unwrap();
        return;
    }
    let golden = read(path);
    let differs = golden
        .lines()
        .zip(text.lines())
        .zip(1..)
        .find(|((old, new), _)| old != new);
    assert!(
        golden == text,
        "{path} is not what the chart renders, first at {differs:?}; look, and write it anew with \
         LOCKWATCH_WRITE_GOLDEN=1 bash tests/run --test kubernetes"
    );
}
