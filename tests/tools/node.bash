# Sourced by tests/run: a whole Kubernetes of one node, for tests/node/. It wants root, and Kubernetes' own programs in one
# folder, which nothing that can be installed brings.

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
    export LOCKWATCH_TEST_KUBERNETES
}
