# Sourced by walk.bash: starts a Kubernetes of one node in the empty folder $here, with the images in the given archives, and
# throws it away at the end. There is no kube-proxy and no DNS of the cluster; dns_says answers for the one Service there is.

node_ip=10.98.0.1
started=()

start() {
    local name="$1"
    shift
    (cd "$here" && exec "$@" >"$name.log" 2>&1) &
    started+=($!)
}

# Looks every half second, for two minutes.
until_true() {
    for _ in {1..240}; do
        "$@" >/dev/null 2>&1 && return
        sleep 0.5
    done
    echo "in vain: $*" >&2
    return 1
}

down() {
    local status=$? at
    set +e
    if [[ $status != 0 ]]; then
        kubectl get events,pods -n watch >&2
        kubectl logs -n watch deployment/lockwatch --tail=20 >&2
    fi
    # Its pods end with their containers; what is mounted for them goes with their namespaces.
    helm uninstall lockwatch --namespace watch >/dev/null 2>&1
    kubectl delete namespace watch --timeout=60s >/dev/null 2>&1
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        kill "${started[at]}" 2>/dev/null
        wait "${started[at]}" 2>/dev/null
    done
    awk -v here="$here/" 'index($2, here) == 1 { print $2 }' /proc/mounts | tac | xargs -r umount -l
    ip link del lw-node 2>/dev/null
    ip link del lw-pods 2>/dev/null
    rm -rf "$here"
    exit "$status"
}

up() {
    local programs="$LOCKWATCH_TEST_KUBERNETES" image
    mkdir -p "$here"/plugins
    ip link add lw-node type bridge && ip addr add "$node_ip/24" dev lw-node && ip link set lw-node up
    openssl genrsa -out "$here/sa.key" 2>/dev/null
    echo 'demo-token,admin,1,system:masters' >"$here/tokens.csv"
    files
    export KUBECONFIG="$here/kubeconfig"
    start etcd etcd --data-dir etcd --listen-client-urls http://127.0.0.1:22379 \
        --advertise-client-urls http://127.0.0.1:22379 --listen-peer-urls http://127.0.0.1:22380 \
        --initial-advertise-peer-urls http://127.0.0.1:22380 --initial-cluster default=http://127.0.0.1:22380
    start api "$programs/kube-apiserver" --etcd-servers=http://127.0.0.1:22379 --bind-address=127.0.0.1 --secure-port=26443 \
        --cert-dir=certificates --advertise-address="$node_ip" --endpoint-reconciler-type=none \
        --service-cluster-ip-range=10.0.0.0/24 --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file=sa.key --service-account-signing-key-file=sa.key --token-auth-file=tokens.csv \
        --authorization-mode=RBAC --disable-admission-plugins=ServiceAccount --allow-privileged \
        --kubelet-preferred-address-types=InternalIP
    until_true kubectl get --raw=/readyz
    start controllers "$programs/kube-controller-manager" --kubeconfig=kubeconfig --bind-address=127.0.0.1 \
        --secure-port=26257 --port=0 --leader-elect=false --service-account-private-key-file=sa.key --cert-dir=certificates
    start scheduler "$programs/kube-scheduler" --kubeconfig=kubeconfig --bind-address=127.0.0.1 --secure-port=26259 --port=0 \
        --leader-elect=false --cert-dir=certificates
    start containerd containerd --config containerd.toml
    until_true ctr --address "$here/containerd/socket" version
    for image in "$@"; do
        ctr --address "$here/containerd/socket" --namespace k8s.io images import "$image" >/dev/null
    done
    start kubelet "$programs/kubelet" --config=kubelet.yaml --kubeconfig=kubeconfig --hostname-override=node \
        --node-ip="$node_ip" --container-runtime=remote --container-runtime-endpoint="unix://$here/containerd/socket" \
        --root-dir="$here/kubelet" --cert-dir="$here/kubelet-certificates" --volume-plugin-dir="$here/plugins"
    until_true kubectl get node node
    kubectl wait --for=condition=Ready node/node --timeout=120s >/dev/null
}

files() {
    mkdir -p "$here"/{cni,volume}
    cat >"$here/kubeconfig" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:26443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: demo-token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
EOF
    cat >"$here/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
port: 26250
healthzPort: 26248
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
makeIPTablesUtilChains: false
clusterDNS: [$node_ip]
clusterDomain: cluster.local
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "50Mi"}
imageGCHighThresholdPercent: 99
EOF
    cat >"$here/containerd.toml" <<EOF
version = 2
root = "$here/containerd/root"
state = "$here/containerd/state"
[grpc]
  address = "$here/containerd/socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$here/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$here/cni"
EOF
    cat >"$here/cni/pods.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "lw-pods", "isGateway": true,
 "ipam": {"type": "host-local", "dataDir": "$here/addresses", "ranges": [[{"subnet": "10.244.8.0/24"}]],
 "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
    # runc, for machines whose root may not raise limits: what is asked for there is left out.
    cat >"$here/runc" <<'EOF'
#!/usr/bin/env python3
import json, os, sys
for option, bundle in zip(sys.argv, sys.argv[1:]):
    if option in ("--bundle", "-b"):
        with open(f"{bundle}/config.json", "r+") as file:
            config = json.load(file)
            process = config["process"]
            process.pop("rlimits", None)
            process["oomScoreAdj"] = max(process.get("oomScoreAdj") or 0, 0)
            file.seek(0)
            json.dump(config, file)
            file.truncate()
os.execvp("runc", ["runc", *sys.argv[1:]])
EOF
    chmod +x "$here/runc"
}

# The name of the Service leads to this address, as kube-proxy and a cluster's DNS would have it.
dns_says() {
    start dns dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces --listen-address="$node_ip" \
        --address="/lockwatch.watch.svc.cluster.local/$1"
}
