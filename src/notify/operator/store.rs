//! The store cannot be used, and works again: in words. Pure.

use jiff::Timestamp;

use super::OperatorFacts;
use crate::notify::{
    Kind,
    message::{instant, one_line},
};

/// The store cannot be used. `why` is a fragment, `advice` is a sentence or more.
#[must_use]
pub fn store_lost(
    why: &str,
    advice: &str,
    since: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    OperatorFacts {
        id: format!("store.lost.{}", since.as_millisecond()),
        kind: Kind::Store,
        title: "lockwatch cannot use its store: no attempt is made".to_owned(),
        paragraphs: vec![
            format!("What is wrong: {}.", one_line(why)),
            "Attempts are counted there, so none is made, and nobody is told about users that begin to fail. Zones are \
             looked up as before; metrics and page go on."
                .to_owned(),
        ],
        table: vec![("Since".to_owned(), instant(since))],
        steps: vec![
            one_line(advice),
            "lockwatch goes on by itself, without a restart, when the store can be used, and sends one more mail then."
                .to_owned(),
        ],
        users: Vec::new(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

/// The store works again.
#[must_use]
pub fn store_back(why: &str, since: Timestamp, now: Timestamp, host: &str) -> OperatorFacts {
    OperatorFacts {
        id: format!("store.back.{}", since.as_millisecond()),
        kind: Kind::Store,
        title: format!("the store works again since {}", instant(now)),
        paragraphs: vec![format!(
            "Nobody was checked with a credential from {} to {}. Users are checked as before from now on.",
            instant(since),
            instant(now)
        )],
        table: vec![("It was".to_owned(), one_line(why))],
        steps: Vec::new(),
        users: Vec::new(),
        since,
        at: now,
        host: host.to_owned(),
    }
}
