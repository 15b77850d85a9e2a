//! helm's own look at the chart, and the chart as one file.

use std::process::Command;

use crate::house::{CHART, HELMS, output, program, read, said, template, values};

#[test]
fn lint_finds_nothing() {
    for helm in HELMS {
        for (_, path) in values() {
            let mut command = program(helm);
            command
                .args(["lint", "--strict", CHART, "--values"])
                .arg(path);
            let done = output(&mut command, "");
            let told = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(done.status.success(), "{told}");
            assert!(
                told.contains("1 chart(s) linted, 0 chart(s) failed"),
                "{told}"
            );
            assert!(!told.contains("[WARNING]"), "{told}");
        }
    }
}

#[test]
fn a_package_holds_all_that_links_lead_to() {
    for helm in HELMS {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(helm);
        command
            .args(["package", CHART, "--destination"])
            .arg(folder.path());
        said(&mut command, "");
        let package = folder
            .path()
            .join(format!("lockwatch-{}.tgz", env!("CARGO_PKG_VERSION")));
        let everything = "tests/kubernetes/values/everything.yaml";
        let of_folder = said(&mut template(helm, everything, &[]), "");
        let mut command = program(helm);
        command.args(["template", "lockwatch"]).arg(&package);
        command.args(["--namespace", "watch", "--values", everything]);
        assert_eq!(said(&mut command, ""), of_folder);

        let mut tar = Command::new("tar");
        let listed = said(tar.arg("-tzvf").arg(package), "");
        for file in [
            "values.schema.json",
            "README.md",
            "files/alerts.yml",
            "files/dashboards/overview.json",
        ] {
            assert!(
                listed.contains(&format!("lockwatch/{file}\n")),
                "{file}: {listed}"
            );
        }
        assert!(
            !listed.lines().any(|line| line.starts_with('l')),
            "a link: {listed}"
        );
    }
}

#[test]
fn the_chart_is_for_this_lockwatch() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = read(format!("{CHART}/Chart.yaml"));
    for key in ["version", "appVersion"] {
        assert!(
            chart.contains(&format!("\n{key}: {version}\n")),
            "{key}: {chart}"
        );
    }
}
