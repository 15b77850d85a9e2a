//! The chart on a whole Kubernetes of one node: pods that become ready, `helm test`, upgrades, rotation.

use std::process::Command;

#[test]
fn the_chart_runs() {
    let status = Command::new("bash")
        .arg("tests/node/walk.bash")
        .arg(env!("CARGO_BIN_EXE_lockwatch"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "{status}; what it said stands above");
}
