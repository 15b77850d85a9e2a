//! What is remembered between the steps of a user's incidents. Pure.

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
    /// When it was opened again: the first sighting of that failure.
    #[serde(default)]
    pub again_since: Option<Timestamp>,
    /// How often it was opened again.
    #[serde(default)]
    pub reopened: u32,
    /// The reasons that were told.
    #[serde(default)]
    pub told: Vec<Reason>,
    /// How much was told: openings, changes, ends. Puts its notices in order.
    #[serde(default)]
    pub turn: u32,
    /// What its end needs to know of what was told.
    #[serde(default)]
    pub heard: Box<Heard>,
}

/// Who was told of an incident, and what only the configuration knew. When it ends, that may be another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The addresses.
    pub by: Vec<String>,
    /// What depends on the user, as it was told last.
    pub integration: Option<String>,
}

impl Heard {
    /// Whether this address was told, whatever its case.
    #[must_use]
    pub fn is_by(&self, address: &str) -> bool {
        let same = |other: &String| other.eq_ignore_ascii_case(address);
        self.by.iter().any(same)
    }
}

impl Incident {
    /// One that opens now and of which nothing was told.
    #[must_use]
    pub fn new(id: &str, since: Timestamp, now: Timestamp, diagnosis: &Diagnosis) -> Self {
        Self {
            id: id.to_owned(),
            since,
            opened: now,
            diagnosis: diagnosis.clone(),
            suspicion: None,
            operators_alone: diagnosis.reason.is_operators_alone(),
            again_since: None,
            reopened: 0,
            told: Vec::new(),
            turn: 0,
            heard: Box::default(),
        }
    }

    /// Since when the user is down: the first sighting, or that of the failure that opened it again.
    #[must_use]
    pub fn down_since(&self) -> Timestamp {
        self.again_since.unwrap_or(self.since)
    }

    pub(super) fn tell(&mut self) {
        self.turn = self.turn.saturating_add(1);
        let reason = self.diagnosis.reason;
        if !self.told.contains(&reason) {
            self.told.push(reason);
        }
    }
}

/// An incident that is over, but may be opened again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// As it was.
    pub incident: Incident,
    /// When the user recovered.
    pub at: Timestamp,
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
    /// Since when nothing definitive is shown; `None` while something is.
    #[serde(default)]
    pub unclear_since: Option<Timestamp>,
    /// The last incident, as long as it may be opened again.
    #[serde(default)]
    pub closed: Option<Box<Closed>>,
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
            unclear_since: Some(now),
            closed: None,
        }
    }

    /// Whether an incident is open that says so.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        self.incident()
            .is_some_and(|incident| incident.diagnosis.verdict == Verdict::LockedOut)
    }

    /// The first sighting of the failure that is suspected or open.
    #[must_use]
    pub fn failing_since(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Clear => None,
            Phase::Suspected(suspicion) => Some(suspicion.since),
            Phase::Open(incident) => Some(incident.down_since()),
        }
    }

    /// Notes who is told of the open incident, and what they are told depends on the user. Without one there is nothing to
    /// note: whoever hears of an end needs to hear of no other.
    pub fn is_told_to<'a>(
        &mut self,
        recipients: impl Iterator<Item = &'a str>,
        integration: Option<&str>,
    ) {
        let Phase::Open(incident) = &mut self.phase else {
            return;
        };
        let heard = &mut *incident.heard;
        heard.integration = integration.map(str::to_owned);
        for recipient in recipients {
            if !recipient.is_empty() && !heard.is_by(recipient) {
                heard.by.push(recipient.to_owned());
            }
        }
    }

    /// Nobody looks at this user any more. What was suspected is forgotten; the incident that was open is closed and
    /// returned, for its end is told.
    pub fn put_aside(&mut self) -> Option<Incident> {
        match std::mem::take(&mut self.phase) {
            Phase::Clear | Phase::Suspected(_) => None,
            Phase::Open(mut incident) => {
                incident.turn = incident.turn.saturating_add(1);
                Some(incident)
            }
        }
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
