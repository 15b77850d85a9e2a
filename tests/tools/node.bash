# Sourced by tests/run: a whole Kubernetes of one node, for tests/node/. It wants root, and Kubernetes' own programs in one
# folder, which nothing that can be installed brings. The test types docs/kubernetes.md and takes about ten minutes.

node_ready() {
    local each
    [[ $(id -u) == 0 ]] || { complain "a node of Kubernetes wants root"; return 1; }
    for each in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
        [[ -x ${LOCKWATCH_TEST_KUBERNETES:-}/$each ]] ||
            { complain "$each is missing (name its folder in \$LOCKWATCH_TEST_KUBERNETES)"; return 1; }
    done
    have etcd || unpack_etcd || { complain "etcd is missing (Debian: etcd-server)"; return 1; }
    for each in containerd runc buildah dnsmasq /usr/lib/cni/bridge; do
        have "$each" || {
            complain "$each is missing (Debian: containerd runc buildah dnsmasq-base containernetworking-plugins)"
            return 1
        }
    done
    node_may || return 1
    export LOCKWATCH_TEST_KUBERNETES
}

# Whether this root may do what a node does: networks of its own, mounts, layers on the disk that up.bash uses, and control
# groups. Names and mounts are in namespaces of their own and go with them.
node_may() {
    local disk groups=/sys/fs/cgroup said
    # With version 1 there is a tree for each controller.
    [[ $(stat -f -c %T "$groups") == cgroup2fs ]] || groups=/sys/fs/cgroup/pids
    disk="$(mktemp -d /var/tmp/lockwatch-node.XXXXXX)" || return 1
    said="$(timeout --kill-after=5 20 unshare --mount --net --pid --fork --mount-proc bash -euc '
        mkdir "$1"/{lower,upper,work,layers,tmp}
        ip link add lw-trial type bridge
        ip link add lw-one type veth peer name lw-two
        ip link set lw-one master lw-trial
        mount -t tmpfs trial "$1/tmp"
        mount -t overlay trial -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/layers"
        mkdir "$2/lockwatch-trial"
        rmdir "$2/lockwatch-trial"
    ' bash "$disk" "$groups" 2>&1)" ||
        { complain "root may not do here what a node of Kubernetes does: $said"; rm -rf "$disk"; return 1; }
    rm -rf "$disk"
}
