//! The whole job in a container: start, checks, mails, health, new secrets, a reload, a restart, the end.

use std::{fs, os::unix::fs::MetadataExt};

use lockwatch::demo::{Place, Reach};

use super::{
    image::REVISION,
    podman::{Container, inspect, must},
    stand::{Stand, USER, hand_over},
};
use crate::{
    house::{eventually, secret},
    support::smtp::Sink,
};

const WRONG: &str = "demo-wrong-secret-1";
const PASSWORD: &str = "demo-smtp-password-1";

/// With mails by a server that wants encryption and a login, and whose authority only the configuration knows.
async fn mailing(stand: &mut Stand) -> Sink {
    let login = format!("alerts:{PASSWORD}");
    let sink = Sink::start(&["--tls", "starttls", "--login", &login]).await;
    let house = &mut stand.house;
    house.secret_file("smtp.secret", PASSWORD);
    fs::copy(sink.ca.as_ref().unwrap(), house.folder().join("ca.pem")).unwrap();
    house.settings.email = format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
         [email.smtp]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nusername = \"alerts\"\n\
         password = {{ file = \"smtp.secret\" }}\nca_file = \"ca.pem\"\ntimeout = \"5s\"\n",
        sink.port
    );
    sink
}

/// Whether the kernel confines its process as was asked for.
fn is_confined(container: &Container) {
    let told = inspect("container", &container.name);
    let status = fs::read_to_string(format!("/proc/{}/status", told["State"]["Pid"])).unwrap();
    for line in [
        format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}"),
        format!("Gid:\t{USER}\t{USER}\t{USER}\t{USER}"),
        "CapEff:\t0000000000000000".to_owned(),
        "CapBnd:\t0000000000000000".to_owned(),
        "NoNewPrivs:\t1".to_owned(),
        "Seccomp:\t2".to_owned(),
    ] {
        assert!(
            status.lines().any(|there| there == line),
            "{line}: {status}"
        );
    }
    assert_eq!(told["HostConfig"]["ReadonlyRootfs"], true, "{told:#}");
    assert_eq!(told["HostConfig"]["Memory"], 64 << 20, "{told:#}");
}

#[tokio::test]
async fn it_checks_mails_and_keeps_holds_in_a_new_container() {
    let mut stand = Stand::of(&["works", "wrong"]);
    let sink = mailing(&mut stand).await;
    stand.house.give("wrong", WRONG);
    let container = stand.start().await;
    is_confined(&container);
    let house = &stand.house;
    house.until_state("works", "healthy", "ok").await;
    let wrong = house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    assert_eq!(wrong["held"], true, "{wrong}");
    for to in ["wrong@acme.example", "ops@msp.example"] {
        let mail = house.delivered(&sink, "failing", "wrong", to).await;
        assert_eq!(mail.header("X-TLS"), "TLSv1.3");
    }
    assert!(container.healthy());
    assert_eq!(
        inspect("container", &container.name)["State"]["Health"]["Status"],
        "healthy"
    );
    let build = house.metrics().await;
    let revision = format!("revision=\"{REVISION}\"");
    assert!(
        build
            .lines()
            .any(|line| line.starts_with("lockwatch_build_info{") && line.contains(&revision)),
        "{build}"
    );

    // The commands are in the image, and the daemon is asked by them.
    let status = container.exec(&["/usr/bin/lockwatch", "status"]);
    assert_eq!(status.code, 1, "{status:?}");
    assert!(status.stdout.contains("credential_rejected"), "{status:?}");
    let probe = container.exec(&["/usr/bin/lockwatch", "probe", "works"]);
    assert_eq!(probe.code, 0, "{probe:?}");

    // The folder of the store took owner and mode from the image.
    let folder = must(&[
        "volume",
        "inspect",
        "--format={{.Mountpoint}}",
        &stand.volume.name,
    ]);
    let folder = fs::metadata(folder).unwrap();
    assert_eq!(
        (folder.uid(), folder.gid(), folder.mode() & 0o7777),
        (USER, USER, 0o700)
    );

    let before = house.stats("wrong");
    assert_eq!(before.rejections, 2, "{before:?}");
    assert_eq!(container.stop(), 0, "{}", container.log());
    assert!(!container.log().contains(WRONG), "{}", container.log());
    drop(container);
    let container = stand.start().await;
    house.watch_checks("wrong", 3).await;
    assert_eq!(house.stats("wrong").attempts, before.attempts);
    assert_eq!(house.user("wrong").await["held"], true);
    // The operator's retry is possible without a token, because it comes from within.
    let retry = container.exec(&["/usr/bin/lockwatch", "retry", "wrong"]);
    assert_eq!(retry.code, 1, "{retry:?}");
    assert_eq!(house.stats("wrong").attempts, before.attempts + 1);
    assert_eq!(container.stop(), 0, "{}", container.log());
}

#[tokio::test]
async fn what_is_replaced_in_the_mounted_folder_is_seen() {
    let mut stand = Stand::of(&["turns", "comes"]);
    stand.house.give("turns", WRONG);
    let comes = stand.house.accounts.pop().unwrap();
    let container = stand.start().await;
    let house = &stand.house;
    house
        .until_state("turns", "failing", "credential_rejected")
        .await;

    // A new file in the place of the old one, as editors and programs that hand out secrets do it.
    let fresh = house.folder().join("fresh.new");
    fs::write(&fresh, secret("turns")).unwrap();
    hand_over(&fresh);
    fs::rename(&fresh, house.folder().join("turns.secret")).unwrap();
    house.until_state("turns", "healthy", "ok").await;

    stand.house.accounts.push(comes);
    stand.write();
    must(&["kill", "--signal=HUP", &container.name]);
    eventually(
        || format!("the reload is not seen: {}", container.log()),
        async || {
            let answer = stand.house.get("/api/v1/users/comes").await;
            (answer.status == 200).then_some(())
        },
    )
    .await;
    stand.house.until_state("comes", "healthy", "ok").await;
    // Not because the file was noticed, which comes later.
    assert!(
        container.log().contains("configuration reloaded"),
        "{}",
        container.log()
    );
    assert_eq!(container.stop(), 0, "{}", container.log());
}

#[tokio::test]
async fn the_end_waits_for_a_check_under_way() {
    let mut stand = Stand::of(&["slow"]);
    stand.house.settings.timeout = "3s";
    let container = stand.start().await;
    let house = &stand.house;
    house.until_state("slow", "healthy", "ok").await;
    house
        .world()
        .with(|world| world.set_reach(&Place::Zone("AE02".to_owned()), Reach::Hang));
    let seen = house.stats("slow").attempts;
    eventually(
        || "no attempt is under way".to_owned(),
        async || (house.stats("slow").attempts > seen).then_some(()),
    )
    .await;
    assert_eq!(container.stop(), 0, "{}", container.log());
    // It was waited for, or it would have no result: the next start would count it as one that was cut off.
    container.says("stopped").await;
}

#[tokio::test]
async fn health_is_the_daemon_s_and_not_the_users() {
    let stand = Stand::of(&["wrong"]);
    stand.house.give("wrong", WRONG);
    let container = stand.start().await;
    stand
        .house
        .until_state("wrong", "failing", "credential_rejected")
        .await;
    assert!(container.healthy());
    // A daemon that does not answer is not: stopped as by a debugger, it holds its port and says nothing.
    must(&["pause", &container.name]);
    let (code, said) = stand.command(&["--network=host"], &["health"]).await;
    must(&["unpause", &container.name]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("did not answer in time"), "{said}");
    assert!(container.healthy());
}
