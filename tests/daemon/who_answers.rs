//! Commands that find no daemon, somebody else in its place, or a daemon that does not take their token: each says what it
//! tried and what to do.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use reqwest::Method;

use crate::{
    house::{House, command::lockwatch, eventually},
    support::certificates::Certificates,
};

pub const TOKEN: &str = "demo-token-of-25-letters-";

/// What somebody was asked, in lower case.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// Answers the same to whoever comes, for as long as the test lasts, `again` and again without an end.
pub fn answers(listener: TcpListener, answer: &'static [u8], again: &'static [u8]) -> Asked {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // Who asks may go as soon as it likes.
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            kept.lock().unwrap().push(request);
            let mut sent = stream.write_all(answer);
            while sent.is_ok() && !again.is_empty() {
                sent = stream.write_all(again);
            }
        }
    });
    asked
}

fn stranger(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    answers(listener, answer, b"");
    format!("http://{address}/")
}

/// As `until_state`, where reads want the token too.
pub async fn until_works(house: &House) {
    eventually(
        || "it never works".to_owned(),
        async || {
            let path = "/api/v1/users/works";
            let answer = house
                .ask(Method::GET, path, |plain| plain.bearer_auth(TOKEN))
                .await;
            (answer.json()["state"] == "healthy").then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn who_answers_in_the_daemons_place_is_told() {
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<p>hello</p>\n";
    let empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnope\n";
    let proxy = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let elsewhere = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let other_json =
        b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{\"status\":\"up\"}";
    let older = b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{\"users\": [{\"id\": \"acme\"}]}";
    let ssh = b"SSH-2.0-OpenSSH_9.2p1\r\n";
    let home = tempfile::tempdir().unwrap();
    for (answer, code, says, advises) in [
        (
            &html[..],
            69,
            "is not lockwatch (its answer: 200 OK)",
            "--url",
        ),
        (empty, 69, "is not lockwatch (its answer: 200 OK)", "--url"),
        (
            missing,
            69,
            "is not lockwatch (its answer: 404 Not Found)",
            "--url",
        ),
        (
            proxy,
            69,
            "is not lockwatch (its answer: 502 Bad Gateway)",
            "--url",
        ),
        (
            elsewhere,
            69,
            "is not lockwatch (its answer: 302 Found)",
            "--url",
        ),
        (other_json, 69, "is not lockwatch", "--url"),
        (
            older,
            70,
            "is another version of lockwatch than this command",
            "restart the daemon",
        ),
        (
            ssh,
            69,
            "is not lockwatch, or cannot be spoken to",
            "https://",
        ),
    ] {
        let url = stranger(answer);
        for arguments in [
            &["status"][..],
            &["status", "acme", "--json"],
            &["retry", "acme"],
            &["retry", "--all"],
            &["probe", "acme"],
        ] {
            if arguments == ["retry", "--all"] && code == 70 {
                continue;
            }
            let arguments = [arguments, &["--url", &url]].concat();
            let done = lockwatch(&arguments, "", &[], home.path()).await;
            if arguments.contains(&"--all") && answer.starts_with(b"HTTP/1.1 200") {
                // Its lines are read as they come.
                assert_eq!(done.code, 70, "{arguments:?}: {done:?}");
                continue;
            }
            assert_eq!(
                (done.code, done.stdout.as_str()),
                (code, ""),
                "{arguments:?}: {done:?}"
            );
            assert!(
                done.stderr.contains(says) && done.stderr.contains(&url),
                "{arguments:?}: {done:?}"
            );
            assert!(done.stderr.contains(advises), "{arguments:?}: {done:?}");
        }
        let health = lockwatch(&["health", "--url", &url], "", &[], home.path()).await;
        assert_eq!((health.code, health.stdout.as_str()), (1, ""), "{health:?}");
        assert_eq!(health.stderr.lines().count(), 1, "{health:?}");
    }
}

#[tokio::test]
async fn nobody_and_the_wrong_scheme_are_told_apart() {
    let house = House::of(&["works"]);
    let daemon = house.start().await;
    let plain = house.url("/");
    let home = tempfile::tempdir().unwrap();
    let status = async |url: &str| lockwatch(&["status", "--url", url], "", &[], home.path()).await;

    let encrypted = plain.replace("http://", "https://");
    let done = status(&encrypted).await;
    assert_eq!(done.code, 69, "{done:?}");
    assert!(
        done.stderr
            .contains("lockwatch itself speaks plain http://"),
        "{done:?}"
    );
    let page = house.url("/users/works");
    let done = status(&page).await;
    assert_eq!(done.code, 64, "{done:?}");
    assert!(
        done.stderr.contains("without the path of a page"),
        "{done:?}"
    );
    daemon.stop().await;

    let done = status(&encrypted).await;
    assert_eq!(done.code, 69, "{done:?}");
    assert!(
        done.stderr.contains("is it running?") && !done.stderr.contains("certificate"),
        "{done:?}"
    );
    let done = status(&plain).await;
    assert_eq!(done.code, 69, "{done:?}");
    for says in [
        plain.as_str(),
        "Connection refused",
        "is it running?",
        "systemctl start lockwatch",
        "--url",
    ] {
        assert!(done.stderr.contains(says), "{says}: {done:?}");
    }
    for (url, says) in [
        ("127.0.0.1:9477", "write http://127.0.0.1:9477/"),
        ("http://x:demo-password@127.0.0.1:9477/", "$LOCKWATCH_TOKEN"),
        ("http://127.0.0.1:9477/?token=demo-1", "$LOCKWATCH_TOKEN"),
    ] {
        let done = status(url).await;
        assert_eq!(done.code, 64, "{done:?}");
        assert!(
            done.stderr.contains(says) && !done.stderr.contains("demo"),
            "{done:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let made = Certificates::make(folder.path(), &["localhost"]);
    let server = crate::support::smtp::Sink::start_at(0, &["--tls", "implicit"], &made).await;
    let url = format!("https://localhost:{}/", server.port);
    let done = lockwatch(&["status", "--url", &url], "", &[], folder.path()).await;
    assert_eq!(done.code, 69, "{done:?}");
    assert!(
        done.stderr
            .contains("whose certificate this host must trust"),
        "{done:?}"
    );
}

#[tokio::test]
async fn what_to_do_about_a_token_is_told() {
    let mut house = House::of(&["works"]);
    let token = house.secret_file("web.token", TOKEN);
    house.settings.web = "token = { file = \"web.token\" }\nprotect_reads = true".to_owned();
    let daemon = house.start().await;
    until_works(&house).await;
    let url = house.url("/");
    let good = ("LOCKWATCH_TOKEN", TOKEN);
    let wrong = ("LOCKWATCH_TOKEN", "demo-token-of-another");
    house.keep_private(wrong.1);
    let none = house.folder().join("none.toml");
    let none = ("LOCKWATCH_CONFIG", none.to_str().unwrap());
    let with_url = ["status", "--url", &url];
    for (environment, code, says) in [
        (
            &[none][..],
            64,
            "set $LOCKWATCH_TOKEN to what its web.token gives",
        ),
        (
            &[none, wrong],
            64,
            "it does not take what $LOCKWATCH_TOKEN holds",
        ),
        (&[none, good], 0, ""),
        // The configuration's own counts first.
        (&[wrong], 0, ""),
    ] {
        let done = house.lockwatch_told(&with_url, "", environment).await;
        assert_eq!(done.code, code, "{environment:?}: {done:?}");
        assert!(done.stderr.contains(says), "{environment:?}: {done:?}");
        assert_eq!(
            done.stderr.is_empty(),
            code == 0,
            "{environment:?}: {done:?}"
        );
    }

    // Who may read the configuration, and not the token.
    house.secret_file("web.token", "demo-token-that-was-changed");
    eventually(
        || "the daemon does not read it anew".to_owned(),
        async || (house.lockwatch(&["status"]).await.code == 0).then_some(()),
    )
    .await;
    std::fs::remove_file(&token).unwrap();
    let done = house.lockwatch(&["retry", "works"]).await;
    assert_ne!(done.code, 0, "{done:?}");
    house.secret_file("web.token", TOKEN);
    daemon.stop().await;
}

/// Whoever listens there may talk for ever.
#[tokio::test]
async fn an_answer_without_an_end_is_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n";
    answers(listener, head, &[b'x'; 64 * 1024]);
    let home = tempfile::tempdir().unwrap();
    for command in [&["status"][..], &["retry", "--all"]] {
        let arguments = [command, &["--url", &url]].concat();
        let done = lockwatch(&arguments, "", &[], home.path()).await;
        assert_eq!(done.code, 69, "{arguments:?}: {done:?}");
        assert!(done.stderr.contains("is not lockwatch"), "{done:?}");
    }
}
