//! The image, built once for all tests from the Dockerfile as it is.

use std::{env, path::Path, process::Command, sync::LazyLock};

use tokio::time::Instant;

use super::podman::{Done, must, program, run};

/// The revision that the build is told.
pub const REVISION: &str = "0123456789ab";

static BUILT: LazyLock<Result<String, Done>> = LazyLock::new(build);

/// The name of the image; builds it when it is asked for first.
pub fn image() -> &'static str {
    BUILT
        .as_ref()
        .unwrap_or_else(|done| panic!("the image was not built:\n{}\n{}", done.stdout, done.stderr))
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Without network: Rust and the crates are mounted, the base image is there under its name.
fn build() -> Result<String, Done> {
    let named = |name: &str| env::var(name).unwrap();
    let name = format!("lockwatch:{}", env!("CARGO_PKG_VERSION"));
    let crates = named("LOCKWATCH_TEST_CRATES");
    let begun = Instant::now();
    let done = run(Command::new(program())
        // Podman's own format has no health check.
        .args(["build", "--format=docker", "--network=none", "--pull=never"])
        .args(["--build-arg", &format!("REVISION={REVISION}")])
        .arg(format!(
            "--volume={}:/usr/local/rust:ro",
            named("LOCKWATCH_TEST_RUST")
        ))
        .arg(format!("--volume={crates}:/crates:ro"))
        .arg(format!(
            "--volume={crates}/config.toml:/usr/local/cargo/config.toml:ro"
        ))
        .args(["--tag", &name])
        .arg(root()));
    if done.code != 0 {
        return Err(done);
    }
    // Said whether or not the tests' output is shown.
    let size = must(&["image", "inspect", "--format={{.Size}}", &name]);
    let took = begun.elapsed().as_secs();
    let told = format!("the image {name} has {size} bytes; it was built in {took} s\n");
    std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
    Ok(name)
}
