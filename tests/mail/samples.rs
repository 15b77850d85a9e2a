//! Samples: every kind has one, and each says that nothing is wrong.

use lockwatch::notify::{
    Kind, envelope,
    message::{self, State},
    sample::sample,
};

use crate::words::{at, links};

const TO: &str = "it@msp.example";

#[test]
fn every_kind_has_a_sample_with_real_headers_that_says_what_it_is() {
    let now = at("2026-11-22T14:06:15Z");
    let mut threads = Vec::new();
    for kind in Kind::ALL {
        let tellings = sample(kind, now, TO, "mon1");
        let mail = message::compose_sample(&tellings, Some(&links()), TO);
        assert_eq!(mail.kinds, [kind]);
        assert!(mail.text.starts_with("This is a sample"), "{}", mail.text);
        assert!(
            mail.html.contains("<body>\n<p>This is a sample"),
            "{}",
            mail.html
        );
        let from = "lockwatch@msp.example".parse().unwrap();
        let frozen = envelope::freeze(&mail, &from, TO, "m1", now).unwrap();
        let bytes = String::from_utf8(frozen.bytes).unwrap();
        let name = kind.as_str();
        assert!(
            bytes.contains(&format!("\r\nX-Lockwatch-Kind: {name}\r\n")),
            "{bytes}"
        );
        assert!(
            bytes.contains("\r\nX-Lockwatch-Sample: true\r\n"),
            "{bytes}"
        );
        let state = match kind {
            Kind::Recovered => Some(State::Closed),
            Kind::LockedOut
            | Kind::Changed
            | Kind::Failing
            | Kind::ZoneUntrusted
            | Kind::SecretUnreadable
            | Kind::Reminder => Some(State::Open),
            _ => None,
        };
        assert_eq!(mail.state, state, "{name}");
        let real = message::compose(&tellings, Some(&links()));
        assert!(!real.sample && real.subject == mail.subject);
        if mail.incidents.len() == 1 {
            threads.push(mail.incidents[0].clone());
        }
    }
    threads.dedup();
    assert_eq!(
        threads,
        ["5a3b1e0020261122"],
        "a failure and its recovery are one ticket"
    );
}
