//! What many users' fates say together: whether Autotask refuses everybody's credentials, or its look-up denies everybody.
//! Pure; the evidence comes from the store, so that it does not depend on who saw it.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

/// First refusals (or denials) that are further apart have nothing to do with each other.
pub const TOGETHER: Duration = Duration::from_mins(10);
/// Users of one tenant that are refused together before it is not their fault.
const USERS_OF_A_TENANT: usize = 3;
/// The same over tenants of a zone.
const TENANTS_OF_A_ZONE: usize = 2;
/// Others that the look-up denies together before it is the look-up's fault.
const DENIED: usize = 2;
/// After this long, denied users are judged as usual if the look-up knows others.
pub const DENIED_LONG: Duration = Duration::from_mins(30);

/// The same where nobody is known: everybody may be gone as well.
const DENIED_ALL: Duration = Duration::from_hours(24);

/// A user whose credential was accepted before, has not changed, and is refused. Times are the budget's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Lower-cased username.
    pub username: String,
    /// Its tenant.
    pub tenant: String,
    /// When it was first refused.
    pub since: Timestamp,
}

/// Who is refused together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storm {
    /// Users of several tenants of the zone.
    Zone,
    /// Many users of one tenant.
    Tenant,
}

/// Whether `me` and `others` of its zone are refused together. `accepted` is when a user of the zone, and one of the
/// tenant, was last accepted: whoever was refused before that was refused for reasons of its own.
#[must_use]
pub fn storm(
    me: &Refused,
    others: &[Refused],
    accepted_in_zone: Option<Timestamp>,
    accepted_in_tenant: Option<Timestamp>,
) -> Option<Storm> {
    let together = |accepted: Option<Timestamp>| {
        others
            .iter()
            .chain([me])
            .filter(move |user| user.since.duration_since(me.since).unsigned_abs() <= TOGETHER)
            .filter(move |user| accepted.is_none_or(|accepted| user.since > accepted))
    };
    let tenants: HashSet<&str> = together(accepted_in_zone)
        .map(|user| user.tenant.as_str())
        .collect();
    if tenants.len() >= TENANTS_OF_A_ZONE {
        return Some(Storm::Zone);
    }
    let users: HashSet<&str> = together(accepted_in_tenant)
        .filter(|user| user.tenant == me.tenant)
        .map(|user| user.username.as_str())
        .collect();
    (users.len() >= USERS_OF_A_TENANT).then_some(Storm::Tenant)
}

/// What the look-up says of others, when it denies a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookUps {
    /// Others that it knew before and denies, turned within [`TOGETHER`] of this one.
    pub denied: usize,
    /// Others that it was asked about just now, and knows.
    pub known: usize,
}

/// How many others show that it is the look-up that fails, for `denied_for` so far; 0 when it is this user.
#[must_use]
pub fn look_up_fails(seen: LookUps, denied_for: Duration) -> usize {
    let judged = if seen.known > 0 {
        denied_for >= DENIED_LONG
    } else {
        denied_for >= DENIED_ALL
    };
    if seen.denied >= DENIED && !judged {
        seen.denied
    } else {
        0
    }
}
