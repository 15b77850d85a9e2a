//! What is in the image, and what it says of itself.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    image::{REVISION, image},
    podman::{inspect, must, podman},
};

const LIMIT: u64 = 25 * 1024 * 1024;

#[test]
fn it_is_small() {
    let size = inspect("image", image())["Size"].as_u64().unwrap();
    assert!(size <= LIMIT, "{size} bytes of at most {LIMIT}");
}

#[test]
fn it_holds_one_program_and_what_that_reads() {
    let container = must(&["create", "--pull=never", image()]);
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    must(&["export", "--output", archive.to_str().unwrap(), &container]);
    must(&["rm", &container]);
    let listing = std::process::Command::new("tar")
        .args(["--list", "--verbose", "--numeric-owner", "--file"])
        .arg(&archive)
        .output()
        .unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    // Mode, owner and name of everything.
    let entries: Vec<(&str, &str, &str)> = listing
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
            (mode, owner, words.next_back().unwrap())
        })
        .collect();
    let files: BTreeSet<_> = entries
        .iter()
        .filter(|(mode, _, _)| !mode.starts_with('d'))
        .map(|(mode, owner, name)| (*mode, *owner, *name))
        .collect();
    assert_eq!(
        files,
        BTreeSet::from([
            ("-rw-r--r--", "0/0", "etc/group"),
            ("-rw-r--r--", "0/0", "etc/nsswitch.conf"),
            ("-rw-r--r--", "0/0", "etc/passwd"),
            ("-rw-r--r--", "0/0", "etc/ssl/certs/ca-certificates.crt"),
            ("-rw-r--r--", "0/0", "usr/share/doc/lockwatch/LICENSE"),
            ("-rwxr-xr-x", "0/0", "usr/bin/lockwatch"),
        ])
    );
    for folder in [
        ("drwx------", "65532/65532", "var/lib/lockwatch/"),
        ("drwxrwxrwt", "0/0", "tmp/"),
        ("drwxr-xr-x", "0/0", "etc/lockwatch/"),
    ] {
        assert!(entries.contains(&folder), "{folder:?}: {listing}");
    }
    let roots = std::process::Command::new("tar")
        .args(["--extract", "--to-stdout", "--file"])
        .arg(&archive)
        .arg("etc/ssl/certs/ca-certificates.crt")
        .output()
        .unwrap();
    let roots = String::from_utf8(roots.stdout).unwrap();
    let roots = roots.matches("BEGIN CERTIFICATE").count();
    assert!(roots > 50, "{roots} authorities");
}

#[test]
fn there_is_no_shell() {
    for shell in ["sh", "/bin/sh", "/bin/bash", "/busybox/sh"] {
        let done = podman(&[
            "run",
            "--rm",
            "--pull=never",
            "--entrypoint",
            shell,
            image(),
        ]);
        assert_eq!(done.code, 127, "{shell}: {done:#?}");
    }
    // The way to find out would find what is there.
    let done = podman(&["run", "--rm", "--pull=never", image(), "--version"]);
    assert_eq!(done.code, 0, "{done:#?}");
    assert_eq!(
        done.stdout.trim(),
        concat!("lockwatch ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn it_says_what_it_is_and_how_it_is_run() {
    let told = inspect("image", image());
    let config = &told["Config"];
    for (key, value) in [
        ("User", json!("65532:65532")),
        ("Entrypoint", json!(["/usr/bin/lockwatch"])),
        ("Cmd", json!(["run"])),
        ("WorkingDir", json!("/var/lib/lockwatch")),
        ("ExposedPorts", json!({ "9477/tcp": {} })),
        ("StopSignal", json!("SIGTERM")),
    ] {
        assert_eq!(config[key], value, "{key}: {told:#}");
    }
    // A volume that docker makes for whoever forgets it is a new one for every container.
    assert!(config["Volumes"].is_null(), "{told:#}");
    assert_eq!(
        told["Healthcheck"]["Test"],
        json!(["CMD", "/usr/bin/lockwatch", "health"]),
        "{told:#}"
    );
    for (label, value) in [
        ("title", "lockwatch"),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", "MIT"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", REVISION),
    ] {
        let label = format!("org.opencontainers.image.{label}");
        assert_eq!(told["Labels"][&label], value, "{label}");
    }
}
