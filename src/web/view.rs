//! The API's shapes, for the endpoint that writes them and the commands that read them.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outbox_view::OutboxView;
use crate::{
    autotask::text::printable,
    board::Entry,
    check::Progress,
    incident::Incident,
    remedy::{self, Subject},
    user::Known,
};

/// `GET /api/v1/users`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Users {
    /// Sorted by id.
    pub users: Vec<UserView>,
    /// Notices and mails that have not been sent yet.
    pub outbox_pending: u64,
    /// What waits and why, and what will never arrive, as of a few seconds ago; none before the store was first read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxView>,
    /// Why no attempt is made at all: the store cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_trouble: Option<String>,
    /// The new configuration that was not taken; while it stands the old one is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload_refused: Option<ReloadRefused>,
    /// The configuration that the daemon was started with; none for a demo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
}

/// A new configuration that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadRefused {
    /// Since when it is refused.
    pub since: Timestamp,
    /// Why, in one sentence.
    pub why: String,
    /// Every problem with its place; empty where the sentence says it all.
    pub problems: Vec<String>,
}

/// A problem in a sentence is no longer.
const LONGEST: usize = 500;
/// So many problems are told in sentences; `lockwatch validate` lists them all.
const TOLD: usize = 5;

impl ReloadRefused {
    /// For people, a line each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let since = self.since.strftime("%Y-%m-%d %H:%M UTC");
        let first = format!(
            "since {since} a changed configuration is refused: {}",
            self.why
        );
        let problems = self.problems.iter().take(TOLD);
        let more = self.problems.len().saturating_sub(TOLD);
        let more = (more > 0).then(|| format!("  and {more} more; lockwatch validate lists them"));
        std::iter::once(first)
            .chain(problems.map(|problem| format!("  {}", printable(problem, LONGEST))))
            .chain(more)
            .collect()
    }
}

/// One user. It never holds the secret or the integration code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserView {
    /// The configured id.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// What depends on it.
    pub integration: Option<String>,
    /// Free labels of the configuration.
    pub labels: BTreeMap<String, String>,
    /// One of `board::STATES`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Since when; while an incident is open, its first sighting, as mails and metrics have it.
    pub since: Timestamp,
    /// The last definitive answer.
    pub up: Option<bool>,
    /// The last check.
    pub last_check: Option<Timestamp>,
    /// The last accepted query.
    pub last_accepted: Option<Timestamp>,
    /// When only the code was last refused, where it is a placeholder: the secret was good then.
    pub last_verified: Option<Timestamp>,
    /// What lockwatch knows of the credential: `all`, `secret` or `nothing`.
    pub known: String,
    /// The next check.
    pub next_check: Timestamp,
    /// The zone's name.
    pub zone: Option<String>,
    /// The zone's host.
    pub zone_host: Option<String>,
    /// Rejections in a row of the present credential, by our own attempts.
    pub rejections: u32,
    /// The same of the username, whatever credential was presented: what counts towards a lockout.
    #[serde(default)]
    pub rejections_of_username: u32,
    /// Rejections that may still be risked unasked; none where nothing is ever presented.
    pub attempts_left: Option<u32>,
    /// Whether the credential is held.
    pub held: bool,
    /// Why, as a sentence.
    pub held_why: Option<String>,
    /// When the hold ends by itself.
    pub held_until: Option<Timestamp>,
    /// Why the last check made no attempt, if it made none.
    pub not_attempted: Option<String>,
    /// While the user is `activating`: until when a refusal says nothing.
    #[serde(default)]
    pub activating_until: Option<Timestamp>,
    /// What was seen, as sentences.
    pub evidence: Vec<String>,
    /// What lockwatch cannot see of the user, and how to see more, as sentences.
    pub unseen: Vec<String>,
    /// The open incident.
    pub incident: Option<IncidentView>,
}

/// An open incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IncidentView {
    /// Its id, as in mails.
    pub id: String,
    /// First sighting.
    pub since: Timestamp,
    /// When it was confirmed.
    pub opened: Timestamp,
    /// Why.
    pub reason: String,
    /// Most likely first.
    pub causes: Vec<CauseView>,
}

/// A candidate cause.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CauseView {
    /// In words.
    pub title: String,
    /// Evidence.
    pub speaks_for: Vec<String>,
    /// Evidence.
    pub speaks_against: Vec<String>,
    /// What to do, in order.
    pub steps: Vec<String>,
}

/// A step of a check, as told to whoever waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// `zone` or `query`.
    pub step: String,
    /// Bounded.
    pub outcome: String,
    /// For people.
    pub detail: String,
    /// Milliseconds, where something was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

impl Step {
    /// Whether this is the attempt, and not why there was none.
    #[must_use]
    pub fn is_attempt(&self) -> bool {
        self.step == "query" && self.outcome != "not_made"
    }
}

impl From<Progress> for Step {
    fn from(progress: Progress) -> Self {
        Self {
            step: progress.step.to_owned(),
            outcome: progress.outcome,
            detail: progress.detail,
            took_ms: progress.took_ms,
        }
    }
}

impl From<&Entry> for UserView {
    fn from(entry: &Entry) -> Self {
        let (user, record) = (&entry.user, &entry.record);
        let zone = record.zone.as_ref();
        let subject = Subject {
            user: user.id.as_str(),
            username: user.username.as_str(),
            tenant: &user.tenant,
            integration: user.integration.as_deref(),
            entity: &user.entity,
            read_at_start: user.known.is_read_at_start(),
        };
        let incident = record.state.incident().map(|incident| IncidentView {
            id: incident.id.clone(),
            since: incident.since,
            opened: incident.opened,
            reason: incident.diagnosis.reason.as_str().to_owned(),
            causes: incident
                .diagnosis
                .causes
                .iter()
                .map(|ranked| {
                    let remedy = remedy::remedy(ranked.cause, &subject);
                    CauseView {
                        title: remedy.title,
                        speaks_for: ranked.speaks_for.clone(),
                        speaks_against: ranked.speaks_against.clone(),
                        steps: remedy.steps,
                    }
                })
                .collect(),
        });
        Self {
            id: user.id.to_string(),
            tenant: user.tenant.clone(),
            integration: user.integration.clone(),
            labels: user.labels.clone(),
            state: entry.state().to_owned(),
            reason: record.state.reason.as_str().to_owned(),
            since: record
                .state
                .incident()
                .map_or(record.state.since, Incident::down_since),
            up: record.state.up,
            last_check: record.last_check,
            last_accepted: record.last_accepted,
            last_verified: record.last_verified,
            known: user.known.as_str().to_owned(),
            next_check: entry.due,
            zone: zone.map(|zone| zone.name.clone()),
            zone_host: zone.and_then(|zone| zone.api.host_str().map(ToOwned::to_owned)),
            rejections: record.budget.rejections,
            rejections_of_username: record.budget.rejections_of_username,
            attempts_left: (!matches!(user.known, Known::Nothing))
                .then_some(record.budget.attempts_left),
            held: record.budget.held.is_some(),
            held_why: record.budget.held.map(|hold| hold.as_sentence().to_owned()),
            held_until: record.budget.hold_ends,
            not_attempted: record.not_attempted.clone(),
            activating_until: record.activating_until,
            evidence: record
                .diagnosis
                .as_ref()
                .map(|diagnosis| diagnosis.evidence.clone())
                .unwrap_or_default(),
            unseen: remedy::unseen(&user.known, &subject),
            incident,
        }
    }
}
