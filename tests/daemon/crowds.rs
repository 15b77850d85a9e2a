//! Clients that are slow, silent or many: the endpoint lets go of each of them, and checks go on.

use std::collections::VecDeque;

use futures_util::future::join_all;
use lockwatch::demo::{Place, Reach};
use reqwest::Method;
use rustix::{net::sockopt, process::Signal};
use tokio::io::AsyncWriteExt;

use crate::house::{Daemon, House, LONG, eventually};

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How many sockets it needs by itself, the ones to Autotask included. One or two more come and go.
async fn quiet(house: &House, daemon: &Daemon) -> usize {
    house.until_state("works", "healthy", "ok").await;
    daemon.sockets()
}

#[tokio::test]
async fn slow_and_silent_clients_are_let_go() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let quiet = quiet(&house, &daemon).await;
    let post = "POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n";
    let begun = async |bytes: String| {
        let mut stream = house.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        house.rest(stream).await
    };
    let silent = begun(String::new());
    let head = begun("GET /metrics HTTP/1.1\r\nHost: loc".to_owned());
    let body = begun(format!("{post}{{"));
    let idle = begun(GET.replace("/metrics", "/-/healthy"));
    // A byte now and then buys no time.
    let trickle = async {
        let (mut reader, mut writer) = house.connect().await.into_split();
        let drip = async {
            let mut now_and_then = tokio::time::interval(std::time::Duration::from_millis(200));
            while writer.write_all(b"x").await.is_ok() {
                now_and_then.tick().await;
            }
        };
        let mut nowhere = tokio::io::sink();
        let end = tokio::io::copy(&mut reader, &mut nowhere);
        tokio::time::timeout(LONG, async { tokio::join!(drip, end) })
            .await
            .map(drop)
            .expect("still open");
    };
    let (silent, head, body, idle, ()) = tokio::join!(silent, head, body, idle, trickle);
    assert_eq!(silent, "");
    assert!(head.is_empty() || head.contains(" 408 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(
        idle.starts_with("HTTP/1.1 200 ") && idle.ends_with("alive\n"),
        "{idle}"
    );
    daemon.has_sockets(quiet + 2).await;
    daemon.stop().await;
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_let_go() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let quiet = quiet(&house, &daemon).await;
    let mut stuck = Vec::new();
    for _ in 0..5 {
        let mut stream = house.connect().await;
        sockopt::set_socket_recv_buffer_size(&stream, 4_096).unwrap();
        // Answers of some 20 MB: more than the buffers between hold.
        let all = GET.repeat(2_000);
        // It may be cut before it has taken all of them.
        let _ = stream.write_all(all.as_bytes()).await;
        stuck.push(stream);
    }
    for stream in &stuck {
        // They are being answered.
        stream.readable().await.unwrap();
    }
    daemon.has_sockets(quiet + 2).await;
    assert_eq!(house.get("/-/healthy").await.status, 200);
    drop(stuck);
    daemon.stop().await;
}

/// Twice as many as there is room for: the stillest give way, and whoever comes is answered.
#[tokio::test]
async fn half_open_connections_keep_nobody_out() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let quiet = quiet(&house, &daemon).await;
    let mut open = VecDeque::new();
    for nth in 1..=1_100 {
        open.push_back(house.connect().await);
        // Those before them have given way. This process may have 1,024 files open, and other tests need theirs.
        if open.len() > 560 {
            open.pop_front();
        }
        if nth % 100 == 0 {
            for path in ["/metrics", "/-/healthy", "/-/ready"] {
                // As Prometheus does.
                let answer = house
                    .ask(Method::GET, path, |plain| {
                        plain.header("Accept-Encoding", "gzip")
                    })
                    .await;
                assert_eq!(answer.status, 200, "with {nth} open: {path}");
                if path == "/metrics" {
                    assert_eq!(answer.headers["content-encoding"], "gzip");
                }
            }
        }
    }
    // Those that must give way are closed as soon as they wake.
    daemon.has_sockets(quiet + 520).await;
    house.watch_checks("works", 2).await;
    drop(open);
    daemon.has_sockets(quiet + 2).await;
    daemon.stop().await;
}

#[tokio::test]
async fn checks_go_on_while_clients_hammer() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    house.until_state("works", "healthy", "ok").await;
    let hammer = join_all((0..40).map(async |nth| {
        let path = ["/metrics", "/", "/api/v1/users", "/users/nobody"][nth % 4];
        loop {
            let answer = house.get(path).await;
            assert!([200, 404].contains(&answer.status), "{answer:?}");
        }
    }));
    tokio::select! {
        _ = hammer => unreachable!("it never ends"),
        () = house.watch_checks("works", 3) => {}
    }
    house.until_state("works", "healthy", "ok").await;
    daemon.stop().await;
}

#[tokio::test]
async fn open_connections_do_not_hold_up_the_end() {
    let house = House::of(&["works"]);
    let mut daemon = house.start().await;
    let mut open = Vec::new();
    for nth in 0..60 {
        let mut stream = house.connect().await;
        let begun = [
            "",
            "GET /metr",
            "POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
            GET,
        ][nth % 4];
        stream.write_all(begun.as_bytes()).await.unwrap();
        open.push(stream);
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(LONG).await, Some(0), "{}", daemon.log());
}

/// With a second signal not even the answers under way are waited for.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut house = House::of(&["works"]);
    // The first signal alone would wait for an answer of Autotask for so long.
    house.settings.timeout = "60s";
    house
        .world()
        .with(|world| world.set_reach(&Place::Central, Reach::Hang));
    let mut daemon = house.start().await;
    let asked = house.stats("works").lookups;
    let ask = "POST /api/v1/users/works/probe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
               Content-Length: 0\r\n\r\n";
    let mut open = house.connect().await;
    open.write_all(ask.as_bytes()).await.unwrap();
    eventually(
        || "no look-up hangs".to_owned(),
        async || (house.stats("works").lookups > asked).then_some(()),
    )
    .await;
    daemon.signal(Signal::TERM);
    daemon.says("stopping: no attempt starts").await;
    daemon.signal(Signal::TERM);
    daemon.says("stopping at once").await;
    assert_eq!(daemon.ended(LONG).await, Some(0));
    assert_eq!(house.rest(open).await, "");
}
