//! Decides the answer to one request: which path, which credential, which state. Synchronous, is given `now`; the
//! server calls it under a lock and delivers what it says.

mod ask;

use axum::http::{Method, Request};
use jiff::Timestamp;

use super::{
    answers::{self, Ending, RawAnswer},
    api_user::{Announced, ApiUser, Right},
    entities::Entity,
    filter::Query,
    trouble::{Logins, LookUps},
    world::{Flight, Place, Reach, THREADS, World},
};
use ask::{Ask, Read};

/// An answer, and the place among the simultaneous requests it takes until it is delivered.
#[derive(Debug)]
pub struct Reply {
    /// What to deliver.
    pub answer: RawAnswer,
    /// To be given back with [`World::land`].
    pub flight: Option<Flight>,
    /// Whose attempt it answers; to be told with [`World::lost`] when it could not be delivered.
    pub presented: Option<String>,
}

impl World {
    /// Answers a request that reached `place`.
    pub fn answer(&mut self, place: &Place, request: &Request<Vec<u8>>, now: Timestamp) -> Reply {
        let ask = Ask::of(request.method(), request.uri().path());
        let username = credential_of(request).unwrap_or_default();
        let unanswered_before = self.stats(&username).unanswered_in_row;
        let mut presented = None;
        let reach = match &ask {
            Some(Ask::ZoneInformation) => {
                let user = parameter(request, "user").unwrap_or_default();
                self.note_looked_up(&user, now);
                self.reach(place)
            }
            Some(Ask::VersionInformation) => {
                self.note_version_asked(place);
                self.reach_of_version(place)
            }
            Some(Ask::Api(..)) if !username.is_empty() => {
                presented = Some(username.clone());
                self.note_presented(&username, now);
                self.reach(place)
            }
            _ => self.reach(place),
        };
        let mut reply = match reach {
            Reach::Up => self.judge(place, ask, request, now),
            Reach::Hang => {
                let reply = self.judge(place, ask, request, now);
                reply.ending(Ending::Silence)
            }
            Reach::Cut => {
                let reply = self.judge(place, ask, request, now);
                reply.ending(Ending::CutBeforeStatus)
            }
            // A request that came in just before the listener was closed.
            Reach::Refuse => self.ignore(
                ask.as_ref(),
                request,
                answers::unavailable().ending(Ending::CutBeforeStatus),
            ),
            Reach::Outage => self.ignore(ask.as_ref(), request, answers::unavailable()),
            Reach::Maintenance => self.ignore(ask.as_ref(), request, answers::maintenance()),
        };
        if let Place::Zone(name) = place {
            reply.answer.delay += self
                .zones
                .get(name)
                .map_or_else(Default::default, |z| z.delay);
        }
        let unanswered = matches!(
            reply.answer.ending,
            Ending::Silence | Ending::CutBeforeStatus
        );
        if unanswered && !username.is_empty() {
            let stats = self.stats_mut(&username);
            // Even if it was let in: its client has not been told.
            stats.unanswered_in_row = unanswered_before + 1;
            stats.max_unanswered_in_row = stats.max_unanswered_in_row.max(stats.unanswered_in_row);
        }
        reply.presented = presented;
        reply
    }

    /// Answers before any credential is looked at.
    fn ignore(
        &mut self,
        ask: Option<&Ask>,
        request: &Request<Vec<u8>>,
        answer: RawAnswer,
    ) -> Reply {
        if let (Some(Ask::Api(..)), Some(username)) = (ask, credential_of(request)) {
            self.stats_mut(&username).attempts += 1;
        }
        answer.into()
    }

    fn judge(
        &mut self,
        place: &Place,
        ask: Option<Ask>,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Reply {
        match ask {
            None => answers::not_found().into(),
            Some(Ask::VersionInformation) => answers::version_information().into(),
            Some(Ask::ZoneInformation) => {
                let user = parameter(request, "user").unwrap_or_default();
                self.zone_information(&user).into()
            }
            Some(Ask::Api(endpoint, read)) => {
                let Some(username) = credential_of(request) else {
                    return answers::rejected(&self.realm(place)).into();
                };
                self.stats_mut(&username).attempts += 1;
                let scripted = self.scripts.get_mut(&username.to_lowercase());
                if let Some(answer) = scripted.and_then(std::collections::VecDeque::pop_front) {
                    self.count_scripted(&username, &answer);
                    return answer.into();
                }
                self.api(place, endpoint, &read, &username, request, now)
            }
        }
    }

    fn zone_information(&mut self, username: &str) -> RawAnswer {
        if username.trim().is_empty() {
            return answers::zone_unknown();
        }
        self.stats_mut(username).lookups += 1;
        if self.look_ups == LookUps::Denied {
            return answers::zone_unknown();
        }
        let scripted = self.lookup_scripts.get_mut(&username.to_lowercase());
        if let Some(answer) = scripted.and_then(std::collections::VecDeque::pop_front) {
            return answer;
        }
        let Some(user) = self.user(username) else {
            return answers::zone_unknown();
        };
        let Some(tenant) = self.tenants.get(&user.tenant) else {
            return answers::zone_unknown();
        };
        let home = tenant.lag.as_ref().map_or(&tenant.zone, |(known, _)| known);
        let (name, url) = match &user.announced {
            Announced::Truth => (home, None),
            Announced::Zone(name) => (name, None),
            Announced::Url(url) => (home, Some(url)),
            Announced::Unknown => return answers::zone_unknown(),
        };
        match self.zones.get(name) {
            Some(zone) => {
                answers::zone_found(name, url.unwrap_or(&zone.url), zone.number, tenant.ci)
            }
            None => answers::zone_unknown(),
        }
    }

    fn api(
        &mut self,
        place: &Place,
        endpoint: &'static str,
        read: &Read,
        username: &str,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Reply {
        let secret = header(request, "secret").unwrap_or_default();
        let code = header(request, "apiintegrationcode").unwrap_or_default();
        let logins = self.logins(self.user(username), place);
        let user = match self.user(username) {
            Some(user) if logins == Logins::Judged && self.admits(user, place, &secret, now) => {
                user.clone()
            }
            known => {
                let flight = known.map(|user| Flight::rejected(&user.tenant, &code));
                self.reject(username, logins);
                if let Some(flight) = &flight {
                    self.take_off(flight);
                }
                let answer = answers::rejected(&self.realm(place));
                return Reply {
                    flight,
                    ..answer.into()
                };
            }
        };
        if code != user.integration_code {
            // Whether this counts as a failed login is not known; here it neither counts nor ends a streak. [?]
            return answers::integration_code_invalid().into();
        }
        self.accept(username);
        let flight = Flight {
            tenant: user.tenant.clone(),
            code,
            endpoint: endpoint.to_ascii_lowercase(),
        };
        if self.flights.get(&flight).copied().unwrap_or(0) >= THREADS {
            return answers::threads_exceeded(THREADS, read.method_name()).into();
        }
        let Some(tenant) = self.tenants.get_mut(&user.tenant) else {
            return answers::not_found().into();
        };
        let used = tenant.used(now);
        if used >= tenant.limit {
            return answers::quota_exceeded(tenant.limit).into();
        }
        tenant.requests.push_back(now);
        let slowed = slowed_by(used, tenant.limit);
        let threshold = answers::threshold(tenant.limit, used + 1);
        self.take_off(&flight);
        let answer = match read {
            Read::Threshold => threshold,
            // The shape of this answer is not known; clients need its status. [?]
            Read::Version => answers::version_information(),
            Read::Information(entity) => entity.information(&user),
            Read::Fields(entity) => entity.fields(self, &user.tenant),
            Read::Query(entity) => self.query(&user, *entity, request, answers::items),
            Read::Count(entity) => self.query(&user, *entity, request, |rows| {
                RawAnswer::json(200, &serde_json::json!({ "queryCount": rows.len() }))
            }),
            Read::Item(entity, id) => self.item(&user, *entity, *id),
        };
        Reply {
            flight: Some(flight),
            ..answer.after(slowed).into()
        }
    }

    fn query(
        &self,
        user: &ApiUser,
        entity: Entity,
        request: &Request<Vec<u8>>,
        answer: impl FnOnce(&[serde_json::Value]) -> RawAnswer,
    ) -> RawAnswer {
        let right = user.rights_on(entity.plural).query;
        if right == Right::None {
            return answers::permission_denied();
        }
        let query = if request.method() == Method::GET {
            parameter(request, "search").and_then(|search| Query::read(search.as_bytes()))
        } else {
            Query::read(request.body())
        };
        let Some(query) = query else {
            return answers::filter_missing();
        };
        let visible = match right {
            Right::Restricted => Vec::new(),
            Right::None | Right::All => entity.rows(self, &user.tenant),
        };
        answer(&query.select(visible))
    }

    fn item(&self, user: &ApiUser, entity: Entity, id: i64) -> RawAnswer {
        let right = user.rights_on(entity.plural).query;
        if right == Right::None {
            return answers::permission_denied();
        }
        let mut rows = entity.rows(self, &user.tenant).into_iter();
        let found = rows.find(|row| right == Right::All && row["id"] == id);
        RawAnswer::json(200, &serde_json::json!({ "item": found }))
    }

    fn realm(&self, place: &Place) -> String {
        let zone = match place {
            Place::Central => None,
            Place::Zone(name) => self.zones.get(name),
        };
        match zone {
            Some(zone) => format!("webservices{}.autotask.net", zone.number),
            None => "webservices.autotask.net".to_owned(),
        }
    }
}

impl Reply {
    fn ending(mut self, ending: Ending) -> Self {
        self.answer = self.answer.ending(ending);
        self
    }
}

impl From<RawAnswer> for Reply {
    fn from(answer: RawAnswer) -> Self {
        Self {
            answer,
            flight: None,
            presented: None,
        }
    }
}

/// From half of the quota each request takes 0.5 s longer, from three quarters 1 s. (D)
fn slowed_by(used: u32, limit: u32) -> std::time::Duration {
    let (used, limit) = (u64::from(used), u64::from(limit));
    let half_seconds = match used {
        _ if used * 4 >= limit * 3 => 2,
        _ if used * 2 >= limit => 1,
        _ => 0,
    };
    std::time::Duration::from_millis(500 * half_seconds)
}

/// The username, when the request carries one in the header that counts. HTTP Basic is not read. (S)
fn credential_of(request: &Request<Vec<u8>>) -> Option<String> {
    header(request, "username").filter(|username| !username.trim().is_empty())
}

fn header(request: &Request<Vec<u8>>, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn parameter(request: &Request<Vec<u8>>, name: &str) -> Option<String> {
    let query = request.uri().query()?.as_bytes();
    url::form_urlencoded::parse(query)
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}
