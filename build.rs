//! Tells the program what it was built with, for `lockwatch_build_info`.

use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=src/store/migrations");
    println!("cargo:rerun-if-env-changed=LOCKWATCH_REVISION");
    let first_line = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = first_line(&rustc, &["--version"]).unwrap_or_default();
    println!("cargo:rustc-env=LOCKWATCH_RUSTC={rustc}");
    // A build from a tarball or in a container has no checkout; it may name its revision itself.
    let revision = env::var("LOCKWATCH_REVISION").ok();
    let revision = revision.or_else(|| first_line("git", &["rev-parse", "--short=12", "HEAD"]));
    println!(
        "cargo:rustc-env=LOCKWATCH_REVISION={}",
        revision.unwrap_or_else(|| "unknown".to_owned())
    );
}
