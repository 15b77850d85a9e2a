//! A zone of which nothing clear is heard for a while: told once, and once more when it is over, which takes as long again, so
//! that a zone that comes and goes is one outage. Pure.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Away, Explained, Given, Ongoing, Orders, Told, Watched, Zones, end, ids, said, tenants,
};
use crate::{
    diagnose::{Reason, Verdict},
    notify::{
        Kind,
        operator::{OperatorFacts, Silence, outage, outage_over},
    },
    user::Known,
};

/// So many users are an outage; fewer, where a zone has no more.
const ENOUGH: usize = 3;

/// A zone's users, as far as they say something about it.
struct Heard<'a> {
    /// Who would be heard.
    of: usize,
    /// Of whom nothing clear is.
    unclear: Vec<&'a Watched>,
}

impl<'a> Heard<'a> {
    fn of(users: &[&'a Watched]) -> Self {
        let (unclear, others): (Vec<&Watched>, Vec<&Watched>) =
            users.iter().copied().partition(|user| is_in(user));
        Self {
            of: unclear.len() + others.into_iter().filter(|user| speaks(user)).count(),
            unclear,
        }
    }

    fn is_enough(&self, silent: usize) -> bool {
        silent > 0 && silent >= self.of.min(ENOUGH)
    }

    fn is_away(&self) -> bool {
        self.is_enough(self.unclear.len())
    }
}

pub(super) fn look(given: &Given<'_>, zones: &Zones<'_>, orders: &mut Orders) -> Away {
    let mut away = Away::new();
    let heard: Vec<(&str, Heard<'_>)> = zones
        .iter()
        .map(|(zone, users)| (*zone, Heard::of(users)))
        .collect();
    let everywhere = heard.iter().all(|(_, heard)| {
        heard.of == 0 || heard.is_away() && heard.unclear.iter().all(|user| is_unreached(user))
    });
    for (zone, heard) in &heard {
        let matter = given.ongoing(Kind::Outage).find(|one| one.zone == *zone);
        let explained = match matter {
            Some(matter) if heard.is_away() => {
                if matter.told.fine_since.is_some() {
                    orders.kept.push(fine(matter, None));
                }
                Explained::Told
            }
            Some(matter) => match matter.told.fine_since {
                None => {
                    orders.kept.push(fine(matter, Some(given.now)));
                    Explained::Told
                }
                Some(since) if given.now < since + given.patience() => Explained::Told,
                Some(since) => {
                    over(given, matter, &heard.unclear, since, orders);
                    continue;
                }
            },
            None if heard.is_away() => before(given, zone, heard, everywhere, orders),
            None => continue,
        };
        away.insert((*zone).to_owned(), explained);
    }
    let gone = |matter: &&Ongoing| !zones.contains_key(matter.zone.as_str());
    for matter in given.ongoing(Kind::Outage).filter(gone) {
        let until = matter.told.fine_since.unwrap_or(given.now);
        over(given, matter, &[], until, orders);
    }
    away
}

fn before(
    given: &Given<'_>,
    zone: &str,
    heard: &Heard<'_>,
    everywhere: bool,
    orders: &mut Orders,
) -> Explained {
    let long: Vec<&Watched> = heard
        .unclear
        .iter()
        .copied()
        .filter(|user| given.now >= since(user) + given.patience())
        // What was left behind by the process before may be over.
        .filter(|user| user.entry.record.last_check >= Some(user.since))
        .collect();
    let Some(first) = long.iter().map(|user| since(user)).min() else {
        return Explained::Brewing;
    };
    if !heard.is_enough(long.len()) {
        return Explained::Brewing;
    }
    let silence = Silence {
        reasons: counted(&heard.unclear),
        tenants: tenants(&heard.unclear),
        users: ids(heard.unclear.iter().copied()),
        of: heard.of,
        everywhere,
    };
    let facts = outage(said(zone), &silence, first, given.now, given.host);
    orders.begun.push(given.begin(&facts, zone, &heard.unclear));
    Explained::Told
}

/// The matter, to be kept as not showing since then.
fn fine(matter: &Ongoing, since: Option<Timestamp>) -> Ongoing {
    Ongoing {
        told: Told {
            fine_since: since,
            ..matter.told.clone()
        },
        ..matter.clone()
    }
}

/// It lasted until then.
fn over(
    given: &Given<'_>,
    matter: &Ongoing,
    unclear: &[&Watched],
    until: Timestamp,
    orders: &mut Orders,
) {
    let users: Vec<_> = matter.told.users.iter().cloned().collect();
    let over = outage_over(
        said(&matter.zone),
        &users,
        &ids(unclear.iter().copied()),
        matter.since,
        matter.told_at,
        until,
        given.host,
    );
    let facts = OperatorFacts {
        at: given.now,
        ..over
    };
    orders.over.push(end(matter, &facts));
}

fn is_in(user: &Watched) -> bool {
    let state = &user.entry.record.state;
    state.verdict == Verdict::Unclear && state.reason.is_outage()
}

/// Whether an outage of the zone would show with this user: a credential is presented there at every check.
fn speaks(user: &Watched) -> bool {
    let record = &user.entry.record;
    matches!(user.entry.user.known, Known::All { .. })
        && record.budget.held.is_none()
        && !record.state.reason.is_operators_alone()
}

fn is_unreached(user: &Watched) -> bool {
    let reason = user.entry.record.state.reason;
    matches!(reason, Reason::Dns | Reason::Connect | Reason::Tls)
}

fn since(user: &Watched) -> Timestamp {
    let state = &user.entry.record.state;
    state.unclear_since.unwrap_or(state.since)
}

/// Most first; equals in the order in which they are met.
fn counted(users: &[&Watched]) -> Vec<(Reason, usize)> {
    let mut counts: HashMap<Reason, usize> = HashMap::new();
    let mut order = Vec::new();
    for user in users {
        let reason = user.entry.record.state.reason;
        let count = counts.entry(reason).or_default();
        if *count == 0 {
            order.push(reason);
        }
        *count += 1;
    }
    let mut counted: Vec<_> = order.into_iter().map(|one| (one, counts[&one])).collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
}
