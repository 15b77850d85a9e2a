//! Answers that are none: broken, endless, slow, of another protocol. What is said of each is the same for the look-up,
//! the query and `versioninformation`, and what the attempt counts as is right: an answer of HTTP is an unclear one,
//! anything else leaves the attempt without an answer.

use lockwatch::{
    attempt::Outcome,
    observation::{QueryFinding, Unclear, ZoneFinding},
};

use super::{
    ACCEPTED, config, hurried, query_with,
    server::{Reply, Server, answer},
    unclear_with, unexpected, version_with, zone_with,
};

const JSON: &str = "Content-Type: application/json\r\n";
/// What the three requests look for, in one body.
const GOOD: &str =
    r#"{"items":[],"apiVersions":["V1.0"],"zoneName":"AE02","url":"http://127.0.0.1:9/"}"#;
/// Something like [`GOOD`] in gzip, and in zlib's format.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x2c\x49\xcd\x2d\x56\xb2\x8a\x8e\xd5\x51\x4a\x2c\xc8\
\x0c\x4b\x2d\x2a\xce\xcc\xcf\x03\x09\x28\x85\x19\xea\x19\x28\x01\x85\xab\xf2\xf3\x52\xfd\x12\x73\x53\x95\xac\x94\x1c\x5d\x0d\
\x8c\x94\x74\x94\x4a\x8b\x72\x80\x9c\x8c\x92\x92\x82\x62\x2b\x7d\xfd\x44\xbd\xc4\xd2\x92\xfc\x92\xc4\xe2\x6c\xbd\xbc\xd4\x12\
\x7d\xa5\x5a\x00\x5a\x0f\x9d\xf8\x55\x00\x00\x00";
const DEFLATE: &[u8] = b"\x78\x9c\xab\x56\xca\x2c\x49\xcd\x2d\x56\xb2\x8a\x8e\xd5\x51\x4a\x2c\xc8\x0c\x4b\x2d\x2a\xce\xcc\xcf\
\x03\x09\x28\x85\x19\xea\x19\x28\x01\x85\xab\xf2\xf3\x52\xfd\x12\x73\x53\x95\xac\x94\x1c\x5d\x0d\x8c\x94\x74\x94\x4a\x8b\x72\
\x80\x9c\x8c\x92\x92\x82\x62\x2b\x7d\xfd\x44\xbd\xc4\xd2\x92\xfc\x92\xc4\xe2\x6c\xbd\xbc\xd4\x12\x7d\xa5\x5a\x00\x8c\xc7\x1b\
\x2d";

fn say(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply::SayAndClose(bytes.into())
}

fn drip(head: &str, piece: &str) -> Reply {
    Reply::Drip(head.into(), piece.into())
}

fn flood(head: &str, piece: &str) -> Reply {
    Reply::Flood(head.into(), piece.into())
}

fn encoded(name: &str, body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Encoding: {name}\r\n\r\n",
        body.len()
    );
    Reply::Say([head.as_bytes(), body].concat())
}

fn outcome(unclear: &Unclear) -> Outcome {
    QueryFinding::Unclear(unclear.clone()).outcome()
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_says_nothing() {
    let cut = "a body that was cut off";
    let no_json = "a body that is not JSON";
    let other = "JSON of another shape";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let deep = "[".repeat(100_000);
    for (name, reply, status, what) in [
        (
            "shorter than promised",
            say(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{GOOD}"
            )),
            200,
            cut,
        ),
        (
            "cut between chunks",
            say(format!("{chunked}{:x}\r\n{GOOD}\r\n", GOOD.len())),
            200,
            cut,
        ),
        (
            "cut in a chunk",
            say(format!("{chunked}ff\r\n{GOOD}")),
            200,
            cut,
        ),
        (
            "no length of a chunk",
            say(format!("{chunked}zz\r\n{GOOD}")),
            200,
            cut,
        ),
        (
            "more than any chunk",
            say(format!("{chunked}fffffffffffffffff\r\n{GOOD}")),
            200,
            cut,
        ),
        (
            "reset in the body",
            Reply::SayAndReset(
                format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{GOOD}").into(),
            ),
            200,
            cut,
        ),
        (
            "empty",
            Reply::Say(answer(200, JSON, "")),
            200,
            "an empty body",
        ),
        ("text", Reply::Say(answer(200, JSON, "OK")), 200, no_json),
        (
            "JSON cut off",
            Reply::Say(answer(
                200,
                JSON,
                r#"{"items":[{"id":0}],"note":"the user is locked out"#,
            )),
            200,
            no_json,
        ),
        (
            "other types",
            Reply::Say(answer(
                200,
                JSON,
                r#"{"items":7,"url":["x"],"apiVersions":"V1.0"}"#,
            )),
            200,
            other,
        ),
        ("a number", Reply::Say(answer(200, JSON, "7")), 200, other),
        (
            "too deep",
            Reply::Say(answer(200, JSON, &deep)),
            200,
            no_json,
        ),
        (
            "not UTF-8",
            encoded("identity", b"{\"items\":[],\"note\":\"\xff\"}"),
            200,
            no_json,
        ),
        ("gzip", encoded("gzip", GZIP), 200, no_json),
        ("deflate", encoded("deflate", DEFLATE), 200, no_json),
        ("brotli, or said to be", encoded("br", GZIP), 200, no_json),
        (
            "no known status",
            Reply::Say(answer(999, JSON, GOOD)),
            999,
            other,
        ),
    ] {
        let server = Server::start(vec![reply]).await;
        let unclear = unclear_with(&config(&server.url())).await;
        assert_eq!(unclear, unexpected(status, what), "{name}");
        assert_eq!(outcome(&unclear), Outcome::AnsweredUnclearly, "{name}");
    }
}

#[tokio::test]
async fn no_more_than_a_limit_is_read() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let gibibyte = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    let too_large = unexpected(200, "a body larger than 1 MiB");
    for (name, reply, want) in [
        ("1 GiB", flood(gibibyte, " "), too_large.clone()),
        (
            "endless",
            flood("HTTP/1.1 200 OK\r\n\r\n", "{"),
            too_large.clone(),
        ),
        ("endless chunks", flood(chunked, &chunk), too_large),
        (
            "endless lines of headers",
            flood("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
            Unclear::NotHttp,
        ),
        (
            "one endless header",
            flood("HTTP/1.1 200 OK\r\nA: ", "a"),
            Unclear::NotHttp,
        ),
        (
            "an endless status",
            flood("HTTP/1.1 200 ", "OK"),
            Unclear::NotHttp,
        ),
    ] {
        let server = Server::start(vec![reply]).await;
        let unclear = unclear_with(&config(&server.url())).await;
        assert_eq!(unclear, want, "{name}");
        // Three connections, each with what lies in the buffers of the system on top of what was read.
        let taken = server.flooded().await;
        assert!(taken < 64 << 20, "{name}: {taken}");
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn the_deadline_is_that_of_the_whole_exchange() {
    let no_answer = Unclear::Timeout { connecting: false };
    let late = unexpected(200, "a body that did not come in time");
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    for (name, reply, want, counts_as) in [
        (
            "a byte at a time",
            drip(begun, " "),
            late,
            Outcome::AnsweredUnclearly,
        ),
        (
            "a header at a time",
            drip("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
            no_answer.clone(),
            Outcome::Unanswered,
        ),
        (
            "a byte of a header at a time",
            drip("HTTP/1.1 200 OK\r\nA: ", "a"),
            no_answer.clone(),
            Outcome::Unanswered,
        ),
        (
            "wait, and wait again",
            drip("", "HTTP/1.1 100 Continue\r\n\r\n"),
            no_answer.clone(),
            Outcome::Unanswered,
        ),
        (
            "wait, as fast as it can be heard",
            flood("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
            no_answer.clone(),
            Outcome::Unanswered,
        ),
        ("silence", Reply::Hang, no_answer, Outcome::Unanswered),
    ] {
        let server = Server::start(vec![reply]).await;
        let unclear = unclear_with(&hurried(&server.url())).await;
        assert_eq!(unclear, want, "{name}");
        assert_eq!(outcome(&unclear), counts_as, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_http_leaves_the_attempt_without_an_answer() {
    let thousand = "A: b\r\n".repeat(1000);
    for (name, bytes, want) in [
        (
            "another protocol",
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "a TLS alert",
            b"\x15\x03\x03\0\x02\x02\x46".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "HTTP/2 only",
            b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "a status of two digits",
            b"HTTP/1.1 20 OK\r\n\r\n".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "HTTP/3.7",
            b"HTTP/3.7 200 OK\r\n\r\n".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "a header without a name",
            b"HTTP/1.1 200 OK\r\n: b\r\n\r\n".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
            Unclear::NotHttp,
        ),
        (
            "a thousand headers",
            format!("HTTP/1.1 200 OK\r\n{thousand}\r\n{GOOD}").into_bytes(),
            Unclear::NotHttp,
        ),
        ("nothing", Vec::new(), Unclear::Reset),
        ("half a status", b"HTTP/1.1 2".to_vec(), Unclear::Reset),
        (
            "no end of the headers",
            b"HTTP/1.1 200 OK\r\nA: b\r\n".to_vec(),
            Unclear::Reset,
        ),
    ] {
        let server = Server::start(vec![say(bytes)]).await;
        let unclear = unclear_with(&config(&server.url())).await;
        assert_eq!(unclear, want, "{name}");
        assert_eq!(outcome(&unclear), Outcome::Unanswered, "{name}");
    }
    let server = Server::start(vec![Reply::SayAndReset(Vec::new())]).await;
    assert_eq!(unclear_with(&config(&server.url())).await, Unclear::Reset);
}

#[tokio::test]
async fn an_answer_in_an_unusual_dress_is_an_answer() {
    let length = GOOD.len();
    for (name, bytes) in [
        (
            "another content type",
            answer(200, "Content-Type: text/html\r\n", GOOD),
        ),
        ("no content type", answer(200, "", GOOD)),
        (
            "a byte order mark",
            answer(200, JSON, &format!("\u{feff}{GOOD}")),
        ),
        (
            "white space around",
            answer(200, JSON, &format!("\r\n\t {GOOD}\r\n")),
        ),
        (
            "HTTP/1.0",
            format!("HTTP/1.0 200 OK\r\n\r\n{GOOD}").into_bytes(),
        ),
        (
            "100 and 103 before it",
            format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{GOOD}"
            )
            .into_bytes(),
        ),
        (
            "chunks of a byte, with trailers",
            GOOD.chars()
                .fold(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
                    |said, c| format!("{said}1;x=y\r\n{c}\r\n"),
                )
                .into_bytes()
                .into_iter()
                .chain(*b"0\r\nSecret: x\r\n\r\n")
                .collect(),
        ),
        (
            "fields nobody knows",
            answer(
                200,
                JSON,
                &GOOD.replacen('{', r#"{"items2":{"a":[null]},"#, 1),
            ),
        ),
        (
            "PascalCase",
            answer(
                200,
                JSON,
                &GOOD
                    .replace("items", "Items")
                    .replace("apiV", "ApiV")
                    .replace("zoneName", "ZoneName")
                    .replace("url", "Url"),
            ),
        ),
        (
            "keys twice, of which the last counts",
            answer(
                200,
                JSON,
                &GOOD.replacen('{', r#"{"items":7,"url":"https://evil.example/","#, 1),
            ),
        ),
    ] {
        let server = Server::start(vec![say(bytes)]).await;
        let config = config(&server.url());
        assert_eq!(query_with(&config).await, QueryFinding::Accepted, "{name}");
        assert_eq!(version_with(&config).await, Ok(()), "{name}");
        let ZoneFinding::Found(zone) = zone_with(&config).await else {
            panic!("{name}");
        };
        assert_eq!(
            (zone.name.as_str(), zone.api.as_str()),
            ("AE02", "http://127.0.0.1:9/")
        );
    }
}

/// What nobody asked for must not become the answer to the next request, which is perhaps another user's.
#[tokio::test]
async fn an_answer_too_many_is_nobodys() {
    let two = [answer(200, "", ACCEPTED), answer(401, "", "")].concat();
    let replies = [Reply::Say(two), Reply::Say(answer(200, "", ACCEPTED))];
    let server = Server::start(replies.to_vec()).await;
    let config = config(&server.url());
    let client = lockwatch::autotask::client::Client::new(&config).unwrap();
    let zone = super::zone_at(&server.url());
    for _ in 0..2 {
        let credential = super::credential();
        let now = tokio::time::Instant::now();
        let answer = client.query(super::permit(), now, &zone, &credential, "Companies");
        assert_eq!(answer.await.0.finding, QueryFinding::Accepted);
    }
    assert_eq!(server.connections(), 2);
}
