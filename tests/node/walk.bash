#!/usr/bin/env bash
# What docs/kubernetes.md promises, on a Kubernetes of one node. Started by tests/run; the argument is the program to run.
set -euo pipefail
binary="$1"
chart=deploy/kubernetes/lockwatch
here="$(mktemp -d /var/tmp/lockwatch-node.XXXXXX)"
source tests/node/up.bash
trap down EXIT

# What they keep for the next time is thrown away too.
helm() { HOME="$here" "$LOCKWATCH_TEST_HELM" "$@" 2> >(grep -v 'symbolic link' >&2); }
kubectl() { HOME="$here" "$LOCKWATCH_TEST_KUBECTL" "$@"; }
in_watch() { kubectl --namespace watch "$@"; }
lockwatch() { in_watch exec deployment/lockwatch -- lockwatch "$@"; }

# A command that must fail; `!` would not end the walk.
refused() { if "$@"; then echo "this went well: $*" >&2; return 1; fi; }

step() { printf '== %s\n' "$*"; }
pod() { in_watch get pod -l app.kubernetes.io/component=daemon -o "jsonpath={.items[0].$1}"; }
metric() { kubectl get --raw /api/v1/namespaces/watch/services/lockwatch:http/proxy/metrics | grep "^$1"; }
hash_of() { awk '/^config: \|/ { on = 1; next } on { sub(/^  /, ""); print }' "$1" | sha256sum | cut -d ' ' -f 1; }

# An image around a program.
image() {
    local name="$1" container
    shift
    container="$(buildah --root "$here/images" --runroot "$here/images-run" --storage-driver vfs from scratch)"
    buildah --root "$here/images" --runroot "$here/images-run" --storage-driver vfs copy -q "$container" "$here/$name-root" / >/dev/null
    buildah --root "$here/images" --runroot "$here/images-run" --storage-driver vfs config "$@" "$container"
    buildah --root "$here/images" --runroot "$here/images-run" --storage-driver vfs commit -q "$container" "docker-archive:$here/$name.tar:localhost/$name:1" >/dev/null
}

step images
mkdir -p "$here"/{pause-root,lockwatch-root/usr/bin}
echo 'fn main() { loop { std::thread::park(); } }' | rustc -C target-feature=+crt-static -o "$here/pause-root/pause" -
image pause --entrypoint '["/pause"]' --user 65535
cp "$binary" "$here/lockwatch-root/usr/bin/lockwatch"
strip "$here/lockwatch-root/usr/bin/lockwatch"
ldd "$binary" | grep -o '/lib[^ ]*' | while read -r library; do
    install -D "$library" "$here/lockwatch-root$library"
done
install -D /etc/ssl/certs/ca-certificates.crt "$here/lockwatch-root/etc/ssl/certs/ca-certificates.crt"
image lockwatch --entrypoint '["/usr/bin/lockwatch"]' --cmd run --user 65532:65532 --env PATH=/usr/bin

step cluster
up "$here"/{pause,lockwatch}.tar

step install
kubectl apply -f - >/dev/null <<EOF
apiVersion: v1
kind: PersistentVolume
metadata: { name: volume }
spec:
  capacity: { storage: 1Gi }
  accessModes: [ReadWriteOnce]
  storageClassName: here
  local: { path: $here/volume }
  nodeAffinity:
    required:
      nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node] }] }]
EOF
kubectl create namespace watch >/dev/null
mkdir "$here/secrets"
for name in acme-email2at acme-email2at-code smtp-password web-token; do
    printf 'demo-%s-0123456789' "$name" >"$here/secrets/$name"
done
in_watch create secret generic lockwatch-secrets --from-file="$here/secrets" >/dev/null
{
    printf '%s\n' 'image: { repository: localhost/lockwatch, tag: "1" }' 'existingSecret: lockwatch-secrets' \
        'persistence: { storageClass: here }' 'config: |'
    sed 's/^/  /' deploy/kubernetes/base/lockwatch.toml
} >"$here/values.yaml"
helm install lockwatch "$chart" --namespace watch --values "$here/values.yaml" --wait --timeout 120s >/dev/null
lockwatch validate >"$here/said" 2>&1
grep -q 'good; 1 user is watched' "$here/said"
refused grep warning "$here/said"
[[ "$(metric lockwatch_config_hash)" == *"$(hash_of "$here/values.yaml")"* ]]

step helm test
dns_says "$(pod status.podIP)"
helm test lockwatch --namespace watch --timeout 120s >/dev/null
[[ "$(in_watch logs lockwatch-test)" == alive ]]

step upgrade with another configuration
first="$(pod metadata.name)"
sed 's/^  \[email\]/  [schedule]\n  interval = "7m"\n\n  [email]/' "$here/values.yaml" >"$here/other.yaml"
helm upgrade lockwatch "$chart" --namespace watch --values "$here/other.yaml" --wait --timeout 180s >/dev/null
until_true test "$(in_watch get pod -l app.kubernetes.io/component=daemon -o name | wc -l)" = 1
second="$(pod metadata.name)"
[[ $second != "$first" && "$(metric lockwatch_config_hash)" == *"$(hash_of "$here/other.yaml")"* ]]

step upgrade with a bad configuration
sed 's/interval = /intervall = /' "$here/other.yaml" >"$here/bad.yaml"
refused helm upgrade lockwatch "$chart" --namespace watch --values "$here/bad.yaml" --wait --timeout 120s >/dev/null 2>&1
in_watch logs job/lockwatch-validate 2>&1 | grep 'schedule.intervall: is not a known key'
[[ "$(pod metadata.name)" == "$second" ]]

step rotation of a secret
reload() {
    python3 - "$1" "http://$(pod status.podIP):9477/-/reload" <<'EOF'
import sys, urllib.request
headers = {"Authorization": f"Bearer {sys.argv[1]}", "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(sys.argv[2], b"", headers))
EOF
}
reload demo-web-token-0123456789
printf demo-another-token-0123456789 >"$here/secrets/web-token"
in_watch create secret generic lockwatch-secrets --from-file="$here/secrets" --dry-run=client -o yaml | kubectl replace -f - >/dev/null
until_true reload demo-another-token-0123456789
refused reload demo-web-token-0123456789 2>/dev/null
[[ "$(pod metadata.name)" == "$second" ]]

step uninstall
helm uninstall lockwatch --namespace watch >/dev/null 2>&1
in_watch get persistentvolumeclaim lockwatch-data >/dev/null
