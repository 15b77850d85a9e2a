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
    machine_of bookworm & making+=($!)
    machine_of trixie & making+=($!)
    cargo_deb_found & making+=($!)
    for one in "${making[@]}"; do
        wait "$one" || { complain "what tests/systemd needs cannot be made"; return 1; }
    done
    if [[ -z ${LOCKWATCH_TEST_PACKAGE:-} ]]; then
        LOCKWATCH_TEST_PACKAGE="$(deploy/debian/build)" || { complain "the Debian package cannot be made"; return 1; }
    fi
    export LOCKWATCH_TEST_PACKAGE
    export LOCKWATCH_TEST_BOOKWORM="$tools/machines/bookworm" LOCKWATCH_TEST_TRIXIE="$tools/machines/trixie"
}

# Makes a Debian of this name, with systemd and what the package depends on.
machine_of() {
    local machine="$tools/machines/$1"
    [[ -e $machine ]] && return
    mkdir -p "$tools/machines" && rm -rf "$machine.new" &&
        mmdebstrap --quiet --variant=minbase --format=directory --dpkgopt=force-unsafe-io \
            --include=systemd-sysv,dbus,ca-certificates "$1" "$machine.new" >&2 &&
        mv "$machine.new" "$machine" || { complain "there is no Debian $1 to be had"; return 1; }
}
