//! Autotask refuses many users at once, and how that ended: in words. Pure.

use jiff::Timestamp;

use super::{OperatorFacts, named};
use crate::{
    notify::{
        Kind,
        message::{duration, instant, one_line},
    },
    user::UserId,
};

/// Autotask refuses the credentials of many users of a zone at once. `since` is the first of these refusals.
#[must_use]
pub fn auth_outage(
    zone_name: &str,
    tenants: &[String],
    users: &[UserId],
    since: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    let zone = one_line(zone_name);
    OperatorFacts {
        id: format!("auth_outage.{zone}.{}", since.as_millisecond()),
        kind: Kind::AuthOutage,
        title: format!("AUTH OUTAGE? zone {zone} refuses many users at once"),
        paragraphs: vec![
            format!(
                "Autotask refuses the credentials of {} users of zone {zone} at once since {}. All of them were accepted \
                 before, so the fault is more likely Autotask's than theirs.",
                users.len(),
                instant(since)
            ),
            "Nobody is blamed and nobody else is mailed. So that lockwatch locks nobody, one user an hour is tried, and the \
             others when one is accepted. One more mail says when it is over."
                .to_owned(),
        ],
        table: vec![
            ("Since".to_owned(), instant(since)),
            ("Zone".to_owned(), zone),
            ("Tenants".to_owned(), named(tenants)),
            ("Users".to_owned(), named(users)),
        ],
        steps: vec![
            "Look at Autotask's status page for an outage of this zone.".to_owned(),
            "Ask whether somebody changed all of these credentials at once; if so, give lockwatch and the integrations the \
             new ones."
                .to_owned(),
            "Until it is over, do not generate new secrets: nothing shows that the old ones are wrong.".to_owned(),
        ],
        users: users.iter().map(ToString::to_string).collect(),
        since,
        at: now,
        host: host.to_owned(),
    }
}

/// What became of the users that were refused together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// They get in again.
    pub accepted: Vec<UserId>,
    /// They are refused still, and judged as usual.
    pub judged: Vec<UserId>,
    /// Nothing definitive is known of them yet.
    pub unclear: Vec<UserId>,
}

/// The refusal of many at once, told at `told_at`, is over.
#[must_use]
pub fn auth_outage_over(
    zone_name: &str,
    ended: &Ended,
    since: Timestamp,
    told_at: Timestamp,
    now: Timestamp,
    host: &str,
) -> OperatorFacts {
    let zone = one_line(zone_name);
    let lasted = duration(since, now);
    let Ended {
        accepted,
        judged,
        unclear,
    } = ended;
    let what = match (accepted.is_empty(), judged.is_empty()) {
        (false, true) => "Autotask accepts them again. Nothing needs to be done.",
        (true, false) => {
            "Autotask refuses them still, for so long that it is taken for a fault of each user now: incidents are open, \
             and whoever is responsible is mailed."
        }
        (false, false) => {
            "Autotask accepts some of them again. The others are refused still, so it is taken for a fault of each of them: \
             incidents are open, and whoever is responsible is mailed."
        }
        (true, true) => "What becomes of them now is judged for each user as usual.",
    };
    let mut table = vec![
        ("From".to_owned(), instant(since)),
        ("To".to_owned(), instant(now)),
        ("Zone".to_owned(), zone.clone()),
    ];
    for (label, users) in [
        ("Accepted", accepted),
        ("Refused", judged),
        ("Not known", unclear),
    ] {
        if !users.is_empty() {
            table.push((label.to_owned(), named(users)));
        }
    }
    let users = [judged, unclear, accepted].into_iter().flatten();
    OperatorFacts {
        id: format!("auth_outage.over.{zone}.{}", told_at.as_millisecond()),
        kind: Kind::AuthOutage,
        title: format!("OVER: the auth outage of zone {zone}, after {lasted}"),
        paragraphs: vec![
            format!(
                "Autotask refused the credentials of {} users of zone {zone} at once from {} to {}.",
                accepted.len() + judged.len() + unclear.len(),
                instant(since),
                instant(now)
            ),
            what.to_owned(),
        ],
        table,
        steps: Vec::new(),
        users: users.map(ToString::to_string).collect(),
        since,
        at: now,
        host: host.to_owned(),
    }
}
