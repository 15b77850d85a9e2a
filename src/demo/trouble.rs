//! What Autotask itself does wrong, or does without a word: it refuses everybody, its look-up denies users or lags behind a
//! move, its zones answer some requests and not others. And what was seen meanwhile. Plain data.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::{
    api_user::ApiUser,
    world::{Place, Reach, World},
};

/// Of each username, so many attempts and look-ups are remembered.
const REMEMBERED: usize = 1000;

/// What becomes of credentials in a zone or a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Logins {
    /// Each is judged by itself.
    #[default]
    Judged,
    /// Every one is refused with a 401, and it does not count towards the lock. Whether it does is not known. [?]
    RefusedForFree,
    /// Every one is refused with a 401, and it counts: the strict guess.
    RefusedAndCounted,
}

/// What the central look-up answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookUps {
    /// Of each user what [`super::Announced`] says.
    #[default]
    Answered,
    /// `Zone information could not be determined`, to everybody.
    Denied,
}

/// How long the look-up goes on to name the zone that a tenant has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Until [`World::announce`].
    UntilAnnounced,
    /// Until a user of the tenant is refused: who looks up, logs in and looks up again sees the move happen in between.
    UntilRefusal,
}

impl World {
    /// Moves a tenant to another zone; its users are refused in the old one from then on, and the look-up names the new one.
    pub fn move_tenant(&mut self, tenant: &str, zone: &str) {
        self.move_tenant_lagging(tenant, zone, None);
    }

    /// The same, but the look-up lags behind.
    pub fn move_tenant_lagging(&mut self, tenant: &str, zone: &str, until: Option<Lag>) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            let before = std::mem::replace(&mut tenant.zone, zone.to_owned());
            let known = tenant.lag.take().map_or(before, |(known, _)| known);
            tenant.lag = until.map(|until| (known, until));
        }
    }

    /// The look-up has caught up with the move of a tenant.
    pub fn announce(&mut self, tenant: &str) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.lag = None;
        }
    }

    /// The look-up of a user's tenant catches up if it waited for a refusal.
    pub(super) fn refused(&mut self, username: &str) {
        let tenant = self.user(username).map(|user| user.tenant.clone());
        let tenant = tenant.and_then(|name| self.tenants.get_mut(&name));
        if let Some(tenant) = tenant {
            tenant.lag.take_if(|(_, until)| *until == Lag::UntilRefusal);
        }
    }

    /// When this username was presented with a credential, whatever became of it: the last thousand times.
    #[must_use]
    pub fn presented(&self, username: &str) -> Vec<Timestamp> {
        let times = self.presented.get(&username.to_lowercase());
        times.into_iter().flatten().copied().collect()
    }

    /// When the zone of this username was looked up, whatever became of it: the last thousand times.
    #[must_use]
    pub fn looked_up(&self, username: &str) -> Vec<Timestamp> {
        let times = self.looked_up.get(&username.to_lowercase());
        times.into_iter().flatten().copied().collect()
    }

    /// How often a zone was asked for `versioninformation`, whatever became of it.
    #[must_use]
    pub fn versions_asked(&self, zone: &str) -> u32 {
        self.versions_asked.get(zone).copied().unwrap_or(0)
    }

    /// An attempt's answer found nobody.
    pub fn lost(&mut self, username: &str) {
        self.stats_mut(username).lost += 1;
    }

    pub(super) fn note_presented(&mut self, username: &str, now: Timestamp) {
        remember(&mut self.presented, username, now);
    }

    pub(super) fn note_looked_up(&mut self, username: &str, now: Timestamp) {
        remember(&mut self.looked_up, username, now);
    }

    pub(super) fn note_version_asked(&mut self, place: &Place) {
        if let Place::Zone(name) = place {
            *self.versions_asked.entry(name.clone()).or_default() += 1;
        }
    }

    /// How `versioninformation` of a place can be reached.
    pub(super) fn reach_of_version(&self, place: &Place) -> Reach {
        let otherwise = match place {
            Place::Central => None,
            Place::Zone(name) => self.zones.get(name).and_then(|zone| zone.version),
        };
        otherwise.unwrap_or_else(|| self.reach(place))
    }

    /// What becomes of a user's credential at a place: the worse of what its zone and its tenant do.
    pub(super) fn logins(&self, user: Option<&ApiUser>, place: &Place) -> Logins {
        let zone = match place {
            Place::Central => None,
            Place::Zone(name) => self.zones.get(name),
        };
        let tenant = user.and_then(|user| self.tenants.get(&user.tenant));
        let zone = zone.map_or(Logins::Judged, |zone| zone.logins);
        let tenant = tenant.map_or(Logins::Judged, |tenant| tenant.logins);
        zone.max(tenant)
    }
}

fn remember(of: &mut BTreeMap<String, VecDeque<Timestamp>>, username: &str, now: Timestamp) {
    let times = of.entry(username.to_lowercase()).or_default();
    if times.len() == REMEMBERED {
        times.pop_front();
    }
    times.push_back(now);
}
