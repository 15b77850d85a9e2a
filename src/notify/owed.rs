//! Who must be told what when an incident opens or closes, or when something else concerns the operator. Pure.

use email_address::EmailAddress;
use jiff::Timestamp;

use super::{Facts, Kind, Matter, Notice, operator::OperatorFacts};
use crate::{
    attempt::Hold,
    board::Entry,
    config::Email,
    incident::{Event, Incident},
    record::Record,
    user::{Known, User},
};

/// One notice per recipient: the user's own, and the operator's. A fault of the watching side is the operator's alone.
#[must_use]
pub fn notices(
    event: &Event,
    entry: &Entry,
    last_accepted: Option<Timestamp>,
    email: Option<&Email>,
    host: &str,
    now: Timestamp,
) -> Vec<Notice> {
    let mut before_change = None;
    let (kind, incident) = match event {
        Event::Opened(incident) | Event::Reopened(incident) => {
            (Kind::of_opening(incident.diagnosis.reason), incident)
        }
        Event::Changed {
            incident,
            before,
            first_told,
        } => {
            let of_ours = incident.diagnosis.reason.is_operators_alone();
            let kind = if *first_told || of_ours {
                Kind::of_opening(incident.diagnosis.reason)
            } else {
                before_change = Some(*before);
                Kind::Changed
            };
            (kind, incident)
        }
        Event::Recovered(incident) | Event::Dropped(incident) => (Kind::Recovered, incident),
    };
    let record = &entry.record;
    let Prospect { held, next_attempt } = prospect(entry);
    let facts = Facts {
        user: entry.user.id.to_string(),
        username: entry.user.username.as_str().to_owned(),
        tenant: entry.user.tenant.clone(),
        integration: entry.user.integration.clone(),
        entity: entry.user.entity.clone(),
        zone: record.zone.as_ref().map(|zone| zone.name.clone()),
        incident: incident.id.clone(),
        turn: incident.turn,
        since: incident.down_since(),
        first_since: incident.again_since.map(|_| incident.since),
        reopened: incident.reopened,
        before: before_change,
        at: now,
        last_accepted,
        diagnosis: incident.diagnosis.clone(),
        found: (kind == Kind::Recovered).then_some(record.state.reason),
        dropped: matches!(event, Event::Dropped(_)),
        rejections: record.budget.rejections,
        rejections_of_username: record.budget.rejections_of_username,
        last_attempt: record.budget.last_attempt,
        held,
        next_attempt,
        read_at_start: entry.user.known.is_read_at_start(),
        host: host.to_owned(),
        from_address: record.from.map(|address| address.to_string()),
    };
    let operators_alone =
        incident.operators_alone || (kind != Kind::Recovered && kind.is_operators_alone());
    let configured = configured(&entry.user, operators_alone, email);
    let recipients = match kind {
        // The configuration may have changed since: whoever heard of it hears of its end.
        Kind::Recovered => {
            once_each(configured.chain(incident.heard.by.iter().map(String::as_str)))
        }
        _ => once_each(configured),
    };
    to_each(recipients, kind, &facts)
}

/// A user that the configuration does not want any more, or not under that username: all that is known of it is what was
/// stored.
#[derive(Clone, Copy, Debug)]
pub struct Gone<'a> {
    /// The configured id.
    pub id: &'a str,
    /// Lower-cased username.
    pub username: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// Its memory.
    pub record: &'a Record,
}

/// The end of the incident of a user that is gone, for whoever heard of the incident.
#[must_use]
pub fn farewell(gone: Gone<'_>, incident: &Incident, host: &str, now: Timestamp) -> Vec<Notice> {
    let record = gone.record;
    let facts = Facts {
        user: gone.id.to_owned(),
        username: gone.username.to_owned(),
        tenant: gone.tenant.to_owned(),
        integration: incident.heard.integration.clone(),
        entity: String::new(),
        zone: record.zone.as_ref().map(|zone| zone.name.clone()),
        incident: incident.id.clone(),
        turn: incident.turn,
        since: incident.down_since(),
        first_since: incident.again_since.map(|_| incident.since),
        reopened: incident.reopened,
        before: None,
        at: now,
        last_accepted: record.last_good(),
        diagnosis: incident.diagnosis.clone(),
        // Nothing was looked at.
        found: None,
        dropped: true,
        rejections: record.budget.rejections,
        rejections_of_username: record.budget.rejections_of_username,
        last_attempt: record.budget.last_attempt,
        held: false,
        next_attempt: None,
        read_at_start: false,
        host: host.to_owned(),
        from_address: record.from.map(|address| address.to_string()),
    };
    let heard = once_each(incident.heard.by.iter().map(String::as_str));
    to_each(heard, Kind::Recovered, &facts)
}

fn to_each(recipients: Vec<String>, kind: Kind, facts: &Facts) -> Vec<Notice> {
    let notice = |(nth, recipient): (usize, String)| Notice {
        id: format!("{}.{}.{nth}", facts.incident, facts.turn),
        kind,
        recipient,
        created: facts.at,
        matter: Matter::Incident(Box::new(facts.clone())),
    };
    recipients.into_iter().enumerate().map(notice).collect()
}

/// Who hears of a user's incident: the user's own, and the operator. Never empty: an empty address stands for nobody.
#[must_use]
pub fn recipients(user: &User, operators_alone: bool, email: Option<&Email>) -> Vec<String> {
    once_each(configured(user, operators_alone, email))
}

fn configured<'a>(
    user: &'a User,
    operators_alone: bool,
    email: Option<&'a Email>,
) -> impl Iterator<Item = &'a str> {
    let own = user.notify.iter().filter(move |_| !operators_alone);
    let operator = email.filter(|email| operators_alone || email.copy_operator);
    let operator = operator.into_iter().flat_map(|email| &email.to);
    own.chain(operator).map(EmailAddress::as_str)
}

/// What lockwatch will do by itself about a user that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// The credential is held for rejections: a fix is not noticed.
    pub held: bool,
    /// The next attempt.
    pub next_attempt: Option<Timestamp>,
}

/// See [`Prospect`].
#[must_use]
pub fn prospect(entry: &Entry) -> Prospect {
    let budget = &entry.record.budget;
    // Other holds end by themselves, and soon.
    let held = matches!(budget.held, Some(Hold::Rejections | Hold::Username));
    // The checks of other users make no attempt as a rule.
    let attempts = matches!(entry.user.known, Known::All { .. }).then_some(entry.due);
    Prospect {
        held,
        next_attempt: budget.hold_ends.or(attempts.filter(|_| !held)),
    }
}

/// One notice per address of the operator. The store keeps one of each id: the same matter is told once.
#[must_use]
pub fn operator_notices(facts: &OperatorFacts, email: Option<&Email>) -> Vec<Notice> {
    let operator = email.into_iter().flat_map(|email| &email.to);
    let operator = once_each(operator.map(EmailAddress::as_str));
    notices_to(operator, facts)
}

/// One notice for each of `recipients`: whoever was told of a matter hears of its end.
#[must_use]
pub fn notices_to(recipients: Vec<String>, facts: &OperatorFacts) -> Vec<Notice> {
    let notice = |(nth, recipient): (usize, String)| Notice {
        id: format!("{}.{nth}", facts.id),
        kind: facts.kind,
        recipient,
        created: facts.at,
        matter: Matter::Operator(facts.clone()),
    };
    recipients.into_iter().enumerate().map(notice).collect()
}

/// Each address once, whatever its case. An empty one where there is none: what should have been told is kept as not sent
/// and can still be looked up.
fn once_each<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut recipients: Vec<String> = Vec::new();
    for address in addresses {
        let known = |other: &String| other.eq_ignore_ascii_case(address);
        if !recipients.iter().any(known) {
            recipients.push(address.to_owned());
        }
    }
    if recipients.is_empty() {
        recipients.push(String::new());
    }
    recipients
}
