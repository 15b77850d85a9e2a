//! A zone that answers what no API answers, or that nobody vouches for, with the real program: it blames nobody, counts
//! no rejection, and keeps what it holds in memory small.

#[path = "../client/server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the client's tests use more of it"
)]
mod server;
#[path = "../client/tls.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the client's tests use more of it"
)]
mod tls;

use std::fs;

use lockwatch::demo::Announced;
use rcgen::date_time_ymd;
use serde_json::Value;

use crate::house::{Daemon, House};
use server::{Reply, Server};

fn announce(house: &House, id: &str, url: &str) {
    house.administer(id, |user| user.announced = Announced::Url(url.to_owned()));
}

/// The most memory that the program ever had, in MiB.
fn most_memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn endless_answers_end_and_blame_nobody() {
    let ids = ["one", "two", "three", "four", "five", "six"];
    let mut house = House::of(&ids);
    // It is the size that ends an answer here, on a slow machine too.
    house.settings.timeout = "10s";
    let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n".to_vec();
    let zone = Server::start(vec![Reply::Flood(endless, vec![b' '; 1024])]).await;
    for id in ids {
        announce(&house, id, &zone.url());
    }
    let daemon = house.start().await;
    for id in ids {
        let user = house.until_state(id, "unclear", "unexpected_answer").await;
        assert!(
            user["evidence"]
                .to_string()
                .contains("a body larger than 1 MiB"),
            "{user:#}"
        );
    }
    for id in ids {
        house.watch_checks(id, 3).await;
        let user = house.user(id).await;
        assert_eq!(
            (&user["held"], &user["incident"]),
            (&Value::Bool(false), &Value::Null)
        );
        assert_eq!(user["rejections"], 0, "{user:#}");
    }
    assert_eq!(house.filed().len(), 0);
    let (most, asked) = (most_memory(&daemon), zone.requests().len());
    // Each of these answers would have been 1 GiB.
    assert!(
        asked >= 12 && most < 256,
        "{most} MiB after {asked} answers"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_certificate_that_expired_is_told_and_blames_nobody() {
    let mut house = House::of(&["works"]);
    let shown = tls::Shown::of("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2024, 2, 29);
    });
    let zone = tls::Server::showing(shown, b"");
    house.settings.autotask = format!("ca_file = \"{}\"", zone.certificate().display());
    let daemon = house.start().await;
    let before = house.until_state("works", "healthy", "ok").await;
    announce(&house, "works", &zone.url());
    let user = house.until_state("works", "unclear", "tls").await;
    let seen = "found no secure connection: the server's certificate has been expired since 2024-02-29 00:00 UTC";
    assert!(user["evidence"].to_string().contains(seen), "{user:#}");
    house.watch_checks("works", 3).await;
    let user = house.user("works").await;
    for same in ["attempts_left", "rejections", "held", "incident"] {
        assert_eq!(user[same], before[same], "{same}: {user:#}");
    }
    assert_eq!(zone.requests(), 0);
    assert_eq!(house.filed().len(), 0, "nobody is mailed at once");
    assert_eq!(
        house.metric("autotask_user_up{user=\"works\"}").await,
        Some(1.0)
    );

    let status = house.lockwatch(&["status"]).await;
    assert_eq!(status.code, 2, "{status:?}");
    assert!(
        status.stdout.contains("unclear") && status.stdout.contains("tls"),
        "{status:?}"
    );
    let probe = house.lockwatch(&["probe", "works"]).await;
    assert_eq!(probe.code, 2, "{probe:?}");
    assert!(probe.stdout.contains(seen), "{probe:?}");
    let page = house.get("/users/works").await.body.replace("&#39;", "'");
    assert!(page.contains(seen), "{page}");

    // Back with the old zone, it is as good as before: nothing was counted.
    house.administer("works", |user| user.announced = Announced::Truth);
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;
}
