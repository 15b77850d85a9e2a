//! lockwatch as a container: the image of the Dockerfile, built and run for real by podman, without network, with as
//! few rights as docs/containers.md says. Run by tests/run, which gets podman and what the build wants
//! (tests/tools/container.bash).

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the house has more rooms than are visited here"
)]
#[path = "../daemon/house/mod.rs"]
mod house;
#[path = "../support/mod.rs"]
mod support;

mod host;
mod image;
mod monitors;
mod outside;
mod podman;
mod stand;

mod authorities;
mod compose;
mod contents;
mod life;
mod network;
mod place;
mod walk;
