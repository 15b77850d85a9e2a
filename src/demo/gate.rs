//! Who is let in, and what each try costs: the check of a credential, the count towards the lock, the simultaneous
//! requests. Where the vendor is silent it is strict: every 401 to a known username counts. Sees no HTTP.

use jiff::Timestamp;

use super::{
    answers::{Ending, RawAnswer},
    api_user::{ApiUser, Level},
    trouble::Logins,
    world::{Flight, Place, World},
};

impl Flight {
    /// Of a credential that is refused: it takes no place at an endpoint, but is one of those with its code.
    pub(super) fn rejected(tenant: &str, code: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            code: code.to_owned(),
            endpoint: String::new(),
        }
    }
}

impl World {
    /// The request is over: its place among the simultaneous ones is free.
    pub fn land(&mut self, flight: &Flight) {
        if let Some(count) = self.flights.get_mut(flight) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.flights.remove(flight);
            }
        }
    }

    /// Presents a wrong secret in the name of another integration, as if it came over the wire.
    pub fn someone_else_fails(&mut self, username: &str) {
        self.reject_at_user(username);
    }

    pub(super) fn admits(
        &self,
        user: &ApiUser,
        place: &Place,
        secret: &str,
        now: Timestamp,
    ) -> bool {
        let tenant = self.tenants.get(&user.tenant);
        user.secret == secret
            && user.level == Level::ApiOnly
            && user.active
            && !user.locked
            && user.activates_at.is_none_or(|at| at <= now)
            && tenant.is_some_and(|tenant| *place == Place::Zone(tenant.zone.clone()))
    }

    pub(super) fn take_off(&mut self, flight: &Flight) {
        *self.flights.entry(flight.clone()).or_insert(0) += 1;
        let same_code = |other: &Flight| other.tenant == flight.tenant && other.code == flight.code;
        let with_code = self.flights.iter().filter(|(other, _)| same_code(other));
        let now_at_once: u32 = with_code.map(|(_, count)| count).sum();
        let key = (flight.tenant.clone(), flight.code.clone());
        let most = self.most_at_once.entry(key).or_insert(0);
        *most = now_at_once.max(*most);
    }

    pub(super) fn count_scripted(&mut self, username: &str, answer: &RawAnswer) {
        let says_locked = String::from_utf8_lossy(&answer.body).contains("locked");
        let whole = answer.ending == Ending::Whole;
        if answer.status == 401 || says_locked {
            self.reject(username, Logins::Judged);
        } else if whole
            && answer.status == 200
            && serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok()
        {
            self.accept(username);
        }
    }

    pub(super) fn accept(&mut self, username: &str) {
        self.change(username, |user| user.failures_in_row = 0);
        let stats = self.stats_mut(username);
        stats.accepted += 1;
        stats.rejections_in_row = 0;
        stats.unanswered_in_row = 0;
    }

    pub(super) fn reject(&mut self, username: &str, logins: Logins) {
        let stats = self.stats_mut(username);
        stats.rejections += 1;
        stats.rejections_in_row += 1;
        stats.max_rejections_in_row = stats.max_rejections_in_row.max(stats.rejections_in_row);
        self.refused(username);
        if logins != Logins::RefusedForFree {
            self.reject_at_user(username);
        }
    }

    fn reject_at_user(&mut self, username: &str) {
        let tenant = self.user(username).map(|user| user.tenant.clone());
        let tenant = tenant.and_then(|name| self.tenants.get(&name));
        let lock_after = tenant.map_or(u32::MAX, |tenant| tenant.lock_after);
        let mut locked_now = false;
        self.change(username, |user| {
            user.failures_in_row += 1;
            locked_now = !user.locked && user.failures_in_row >= lock_after;
            user.locked |= locked_now;
        });
        if locked_now {
            self.stats_mut(username).lockouts += 1;
        }
    }
}
