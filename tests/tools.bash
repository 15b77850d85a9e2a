# Sourced by tests/run and .ci/run from the root of the repository: gets the tools that are not Rust's own. What is not on
# this machine goes below target/tools and nowhere else, except Debian packages, and those only when root asks.

tools="$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools"
lists_are_fresh=

complain() {
    printf '%s: %s\n' "$0" "$*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Whether Debian packages can be asked for at all; brings their lists up to date once.
debian() {
    have apt-get || return 1
    if [[ -z $lists_are_fresh && $(id -u) == 0 ]]; then
        apt-get update -qq >&2
    fi
    lists_are_fresh=yes
}

# Installs Debian packages, when root.
install_debian() {
    [[ $(id -u) == 0 ]] && debian &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Makes $tools/python, a Python of our own, and installs packages (NAME==VERSION) into it.
python_with() {
    local python="$tools/python/bin/python"
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        mkdir -p "$tools"
        python3 -m venv --clear "$tools/python" >/dev/null 2>&1 ||
            { install_debian python3 python3-venv && python3 -m venv --clear "$tools/python" >&2; } ||
            { complain "python3 with its venv module is missing (Debian: python3-venv)"; return 1; }
    fi
    "$python" -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
        { complain "failed to install $*"; return 1; }
}

# Puts promtool on the PATH. It is taken out of its package, because installing that would start a server on some machines.
promtool_on_path() {
    if ! have promtool; then
        PATH="$tools/prometheus/usr/bin:$PATH"
    fi
    have promtool || { debian && unpack_prometheus; }
    have promtool || { complain "promtool is missing (Debian: prometheus)"; return 1; }
}

unpack_prometheus() (
    mkdir -p "$tools/prometheus" && cd "$tools/prometheus" &&
        apt-get download -qq -o APT::Sandbox::User=root prometheus >&2 && dpkg-deb --extract prometheus_*.deb .
)
