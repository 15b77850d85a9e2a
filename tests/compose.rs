//! The Dockerfile and deploy/compose.yaml as they are written: read by hadolint and against the schema of compose
//! files, every file that is mounted exists, and versions agree. tests/container builds and runs them.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lockwatch::config;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python() -> PathBuf {
    let named = env::var_os("LOCKWATCH_TEST_PYTHON");
    named
        .unwrap_or_else(|| panic!("tests/run gets Python packages and names a Python"))
        .into()
}

/// A program that came with a Python package.
fn tool(name: &str) -> Command {
    let mut command = Command::new(python().with_file_name(name));
    command.current_dir(root());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// deploy/compose.yaml as data: merged, its variables as they stand.
fn compose() -> Value {
    let output = Command::new(python())
        .current_dir(root())
        .args(["-c", "import json; from ruamel.yaml import YAML; print(json.dumps(YAML(typ='safe').load(open('deploy/compose.yaml'))))"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A variable with a default stands for its default.
fn plain(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (variable, after) = rest.split_once('}').unwrap();
    let (_, default) = variable.split_once(":-").unwrap();
    format!("{before}{default}{}", plain(after))
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|text| plain(text.as_str().unwrap()))
        .collect()
}

/// The value of `ARG name=…` in the Dockerfile.
fn argument(name: &str) -> String {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let begin = format!("ARG {name}=");
    let found = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix(&begin));
    found.unwrap().to_owned()
}

/// Of an image: an exact version, of all three parts.
fn is_exact(image: &str) -> bool {
    let Some((_, tag)) = image.rsplit_once(':') else {
        return false;
    };
    let version = tag.trim_start_matches('v').split('-').next().unwrap();
    let parts: Vec<_> = version.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

#[test]
fn hadolint_has_nothing_to_say() {
    let output = tool("hadolint")
        .args(["--failure-threshold", "style", "Dockerfile"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");
}

#[test]
fn the_compose_file_is_one() {
    let schema = [
        "--builtin-schema",
        "vendor.compose-spec",
        "deploy/compose.yaml",
    ];
    let output = tool("check-jsonschema").args(schema).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn every_file_that_is_mounted_exists() {
    let compose = compose();
    let named = compose["volumes"].as_object().unwrap();
    let mut mounted = 0;
    let mut provided = Vec::new();
    for (service, told) in compose["services"].as_object().unwrap() {
        for volume in texts(&told["volumes"]) {
            let (source, rest) = volume.split_once(':').unwrap();
            if let Some(file) = source.strip_prefix("./") {
                let path = root().join("deploy").join(file);
                assert!(path.exists(), "{service}: {file} is not there");
                assert!(rest.ends_with(":ro"), "{service}: {volume}");
                provided.push((path, rest.trim_end_matches(":ro").to_owned()));
                mounted += 1;
            } else if source.starts_with('/') {
                assert!(rest.ends_with(":ro"), "{service}: {volume}");
            } else {
                assert!(named.contains_key(source), "{service}: {volume}");
            }
        }
    }
    assert!(mounted >= 3, "{provided:?}");
    // What Prometheus reads by paths of its own.
    let prometheus = fs::read_to_string(root().join("deploy/prometheus/prometheus.yml")).unwrap();
    let mut rules = 0;
    for rule in prometheus
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- /etc/prometheus/"))
    {
        assert!(
            root().join("deploy/prometheus").join(rule).exists(),
            "{rule}"
        );
        rules += 1;
    }
    assert!(rules >= 2, "{prometheus}");
    // Dashboards lie where Grafana is told to look for them.
    let mut folders = 0;
    for entry in fs::read_dir(root().join("deploy/grafana/provisioning/dashboards")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for path in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("path: "))
        {
            let path = path.trim_matches('"');
            assert!(
                provided.iter().any(|(_, target)| target == path),
                "{path}: {provided:?}"
            );
            folders += 1;
        }
    }
    assert!(folders >= 1);
}

#[test]
fn the_count_of_attempts_is_where_docker_run_has_it() {
    let compose = compose();
    let state = &compose["volumes"]["state"];
    // Never made anew, never removed.
    assert_eq!(state["external"], true);
    let name = state["name"].as_str().unwrap();
    let mounted = texts(&compose["services"]["lockwatch"]["volumes"]);
    let place = "/var/lib/lockwatch";
    assert!(mounted.contains(&format!("state:{place}")), "{mounted:?}");
    let page = fs::read_to_string(root().join("docs/containers.md")).unwrap();
    let runs: Vec<_> = page.split("\ndocker run ").skip(1).collect();
    assert!(runs.len() >= 2, "{page}");
    for run in runs {
        let (run, _) = run.split_once("\n```").unwrap();
        assert!(run.contains(&format!("{name}:{place}")), "{run}");
    }
    let create = format!("\ndocker volume create {name}\n");
    assert!(page.contains(&create), "{create}");
}

#[test]
fn every_service_is_confined_and_pinned() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), 4);
    for (service, told) in services {
        assert!(
            is_exact(&plain(told["image"].as_str().unwrap())),
            "{service}: {}",
            told["image"]
        );
        assert_eq!(told["read_only"], true, "{service}");
        assert_eq!(texts(&told["cap_drop"]), ["ALL"], "{service}");
        assert_eq!(
            texts(&told["security_opt"]),
            ["no-new-privileges:true"],
            "{service}"
        );
        assert!(told["mem_limit"].is_string(), "{service}");
        assert!(told.get("user").is_none(), "{service}");
        // lockwatch's is in its image.
        assert_eq!(
            told["healthcheck"].is_object(),
            service != "lockwatch",
            "{service}"
        );
        for port in texts(&told["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{service}: {port}");
        }
        // Of an internal network alone no port can be published.
        let networks = texts(&told["networks"]);
        assert!(
            networks.iter().any(|network| network != "inside"),
            "{service}: {networks:?}"
        );
    }
    // A page for each, where links lead.
    let published: Vec<_> = services
        .values()
        .flat_map(|told| texts(&told["ports"]))
        .collect();
    let expected = ["9093:9093", "3000:3000", "9477:9477", "9090:9090"];
    assert_eq!(published, expected.map(|port| format!("127.0.0.1:{port}")));
    for (service, port) in [("prometheus", 9090), ("alertmanager", 9093)] {
        let wanted = format!("--web.external-url=http://127.0.0.1:{port}/");
        let command = texts(&services[service]["command"]);
        assert!(command.contains(&wanted), "{service}: {command:?}");
    }
    let page = "\"query\": \"http://127.0.0.1:9477\"";
    for name in ["overview", "user"] {
        let path = format!("deploy/grafana/dashboards/{name}.json");
        let dashboard = fs::read_to_string(root().join(path)).unwrap();
        assert!(dashboard.contains(page), "{name}");
    }
}

#[test]
fn versions_agree() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let rust = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap();
    let image = argument("RUST_IMAGE");
    assert!(is_exact(&image), "{image}");
    assert!(
        image.contains(&format!(":{}.", rust.trim_matches('"'))),
        "{image}: {rust}"
    );
    assert_eq!(argument("VERSION"), env!("CARGO_PKG_VERSION"));
    let named = format!("lockwatch:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        plain(
            compose()["services"]["lockwatch"]["image"]
                .as_str()
                .unwrap()
        ),
        named
    );
    for file in ["Dockerfile", "docs/containers.md"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&named), "{file}");
    }
}

#[test]
fn the_image_is_built_from_sources_alone() {
    let ignored = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let lines: Vec<_> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    // No secret, no checkout, no build of this machine's.
    let wanted = [
        "*",
        "!Cargo.toml",
        "!Cargo.lock",
        "!LICENSE",
        "!build.rs",
        "!src",
        "!templates",
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn the_configuration_for_containers_is_good() {
    let (config, warnings) = config::load(&root().join("deploy/compose/lockwatch.toml")).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    // At the port of the image, for others than itself.
    assert_eq!(config.web.listen, "0.0.0.0:9477".parse().unwrap());
    assert!(config.web.token.is_some());
    assert_eq!(config.users[0].tenant, "acme");
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains("\nEXPOSE 9477\n"));
}
