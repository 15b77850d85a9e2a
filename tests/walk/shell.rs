//! Shell as shellcheck reads it: the blocks of the pages, and the scripts of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::pages::{Page, pages, root};

fn complaints(files: &[PathBuf], options: &[&str]) -> String {
    let python = std::env::var_os("LOCKWATCH_TEST_PYTHON");
    let python = PathBuf::from(python.unwrap_or_else(|| panic!("tests/run gets shellcheck")));
    let output = Command::new(python.with_file_name("shellcheck"))
        .current_dir(root())
        .args(["--format=gcc", "--severity=warning"])
        .args(options)
        .args(files)
        .output()
        .unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn blocks_of_shell_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for page in pages() {
        for block in Page::read(&page).blocks {
            if block.language == "sh" {
                let name = format!("{}:{}", page.replace('/', "-"), block.line);
                let file = folder.path().join(name);
                fs::write(&file, block.text).unwrap();
                files.push(file);
            }
        }
    }
    assert!(files.len() > 100, "{files:?}");
    // A line that goes into another file, and a file that is the reader's and not root's.
    let options = ["--shell=bash", "--exclude=SC2034,SC2024"];
    assert_eq!(complaints(&files, &options), "");
}

/// A shell's by its first line, or to be sourced.
fn is_script(path: &Path) -> bool {
    let first = fs::read_to_string(path).unwrap_or_default();
    let first = first.lines().next().unwrap_or_default();
    first.starts_with("#!") && first.ends_with("sh")
        || path.extension().is_some_and(|end| end == "bash")
}

#[test]
fn scripts_are_sound() {
    let mut files = Vec::new();
    for folder in [".ci", "deploy/debian", "tests", "tests/tools", "tests/node"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && is_script(&path) {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 10, "{files:?}");
    assert_eq!(complaints(&files, &["--shell=bash"]), "");
}
