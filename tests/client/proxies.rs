//! A proxy in between, and what it may do instead of its work. It is named where it is at fault, and a server behind it
//! that is not Autotask gets nothing.

use lockwatch::{
    attempt::Outcome,
    autotask::{client::Client, hosts::AllowedHosts},
    config::Autotask,
    observation::{QueryFinding, Unclear},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{
    ACCEPTED, config, query_with,
    server::{Reply, Server, answer},
    tls, unclear_with,
};

const VENDOR: &str = "https://webservices.autotask.net/";

fn behind(proxy: &str) -> Autotask {
    Autotask {
        proxy: Some(Url::parse(proxy).unwrap()),
        allowed_hosts: AllowedHosts::new(vec!["127.0.0.1".into(), "*.autotask.net".into()]),
        ..config(VENDOR)
    }
}

/// A proxy that resolves every name to one address of this machine.
async fn leading_to(there: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                client.read_buf(&mut head).await.unwrap();
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(&there).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    proxy
}

fn sent_nothing(unclear: &Unclear) -> bool {
    QueryFinding::Unclear(unclear.clone()).outcome() == Outcome::NotSent
}

#[tokio::test]
async fn a_proxy_that_does_not_do_its_work_is_named() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let nameless = format!("http://{}.example:3128/", "a".repeat(64));
    let page = answer(
        200,
        "Content-Type: text/html\r\n",
        "<html>Please log in</html>",
    );
    let mut found = Vec::new();
    for reply in [
        Reply::Say(answer(407, "Proxy-Authenticate: Basic\r\n", "")),
        Reply::Say(answer(403, "", "<html>Blocked</html>")),
        Reply::Say(answer(302, "Location: http://127.0.0.1:9/\r\n", "")),
        Reply::SayAndClose(b"<html>Please log in</html>".to_vec()),
        Reply::SayAndClose(Vec::new()),
    ] {
        let proxy = Server::start(vec![reply]).await;
        found.push(unclear_with(&behind(&proxy.url())).await);
    }
    found.push(unclear_with(&behind(&refused)).await);
    found.push(unclear_with(&behind(&nameless)).await);
    let causes: Vec<&str> = found
        .iter()
        .map(|unclear| match unclear {
            Unclear::Proxy { cause } => cause.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    for (cause, word) in causes.iter().zip([
        "proxy authorization required",
        "unsuccessful",
        "unsuccessful",
        "unsuccessful",
        "unexpected end of file",
        "Connection refused",
        "dns error",
    ]) {
        assert!(cause.contains(word), "{cause}");
    }
    assert!(found.iter().all(sent_nothing));

    // A tunnel that it said to be open, and a page comes through: that is no TLS.
    let proxy = Server::start(vec![Reply::SayAndClose(
        [&answer(200, "", "")[..], &page].concat(),
    )])
    .await;
    let unclear = unclear_with(&behind(&proxy.url())).await;
    assert!(
        matches!(&unclear, Unclear::Tls { .. }) && sent_nothing(&unclear),
        "{unclear:?}"
    );

    let proxy = Server::start(vec![Reply::Hang]).await;
    let hurried = Autotask {
        timeout: std::time::Duration::from_secs(1),
        ..behind(&proxy.url())
    };
    let late = Unclear::Timeout { connecting: true };
    assert_eq!(unclear_with(&hurried).await, late);
    assert!(sent_nothing(&late));
}

/// As when a name of Autotask's resolves to this machine, or to somebody else's.
#[tokio::test]
async fn a_name_that_leads_elsewhere_meets_a_certificate_that_is_not_its_own() {
    let elsewhere = tls::Server::start(&answer(200, "", ACCEPTED));
    let proxy = leading_to(elsewhere.address.to_string()).await;
    let trusting = Autotask {
        ca_file: Some(elsewhere.certificate().to_owned()),
        ..behind(&proxy)
    };
    let Unclear::Tls { cause } = unclear_with(&trusting).await else {
        panic!("a credential may have gone there");
    };
    let want = "the server's certificate is not for webservices.autotask.net but for 127.0.0.1";
    assert_eq!(cause, want);
    assert_eq!(elsewhere.requests(), 0);

    let plain = Server::after_some_bytes(Reply::SayAndClose(answer(200, "", ACCEPTED))).await;
    let proxy = leading_to(plain.address.to_string()).await;
    let unclear = unclear_with(&behind(&proxy)).await;
    assert!(
        matches!(&unclear, Unclear::Tls { .. }) && sent_nothing(&unclear),
        "{unclear:?}"
    );
    for hello in plain.heard() {
        assert!(
            !hello
                .windows(4)
                .any(|part| part == b"POST" || part == b"GET ")
        );
    }
}

#[tokio::test]
async fn a_proxy_carries_https_but_never_what_stays_on_this_machine() {
    let proxy = Server::saying(answer(502, "", "")).await;
    let with_proxy = |url: &str| Autotask {
        proxy: Some(Url::parse(&format!("http://someone:demo-word-1@{}/", proxy.address)).unwrap()),
        allowed_hosts: AllowedHosts::new(vec!["127.0.0.1".into(), "*.autotask.net".into()]),
        ..config(url)
    };
    let server = Server::saying(answer(200, "", ACCEPTED)).await;
    assert_eq!(
        query_with(&with_proxy(&server.url())).await,
        QueryFinding::Accepted
    );
    assert_eq!(proxy.connections(), 0);

    let outside = with_proxy("https://webservices.autotask.net/");
    assert_eq!(query_with(&outside).await.outcome(), Outcome::NotSent);
    let request = proxy.request();
    assert_eq!(
        request.line,
        "CONNECT webservices.autotask.net:443 HTTP/1.1"
    );
    assert_eq!(request.header("secret"), None);
    let shown = format!("{:?}", Client::new(&outside).unwrap());
    assert!(!shown.contains("demo-word-1"), "{shown}");
}
