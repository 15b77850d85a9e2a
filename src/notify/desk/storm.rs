//! Autotask refuses many users at once, for a while: told once for each zone, and once more when it is over. Pure.

use std::collections::BTreeSet;

use super::{
    Away, Explained, Given, Ongoing, Orders, StormOver, Told, Watched, Zones, end, ids, tenants,
};
use crate::{
    diagnose::{Reason, Verdict},
    notify::{
        Kind,
        operator::{Ended, auth_outage, auth_outage_over},
    },
    user::UserId,
};

pub(super) fn look(given: &Given<'_>, zones: &Zones<'_>, orders: &mut Orders) -> Away {
    let mut away = Away::new();
    for (&zone, users) in zones {
        let refused: Vec<&Watched> = users.iter().copied().filter(|user| is_in(user)).collect();
        let matter = given.ongoing(Kind::AuthOutage).find(|one| one.zone == zone);
        let explained = match matter {
            Some(matter) => during(given, matter, users, &refused, orders),
            None => before(given, zone, &refused, orders),
        };
        away.extend(explained.map(|explained| (zone.to_owned(), explained)));
    }
    let gone = |matter: &&Ongoing| !zones.contains_key(matter.zone.as_str());
    for matter in given.ongoing(Kind::AuthOutage).filter(gone) {
        over(given, matter, orders);
    }
    away
}

fn before(
    given: &Given<'_>,
    zone: &str,
    refused: &[&Watched],
    orders: &mut Orders,
) -> Option<Explained> {
    let storms = given.remembered.storms.iter();
    let mine = storms.filter(|storm| refused.iter().any(|user| is_under(user, storm)));
    let since = mine.map(|storm| storm.since).min()?;
    if given.now < since + given.patience() {
        return Some(Explained::Brewing);
    }
    let users = ids(refused.iter().copied());
    let facts = auth_outage(
        zone,
        &tenants(refused),
        &users,
        since,
        given.now,
        given.host,
    );
    orders.begun.push(given.begin(&facts, zone, refused));
    Some(Explained::Told)
}

fn during(
    given: &Given<'_>,
    matter: &Ongoing,
    users: &[&Watched],
    refused: &[&Watched],
    orders: &mut Orders,
) -> Option<Explained> {
    let lasts = |storm: &StormOver| {
        matter.told.api.as_ref() == Some(&storm.zone)
            && users.iter().any(|user| is_under(user, storm))
    };
    if refused.is_empty() && !given.remembered.storms.iter().any(lasts) {
        over(given, matter, orders);
        return None;
    }
    let now: BTreeSet<UserId> = ids(refused.iter().copied()).into_iter().collect();
    if !now.is_subset(&matter.told.users) {
        orders.kept.push(Ongoing {
            told: Told {
                users: matter.told.users.union(&now).cloned().collect(),
                ..matter.told.clone()
            },
            ..matter.clone()
        });
    }
    Some(Explained::Told)
}

/// What became of each user is what is shown of it now.
fn over(given: &Given<'_>, matter: &Ongoing, orders: &mut Orders) {
    let mut ended = Ended::default();
    for id in &matter.told.users {
        let shown = given.users.iter().find(|user| user.entry.user.id == *id);
        // Who is not configured any more is nobody's concern.
        let Some(Watched { entry, .. }) = shown else {
            continue;
        };
        let state = &entry.record.state;
        let group = if state.incident().is_some() {
            &mut ended.judged
        } else if state.verdict == Verdict::Healthy {
            &mut ended.accepted
        } else {
            &mut ended.unclear
        };
        group.push(id.clone());
    }
    let Ongoing {
        zone,
        since,
        told_at,
        ..
    } = matter;
    let facts = auth_outage_over(zone, &ended, *since, *told_at, given.now, given.host);
    orders.over.push(end(matter, &facts));
}

fn is_in(user: &Watched) -> bool {
    user.entry.record.state.reason == Reason::AuthOutage
}

fn is_under(user: &Watched, storm: &StormOver) -> bool {
    let zone = user.entry.record.zone.as_ref();
    let tenant = &user.entry.user.tenant;
    zone.is_some_and(|zone| zone.api.as_str() == storm.zone)
        && storm.tenant.as_ref().is_none_or(|of| of == tenant)
}
