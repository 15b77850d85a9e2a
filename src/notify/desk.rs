//! What no single check can tell: looks at all users at once, as they are remembered, and says what is owed to whom. Pure.
//! It neither reads nor writes the store (that is `store::desk`), nor keeps time (that is `lookout`).

mod attendance;
mod blind;
mod outage;
mod reminder;
mod storm;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Kind, Notice,
    operator::OperatorFacts,
    owed::{notices_to, operator_notices},
};
use crate::{board::Entry, config::Email, user::UserId};

pub use attendance::Attendance;
pub use blind::BLIND_EVERY;

/// Users are unclear for so long before it is called an outage.
const OUTAGE_AFTER: Duration = Duration::from_mins(15);

/// A user, and how long it has been looked at.
#[derive(Clone, Debug)]
pub struct Watched {
    /// As shown.
    pub entry: Arc<Entry>,
    /// Since when lockwatch is there to see it, without a break.
    pub since: Timestamp,
}

/// A matter that was told and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// `outage` or `auth_outage`.
    pub kind: Kind,
    /// The zone's name; empty for users whose zone was never found.
    pub zone: String,
    /// When it began.
    pub since: Timestamp,
    /// When it was told.
    pub told_at: Timestamp,
    /// To whom, and of whom.
    pub told: Told,
}

/// Kept of a matter that was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Who hears of its end.
    pub recipients: Vec<String>,
    /// Whom it befell.
    pub users: BTreeSet<UserId>,
    /// The zone's address, where its storms are looked up.
    #[serde(default)]
    pub api: Option<String>,
    /// Since when it does not show, if it does not: it may come again before it is over.
    #[serde(default)]
    pub fine_since: Option<Timestamp>,
}

/// A storm that is not judged yet, as the budget knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormOver {
    /// The zone's address.
    pub zone: String,
    /// The one tenant that it is over; `None` for the whole zone.
    pub tenant: Option<String>,
    /// When it was recognised.
    pub since: Timestamp,
}

/// What the store remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// What was told and is not over.
    pub ongoing: Vec<Ongoing>,
    /// The storms.
    pub storms: Vec<StormOver>,
    /// When the operator was last told of users of which nothing is known.
    pub last_blind: Option<Timestamp>,
    /// When a mail last told of an open incident: by the incident and the lower-cased recipient.
    pub told: HashMap<(String, String), Timestamp>,
    /// Lower-cased recipients to whom a reminder is owed that was not sent yet.
    pub reminded: HashSet<String>,
}

/// What a round is given.
pub struct Given<'a> {
    /// Everybody.
    pub users: &'a [Watched],
    /// What the store remembers.
    pub remembered: &'a Remembered,
    /// `[email]`
    pub email: Option<&'a Email>,
    /// Of one probe.
    pub timeout: Duration,
    /// Named in mails.
    pub host: &'a str,
    /// A short name for a recipient that does not tell the address.
    pub name: &'a dyn Fn(&str) -> String,
    /// The present.
    pub now: Timestamp,
}

/// A matter that begins or ends, and what is owed because of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// As it is to be kept, or was kept.
    pub matter: Ongoing,
    /// What is owed, if it is news to the store too.
    pub notices: Vec<Notice>,
}

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orders {
    /// Matters that begin.
    pub begun: Vec<Turn>,
    /// Matters of which more is to be remembered: other users, or since when they do not show.
    pub kept: Vec<Ongoing>,
    /// Matters that are over.
    pub over: Vec<Turn>,
    /// Users of which nothing is known; unless such a notice was owed within a day.
    pub blind: Vec<Notice>,
    /// What is still open, one for each recipient.
    pub reminders: Vec<Notice>,
    /// Users whose blindness is explained by something that was told, or by their newness: for them time begins anew.
    pub explained: HashSet<UserId>,
}

impl Orders {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty()
            && self.kept.is_empty()
            && self.over.is_empty()
            && self.blind.is_empty()
            && self.reminders.is_empty()
    }
}

/// One look at everybody.
#[must_use]
pub fn look(given: &Given<'_>) -> Orders {
    let mut orders = Orders::default();
    let zones = zones(given.users);
    let mut away = storm::look(given, &zones, &mut orders);
    away.extend(outage::look(given, &zones, &mut orders));
    blind::look(given, &zones, &away, &mut orders);
    reminder::look(given, &mut orders);
    orders
}

/// The users by the name of their zone.
type Zones<'a> = BTreeMap<&'a str, Vec<&'a Watched>>;

/// Zones that say nothing definitive, for a reason that is told or will be.
type Away = BTreeMap<String, Explained>;

/// Why a zone's users are not reported one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Explained {
    /// It was told.
    Told,
    /// It will be told if it lasts.
    Brewing,
}

fn zones(users: &[Watched]) -> Zones<'_> {
    let mut zones = Zones::new();
    for user in users {
        zones.entry(zone_of(&user.entry)).or_default().push(user);
    }
    zones
}

fn zone_of(entry: &Entry) -> &str {
    entry.record.zone.as_ref().map_or("", |zone| &zone.name)
}

/// The name to be said.
fn said(zone: &str) -> Option<&str> {
    Some(zone).filter(|zone| !zone.is_empty())
}

fn ids<'a>(users: impl IntoIterator<Item = &'a Watched>) -> Vec<UserId> {
    users
        .into_iter()
        .map(|user| user.entry.user.id.clone())
        .collect()
}

/// Sorted, each once.
fn tenants(users: &[&Watched]) -> Vec<String> {
    let tenants = users.iter().map(|user| user.entry.user.tenant.clone());
    tenants.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Given<'_> {
    /// How long many users are unclear before it is told, and how long they are heard before it is over.
    fn patience(&self) -> Duration {
        let blind_after = self.email.map(|email| email.unclear_after);
        blind_after.map_or(OUTAGE_AFTER, |after| after.min(OUTAGE_AFTER))
    }

    /// What was told of this kind and is not over.
    fn ongoing(&self, kind: Kind) -> impl Iterator<Item = &Ongoing> {
        let all = self.remembered.ongoing.iter();
        all.filter(move |matter| matter.kind == kind)
    }

    /// A matter of these users begins.
    fn begin(&self, facts: &OperatorFacts, zone: &str, users: &[&Watched]) -> Turn {
        let notices = operator_notices(facts, self.email);
        let api = users
            .iter()
            .find_map(|user| user.entry.record.zone.as_ref());
        let told = Told {
            recipients: notices.iter().map(|one| one.recipient.clone()).collect(),
            users: ids(users.iter().copied()).into_iter().collect(),
            api: api.map(|zone| zone.api.to_string()),
            fine_since: None,
        };
        Turn {
            matter: Ongoing {
                kind: facts.kind,
                zone: zone.to_owned(),
                since: facts.since,
                told_at: self.now,
                told,
            },
            notices,
        }
    }
}

/// Whoever was told of the beginning is told of the end.
fn end(matter: &Ongoing, facts: &OperatorFacts) -> Turn {
    Turn {
        notices: notices_to(matter.told.recipients.clone(), facts),
        matter: matter.clone(),
    }
}
