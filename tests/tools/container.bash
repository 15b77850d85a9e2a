# Sourced by tests/run. Gets what tests/container needs: podman with a storage of its own, an image in the place of the
# one that the Dockerfile begins with (no registry of images is asked), and the crates, so that the build needs no
# network.

container_ready() {
    container="$tools/container"
    [[ $(id -u) == 0 ]] || { complain "containers are tried as root only"; return 1; }
    container_programs && container_podman && container_base && container_crates || return 1
    python_with podman-compose==1.6.0 || return 1
    export LOCKWATCH_TEST_PODMAN="$container/podman" LOCKWATCH_TEST_CRATES="$container/crates"
    export LOCKWATCH_TEST_PODMAN_CONFIG="$container/containers.conf"
    # Not the wrapper that chooses a toolchain, which the image does not have.
    LOCKWATCH_TEST_RUST="$(rustc --print sysroot)"
    export LOCKWATCH_TEST_RUST
}

container_programs() {
    have podman && have runc && have mmdebstrap ||
        install_debian podman runc netavark aardvark-dns iptables mmdebstrap ||
        { complain "podman is missing (Debian: podman runc netavark aardvark-dns iptables mmdebstrap)"; return 1; }
}

# A podman that shares nothing with the one of this machine's owner. Without systemd it can use neither its cgroups nor
# its journal nor its timers; and limits are those that a root without CAP_SYS_RESOURCE may set.
container_podman() {
    mkdir -p "$container/tmp" "$container/networks" || return 1
    cat >"$container/containers.conf" <<EOF
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$container/networks"
EOF
    cat >"$container/storage.conf" <<EOF
[storage]
driver = "overlay"
graphroot = "$container/storage"
runroot = "$container/run"
EOF
    cat >"$container/podman" <<EOF
#!/bin/sh
export CONTAINERS_CONF="\${LOCKWATCH_TEST_CONTAINERS_CONF:-$container/containers.conf}" CONTAINERS_STORAGE_CONF='$container/storage.conf'
export TMPDIR='$container/tmp' DISABLE_HC_SYSTEMD=true
exec '$(command -v podman)' "\$@"
EOF
    chmod +x "$container/podman" || return 1
    # What an earlier run left when it was killed.
    "$container/podman" rm --all --force --time 0 >/dev/null && "$container/podman" volume prune --force >/dev/null &&
        "$container/podman" network prune --force >/dev/null ||
        { complain "podman does not work on this machine"; return 1; }
}

# Debian with the packages that the Rust image has besides Rust. Rust is this machine's and is mounted for the build.
container_base() {
    local name
    name="$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)"
    if ! "$container/podman" image exists "$name"; then
        mmdebstrap --quiet --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$container/base.tar" >&2 &&
            "$container/podman" import --quiet --change 'ENV CARGO_HOME=/usr/local/cargo' --change \
                'ENV PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
                "$container/base.tar" "$name" >&2 && rm "$container/base.tar" ||
            { complain "the image in the place of $name cannot be made"; return 1; }
    fi
    container_runs "$name" || { complain "podman cannot run a container on this machine"; return 1; }
}

# With the limits and the kind of network that the tests use.
container_runs() {
    "$container/podman" network create trial >/dev/null &&
        "$container/podman" run --rm --network trial --publish 127.0.0.1::9477 --read-only --cap-drop all --memory 64m "$1" \
            true && "$container/podman" network rm trial >/dev/null
}

container_crates() {
    # Says on standard output what cargo has to be told to use them; in the container they lie elsewhere.
    cargo vendor --quiet --locked --versioned-dirs "$container/crates" >/dev/null ||
        { complain "the crates for the build of the container cannot be had"; return 1; }
    printf '%s\n' '[source.crates-io]' 'replace-with = "here"' '[source.here]' 'directory = "/crates"' \
        >"$container/crates/config.toml"
}
