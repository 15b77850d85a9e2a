//! Images in the place of those that deploy/compose.yaml takes from registries, under the same names: Prometheus and
//! Alertmanager are Debian's, which tests/run gets, with users and folders as in theirs; of Grafana there is only somebody
//! who reads what it is given.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    image::root,
    podman::{program, run},
};
use crate::support::prometheus::yaml;

const PROMETHEUS: &str = "COPY bin/prometheus /bin/prometheus
RUN install -d -o 65534 -g 65534 /prometheus
USER 65534
ENTRYPOINT [\"/bin/prometheus\"]
";
const ALERTMANAGER: &str = "COPY bin/prometheus-alertmanager /bin/alertmanager
COPY share/prometheus/alertmanager /usr/share/prometheus/alertmanager
RUN install -d -o 65534 -g 65534 /alertmanager
USER 65534
ENTRYPOINT [\"/bin/alertmanager\"]
";
const GRAFANA: &str = "RUN install -d -o 472 -g 0 /var/lib/grafana
USER 472
ENTRYPOINT [\"sh\", \"-c\", \"trap exit TERM; test -s $GF_SECURITY_ADMIN_PASSWORD__FILE && \
    cat $GF_SECURITY_ADMIN_PASSWORD__FILE /etc/grafana/provisioning/*/* /var/lib/grafana/dashboards/* >/dev/null && \
    touch /tmp/has-read && sleep infinity & wait\"]
";

/// Makes them.
pub fn make(folder: &Path) {
    let services = &yaml("deploy/compose.yaml")["services"];
    for (service, says, found_by) in [
        ("prometheus", PROMETHEUS, "prometheus"),
        ("alertmanager", ALERTMANAGER, "amtool"),
        ("grafana", GRAFANA, "bash"),
    ] {
        let file = folder.join(format!("Containerfile.{service}"));
        fs::write(&file, format!("FROM {}\n{says}", base())).unwrap();
        let done = run(Command::new(program())
            .args(["build", "--format=docker", "--network=none", "--pull=never"])
            .args(["--tag", services[service]["image"].as_str().unwrap()])
            .arg("--file")
            .arg(&file)
            .arg(usr(found_by)));
        assert_eq!(done.code, 0, "{service}: {done:#?}");
    }
}

/// What tests/run has made in the place of the image that the Dockerfile begins with: a Debian.
fn base() -> String {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let mut lines = dockerfile.lines();
    let name = lines.find_map(|line| line.strip_prefix("ARG RUST_IMAGE="));
    name.unwrap().to_owned()
}

/// The folder below which a package with this program lies: `/usr`, or wherever it was taken apart.
fn usr(found_by: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut bins = std::env::split_paths(&path);
    let bin = bins.find(|bin| bin.join(found_by).exists());
    let bin = bin.unwrap_or_else(|| panic!("tests/run gets {found_by}"));
    bin.parent().unwrap().to_owned()
}
