//! In a network of its own, as containers usually are: names, published ports, and who may change something.

use std::fs;

use super::{
    image::image,
    podman::{Container, Network, must, podman},
    stand::{CONFINED, Stand, hand_over},
};

/// The configuration with an address that other containers reach.
fn open_up(stand: &Stand) {
    stand.house.write();
    let config = fs::read_to_string(stand.house.config()).unwrap();
    let own = stand.house.url("").replace("http://", "");
    let told = config.replace(&own, "0.0.0.0:9477");
    assert_ne!(config, told);
    fs::write(stand.house.config(), told).unwrap();
    hand_over(stand.house.folder());
}

#[tokio::test]
async fn others_find_it_by_name_and_only_those_within_may_change_something() {
    let stand = Stand::of(&["works"]);
    open_up(&stand);
    let network = Network::make();
    let (etc, state) = (stand.etc(), stand.state());
    let at = format!("--network={}", network.name);
    let port = stand.house.url("").rsplit(':').next().unwrap().to_owned();
    let published = format!("--publish=127.0.0.1:{port}:9477");
    let own = [
        at.as_str(),
        &etc,
        &state,
        &published,
        "--network-alias=lockwatch",
        image(),
    ];
    let container = Container::start(&[&CONFINED, &own[..]].concat());
    stand.until_ready(&container).await;

    // The name is known to the network's name server only.
    let status = podman(&[
        "run",
        "--rm",
        "--pull=never",
        "--read-only",
        &at,
        image(),
        "status",
        "--json",
        "--url=http://lockwatch:9477/",
    ]);
    assert!(
        status.stdout.contains("\"id\": \"works\"") || status.stdout.contains("\"id\":\"works\""),
        "{status:?}"
    );
    let nobody = podman(&[
        "run",
        "--rm",
        "--pull=never",
        &at,
        image(),
        "health",
        "--url=http://nobody-of-that-name:9477/",
    ]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    // And a name of /etc/hosts.
    let address = must(&[
        "inspect",
        &format!(
            "--format={{{{(index .NetworkSettings.Networks \"{}\").IPAddress}}}}",
            network.name
        ),
        &container.name,
    ]);
    let hosts = podman(&[
        "run",
        "--rm",
        "--pull=never",
        &at,
        &format!("--add-host=elsewhere:{address}"),
        image(),
        "health",
        "--url=http://elsewhere:9477/",
    ]);
    assert_eq!(hosts.code, 0, "{hosts:?}");

    // Through the published port everybody may read, and nobody change something.
    let answer = stand.house.get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = stand.house.post("/-/reload", "").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let retry = container.exec(&["/usr/bin/lockwatch", "retry", "--all"]);
    assert!(!retry.stderr.contains("403"), "{retry:?}");

    // A configuration that has become unreadable is not the daemon's end: it is found at the port of the image.
    fs::write(stand.house.config(), "nonsense").unwrap();
    assert!(container.healthy());
    fs::remove_file(stand.house.config()).unwrap();
    assert!(container.healthy());
    assert_eq!(container.stop(), 0, "{}", container.log());
}
