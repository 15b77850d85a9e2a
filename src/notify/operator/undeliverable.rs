//! A mail that will never arrive, told to those who can correct an address.

use jiff::Timestamp;

use super::OperatorFacts;
use crate::notify::{
    Kind,
    message::{instant, one_line},
};

/// So many of the notices in the mail are named; the others are counted.
const NAMED: usize = 10;
/// How the reason begins where no answer was final.
const GIVEN_UP: &str = "given up after";

/// The mail `id` to `recipient` is given up; `told` are kind and user of the notices in it.
#[must_use]
pub fn undeliverable(
    id: &str,
    recipient: &str,
    why: &str,
    told: &[(String, String)],
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    let recipient = one_line(recipient);
    let (because, ask) = if why.starts_with(GIVEN_UP) {
        (
            "The mail server put this mail off until lockwatch gave it up, so it is not tried again.",
            "If it is, ask whoever runs the mail server why it put the mail off; the reason named here is its last answer.",
        )
    } else {
        (
            "The mail server refuses this mail for good, so it is not tried again.",
            "If it is, ask whoever runs the mail server why it refuses the mail; the reason named here is its answer.",
        )
    };
    let mut table = vec![
        ("Recipient".to_owned(), recipient.clone()),
        ("Reason".to_owned(), one_line(why)),
        ("Given up".to_owned(), instant(now)),
    ];
    let lines = told.iter().take(NAMED).map(|(kind, user)| {
        let told = [kind.as_str(), user].join(" ");
        ("Not told".to_owned(), one_line(&told))
    });
    table.extend(lines);
    if told.len() > NAMED {
        table.push((
            "Not told".to_owned(),
            format!("and {} more", told.len() - NAMED),
        ));
    }
    OperatorFacts {
        id: format!("undeliverable.{id}"),
        kind: Kind::Undeliverable,
        title: format!("UNDELIVERABLE: a mail to {recipient}"),
        paragraphs: vec![format!(
            "{because} Whoever should have read it was not told by lockwatch."
        )],
        table,
        steps: vec![
            "See whether the address is right: users.notify and email.to in the configuration."
                .to_owned(),
            ask.to_owned(),
            "Tell the recipient by other means; lockwatch status shows how things stand."
                .to_owned(),
        ],
        users: told
            .iter()
            .map(|(_, user)| user.clone())
            .filter(|user| !user.is_empty())
            .collect(),
        since: now,
        at: now,
        host: host.to_owned(),
    }
}
