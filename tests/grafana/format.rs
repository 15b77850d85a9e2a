//! What Python checks: the form of the files, and Grafana's schema.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::dashboard::root;

/// Runs a script with the Python that tests/run makes.
fn python(script: &str, files: &[PathBuf]) -> Output {
    let python =
        std::env::var_os("LOCKWATCH_TEST_PYTHON").expect("tests/run sets LOCKWATCH_TEST_PYTHON");
    Command::new(python)
        .arg(root().join("tests/grafana").join(script))
        .args(files)
        .output()
        .unwrap()
}

fn dashboards() -> Vec<PathBuf> {
    let folder = Path::new("deploy/grafana/dashboards");
    ["overview.json", "user.json"]
        .map(|file| root().join(folder).join(file))
        .into()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn dashboards_are_formatted_as_format_py_does_it() {
    let output = python("format.py", &dashboards());
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn dashboards_are_what_grafana_expects() {
    let output = python("schema.py", &dashboards());
    assert!(output.status.success(), "{}", said(&output));
    // So many values were looked at.
    let looked: u32 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap();
    assert!(looked > 2000, "{looked}");
}

/// The check finds what people get wrong: a misspelt key, a value of the wrong type, a word that is not in the list.
#[test]
fn what_grafana_would_not_understand_is_found() {
    let good = std::fs::read_to_string(&dashboards()[1]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (right, wrong, complaint) in [
        (
            r#""legendFormat""#,
            r#""legendFromat""#,
            "legendFromat is lost",
        ),
        (
            r#""colorMode": "value""#,
            r#""colorMode": "valu""#,
            "color_mode",
        ),
        (r#""decimals": 2"#, r#""decimals": "2""#, ".decimals is '2'"),
        (r#""type": "stat""#, r#""type": "singlestat""#, "singlestat"),
        (r#""unit": "s""#, r#""unit": "sec""#, "unit sec"),
    ] {
        assert!(good.contains(right), "{right}");
        let file = folder.path().join("bad.json");
        std::fs::write(&file, good.replacen(right, wrong, 1)).unwrap();
        let output = python("schema.py", &[file]);
        assert!(!output.status.success(), "{wrong} passes");
        assert!(
            said(&output).contains(complaint),
            "{wrong}: {}",
            said(&output)
        );
    }
}
