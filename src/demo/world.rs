//! The state of the simulated Autotask: tenants, zones, users, their locks and what was seen of each. Plain data;
//! `routes` decides answers with it, `server` carries them. Knows no HTTP and reads no clock.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    answers::RawAnswer,
    api_user::ApiUser,
    trouble::{Lag, Logins, LookUps},
};

/// Requests at once per tenant, integration code and endpoint. (D)
pub const THREADS: u32 = 3;

/// Everything that is simulated. Zones are fixed once a server has started; all else may change at any time.
#[derive(Default)]
pub struct World {
    /// How the central look-up can be reached.
    pub central: Reach,
    /// What the central look-up answers.
    pub look_ups: LookUps,
    /// By name, such as `AE02`.
    pub zones: BTreeMap<String, Zone>,
    /// By name, such as `acme`.
    pub tenants: BTreeMap<String, Tenant>,
    pub(super) users: BTreeMap<String, ApiUser>,
    pub(super) stats: BTreeMap<String, Stats>,
    pub(super) scripts: BTreeMap<String, VecDeque<RawAnswer>>,
    pub(super) lookup_scripts: BTreeMap<String, VecDeque<RawAnswer>>,
    pub(super) flights: BTreeMap<Flight, u32>,
    pub(super) most_at_once: BTreeMap<(String, String), u32>,
    pub(super) presented: BTreeMap<String, VecDeque<Timestamp>>,
    pub(super) looked_up: BTreeMap<String, VecDeque<Timestamp>>,
    pub(super) versions_asked: BTreeMap<String, u32>,
}

/// A server of Autotask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `webservices.autotask.net`, where zones are looked up.
    Central,
    /// A zone, by name.
    Zone(String),
}

/// How a place can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// As usual.
    #[default]
    Up,
    /// 503 with a page and no `errors[]`; no credential is looked at.
    Outage,
    /// 200 with a page; no credential is looked at.
    Maintenance,
    /// Requests are taken and never answered. A credential is judged all the same, as in an answer that got lost.
    Hang,
    /// Requests are taken, and the connection is closed before the status. A credential is judged all the same.
    Cut,
    /// No connection.
    Refuse,
}

/// A data centre.
#[derive(Clone, Debug)]
pub struct Zone {
    /// N of `webservicesN.autotask.net`.
    pub number: u16,
    /// How it can be reached.
    pub reach: Reach,
    /// How `versioninformation` answers there, when otherwise than the rest. A zone that refuses connections refuses this
    /// one, too.
    pub version: Option<Reach>,
    /// What becomes of credentials there.
    pub logins: Logins,
    /// Every answer takes so much longer.
    pub delay: Duration,
    /// What the zone look-up answers as `url`; the server fills it in.
    pub url: String,
}

/// An Autotask database.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Where it lives.
    pub zone: String,
    /// Where the look-up still says that it lives, while it lags behind a move.
    pub(super) lag: Option<(String, Lag)>,
    /// What becomes of its users' credentials.
    pub logins: Logins,
    /// The number of the database, `ci` of the zone look-up.
    pub ci: u64,
    /// Rejections in a row that lock a user; the real default is not known.
    pub lock_after: u32,
    /// Requests per rolling hour.
    pub limit: u32,
    /// Requests that integrations outside the simulation have made in this hour.
    pub used_elsewhere: u32,
    pub(super) requests: VecDeque<Timestamp>,
}

/// What was seen of one username, known or not. "In a row" ends with an answer that proves the credential; any other
/// answer leaves the count as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Zone look-ups.
    pub lookups: u32,
    /// Requests that carried the username with a credential, whatever became of them.
    pub attempts: u32,
    /// Answers that prove the credential.
    pub accepted: u32,
    /// 401s, those to an already locked user too.
    pub rejections: u32,
    /// 401s since the credential was last proved good.
    pub rejections_in_row: u32,
    /// The most there ever were.
    pub max_rejections_in_row: u32,
    /// Attempts whose client was given no status, in a row, even if the credential was judged.
    pub unanswered_in_row: u32,
    /// The most there ever were.
    pub max_unanswered_in_row: u32,
    /// Attempts whose client was gone before its answer, or got none.
    pub lost: u32,
    /// Times it was locked.
    pub lockouts: u32,
}

/// What counts as one endpoint for the limit of simultaneous requests: tenant, code, entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flight {
    pub(super) tenant: String,
    pub(super) code: String,
    pub(super) endpoint: String,
}

impl World {
    /// Nothing at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a zone; `number` is the N of its host name.
    #[must_use]
    pub fn zone(mut self, name: &str, number: u16) -> Self {
        let zone = Zone {
            number,
            reach: Reach::Up,
            version: None,
            logins: Logins::default(),
            delay: Duration::ZERO,
            url: format!("https://webservices{number}.autotask.net/ATServicesRest/"),
        };
        self.zones.insert(name.to_owned(), zone);
        self
    }

    /// Adds a tenant that lives in `zone`: locks after 5, has 10,000 requests an hour.
    #[must_use]
    pub fn tenant(mut self, name: &str, zone: &str) -> Self {
        let tenant = Tenant {
            zone: zone.to_owned(),
            lag: None,
            logins: Logins::default(),
            ci: 513_558 + self.tenants.len() as u64,
            lock_after: 5,
            limit: 10_000,
            used_elsewhere: 0,
            requests: VecDeque::new(),
        };
        self.tenants.insert(name.to_owned(), tenant);
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn with(mut self, user: ApiUser) -> Self {
        self.add(user);
        self
    }

    /// Adds or replaces a user.
    pub fn add(&mut self, user: ApiUser) {
        self.users.insert(user.username.to_lowercase(), user);
    }

    /// A user, whatever the case of `username`.
    #[must_use]
    pub fn user(&self, username: &str) -> Option<&ApiUser> {
        self.users.get(&username.to_lowercase())
    }

    /// Changes a user; an unknown username is left alone and answered with false.
    pub fn change(&mut self, username: &str, change: impl FnOnce(&mut ApiUser)) -> bool {
        self.users
            .get_mut(&username.to_lowercase())
            .map(change)
            .is_some()
    }

    /// Clears *Locked* on the Security tab, as an administrator does. The count starts anew.
    pub fn unlock(&mut self, username: &str) -> bool {
        self.change(username, |user| {
            user.locked = false;
            user.failures_in_row = 0;
        })
    }

    /// What was seen of a username, known or not.
    #[must_use]
    pub fn stats(&self, username: &str) -> Stats {
        self.stats
            .get(&username.to_lowercase())
            .copied()
            .unwrap_or_default()
    }

    /// The most requests that ever ran at once with one integration code of a tenant, over all endpoints.
    #[must_use]
    pub fn most_at_once(&self, tenant: &str, integration_code: &str) -> u32 {
        let key = (tenant.to_owned(), integration_code.to_owned());
        self.most_at_once.get(&key).copied().unwrap_or(0)
    }

    /// Answers the next credentialed request of this username so, whoever is right. Calls queue up. A scripted 401
    /// counts towards the lock like any other.
    pub fn script_next(&mut self, username: &str, answer: RawAnswer) {
        let queue = self.scripts.entry(username.to_lowercase()).or_default();
        queue.push_back(answer);
    }

    /// Answers the next zone look-up of this username so. Calls queue up.
    pub fn script_next_lookup(&mut self, username: &str, answer: RawAnswer) {
        let queue = self.lookup_scripts.entry(username.to_lowercase());
        queue.or_default().push_back(answer);
    }

    /// Changes how a place can be reached; an unknown zone is left alone. A running server follows within moments, or
    /// at once with [`super::Simulator::set_reach`].
    pub fn set_reach(&mut self, place: &Place, reach: Reach) {
        match place {
            Place::Central => self.central = reach,
            Place::Zone(name) => {
                if let Some(zone) = self.zones.get_mut(name) {
                    zone.reach = reach;
                }
            }
        }
    }

    /// How a place can be reached.
    #[must_use]
    pub fn reach(&self, place: &Place) -> Reach {
        match place {
            Place::Central => self.central,
            Place::Zone(name) => self.zones.get(name).map_or(Reach::Refuse, |z| z.reach),
        }
    }

    pub(super) fn stats_mut(&mut self, username: &str) -> &mut Stats {
        self.stats.entry(username.to_lowercase()).or_default()
    }
}

impl Tenant {
    /// Requests of the last 60 minutes.
    #[must_use]
    pub fn used(&mut self, now: Timestamp) -> u32 {
        let hour_ago = now - Duration::from_hours(1);
        while self.requests.front().is_some_and(|at| *at <= hour_ago) {
            self.requests.pop_front();
        }
        let own = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        own.saturating_add(self.used_elsewhere)
    }
}
