# Sourced by tests/run: Kubernetes' own API server, for tests/cluster/. Nothing that can be installed brings one, so a machine
# has it or not. No pod is started, so no kubelet and no root is needed.

cluster_ready() {
    LOCKWATCH_TEST_KUBE_APISERVER="${LOCKWATCH_TEST_KUBE_APISERVER:-$(command -v kube-apiserver)}"
    [[ -x $LOCKWATCH_TEST_KUBE_APISERVER ]] ||
        { complain "kube-apiserver is missing (name one in \$LOCKWATCH_TEST_KUBE_APISERVER)"; return 1; }
    have etcd || unpack_etcd || { complain "etcd is missing (Debian: etcd-server)"; return 1; }
    export LOCKWATCH_TEST_KUBE_APISERVER
}

# Out of its package, because installing that would start a server.
unpack_etcd() {
    PATH="$tools/etcd/usr/bin:$PATH"
    have etcd || (
        debian && mkdir -p "$tools/etcd" && cd "$tools/etcd" &&
            apt-get download -qq -o APT::Sandbox::User=root etcd-server >&2 && dpkg-deb --extract etcd-server_*.deb .
    )
}
