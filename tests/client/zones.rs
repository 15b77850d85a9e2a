//! Zone urls as a look-up may answer them: where a credential goes, and that it goes nowhere else. Whatever leaves this
//! machine goes through a proxy that keeps what it hears, and what stays on it meets the same server at its port.

use lockwatch::{
    attempt::Outcome,
    autotask::{client::Client, hosts::AllowedHosts},
    config::Autotask,
    observation::{Unclear, Zone, ZoneFinding},
};
use tokio::time::Instant;
use url::Url;

use super::{
    USERNAME, config, credential, permit,
    server::{Reply, Server, answer},
    unexpected,
};
use lockwatch::user::Username;

const OUTSIDE: &str = "its host is not in allowed_hosts";
const STRANGE: &str = "it is written in a way that can be read as another url";
const LONG: &str = "it is longer than 2048 characters";

/// Answered, and where a credential goes then. Tables are easier to read and to compare with a row on a line.
#[rustfmt::skip]
const TRUSTED: &[(&str, &str)] = &[
    ("https://webservices14.autotask.net/ATServicesRest/", "https://webservices14.autotask.net/ATServicesRest/"),
    ("https://webservices14.autotask.net/ATServicesRest", "https://webservices14.autotask.net/ATServicesRest/"),
    ("https://webservices14.autotask.net", "https://webservices14.autotask.net/"),
    ("https://webservices14.autotask.net:443/ATServicesRest/", "https://webservices14.autotask.net/ATServicesRest/"),
    ("HTTPS://WebServices14.AutoTask.NET/ATServicesRest/", "https://webservices14.autotask.net/ATServicesRest/"),
    (" https://webservices14.autotask.net/ATServicesRest/\r\n", "https://webservices14.autotask.net/ATServicesRest/"),
    // It stays on the host, and so it may.
    ("https://webservices14.autotask.net/a/../../%2e%2e/ATServicesRest/", "https://webservices14.autotask.net/ATServicesRest/"),
    ("https://webservices14.autotask.net//evil.example/", "https://webservices14.autotask.net//evil.example/"),
    ("https://webservices14.autotask.net/@evil.example/", "https://webservices14.autotask.net/@evil.example/"),
];

/// Answered, its host as told, and why it is not trusted; without both, it is no url.
#[rustfmt::skip]
const NOT_TRUSTED: &[(&str, &str, &str)] = &[
    ("https://evil.example/", "evil.example", OUTSIDE),
    ("https://autotask.net.evil.example/", "autotask.net.evil.example", OUTSIDE),
    ("https://webservices14.autotask.net.evil.example/", "webservices14.autotask.net.evil.example", OUTSIDE),
    ("https://evilautotask.net/", "evilautotask.net", OUTSIDE),
    ("https://webservices14-autotask.net/", "webservices14-autotask.net", OUTSIDE),
    ("https://webservices14.autotask.net-evil.example/", "webservices14.autotask.net-evil.example", OUTSIDE),
    ("https://autotask.net/", "autotask.net", OUTSIDE),
    ("https://.autotask.net/", ".autotask.net", OUTSIDE),
    ("https://a..autotask.net/", "a..autotask.net", OUTSIDE),
    ("https://webservices14.autotask.com/", "webservices14.autotask.com", OUTSIDE),
    ("https://net/", "net", OUTSIDE),
    ("https://localhost:PORT/", "localhost", OUTSIDE),
    // Homoglyphs: a Cyrillic letter, its punycode, a sign that lower-casing makes two of.
    ("https://webservices14.\u{430}utotask.net/", "webservices14.xn--utotask-1fg.net", OUTSIDE),
    ("https://webservices14.xn--utotask-1fg.net/", "webservices14.xn--utotask-1fg.net", OUTSIDE),
    ("https://webservices14.autota\u{df}k.net/", "webservices14.xn--autotak-5va.net", OUTSIDE),
    // Other dots and letters that mean the plain ones: the host is Autotask's, the spelling nobody's.
    ("https://webservices14\u{3002}autotask\u{ff0e}net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.\u{ff41}utotask.net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotas\u{212a}.net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14%2eautotask.net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.ne%74/", "webservices14.autotask.net", STRANGE),
    ("https://evil.example%2f.autotask.net/", "", ""),
    ("https://evil.example%00.autotask.net/", "", ""),
    ("https://webservices14.autotask.net./", "webservices14.autotask.net.", "its host ends in a dot"),
    // Other schemes and ports.
    ("http://webservices14.autotask.net/", "webservices14.autotask.net", "it is not https"),
    ("http://webservices14.autotask.net:443/", "webservices14.autotask.net", "it is not https"),
    ("ftp://webservices14.autotask.net/", "webservices14.autotask.net", "it is not https"),
    ("wss://webservices14.autotask.net/", "webservices14.autotask.net", "it is not https"),
    ("gopher://webservices14.autotask.net:443/", "webservices14.autotask.net", "it is not https"),
    ("file://webservices14.autotask.net/etc/passwd", "webservices14.autotask.net", "it is not https"),
    ("file:///etc/passwd", "(none)", "it names no host"),
    ("javascript:alert(1)//.autotask.net/", "(none)", "it names no host"),
    ("data:text/plain,https://webservices14.autotask.net/", "(none)", "it names no host"),
    ("https://webservices14.autotask.net:8443/", "webservices14.autotask.net", "its port is not 443"),
    ("https://webservices14.autotask.net:0/", "webservices14.autotask.net", "its port is not 443"),
    ("https://webservices14.autotask.net:PORT/", "webservices14.autotask.net", "its port is not 443"),
    ("https://webservices14.autotask.net:0443/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net:/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net:99999/", "", ""),
    // Logins.
    ("https://webservices14.autotask.net@evil.example/", "evil.example", "it holds a login"),
    ("https://someone@webservices14.autotask.net/", "webservices14.autotask.net", "it holds a login"),
    ("https://someone:word@webservices14.autotask.net/", "webservices14.autotask.net", "it holds a login"),
    ("https://:word@webservices14.autotask.net/", "webservices14.autotask.net", "it holds a login"),
    ("https://@webservices14.autotask.net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net%40evil.example/", "", ""),
    // Queries and fragments.
    ("https://webservices14.autotask.net/?a=b", "webservices14.autotask.net", "it holds a query or a fragment"),
    ("https://webservices14.autotask.net/#a", "webservices14.autotask.net", "it holds a query or a fragment"),
    ("https://evil.example#.autotask.net/", "evil.example", "it holds a query or a fragment"),
    ("https://evil.example?.autotask.net/", "evil.example", "it holds a query or a fragment"),
    // Backslashes, white space, slashes too many or too few.
    ("https://evil.example\\.autotask.net/", "evil.example", OUTSIDE),
    ("https:\\\\webservices14.autotask.net\\ATServicesRest\\", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net\\@evil.example/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net\t.evil.example/", "webservices14.autotask.net.evil.example", OUTSIDE),
    ("https://web\tservices14.auto\r\ntask.net/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net/ATServices Rest/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net/ATServices\nRest/", "webservices14.autotask.net", STRANGE),
    ("https://webservices14.autotask.net /", "", ""),
    ("https:///webservices14.autotask.net/", "webservices14.autotask.net", STRANGE),
    ("https:webservices14.autotask.net/", "webservices14.autotask.net", STRANGE),
    ("//webservices14.autotask.net/", "", ""),
    ("webservices14.autotask.net", "", ""),
    ("/ATServicesRest/", "", ""),
    ("https://", "", ""),
    // Addresses, in every notation.
    ("http://127.0.0.1:PORT/", "127.0.0.1", OUTSIDE),
    ("https://127.0.0.1:PORT/", "127.0.0.1", OUTSIDE),
    ("http://127.1:PORT/", "127.0.0.1", OUTSIDE),
    ("http://2130706433:PORT/", "127.0.0.1", OUTSIDE),
    ("http://0x7f.1:PORT/", "127.0.0.1", OUTSIDE),
    ("http://0177.0.0.1:PORT/", "127.0.0.1", OUTSIDE),
    ("http://[::1]:PORT/", "[::1]", OUTSIDE),
    ("http://[::ffff:127.0.0.1]:PORT/", "[::ffff:7f00:1]", OUTSIDE),
    ("http://0.0.0.0:PORT/", "0.0.0.0", OUTSIDE),
    ("https://169.254.169.254/latest/", "169.254.169.254", OUTSIDE),
    ("https://192.0.2.7/", "192.0.2.7", OUTSIDE),
    ("https://[2001:db8::7]/", "[2001:db8::7]", OUTSIDE),
    ("https://1.2.3.4.5/", "", ""),
];

/// Looks up a zone whose url is `text`, and presents the credential to what it names whether it is trusted or not.
/// Gives what was found, how the attempt ended, and what was asked of the outside.
async fn answered(text: &str) -> (ZoneFinding, Option<Outcome>, Vec<String>) {
    // A proxy that lets nobody through.
    let outside = Server::start(vec![Reply::SayAndClose(answer(502, "", ""))]).await;
    let text = text.replace("PORT", &outside.address.port().to_string());
    let body = serde_json::json!({ "zoneName": "AE02", "url": text }).to_string();
    let look_up = Server::saying(answer(200, "", &body)).await;
    let config = Autotask {
        allowed_hosts: AllowedHosts::new(vec!["*.autotask.net".into()]),
        proxy: Some(Url::parse(&outside.url()).unwrap()),
        ..config(&look_up.url())
    };
    let client = Client::new(&config).unwrap();
    let finding = client.zone(&Username::new(USERNAME)).await.finding;
    let zone = match &finding {
        ZoneFinding::Found(zone) => Some(zone.clone()),
        _ => Url::parse(&text).ok().map(|api| Zone {
            name: "AE02".into(),
            api,
        }),
    };
    let mut outcome = None;
    // What is refused only for its spelling leads to Autotask all the same.
    let spelling = matches!(&finding, ZoneFinding::Untrusted { why, .. } if [STRANGE, LONG].contains(&why.as_str()));
    if let Some(zone) = zone.filter(|_| !spelling) {
        let credential = credential();
        let query = client.query(permit(), Instant::now(), &zone, &credential, "Companies");
        outcome = Some(query.await.0.finding.outcome());
    }
    let heard = outside.requests().into_iter().map(|request| {
        assert_eq!(
            request.header("secret"),
            None,
            "{text}: a credential left in the clear"
        );
        request.line
    });
    (finding, outcome, heard.collect())
}

#[tokio::test]
async fn a_credential_goes_to_autotask_by_https() {
    for (text, api) in TRUSTED {
        let (finding, outcome, heard) = answered(text).await;
        let ZoneFinding::Found(zone) = finding else {
            panic!("{text}: {finding:?}");
        };
        assert_eq!((zone.name.as_str(), zone.api.as_str()), ("AE02", *api));
        assert_eq!(heard, ["CONNECT webservices14.autotask.net:443 HTTP/1.1"]);
        assert_eq!(outcome, Some(Outcome::NotSent));
    }
}

#[tokio::test]
async fn a_credential_goes_nowhere_else() {
    let long = format!("https://webservices14.autotask.net/{}", "a".repeat(3000));
    let row = (long.as_str(), "webservices14.autotask.net", LONG);
    for (text, host, why) in NOT_TRUSTED.iter().copied().chain([row]) {
        let (finding, outcome, heard) = answered(text).await;
        let want = if why.is_empty() {
            ZoneFinding::Unclear(unexpected(200, "its zone url is not a url"))
        } else {
            let (host, why) = (host.to_owned(), why.to_owned());
            ZoneFinding::Untrusted { host, why }
        };
        assert_eq!(finding, want, "{text}");
        assert_eq!(heard, Vec::<String>::new(), "{text}");
        assert!(
            outcome.is_none_or(|outcome| outcome == Outcome::NotSent),
            "{text}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn no_url_is_no_zone() {
    for text in ["", " ", "\r\n"] {
        let (finding, _, heard) = answered(text).await;
        let shape = unexpected(200, "JSON of another shape");
        assert_eq!(finding, ZoneFinding::Unclear(shape), "{text:?}");
        assert_eq!(heard, Vec::<String>::new());
    }
    let (finding, ..) = answered("https://webservices14.autotask.net/").await;
    assert!(
        !matches!(finding, ZoneFinding::Unclear(Unclear::Dns)),
        "{finding:?}"
    );
}
