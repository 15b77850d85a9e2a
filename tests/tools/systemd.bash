# What tests/systemd/ needs: machines to boot, the Debian package to install in them. Sourced by tests/run.

systemd_ready() {
    if [[ $(id -u) != 0 ]]; then
        complain "to boot a machine one must be root"
        return 1
    fi
    if [[ " overlayfs tmpfs ramfs " == *" $(stat -f -c %T "$(dirname "$tools")") "* ]]; then
        complain "the target folder is on a file system that lockwatch keeps no store on; set CARGO_TARGET_DIR to another"
        return 1
    fi
    { have systemd-nspawn && have mmdebstrap; } || install_debian systemd-container mmdebstrap ||
        { complain "systemd-nspawn and mmdebstrap are missing (Debian: systemd-container, mmdebstrap)"; return 1; }
    # Together, for they wait for the network and for one another's disk.
    local making=() one
    # docs/monitoring.md is for this one.
    machine_of bookworm prometheus prometheus-alertmanager & making+=($!)
    machine_of trixie & making+=($!)
    cargo_deb_found & making+=($!)
    for one in "${making[@]}"; do
        wait "$one" || { complain "what tests/systemd needs cannot be made"; return 1; }
    done
    machine_boots bookworm 0 && machine_boots trixie 1 || return 1
    if [[ -z ${LOCKWATCH_TEST_PACKAGE:-} ]]; then
        LOCKWATCH_TEST_PACKAGE="$(deploy/debian/build)" || { complain "the Debian package cannot be made"; return 1; }
    fi
    export LOCKWATCH_TEST_PACKAGE
    export LOCKWATCH_TEST_BOOKWORM="$tools/machines/bookworm" LOCKWATCH_TEST_TRIXIE="$tools/machines/trixie"
}

# Makes a Debian of this name, with systemd and what the package depends on. What the pages have people install lies ready for
# its apt, which finds no network in it: machine_of NAME PACKAGE...
machine_of() {
    # What the pages have people type, where it is tried word for word.
    local machine="$tools/machines/$1" with=sudo,curl,procps ready=()
    [[ -d $machine && "$(cat "$machine.with" 2>/dev/null)" == "$with $*" ]] && return
    if [[ $# -gt 1 ]]; then
        # Packed lists, for they are copied with each machine.
        ready=(--aptopt='Acquire::GzipIndexes "true"' --skip=cleanup/apt
            --customize-hook="export APT_CONFIG=\"\$MMDEBSTRAP_APT_CONFIG\"; apt-get clean &&
                apt-get install --download-only --yes -qq --no-install-recommends ${*:2} && rm -f \"\$1\"/var/cache/apt/*.bin")
    fi
    mkdir -p "$tools/machines" && rm -rf "$machine" "$machine.new" &&
        mmdebstrap --quiet --variant=minbase --format=directory --dpkgopt=force-unsafe-io "${ready[@]}" \
            --include="systemd-sysv,dbus,ca-certificates,$with" "$1" "$machine.new" >&2 &&
        mv "$machine.new" "$machine" && echo "$with $*" >"$machine.with" ||
        { complain "there is no Debian $1 to be had"; return 1; }
}

# Whether this machine comes up, with the control groups that tests/systemd/machine.rs asks for: many a root may not boot one,
# such as in a container to which no control group was handed over, and every test would then wait in vain.
machine_boots() {
    local trial="$tools/machines/trial" said
    rm -rf "$trial" && mkdir "$trial" && cp --archive --link "$tools/machines/$1/usr" "$trial" &&
        find "$tools/machines/$1" -mindepth 1 -maxdepth 1 ! -name usr \
            -exec cp --archive --target-directory="$trial" {} + || return 1
    # It ends itself as soon as it has started everything.
    said="$(SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=$2 timeout --kill-after=10 60 \
        systemd-nspawn --quiet --boot --register=no --keep-unit --console=read-only --machine=lockwatch-trial \
        --directory="$trial" systemd.run=true systemd.run_success_action=exit 2>&1 </dev/null)" ||
        { complain "no machine with Debian $1 boots here: $(tail -n 3 <<<"$said")"; rm -rf "$trial"; return 1; }
    rm -rf "$trial"
}
