//! Every way in which no secure connection comes about: nothing is sent, nothing is counted, nobody is blamed, and the
//! cause is told in words that say where to look.

use lockwatch::{
    attempt::Outcome,
    config::Autotask,
    observation::{QueryFinding, Unclear},
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};

use super::{
    ACCEPTED, config, hurried, query_with,
    server::{Reply, Server, answer},
    tls::{self, Shown},
    unclear_with,
};

const HERE: &str = "127.0.0.1";

fn with(change: impl FnOnce(&mut CertificateParams)) -> Shown {
    Shown::of(HERE, change)
}

fn trusting(server: &tls::Server) -> Autotask {
    Autotask {
        ca_file: Some(server.certificate().to_owned()),
        ..config(&server.url())
    }
}

fn cause(unclear: Unclear) -> String {
    let outcome = QueryFinding::Unclear(unclear.clone()).outcome();
    assert_eq!(outcome, Outcome::NotSent);
    assert_eq!(unclear.as_str(), "tls");
    match unclear {
        Unclear::Tls { cause } => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_gets_no_request() {
    let ok = answer(200, "Connection: close\r\n", ACCEPTED);
    for (shown, begins, ends) in [
        (
            with(|params| params.not_after = date_time_ymd(2024, 2, 29)),
            "the server's certificate has been expired since 2024-02-29 00:00 UTC (it is 20",
            " UTC by the clock of this host)",
        ),
        (
            with(|params| params.not_before = date_time_ymd(2999, 12, 31)),
            "the server's certificate is not valid before 2999-12-31 00:00 UTC (it is 20",
            " UTC by the clock of this host)",
        ),
        (
            Shown::of("webservices14.autotask.net", |_| {}),
            "the server's certificate is not for 127.0.0.1 but for webservices14.autotask.net",
            "",
        ),
        (
            with(|params| params.subject_alt_names.clear()),
            "the server's certificate is not for 127.0.0.1 but for no host",
            "",
        ),
        (
            with(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
            "the server's certificate cannot be trusted (",
            ")",
        ),
        (
            Shown::by_another(HERE, false),
            "the server's certificate is signed by nobody that this host or autotask.ca_file trusts, \
             or without the certificates in between",
            "",
        ),
    ] {
        let server = tls::Server::showing(shown, &ok);
        let cause = cause(unclear_with(&trusting(&server)).await);
        assert!(
            cause.starts_with(begins) && cause.ends_with(ends),
            "{cause}"
        );
        assert_eq!(server.requests(), 0, "{cause}");
    }
}

#[tokio::test]
async fn a_server_nobody_vouches_for_gets_no_request() {
    let ok = answer(200, "Connection: close\r\n", ACCEPTED);
    let server = tls::Server::start(&ok);
    let cause = cause(unclear_with(&config(&server.url())).await);
    assert!(cause.contains("signed by nobody that this host"), "{cause}");
    assert_eq!(server.requests(), 0);
    assert_eq!(query_with(&trusting(&server)).await, QueryFinding::Accepted);
    assert_eq!(server.requests(), 1);

    let whole = tls::Server::showing(Shown::by_another(HERE, true), &ok);
    assert_eq!(query_with(&trusting(&whole)).await, QueryFinding::Accepted);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_sends_nothing() {
    // A server's hello of TLS 1.1: version, random bytes, no session, AES-128 with SHA-1, no compression.
    let mut old = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02".to_vec();
    old.extend([7; 32]);
    old.extend(b"\x00\x00\x2f\x00");
    for (name, reply, want) in [
        (
            "plain HTTP",
            Reply::SayAndClose(answer(400, "", "")),
            "the server does not speak TLS on this port",
        ),
        (
            "another protocol",
            Reply::SayAndClose(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            "the server does not speak TLS on this port",
        ),
        (
            "an alert: no common version",
            Reply::SayAndClose(b"\x15\x03\x01\0\x02\x02\x46".to_vec()),
            "the server speaks neither TLS 1.2 nor TLS 1.3, and older ones are not safe",
        ),
        (
            "TLS 1.1",
            Reply::SayAndClose(old.clone()),
            "the server speaks neither TLS 1.2 nor TLS 1.3, and older ones are not safe",
        ),
        (
            "an alert: no agreement",
            Reply::SayAndClose(b"\x15\x03\x03\0\x02\x02\x28".to_vec()),
            "the server broke off the handshake (HandshakeFailure)",
        ),
        (
            "nothing",
            Reply::SayAndClose(Vec::new()),
            "the connection ended during the handshake",
        ),
        (
            "half a hello",
            Reply::SayAndClose(old[..20].to_vec()),
            "the connection ended during the handshake",
        ),
        (
            "a reset",
            Reply::SayAndReset(Vec::new()),
            "the connection ended during the handshake",
        ),
    ] {
        let server = Server::after_some_bytes(reply).await;
        let unclear = unclear_with(&config(&server.url().replace("http:", "https:"))).await;
        assert_eq!(cause(unclear), want, "{name}");
        for hello in server.heard() {
            let username = b"acme.example";
            assert!(!hello.windows(username.len()).any(|part| part == username));
        }
    }
}

#[tokio::test]
async fn a_server_of_http_2_alone_gets_no_request() {
    let shown = with(|_| {}).speaking("h2");
    let server = tls::Server::showing(shown, b"");
    let unclear = unclear_with(&trusting(&server)).await;
    let want = "the server broke off the handshake (NoApplicationProtocol)";
    assert_eq!(cause(unclear), want);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_handshake_that_hangs_is_a_timeout_that_sent_nothing() {
    let server = Server::after_some_bytes(Reply::Hang).await;
    let config = hurried(&server.url().replace("http:", "https:"));
    let unclear = unclear_with(&config).await;
    assert_eq!(unclear, Unclear::Timeout { connecting: true });
    let outcome = QueryFinding::Unclear(unclear).outcome();
    assert_eq!(outcome, Outcome::NotSent);
}
