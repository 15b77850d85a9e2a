//! From the first confirmed failure to the recovery. Pure: [`step`] takes the state, a diagnosis and `now`, and returns the
//! next state and what must be told.
//!
//! ```text
//!                    definitive failure                same failure again,
//!                    seen once                         confirm_after later
//!        ┌───────┐ ─────────────────▶ ┌───────────┐ ───────────────────────▶ ┌──────┐
//!        │ clear │                    │ suspected │                          │ open │ ⟲ unclear, held:
//!        └───────┘ ◀───────────────── └───────────┘   certain, or the budget └──────┘   no change
//!          ▲   │      healthy                         allows no second look     │
//!          │   └──────────────────────────────────────────────────────────────▶ │
//!          └──────────────────────────── healthy: recovered ────────────────────┘
//! ```
//! What is confirmed within `reopen_within` of a recovery opens the same incident again. While one is open, a worse reason is
//! told as a change, each reason once.
//! Unclear neither opens nor closes, neither confirms nor clears. Where the code is the vendor's, a check may find its user as
//! good as it can see without looking at what failed; then the incident is not over but dropped: closed, and nothing
//! is known to be mended.

mod state;

use std::time::Duration;

use crate::diagnose::{Diagnosis, Reason, Verdict};
use jiff::Timestamp;

pub use state::{Closed, Heard, Incident, Phase, State, Suspicion};

/// What [`step`] is given besides the state.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// The present.
    pub now: Timestamp,
    /// Between the first sighting and the confirmation.
    pub confirm_after: Duration,
    /// A failure first seen so soon after a recovery opens the same incident again.
    pub reopen_within: Duration,
    /// The id of an incident that opens now.
    pub fresh_id: &'a str,
}

/// The next state and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To store.
    pub state: State,
    /// What must be told, if anything.
    pub event: Option<Event>,
    /// When a second look is wanted.
    pub confirm_at: Option<Timestamp>,
}

/// What must be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An incident opened.
    Opened(Incident),
    /// The last incident opened again.
    Reopened(Incident),
    /// An open incident has a worse reason than before.
    Changed {
        /// As it is now.
        incident: Incident,
        /// What it was.
        before: Reason,
        /// The users' own people were not told of it yet.
        first_told: bool,
    },
    /// An incident closed: the user works again.
    Recovered(Incident),
    /// An incident closed because nobody looks at what failed any more: the configuration changed. Where it does not want
    /// the user any more, no check finds that out, and [`State::put_aside`] closes it.
    Dropped(Incident),
}

/// One step of the machine above. `None` for `news` means: nothing was learnt, all stays.
#[must_use]
pub fn step(state: &State, news: Option<&Diagnosis>, given: &Circumstances<'_>) -> Step {
    let mut next = state.clone();
    let mut event = None;
    if let Some(diagnosis) = news {
        // A recovery in the future is the clock's doing; a failure that is not confirmed yet may still open it again.
        let over = |closed: &Closed| given.now > closed.at + given.reopen_within;
        if matches!(next.phase, Phase::Clear) && next.closed.as_deref().is_some_and(over) {
            next.closed = None;
        }
        match diagnosis.verdict {
            Verdict::Unclear => show(&mut next, diagnosis.reason, given.now),
            Verdict::Healthy | Verdict::ZoneOnly => {
                if let Phase::Open(mut incident) = std::mem::take(&mut next.phase) {
                    incident.turn = incident.turn.saturating_add(1);
                    let over = diagnosis.reason.disproves(incident.diagnosis.reason);
                    event = Some(if over {
                        next.closed = Some(Box::new(Closed {
                            incident: incident.clone(),
                            at: given.now,
                        }));
                        Event::Recovered(incident)
                    } else {
                        Event::Dropped(incident)
                    });
                }
                // That a zone is found says nothing about up or down, nor does what was known with a code.
                next.up = (diagnosis.verdict == Verdict::Healthy).then_some(true);
                show(&mut next, diagnosis.reason, given.now);
            }
            Verdict::Failing | Verdict::LockedOut => {
                event = sight(&mut next, diagnosis, given);
            }
        }
    }
    next.unclear_since = match next.verdict {
        Verdict::Unclear => next.unclear_since.or(Some(given.now)),
        _ => None,
    };
    let confirm_at = match &next.phase {
        Phase::Suspected(suspicion)
        | Phase::Open(Incident {
            suspicion: Some(suspicion),
            ..
        }) => Some(second_look(suspicion, given)),
        Phase::Clear | Phase::Open(_) => None,
    };
    Step {
        state: next,
        event,
        confirm_at,
    }
}

/// `confirm_after` the first sighting. Where that is past because the second look brought nothing clear, it is had again
/// `confirm_after` from now, not at once; a first sighting in the future is the clock's doing.
fn second_look(suspicion: &Suspicion, given: &Circumstances<'_>) -> Timestamp {
    let planned = suspicion.since + given.confirm_after;
    let again = given.now + given.confirm_after;
    if planned > given.now && planned <= again {
        planned
    } else {
        again
    }
}

/// A definitive failure was seen, or is remembered.
fn sight(state: &mut State, seen: &Diagnosis, given: &Circumstances<'_>) -> Option<Event> {
    match &mut state.phase {
        Phase::Open(incident) => {
            // Another reason takes its place only when it is confirmed as the first one was.
            let before = incident.diagnosis.reason;
            let same = seen.reason == before;
            if seen.remembered {
                // No second look at anything else can be had while the credential is held.
                incident.suspicion = None;
            } else if same || confirmed(&mut incident.suspicion, seen, given).is_some() {
                incident.suspicion = None;
                incident.diagnosis = seen.clone();
            }
            let event = worsened(incident, before);
            let reason = incident.diagnosis.reason;
            show(state, reason, given.now);
            event
        }
        phase @ (Phase::Clear | Phase::Suspected(_)) => {
            let mut suspicion = match std::mem::take(phase) {
                Phase::Suspected(suspicion) => Some(suspicion),
                Phase::Clear | Phase::Open(_) => None,
            };
            let Some(since) = confirmed(&mut suspicion, seen, given) else {
                *phase = suspicion.map_or(Phase::Clear, Phase::Suspected);
                show(state, Reason::Suspected, given.now);
                return None;
            };
            let mut incident = Incident::new(given.fresh_id, since, given.now, seen);
            let last = state.closed.take();
            let last = last.filter(|closed| since < closed.at + given.reopen_within);
            if let Some(last) = &last {
                let last = &last.incident;
                incident = Incident {
                    id: last.id.clone(),
                    since: last.since,
                    opened: last.opened,
                    again_since: Some(since),
                    reopened: last.reopened.saturating_add(1),
                    told: last.told.clone(),
                    turn: last.turn,
                    // What is the operator's alone has an end that is the operator's alone.
                    heard: if incident.operators_alone {
                        Box::default()
                    } else {
                        last.heard.clone()
                    },
                    ..incident
                };
            }
            incident.tell();
            state.phase = Phase::Open(incident.clone());
            state.up = Some(false);
            show(state, seen.reason, given.now);
            Some(if last.is_some() {
                Event::Reopened(incident)
            } else {
                Event::Opened(incident)
            })
        }
    }
}

/// A worse reason is told, each once; so is any that is no longer the operator's alone, and to the operator any that is.
fn worsened(incident: &mut Incident, before: Reason) -> Option<Event> {
    let now = incident.diagnosis.reason;
    let first_told = incident.operators_alone && !now.is_operators_alone();
    let worse = now.gravity() > before.gravity() && !incident.told.contains(&now);
    // A fault of the watching side hides what becomes of the user, whatever that was.
    let of_ours = now != before && now.is_operators_alone() && !incident.told.contains(&now);
    if !worse && !first_told && !of_ours {
        return None;
    }
    incident.operators_alone &= now.is_operators_alone();
    incident.tell();
    Some(Event::Changed {
        incident: incident.clone(),
        before,
        first_told,
    })
}

/// The time of the first sighting when `seen` needs no further one; else notes the suspicion.
fn confirmed(
    suspicion: &mut Option<Suspicion>,
    seen: &Diagnosis,
    given: &Circumstances<'_>,
) -> Option<Timestamp> {
    let now = given.now;
    // A sighting from the future is the clock's doing and confirms nothing.
    let first = suspicion
        .as_ref()
        .filter(|before| before.reason == seen.reason && before.since <= now)
        .map(|before| before.since);
    // Where nothing is waited for (a probe made once), the first sighting is enough.
    let confirmed = now >= first.unwrap_or(now) + given.confirm_after;
    if seen.certain || seen.last_word || confirmed {
        return Some(first.unwrap_or(now));
    }
    *suspicion = Some(Suspicion {
        reason: seen.reason,
        since: first.unwrap_or(now),
    });
    None
}

fn show(state: &mut State, reason: Reason, now: Timestamp) {
    if state.reason != reason {
        state.reason = reason;
        state.verdict = reason.verdict();
        state.since = now;
    }
}
