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
//! Unclear neither opens nor closes, neither confirms nor clears. Where the code is the vendor's, a check may find its user as
//! good as it can see without looking at what failed; then the incident is not over but dropped: closed, and nobody is told.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::{Diagnosis, Reason, Verdict};

/// Where a user stands between clear and open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is wrong, as far as known.
    #[default]
    Clear,
    /// A definitive failure was seen once.
    Suspected(Suspicion),
    /// An incident is open.
    Open(Incident),
}

/// A definitive failure that waits for its second sighting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// What was seen.
    pub reason: Reason,
    /// When it was seen first.
    pub since: Timestamp,
}

/// A confirmed failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Stable id, part of mail headers.
    pub id: String,
    /// First sighting.
    pub since: Timestamp,
    /// When it was confirmed.
    pub opened: Timestamp,
    /// What it is now: the last confirmed diagnosis.
    pub diagnosis: Diagnosis,
    /// Another reason, seen once since.
    pub suspicion: Option<Suspicion>,
    /// Only the operator was told: who hears of the end is who heard of the beginning.
    #[serde(default)]
    pub operators_alone: bool,
}

/// The state of a user as `incident` sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// What is shown now.
    pub verdict: Verdict,
    /// What is shown now.
    pub reason: Reason,
    /// Since when `reason` is shown.
    pub since: Timestamp,
    /// The last definitive answer: is the user up? `None` before the first.
    pub up: Option<bool>,
}

/// What [`step`] is given besides the state.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// The present.
    pub now: Timestamp,
    /// Between the first sighting and the confirmation.
    pub confirm_after: Duration,
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
    /// An incident closed: the user works again.
    Recovered(Incident),
    /// An incident closed because checks do not look at what failed any more: the configuration changed.
    Dropped(Incident),
}

impl State {
    /// Of a user that was never checked.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Clear,
            verdict: Verdict::Unclear,
            reason: Reason::NeverChecked,
            since: now,
            up: None,
        }
    }

    /// Whether an incident is open that says so.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        self.incident()
            .is_some_and(|incident| incident.diagnosis.verdict == Verdict::LockedOut)
    }

    /// The open incident, if there is one.
    #[must_use]
    pub fn incident(&self) -> Option<&Incident> {
        match &self.phase {
            Phase::Open(incident) => Some(incident),
            Phase::Clear | Phase::Suspected(_) => None,
        }
    }
}

/// One step of the machine above. `None` for `news` means: nothing was learnt, all stays.
#[must_use]
pub fn step(state: &State, news: Option<&Diagnosis>, given: &Circumstances<'_>) -> Step {
    let mut next = state.clone();
    let mut event = None;
    if let Some(diagnosis) = news {
        match diagnosis.verdict {
            Verdict::Unclear => show(&mut next, diagnosis.reason, given.now),
            Verdict::Healthy | Verdict::ZoneOnly => {
                if let Phase::Open(incident) = std::mem::take(&mut next.phase) {
                    let over = diagnosis.reason.disproves(incident.diagnosis.reason);
                    event = Some(if over {
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
            let same = seen.reason == incident.diagnosis.reason;
            if seen.remembered {
                // No second look at anything else can be had while the credential is held.
                incident.suspicion = None;
            } else if same || confirmed(&mut incident.suspicion, seen, given).is_some() {
                incident.suspicion = None;
                incident.diagnosis = seen.clone();
            }
            let reason = incident.diagnosis.reason;
            show(state, reason, given.now);
            None
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
            let incident = Incident {
                id: given.fresh_id.to_owned(),
                since,
                opened: given.now,
                diagnosis: seen.clone(),
                suspicion: None,
                operators_alone: seen.reason.is_operators_alone(),
            };
            *phase = Phase::Open(incident.clone());
            state.up = Some(false);
            show(state, seen.reason, given.now);
            Some(Event::Opened(incident))
        }
    }
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
