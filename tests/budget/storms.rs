//! The truth about many users of one zone: when Autotask refuses so many that it is nobody's own fault, and that one of
//! them at a time is tried then. The first half of the users are one tenant's.

use std::time::Duration;

use lockwatch::attempt::Ledgers;

use crate::clock::Moment;

const TOGETHER: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
const TENANT_JUDGED: Duration = Duration::from_mins(30);
const ZONE_JUDGED: Duration = Duration::from_hours(24);

/// The tenant of a user.
pub(crate) fn tenant(user: usize, users: usize) -> usize {
    usize::from(2 * user >= users)
}

#[derive(Clone, Copy, Debug)]
struct Storm {
    at: Moment,
    canary: Option<Moment>,
    /// It lasts: its users are judged as usual.
    judged: bool,
}

/// A zone, or a tenant in it.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// When the last attempt was made that was accepted.
    accepted: Option<Moment>,
    storm: Option<Storm>,
    /// When the last storm began and ended.
    past: Option<(Moment, Moment)>,
}

impl Group {
    fn current(&mut self) -> Option<&mut Storm> {
        self.storm.as_mut().filter(|storm| !storm.judged)
    }
}

#[derive(Debug)]
pub(crate) struct Storms {
    /// When each user was first refused since it worked.
    refused: Vec<Option<Moment>>,
    zone: Group,
    tenants: [Group; 2],
    /// So many were seen.
    pub(crate) seen: u32,
}

impl Storms {
    pub(crate) fn new(users: usize) -> Self {
        Self {
            refused: vec![None; users],
            zone: Group::default(),
            tenants: [Group::default(); 2],
            seen: 0,
        }
    }

    fn tenant(&self, user: usize) -> usize {
        tenant(user, self.refused.len())
    }

    fn groups(&mut self, user: usize) -> [&mut Group; 2] {
        let tenant = self.tenant(user);
        [&mut self.zone, &mut self.tenants[tenant]]
    }

    /// The ledgers of a user say which storms are judged by now: they have lasted for as long as that takes.
    pub(crate) fn judged(&mut self, user: usize, ledgers: &Ledgers, now: Moment) {
        let told = [&ledgers.zone, &ledgers.tenant];
        for ((group, told), after) in self
            .groups(user)
            .into_iter()
            .zip(told)
            .zip([ZONE_JUDGED, TENANT_JUDGED])
        {
            if told.storm.as_ref().is_some_and(|storm| storm.judged)
                && let Some(storm) = group.current()
            {
                assert!(now.is_past(storm.at, after), "judged at {now:?}: {storm:?}");
                storm.judged = true;
            }
        }
    }

    /// The schedule presents a user's credential: whether as the one that is tried in a storm.
    pub(crate) fn presents(&mut self, user: usize, fresh: bool, now: Moment) -> bool {
        let mut canary = false;
        for storm in self.groups(user).into_iter().filter_map(Group::current) {
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

    /// An attempt came to nothing: if it was a canary's, the next one may.
    pub(crate) fn no_verdict(&mut self, user: usize, made: Moment) {
        for group in self.groups(user) {
            if let Some(storm) = &mut group.storm
                && storm.canary.is_some_and(|canary| canary.seen == made.seen)
            {
                storm.canary = None;
            }
        }
    }

    /// A user was accepted, with an attempt of `made`; one from before a storm says nothing about it.
    pub(crate) fn accepted(&mut self, user: usize, made: Moment, now: Moment) {
        self.refused[user] = None;
        for group in self.groups(user) {
            if group.accepted.is_none_or(|last| last.seen <= made.seen) {
                group.accepted = Some(made);
            }
            if let Some(over) = group.storm.take_if(|storm| made.seen >= storm.at.seen) {
                group.past = Some((over.at, now));
            }
        }
    }

    /// Whether a user that was rejected then was rejected in a storm that is over.
    pub(crate) fn befell(&mut self, user: usize, rejected: Option<Moment>) -> bool {
        let Some(rejected) = rejected else {
            return false;
        };
        self.groups(user).into_iter().any(|group| {
            let past = group.past;
            past.is_some_and(|(from, to)| {
                rejected.seen + TOGETHER >= from.seen && rejected.seen <= to.seen
            })
        })
    }

    /// A user is refused with a credential that `worked` before, or never did.
    pub(crate) fn refused(&mut self, user: usize, worked: bool, now: Moment) {
        if !worked {
            self.refused[user] = None;
            return;
        }
        let since = *self.refused[user].get_or_insert(now);
        if self
            .groups(user)
            .into_iter()
            .any(|group| group.current().is_some())
        {
            return;
        }
        let tenant = self.tenant(user);
        let with = |group: &Group| {
            let accepted = group.accepted;
            let refused = self.refused.iter().enumerate();
            let together = refused.filter(|(_, other)| {
                other.is_some_and(|other| {
                    other.seen.abs_diff(since.seen) <= TOGETHER
                        && accepted.is_none_or(|accepted| other.seen > accepted.seen)
                })
            });
            together
                .map(|(user, _)| self.tenant(user))
                .collect::<Vec<_>>()
        };
        let tenants = with(&self.zone);
        let of_tenant = with(&self.tenants[tenant]);
        let of_tenant = of_tenant.iter().filter(|one| **one == tenant).count();
        let group = if tenants.contains(&0) && tenants.contains(&1) {
            &mut self.zone
        } else if of_tenant >= 3 {
            &mut self.tenants[tenant]
        } else {
            return;
        };
        if group.storm.is_none() {
            group.storm = Some(Storm {
                at: now,
                canary: None,
                judged: false,
            });
            self.seen += 1;
        }
    }
}
