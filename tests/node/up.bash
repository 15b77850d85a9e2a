#!/usr/bin/env bash
# A Kubernetes of one node in the given folder, as tests/node/node.rs wants it: says "up" when it is, and is thrown away with
# the folder when standard input ends. There is no kube-proxy, and for names there is what stands in the folder's hosts/.
set -euo pipefail
here="$1" binary="$2" authority="$3" node_ip="$4"
image=registry.msp.example/lockwatch:0.1.0
started=()

# What they keep for the next time is thrown away too.
mkdir -p "$here"/bin
for each in "helm $LOCKWATCH_TEST_HELM" "kubectl $LOCKWATCH_TEST_KUBECTL"; do
    printf '%s\n' '#!/bin/sh' "HOME='$here' KUBECONFIG='$here/kubeconfig' exec '${each#* }' \"\$@\"" >"$here/bin/${each%% *}"
    chmod +x "$here/bin/${each%% *}"
done
PATH="$here/bin:$PATH"

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
    # Its pods end with their containers; what is mounted for them goes with their namespaces.
    kubectl delete namespace lockwatch --timeout=60s >/dev/null 2>&1
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
    mkdir -p "$here"/plugins "$here"/hosts
    ip link add lw-node type bridge && ip addr add "$node_ip/24" dev lw-node && ip link set lw-node up
    openssl genrsa -out "$here/sa.key" 2>/dev/null
    echo 'demo-token,admin,1,system:masters' >"$here/tokens.csv"
    files
    start dns dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces --listen-address="$node_ip" --local=/cluster.local/ \
        --hostsdir="$here/hosts"
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
    mkdir -p "$here"/cni
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
# Not a minute: pods that ended are gone, and files of Secrets are renewed, so much sooner.
syncFrequency: 5s
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

# A storage class by default, and two volumes of it.
volumes() {
    local each
    kubectl apply -f - >/dev/null <<EOF
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: here, annotations: { storageclass.kubernetes.io/is-default-class: "true" } }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
EOF
    for each in first second; do
        mkdir "$here/$each"
        kubectl apply -f - >/dev/null <<EOF
apiVersion: v1
kind: PersistentVolume
metadata: { name: $each }
spec:
  capacity: { storage: 1Gi }
  accessModes: [ReadWriteOnce]
  storageClassName: here
  local: { path: $here/$each }
  nodeAffinity:
    required:
      nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node] }] }]
EOF
    done
}

with_buildah() {
    local what="$1"
    shift
    buildah --root "$here/images" --runroot "$here/images-run" --storage-driver vfs "$what" "$@"
}

# An image around what is in NAME-root: NAME, what it is called, how it is configured.
image() {
    local name="$1" called="$2" container
    shift 2
    container="$(with_buildah from scratch)"
    with_buildah copy -q "$container" "$here/$name-root" / >/dev/null
    with_buildah config "$@" "$container"
    with_buildah commit -q "$container" "docker-archive:$here/$name.tar:$called" >/dev/null
}

# The authorities in it are those of the test.
images() {
    mkdir -p "$here"/{pause-root,lockwatch-root/usr/bin}
    echo 'fn main() { loop { std::thread::park(); } }' | rustc -C target-feature=+crt-static -o "$here/pause-root/pause" -
    image pause localhost/pause:1 --entrypoint '["/pause"]' --user 65535
    cp "$binary" "$here/lockwatch-root/usr/bin/lockwatch"
    strip "$here/lockwatch-root/usr/bin/lockwatch"
    ldd "$binary" | grep -o '/lib[^ ]*' | while read -r library; do
        install -D "$library" "$here/lockwatch-root$library"
    done
    install -D -m 0644 "$authority" "$here/lockwatch-root/etc/ssl/certs/ca-certificates.crt"
    image lockwatch "$image" --entrypoint '["/usr/bin/lockwatch"]' --cmd run --user 65532:65532 --env PATH=/usr/bin
}

# Read to its end before it begins, for it runs for minutes.
{
    trap down EXIT
    images
    up "$here"/{pause,lockwatch}.tar
    volumes
    echo up
    cat >/dev/null
    exit
}
