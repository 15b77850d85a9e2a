//! Users of which nothing definitive is known for long, whatever is shown of them: one notice for all, at most one a day. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{Away, Explained, Given, Orders, Watched, Zones};
use crate::{
    diagnose::{Reason, Verdict},
    notify::{
        operator::{Unseen, blind},
        owed::operator_notices,
    },
    remedy::reason_title,
};

/// Between two notices.
pub const BLIND_EVERY: Duration = Duration::from_hours(24);
/// Where there is no `[email]`.
const UNCLEAR_AFTER: Duration = Duration::from_hours(1);

pub(super) fn look(given: &Given<'_>, zones: &Zones<'_>, away: &Away, orders: &mut Orders) {
    let mut unseen = Vec::new();
    for (zone, users) in zones {
        match away.get(*zone) {
            None => {}
            Some(Explained::Brewing) => continue,
            Some(Explained::Told) => {
                let ids = users.iter().map(|user| user.entry.user.id.clone());
                orders.explained.extend(ids);
                continue;
            }
        }
        for user in users {
            let state = &user.entry.record.state;
            if state.reason == Reason::Activating {
                orders.explained.insert(user.entry.user.id.clone());
            } else if state.incident().is_none() && is_blind(given, user) {
                unseen.push(described(user, given.now));
            }
        }
    }
    let recent = |last: Timestamp| last <= given.now && given.now < last + BLIND_EVERY;
    if unseen.is_empty() || given.remembered.last_blind.is_some_and(recent) {
        return;
    }
    unseen.sort_by(|one, other| (one.since, &one.user).cmp(&(other.since, &other.user)));
    let facts = blind(&unseen, given.now, given.host);
    orders.blind = operator_notices(&facts, given.email);
}

/// Long enough: however seldom the user is checked, two checks in a row must have brought nothing.
fn is_blind(given: &Given<'_>, user: &Watched) -> bool {
    let after = given
        .email
        .map_or(UNCLEAR_AFTER, |email| email.unclear_after);
    let turns = 2 * user.entry.user.interval + given.timeout;
    let watched = last_seen(user, given.now).max(user.since);
    given.now >= watched + after.max(turns)
}

/// When something definitive was last learnt. What is in the future is the clock's doing.
fn last_seen(user: &Watched, now: Timestamp) -> Timestamp {
    let definitive = user.entry.record.definitive_at.filter(|at| *at <= now);
    definitive.unwrap_or(user.entry.first_seen)
}

fn described(user: &Watched, now: Timestamp) -> Unseen {
    let record = &user.entry.record;
    let reason = record.state.reason;
    let shown = match reason.verdict() {
        Verdict::Unclear => reason_title(reason),
        // From before: nothing was found since.
        _ => "no check has ended",
    };
    Unseen {
        user: user.entry.user.id.clone(),
        tenant: user.entry.user.tenant.clone(),
        since: last_seen(user, now),
        why: record.not_attempted.as_deref().unwrap_or(shown).to_owned(),
    }
}
