//! The truth about many users of one zone: when Autotask refuses so many that it is nobody's own fault, and that one of
//! them at a time is tried then. The first half of the users are one tenant's.

use std::time::Duration;

use crate::clock::Moment;

const TOGETHER: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
const JUDGED: Duration = Duration::from_mins(30);
const ZONE_JUDGED: Duration = Duration::from_hours(24);

/// The tenant of a user.
pub(crate) fn tenant(user: usize, users: usize) -> usize {
    usize::from(2 * user >= users)
}

#[derive(Clone, Copy, Debug)]
struct Storm {
    at: Moment,
    canary: Option<Moment>,
    /// It lasts so long that everybody is judged as usual.
    judged: bool,
}

/// From when to when a storm lasted.
type Past = (Moment, Moment);

/// What the storms of a user's zone and tenant are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// One is on.
    pub(crate) storm: bool,
    /// The last of the zone and of the tenant.
    past: [Option<Past>; 2],
}

impl Weather {
    /// A rejection belongs to a storm, and that is over.
    pub(crate) fn befell(&self, rejected: Option<Moment>) -> bool {
        let of = |(from, to): Past| {
            rejected.is_some_and(|at| at.seen + TOGETHER >= from.seen && at.seen <= to.seen)
        };
        !self.storm && self.past.into_iter().flatten().any(of)
    }
}

#[derive(Debug)]
pub(crate) struct Storms {
    /// When each user was first refused since it worked.
    refused: Vec<Option<Moment>>,
    accepted: Option<Moment>,
    accepted_of: [Option<Moment>; 2],
    zone: Option<Storm>,
    tenants: [Option<Storm>; 2],
    past: Option<Past>,
    past_of: [Option<Past>; 2],
    /// So many of a zone were judged as usual.
    pub(crate) judged: u32,
    /// So many were seen.
    pub(crate) seen: u32,
}

impl Storms {
    pub(crate) fn new(users: usize) -> Self {
        Self {
            refused: vec![None; users],
            accepted: None,
            accepted_of: [None; 2],
            zone: None,
            tenants: [None; 2],
            past: None,
            past_of: [None; 2],
            judged: 0,
            seen: 0,
        }
    }

    fn tenant(&self, user: usize) -> usize {
        tenant(user, self.refused.len())
    }

    /// Somebody asks for an attempt of a user: what lasts too long is judged as usual from now on.
    pub(crate) fn asked(&mut self, user: usize, now: Moment) -> Weather {
        let tenant = self.tenant(user);
        let (zone, of_tenant) = (&mut self.zone, &mut self.tenants[tenant]);
        for (storm, lasts) in [(zone, ZONE_JUDGED), (of_tenant, JUDGED)] {
            if let Some(storm) = storm
                && now.is_past(storm.at, lasts)
                && !storm.judged
            {
                storm.judged = true;
                self.judged += u32::from(lasts == ZONE_JUDGED);
            }
        }
        Weather {
            storm: self.is_on(tenant),
            past: [self.past, self.past_of[tenant]],
        }
    }

    fn is_on(&self, tenant: usize) -> bool {
        let mut storms = [&self.zone, &self.tenants[tenant]].into_iter().flatten();
        storms.any(|storm| !storm.judged)
    }

    /// The schedule presents a user's credential: whether as the one that is tried in a storm. One that was refused
    /// already, or never worked, is not while a better one may be had: for an hour from when the place is free.
    pub(crate) fn presents(&mut self, user: usize, fresh: bool, now: Moment) -> bool {
        let tenant = self.tenant(user);
        let storms = [&mut self.zone, &mut self.tenants[tenant]];
        let mut canary = false;
        for storm in storms.into_iter().flatten().filter(|storm| !storm.judged) {
            let (since, wait) = match storm.canary {
                Some(last) => (last, HOUR),
                None => (storm.at, Duration::ZERO),
            };
            let wait = if fresh { wait } else { wait + HOUR };
            assert!(
                now.is_past(since, wait),
                "user {user} is tried in a storm at {now:?}: {storm:?}"
            );
            storm.canary = Some(now);
            canary = true;
        }
        canary
    }

    /// An attempt that was made then says nothing of a storm: if it was tried for that, another may be.
    pub(crate) fn no_verdict(&mut self, user: usize, made: Moment) {
        let tenant = self.tenant(user);
        for storm in [&mut self.zone, &mut self.tenants[tenant]]
            .into_iter()
            .flatten()
        {
            storm.canary = storm.canary.filter(|canary| canary.seen != made.seen);
        }
    }

    /// A user was accepted with an attempt that was `made` then: only one that was made in a storm ends it.
    pub(crate) fn accepted(&mut self, user: usize, made: Moment, now: Moment) {
        let tenant = self.tenant(user);
        self.refused[user] = None;
        for (accepted, storm, past) in [
            (&mut self.accepted, &mut self.zone, &mut self.past),
            (
                &mut self.accepted_of[tenant],
                &mut self.tenants[tenant],
                &mut self.past_of[tenant],
            ),
        ] {
            *accepted = accepted.filter(|last| last.seen > made.seen).or(Some(made));
            if let Some(over) = storm.take_if(|storm| made.seen >= storm.at.seen) {
                *past = Some((over.at, now));
            }
        }
    }

    /// A user is refused with a credential that `worked` before, or never did.
    pub(crate) fn refused(&mut self, user: usize, worked: bool, now: Moment) {
        if !worked {
            self.refused[user] = None;
            return;
        }
        let since = *self.refused[user].get_or_insert(now);
        let tenant = self.tenant(user);
        if self.is_on(tenant) {
            return;
        }
        let together = |accepted: Option<Moment>| {
            let with = move |other: Moment| {
                other.seen.abs_diff(since.seen) <= TOGETHER
                    && accepted.is_none_or(|accepted| other.seen > accepted.seen)
            };
            let of = |(user, refused): (usize, &Option<Moment>)| {
                refused.filter(|other| with(*other)).map(|_| user)
            };
            let users = self.refused.iter().enumerate().filter_map(of);
            users.collect::<Vec<_>>()
        };
        let tenants: Vec<usize> = together(self.accepted)
            .into_iter()
            .map(|user| self.tenant(user))
            .collect();
        let storm = Storm {
            at: now,
            canary: None,
            judged: false,
        };
        let of_tenant = together(self.accepted_of[tenant]);
        let of_tenant = of_tenant
            .into_iter()
            .filter(|one| self.tenant(*one) == tenant);
        let group = if tenants.contains(&0) && tenants.contains(&1) {
            &mut self.zone
        } else if of_tenant.count() >= 3 {
            &mut self.tenants[tenant]
        } else {
            return;
        };
        // One that was judged goes on until somebody is accepted.
        self.seen += u32::from(group.is_none());
        group.get_or_insert(storm);
    }
}
