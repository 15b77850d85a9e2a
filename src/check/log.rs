//! What a check changed, as one line of the log; what it saw is a line of its own for whoever asks for `debug`.

use jiff::{SignedDuration, SignedDurationRound, Timestamp, Unit};

use super::progress::{self, Progress};
use crate::{
    attempt::Hold,
    board::Entry,
    incident::{Event, State},
    observation::Observation,
};

/// A line for a change, none where all is as it was.
pub(super) fn change(before: &State, entry: &Entry, event: Option<&Event>, now: Timestamp) {
    let (user, state) = (&entry.user, &entry.record.state);
    let (id, tenant, reason) = (&user.id, user.tenant.as_str(), state.reason.as_str());
    let attempts_left = entry.record.budget.attempts_left;
    match event {
        Some(Event::Opened(incident)) => tracing::warn!(
            user.id = %id, tenant, reason, attempts_left, incident = %incident.id, "incident opened: the user does not work"
        ),
        Some(Event::Reopened(incident)) => tracing::warn!(
            user.id = %id, tenant, reason, attempts_left, incident = %incident.id,
            "incident opened again: the user does not work again"
        ),
        Some(Event::Changed {
            incident, before, ..
        }) => tracing::warn!(
            user.id = %id, tenant, reason, before = before.as_str(), attempts_left, incident = %incident.id,
            "incident changed for the worse"
        ),
        Some(Event::Recovered(incident)) => tracing::info!(
            user.id = %id, tenant, lasted = %lasted(incident.since, now), incident = %incident.id,
            "incident closed: the user works again"
        ),
        Some(Event::Dropped(incident)) => tracing::info!(
            user.id = %id, tenant, reason, lasted = %lasted(incident.since, now), incident = %incident.id,
            "incident closed: what failed is not looked at any more"
        ),
        None if before.reason != state.reason => tracing::info!(
            user.id = %id, tenant, reason, before = before.reason.as_str(), after = %lasted(before.since, now),
            "user is {}", entry.state().replace('_', " ")
        ),
        None => {}
    }
}

/// A line where a credential begins to be held: from now on nobody learns whether it works.
pub(super) fn hold(before: Option<Hold>, entry: &Entry) {
    let (user, held) = (&entry.user, entry.record.budget.held);
    if let Some(hold) = held.filter(|_| held != before) {
        tracing::warn!(
            user.id = %user.id, tenant = user.tenant.as_str(), "the credential is held: {}", hold.as_sentence()
        );
    }
}

/// What was seen, and how long it took from the look-up to here.
pub(super) fn seen(observation: &Observation, entry: &Entry, now: Timestamp) {
    // Nearly nobody asks, and there are many checks.
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let zone = progress::zone(&observation.zone);
    let Progress {
        outcome, detail, ..
    } = progress::query(&observation.query, &entry.user.known);
    tracing::debug!(
        user.id = %entry.user.id, zone = zone.outcome, query = outcome, why = detail,
        reason = entry.record.state.reason.as_str(), duration_ms = now.as_millisecond() - observation.at.as_millisecond(),
        "checked"
    );
}

/// In words such as `1h 5m 3s`.
fn lasted(since: Timestamp, now: Timestamp) -> String {
    let seconds = SignedDurationRound::new().smallest(Unit::Second);
    let lasted = now.duration_since(since);
    let lasted = lasted.round(seconds).unwrap_or(lasted);
    format!("{:#}", lasted.max(SignedDuration::ZERO))
}
