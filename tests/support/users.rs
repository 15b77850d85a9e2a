//! Users on the board, as tests need them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use email_address::EmailAddress;
use jiff::Timestamp;
use lockwatch::{
    attempt::Limits,
    board::Entry,
    config::secret::SecretSource,
    record::{Recent, Record},
    user::{Known, User, UserId, Username},
};
use secrecy::SecretString;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn addresses(texts: &[&str]) -> Vec<EmailAddress> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The budget of the default configuration.
pub const LIMITS: Limits = Limits {
    max_rejections: 2,
    max_unanswered: 4,
    retry_held_after: Vec::new(),
    flight: Duration::from_secs(15),
};

pub fn user(id: &str) -> User {
    User {
        id: UserId::parse(id).unwrap(),
        place: None,
        username: Username::new(format!("{id}@acme.example")),
        known: Known::All {
            secret: SecretSource::Plain(SecretString::from("demo-secret-1")),
            integration_code: SecretSource::Plain(SecretString::from("DEMO-CODE-1")),
        },
        notify: addresses(&["it@acme.example"]),
        tenant: "acme.example".to_owned(),
        integration: Some("Email2AT".to_owned()),
        entity: "Companies".to_owned(),
        interval: Duration::from_mins(5),
        enabled: true,
        created: None,
        labels: BTreeMap::new(),
    }
}

/// As it is shown before its first check.
pub fn entry(user: User, now: Timestamp) -> Entry {
    Entry {
        username_hash: "0123456789abcdef".to_owned(),
        user: Arc::new(user),
        record: Record::new(now, &LIMITS),
        recent: Recent::default(),
        due: now + Duration::from_secs(20),
        first_seen: now,
    }
}
