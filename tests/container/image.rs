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

/// What a build is told for it to be the same everywhere: podman's own format has no health check, and there is no network,
/// so that Rust and the crates are mounted, and the base image is there under its name.
pub fn options() -> Vec<String> {
    let named = |name: &str| env::var(name).unwrap();
    let (rust, crates) = (named("LOCKWATCH_TEST_RUST"), named("LOCKWATCH_TEST_CRATES"));
    let fixed = ["--format=docker", "--network=none", "--pull=never"].map(str::to_owned);
    let mounted = [
        format!("{rust}:/usr/local/rust"),
        format!("{crates}:/crates"),
        format!("{crates}/config.toml:/usr/local/cargo/config.toml"),
    ]
    .map(|mount| format!("--volume={mount}:ro"));
    fixed.into_iter().chain(mounted).collect()
}

fn build() -> Result<String, Done> {
    let name = format!("lockwatch:{}", env!("CARGO_PKG_VERSION"));
    let begun = Instant::now();
    let done = run(Command::new(program())
        .arg("build")
        .args(options())
        .args(["--build-arg", &format!("REVISION={REVISION}")])
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
