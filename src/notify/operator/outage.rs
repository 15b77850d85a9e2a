//! A zone says nothing clear for a while, and speaks again: in words. Pure.

use jiff::Timestamp;

use super::{OperatorFacts, named};
use crate::{
    diagnose::Reason,
    notify::{
        Kind,
        message::{duration, instant, one_line},
    },
    remedy::reason_title,
    user::UserId,
};

/// Of whom nothing clear is heard, and what is seen instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// What is shown, and of how many users; most first.
    pub reasons: Vec<(Reason, usize)>,
    /// Sorted, each once.
    pub tenants: Vec<String>,
    /// By id.
    pub users: Vec<UserId>,
    /// So many users of the zone could say something.
    pub of: usize,
    /// No zone is reached at all, so that the fault may be here.
    pub everywhere: bool,
}

/// Nothing clear is heard from a zone since `since`; `None` stands for users whose zone was never found.
#[must_use]
pub fn outage(
    zone: Option<&str>,
    silence: &Silence,
    since: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    let mut steps = Vec::new();
    if silence.everywhere {
        steps.push(
            "Look at the network of the host of lockwatch first: name resolution, proxy, firewall. No zone is reached from \
             there."
                .to_owned(),
        );
    }
    steps.push("Look at Autotask's status page.".to_owned());
    steps.push(
        "Leave users and secrets as they are: nothing speaks against them. lockwatch goes on by itself and sends one more mail \
         when it is over."
            .to_owned(),
    );
    let reason = |(reason, count): &(Reason, usize)| format!("{} ({count})", reason_title(*reason));
    let reasons: Vec<String> = silence.reasons.iter().map(reason).collect();
    OperatorFacts {
        id: id("outage", zone, now),
        kind: Kind::Outage,
        title: format!(
            "OUTAGE of {}: nothing clear since {}",
            name(zone),
            instant(since)
        ),
        paragraphs: vec![
            format!(
                "Checks of {} of {} users of {} bring nothing clear any more.",
                silence.users.len(),
                silence.of,
                name(zone)
            ),
            "Nobody is blamed and nobody else is mailed. No attempt is wasted: after an unclear answer no credential goes to a \
             zone before it has answered a request without one."
                .to_owned(),
        ],
        table: vec![
            ("Since".to_owned(), instant(since)),
            ("Seen".to_owned(), reasons.join(", ")),
            ("Tenants".to_owned(), named(&silence.tenants)),
            ("Users".to_owned(), named(&silence.users)),
        ],
        steps,
        users: silence.users.iter().map(ToString::to_string).collect(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

/// The outage of `users` that was told at `told_at` is over since `until`, when this is found at the soonest; of `unclear` users
/// nothing is heard yet.
#[must_use]
pub fn outage_over(
    zone: Option<&str>,
    users: &[UserId],
    unclear: &[UserId],
    since: Timestamp,
    told_at: Timestamp,
    until: Timestamp,
    host: &str,
) -> OperatorFacts {
    let lasted = duration(since, until);
    let mut table = vec![
        ("From".to_owned(), instant(since)),
        ("To".to_owned(), instant(until)),
    ];
    if !unclear.is_empty() {
        table.push(("Still silent".to_owned(), named(unclear)));
    }
    OperatorFacts {
        id: id("outage.over", zone, told_at),
        kind: Kind::Outage,
        title: format!("OVER: the outage of {}, after {lasted}", name(zone)),
        paragraphs: vec![format!(
            "Users of {} are heard again. Nothing needs to be done.",
            name(zone)
        )],
        table,
        steps: Vec::new(),
        users: users.iter().map(ToString::to_string).collect(),
        since,
        at: until,
        host: host.to_owned(),
    }
}

fn name(zone: Option<&str>) -> String {
    zone.map_or_else(
        || "an unknown zone".to_owned(),
        |zone| format!("zone {}", one_line(zone)),
    )
}

fn id(matter: &str, zone: Option<&str>, told_at: Timestamp) -> String {
    let zone = zone.map(one_line).unwrap_or_default();
    format!("{matter}.{zone}.{}", told_at.as_millisecond())
}
