//! What of everything owed to one recipient becomes one mail now, and what waits. Pure. Unsent notices of one incident are
//! merged into one that tells the present; many users of a tenant that begin to fail together are gathered; an incident has
//! a limited number of mails a day.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{Digest, Facts, Kind, Matter, Notice};

/// So many mails tell one recipient of one incident within [`DAY`], reminders aside.
pub const MAILS_A_DAY: u32 = 6;
/// The day of [`MAILS_A_DAY`].
pub const DAY: Duration = Duration::from_hours(24);
/// One mail tells no more than this.
const TELLINGS: usize = 200;

/// One notice as a mail tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// What is said.
    pub notice: Notice,
    /// Older notices of the same incident that were not sent and are merged into this one: kind, and when they were made;
    /// oldest first.
    pub merged: Vec<(Kind, Timestamp)>,
    /// No further mail tells of this incident before.
    pub last_until: Option<Timestamp>,
}

/// What one recipient was mailed about an incident within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailed {
    /// So many mails.
    pub mails: u32,
    /// The first of them.
    pub oldest: Timestamp,
}

/// What the plan needs to know besides the notices.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// By incident.
    pub mailed: HashMap<String, Mailed>,
    /// By tenant.
    pub gathering: HashMap<String, Gathering>,
    /// Incidents that reminders name and that are over.
    pub over: HashSet<String>,
}

/// Many users of a tenant begin to fail together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathering {
    /// The first sighting.
    pub first: Timestamp,
    /// Their openings are gathered so long after it.
    pub wait: Duration,
}

/// What becomes of everything that is owed to one recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What the mail tells, in no order. Empty: no mail now.
    pub tellings: Vec<Telling>,
    /// The ids of all notices that are settled by the mail.
    pub settled: Vec<String>,
    /// The ids of reminders that have nothing to remind of.
    pub void: Vec<String>,
    /// The ids of notices that wait, and until when.
    pub later: Vec<(String, Timestamp)>,
    /// The ids of notices that wait because their incident has had its mails of the day, and until when.
    pub held_back: Vec<(String, Timestamp)>,
}

/// Plans one mail from all that is `owed` to one recipient.
#[must_use]
pub fn plan(owed: Vec<Notice>, given: &Given, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut incidents: BTreeMap<String, Vec<Notice>> = BTreeMap::new();
    let mut others = Vec::new();
    for notice in owed {
        match &notice.matter {
            Matter::Incident(facts) => incidents
                .entry(facts.incident.clone())
                .or_default()
                .push(notice),
            Matter::Operator(_) | Matter::Digest(_) => others.push(notice),
        }
    }
    let begun = begun(&incidents);
    for (incident, mut notices) in incidents {
        notices.sort_by_key(turn);
        let ids = notices.iter().map(|notice| notice.id.clone());
        let mailed = given.mailed.get(&incident);
        let full = mailed.filter(|mailed| mailed.mails >= MAILS_A_DAY);
        if let Some(until) = full
            .map(|mailed| mailed.oldest + DAY)
            .filter(|until| *until > now)
        {
            plan.held_back.extend(ids.map(|id| (id, until)));
            continue;
        }
        let gathered = gathered_until(notices.last(), &begun, given);
        if let Some(until) = gathered.filter(|until| *until > now) {
            plan.later.extend(ids.map(|id| (id, until)));
            continue;
        }
        if plan.tellings.len() == TELLINGS {
            plan.later.extend(ids.map(|id| (id, now)));
            continue;
        }
        plan.settled.extend(ids);
        let last = mailed.filter(|mailed| mailed.mails + 1 >= MAILS_A_DAY);
        plan.tellings.extend(notices.pop().map(|notice| Telling {
            notice,
            merged: notices.iter().map(|old| (old.kind, old.created)).collect(),
            last_until: last.map(|mailed| mailed.oldest + DAY),
        }));
    }
    let own_words = plan
        .tellings
        .iter()
        .map(|telling| telling.notice.matter.incident());
    let told: HashSet<String> = own_words
        .map(str::to_owned)
        .chain(given.over.iter().cloned())
        .collect();
    for mut notice in others {
        if let Matter::Digest(digest) = &mut notice.matter {
            // What is told in its own words, or is over by now.
            let all = digest.lines.len();
            drop_lines(digest, &told);
            if all > 0 && digest.lines.is_empty() {
                plan.void.push(notice.id);
                continue;
            }
        }
        plan.settled.push(notice.id.clone());
        plan.tellings.push(Telling::alone(notice));
    }
    plan
}

/// The first sighting of each tenant's failures that wait to be told.
fn begun(incidents: &BTreeMap<String, Vec<Notice>>) -> HashMap<String, Timestamp> {
    let mut begun: HashMap<String, Timestamp> = HashMap::new();
    let openings = incidents
        .values()
        .filter_map(|notices| opening(notices.iter().max_by_key(|notice| turn(notice))));
    for facts in openings {
        let first = begun.entry(facts.tenant.clone()).or_insert(facts.since);
        *first = facts.since.min(*first);
    }
    begun
}

/// An opening waits while others of its tenant begin to fail, as long after the first of them as they are gathered.
fn gathered_until(
    present: Option<&Notice>,
    begun: &HashMap<String, Timestamp>,
    given: &Given,
) -> Option<Timestamp> {
    let facts = opening(present)?;
    let gathering = given.gathering.get(&facts.tenant)?;
    // However the burst goes on, nobody waits longer than for the first that is owed.
    let first = gathering.first.min(*begun.get(&facts.tenant)?);
    Some(first + gathering.wait)
}

/// The facts of an incident that is open, as far as this notice knows.
fn opening(notice: Option<&Notice>) -> Option<&Facts> {
    match notice {
        Some(Notice {
            kind,
            matter: Matter::Incident(facts),
            ..
        }) if *kind != Kind::Recovered => Some(facts),
        _ => None,
    }
}

fn turn(notice: &Notice) -> (u32, Timestamp) {
    match &notice.matter {
        Matter::Incident(facts) => (facts.turn, notice.created),
        Matter::Operator(_) | Matter::Digest(_) => (0, notice.created),
    }
}

fn drop_lines(digest: &mut Digest, told: &HashSet<String>) {
    digest.lines.retain(|line| !told.contains(&line.incident));
    digest.users = digest.lines.iter().map(|line| line.user.clone()).collect();
}

impl Telling {
    /// A notice that nothing is merged into.
    #[must_use]
    pub fn alone(notice: Notice) -> Self {
        Self {
            notice,
            merged: Vec::new(),
            last_until: None,
        }
    }
}
