//! docs/runbooks/reasons/tls.md: its commands are asked about certificates that are wrong in all the ways of which it speaks.

use rcgen::{CertificateParams, DnType, date_time_ymd};

use crate::{
    place::Place,
    server::{Server, Shown},
    support::{
        accounts::{By, of},
        pages::Typed,
    },
};

/// Whether it is run here, and not among the others beside a simulated Autotask without TLS.
pub fn runs(typed: &Typed) -> bool {
    typed.page == "docs/runbooks/reasons/tls.md" && typed.text.contains("https://ZONE_HOST/")
}

/// What the page has people ask of an address: what curl says is wrong, and who shows the certificate. With an authority that
/// the host trusts.
async fn asked(place: &Place, url: &str, trusted: Option<&Server>) -> [String; 2] {
    let all = of(|by| by == By::Here).into_iter().filter(runs);
    let texts: Vec<_> = all.map(|typed| typed.text).collect();
    let trust = trusted.map(|server| {
        let file = server.certificate().display();
        format!("export CURL_CA_BUNDLE='{file}'; ")
    });
    let trust = trust.unwrap_or_default();
    let mut said = Vec::new();
    for text in &texts {
        let text = text.replace("https://ZONE_HOST/", url);
        let done = place.run(&format!("{trust}{text}")).await;
        said.push(done.stdout + &done.stderr);
    }
    said.try_into().unwrap()
}

fn says(said: &str, parts: &[&str]) {
    let all = parts.iter().all(|part| said.contains(part));
    assert!(all, "not {parts:?}: {said:?}");
}

#[tokio::test]
async fn what_is_wrong_and_who_shows_it() {
    let place = Place::make().await;
    let serve = |name: &str, change: fn(&mut CertificateParams)| {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        Server::showing(Shown::of(name, change), answer)
    };

    let well = serve("127.0.0.1", |_| {});
    let [wrong, shown] = asked(&place, &well.url(), Some(&well)).await;
    assert_eq!(wrong, "", "it is content");
    says(&shown, &["issuer: CN=root"]);

    // An authority of somebody's own.
    let [wrong, shown] = asked(&place, &well.url(), None).await;
    says(&wrong, &["unable to get local issuer certificate"]);
    says(
        &shown,
        &["issuer: CN=root", "subject: CN=", "expire date: "],
    );

    let expired = serve("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2024, 5, 6)
    });
    let [wrong, shown] = asked(&place, &expired.url(), Some(&expired)).await;
    says(&wrong, &["certificate has expired"]);
    says(&shown, &["expire date: May  6 00:00:00 2024 GMT"]);

    let early = serve("127.0.0.1", |params| {
        params.not_before = date_time_ymd(4000, 1, 1)
    });
    let [wrong, _] = asked(&place, &early.url(), Some(&early)).await;
    says(&wrong, &["certificate is not yet valid"]);

    let other = serve("elsewhere.example", |params| {
        params
            .distinguished_name
            .push(DnType::CommonName, "elsewhere.example");
    });
    let [wrong, shown] = asked(&place, &other.url(), Some(&other)).await;
    says(&wrong, &["no alternative certificate subject name"]);
    says(&shown, &["subject: CN=elsewhere.example"]);

    let without = place.house.autotask().as_str().replace("http:", "https:");
    let [wrong, shown] = asked(&place, &without, None).await;
    says(&wrong, &["SSL"]);
    assert_eq!(shown, "", "nobody shows one");
}
