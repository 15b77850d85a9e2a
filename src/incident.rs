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
//! Unclear neither opens nor closes, neither confirms nor clears.

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
