//! The truth about many users of one zone: when Autotask refuses so many that it is nobody's own fault, and that one of
//! them at a time is tried then. The first half of the users are one tenant's.

use std::time::Duration;

use crate::clock::Moment;

const TOGETHER: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
const JUDGED: Duration = Duration::from_mins(30);

/// The tenant of a user.
pub(crate) fn tenant(user: usize, users: usize) -> usize {
    usize::from(2 * user >= users)
}

#[derive(Clone, Copy, Debug)]
struct Storm {
    at: Moment,
    canary: Option<Moment>,
}

#[derive(Debug)]
pub(crate) struct Storms {
    /// When each user was first refused since it worked.
    refused: Vec<Option<Moment>>,
    accepted: Option<Moment>,
    accepted_of: [Option<Moment>; 2],
    zone: Option<Storm>,
    tenants: [Option<Storm>; 2],
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
            seen: 0,
        }
    }

    fn tenant(&self, user: usize) -> usize {
        tenant(user, self.refused.len())
    }

    /// The schedule presents a user's credential: whether as the one that is tried in a storm.
    pub(crate) fn presents(
        &mut self,
        user: usize,
        fresh: bool,
        interval: Duration,
        now: Moment,
    ) -> bool {
        let tenant = self.tenant(user);
        let of_tenant = self.tenants[tenant].as_mut();
        let of_tenant = of_tenant.filter(|storm| !now.is_past(storm.at, JUDGED));
        let mut canary = false;
        for storm in [self.zone.as_mut(), of_tenant].into_iter().flatten() {
            let (since, wait) = match storm.canary {
                Some(last) => (last, HOUR),
                None => (storm.at, Duration::ZERO),
            };
            let wait = if fresh { wait } else { wait + interval };
            assert!(
                now.is_past(since, wait),
                "user {user} is tried in a storm at {now:?}: {storm:?}"
            );
            storm.canary = Some(now);
            canary = true;
        }
        canary
    }

    pub(crate) fn accepted(&mut self, user: usize, now: Moment) {
        let tenant = self.tenant(user);
        self.refused[user] = None;
        self.accepted = Some(now);
        self.accepted_of[tenant] = Some(now);
        self.zone = None;
        self.tenants[tenant] = None;
    }

    /// A user is refused with a credential that `worked` before, or never did.
    pub(crate) fn refused(&mut self, user: usize, worked: bool, now: Moment) {
        if !worked {
            self.refused[user] = None;
            return;
        }
        let since = *self.refused[user].get_or_insert(now);
        let tenant = self.tenant(user);
        if self.zone.is_some() || self.tenants[tenant].is_some() {
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
        let storm = Some(Storm {
            at: now,
            canary: None,
        });
        let of_tenant = together(self.accepted_of[tenant]);
        let of_tenant = of_tenant
            .into_iter()
            .filter(|one| self.tenant(*one) == tenant);
        if tenants.contains(&0) && tenants.contains(&1) {
            self.zone = storm;
            self.seen += 1;
        } else if of_tenant.count() >= 3 {
            self.tenants[tenant] = storm;
            self.seen += 1;
        }
    }
}
