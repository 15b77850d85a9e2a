//! Where the store may be: what somebody is told who forgets the volume, or gives it to somebody else.

use std::os::unix::fs::chown;

use super::{
    image::image,
    podman::{Container, Volume, must},
    stand::Stand,
};

#[tokio::test]
async fn a_forgotten_volume_is_told_at_the_first_start() {
    let stand = Stand::of(&["works"]);
    // Read-only or not.
    for option in ["--read-only=true", "--read-only=false"] {
        let (code, said) = stand.command(&["--network=host", option], &[]).await;
        assert_eq!(code, 78, "{option}: {said}");
        for part in [
            "the store /var/lib/lockwatch/lockwatch.db lies on an overlay",
            "put it on a disk or a volume",
        ] {
            assert!(said.contains(part), "{option}: {part}: {said}");
        }
    }
    let (code, said) = stand.command(&["--network=host"], &["validate"]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("lies on an overlay"), "{said}");
    // Memory is no place either.
    let tmpfs = "--tmpfs=/var/lib/lockwatch:mode=1777";
    let (code, said) = stand.command(&["--network=host", tmpfs], &[]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("lies on a tmpfs"), "{said}");
    assert_eq!(stand.house.stats("works").attempts, 0);
}

#[tokio::test]
async fn a_volume_of_somebody_else_is_told() {
    let stand = Stand::of(&["works"]);
    let volume = Volume::make();
    // A folder of the host's that root has made.
    let folder = must(&[
        "volume",
        "inspect",
        "--format={{.Mountpoint}}",
        &volume.name,
    ]);
    chown(&folder, Some(0), Some(0)).unwrap();
    let mount = format!("--volume={folder}:/var/lib/lockwatch");
    let container = stand.begin(&["--network=host", &mount], &[]);
    container
        .says("the store /var/lib/lockwatch/lockwatch.db cannot be opened for writing (its lock /var/lib/lockwatch/lockwatch.db.lock: Permission denied")
        .await;
    // It goes on without the store, and without a single attempt.
    stand.house.watch_checks("works", 2).await;
    assert_eq!(stand.house.stats("works").attempts, 0);
    let ready = stand.house.get("/-/ready").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    // Somebody else may run it as the owner of the folder: nothing in the image wants its own user.
    drop(container);
    let user = "--user=0:65532";
    let container = stand.begin(&["--network=host", &mount, user], &[]);
    stand.until_ready(&container).await;
    assert_eq!(container.stop(), 0, "{}", container.log());
}

#[tokio::test]
async fn files_that_only_root_may_read_are_told() {
    let stand = Stand::of(&["works"]);
    for (name, told) in [
        ("lockwatch.toml", "/etc/lockwatch/lockwatch.toml"),
        ("works.secret", "/etc/lockwatch/works.secret"),
    ] {
        stand.write();
        chown(stand.house.folder().join(name), Some(0), Some(0)).unwrap();
        let etc = stand.etc();
        let container = Container::start(&[&etc, &stand.state(), image(), "validate"]);
        assert_eq!(container.ended().await, 78, "{}", container.log());
        let said = container.log();
        assert!(said.contains(told), "{said}");
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
    }
}
