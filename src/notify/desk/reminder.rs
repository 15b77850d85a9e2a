//! Who heard nothing of an open incident for long is told of everything that is still open, in one notice. Pure.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{Given, Orders};
use crate::{
    board::Entry,
    incident::Incident,
    notify::{Digest, DigestLine, Kind, Matter, Notice, owed},
};

/// What is open for one recipient.
#[derive(Default)]
struct Open<'a> {
    /// As first written.
    recipient: String,
    incidents: Vec<(&'a Entry, &'a Incident)>,
}

pub(super) fn look(given: &Given<'_>, orders: &mut Orders) {
    let Some(every) = given.email.and_then(|email| email.remind_every) else {
        return;
    };
    for (key, open) in everybody(given) {
        if given.remembered.reminded.contains(&key) {
            continue;
        }
        let heard = open.incidents.iter().map(|(_, incident)| {
            let told = (incident.id.clone(), key.clone());
            let told = given.remembered.told.get(&told).copied();
            // What will be told only later was told by a clock that was set back since.
            let told = told.filter(|told| *told <= given.now + every);
            told.unwrap_or(incident.opened)
        });
        let due = heard
            .min()
            .and_then(|heard| last_due(heard, every, given.now));
        if let Some(due) = due {
            let id = format!("reminder.{}.{}", (given.name)(&key), due.as_millisecond());
            orders.reminders.push(reminder(given, id, &open, every));
        }
    }
}

/// By the lower-cased address: mail servers know no case.
fn everybody<'a>(given: &Given<'a>) -> BTreeMap<String, Open<'a>> {
    let mut everybody: BTreeMap<String, Open<'a>> = BTreeMap::new();
    for user in given.users {
        let entry = &*user.entry;
        let Some(incident) = entry.record.state.incident() else {
            continue;
        };
        let recipients = owed::recipients(&entry.user, incident.operators_alone, given.email);
        for recipient in recipients.into_iter().filter(|one| !one.is_empty()) {
            let key = recipient.to_lowercase();
            let open = everybody.entry(key).or_insert_with(|| Open {
                recipient,
                incidents: Vec::new(),
            });
            open.incidents.push((entry, incident));
        }
    }
    everybody
}

/// When a reminder last fell due: the same for every round until the next one does.
fn last_due(heard: Timestamp, every: Duration, now: Timestamp) -> Option<Timestamp> {
    let passed = Duration::try_from(now.duration_since(heard)).ok()?;
    let times = passed.as_millis().checked_div(every.as_millis())?;
    let times = u32::try_from(times).ok().filter(|times| *times > 0)?;
    heard.checked_add(every.checked_mul(times)?).ok()
}

fn reminder(given: &Given<'_>, id: String, open: &Open<'_>, every: Duration) -> Notice {
    let mut incidents = open.incidents.clone();
    incidents.sort_by_key(|(entry, incident)| {
        let gravity = std::cmp::Reverse(incident.diagnosis.reason.gravity());
        (gravity, incident.down_since(), &entry.user.id)
    });
    let lines: Vec<DigestLine> = incidents
        .into_iter()
        .map(|(entry, incident)| line(entry, incident))
        .collect();
    let digest = Digest {
        id: id.clone(),
        users: lines.iter().map(|line| line.user.clone()).collect(),
        lines,
        at: given.now,
        every,
        host: given.host.to_owned(),
    };
    Notice {
        id,
        kind: Kind::Reminder,
        recipient: open.recipient.clone(),
        created: given.now,
        matter: Matter::Digest(digest),
    }
}

fn line(entry: &Entry, incident: &Incident) -> DigestLine {
    let prospect = owed::prospect(entry);
    DigestLine {
        incident: incident.id.clone(),
        user: entry.user.id.to_string(),
        tenant: entry.user.tenant.clone(),
        integration: entry.user.integration.clone(),
        reason: incident.diagnosis.reason,
        since: incident.down_since(),
        last_accepted: entry.record.last_good(),
        held: prospect.held,
        next_attempt: prospect.next_attempt,
    }
}
