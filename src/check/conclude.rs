//! What an observation means, what follows from it, and the one transaction that keeps it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{CheckError, Checker};
use crate::{
    attempt::{Activation, Ledgers, Refusal, Waiting},
    board::Entry,
    diagnose::{Diagnosis, History, Reason, diagnose},
    incident::{self, Circumstances},
    notify::owed,
    observation::{Observation, QueryStep, Unclear, ZoneFinding},
    record::Budget,
    schedule::next_slot,
    setup::Setup,
    store::{commit::Commit, fresh_id, ledger::Settlement, users::Claimed},
    user::User,
};

impl Checker {
    /// What the observation means, what follows from it, and the one transaction that keeps it.
    pub(super) async fn conclude(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        observation: Observation,
        attempted: (Option<Settlement>, Option<Ledgers>),
        activation: Activation,
    ) -> Result<Arc<Entry>, CheckError> {
        let (settlement, ledgers) = attempted;
        let now = self.store.now();
        let limits = setup.limits();
        let budget = ledgers
            .as_ref()
            .map(|ledgers| Budget::of(ledgers, &limits, now));
        let history = history(ledgers.as_ref(), budget.as_ref(), activation);
        let diagnosis: Option<Diagnosis> = diagnose(&observation, &history);
        let fresh = fresh_id();
        let given = Circumstances {
            now,
            confirm_after: setup.config.lockout.confirm_after,
            fresh_id: &fresh,
        };
        let before = &claimed.record;
        let step = incident::step(&before.state, diagnosis.as_ref(), &given);
        let reason = step.state.reason;
        let due = due(user, &observation, step.confirm_at, now);
        let record = before.after(&observation, diagnosis, step.state, budget);
        let mut recent = claimed.recent.clone();
        recent.push(&observation, reason);
        let entry = Entry {
            user: Arc::clone(user),
            username_hash: self.store.name_hash(&user.username.key()),
            record,
            recent,
            due,
            first_seen: claimed.first_seen,
        };
        let notices = step.event.iter().flat_map(|event| {
            owed::notices(
                event,
                &entry,
                before.last_accepted,
                setup.config.email.as_ref(),
                &self.host,
                now,
            )
        });
        let group_wait = setup
            .config
            .email
            .as_ref()
            .map_or(Duration::ZERO, |email| email.group_wait);
        let notices: Vec<_> = notices.map(|notice| (notice, now + group_wait)).collect();
        let unsendable = setup
            .config
            .email
            .is_none()
            .then_some("there is no [email] in the configuration");
        let kinds: Vec<_> = notices.iter().map(|(notice, _)| notice.kind).collect();
        let commit = Commit {
            claim: claimed.claim,
            settlement,
            record: entry.record.clone(),
            recent: entry.recent.clone(),
            event: step.event.clone(),
            notices,
            unsendable,
            due,
            now,
        };
        if !self.store.commit(commit).await? {
            return Err(CheckError::Overtaken);
        }
        let told = !kinds.is_empty();
        for kind in kinds {
            let outcome = if unsendable.is_some() {
                "not_configured"
            } else {
                "owed"
            };
            self.metrics.noticed(kind.as_str(), outcome);
        }
        log_change(user, before.state.reason, &entry, step.event.as_ref());
        if told {
            self.outbox.notify_one();
        }
        self.board.update(entry.clone());
        Ok(Arc::new(entry))
    }
}

fn history(ledgers: Option<&Ledgers>, budget: Option<&Budget>, activation: Activation) -> History {
    let activating_until = Some(activation.until);
    match (ledgers, budget) {
        (Some(ledgers), Some(budget)) => History {
            credential_accepted: ledgers.credential.last_accepted,
            user_accepted: ledgers.username.last_accepted,
            credential_changed: ledgers.username.changed_at,
            activating_until: activating_until.filter(|_| ledgers.username.last_accepted.is_none()),
            attempts_left: budget.attempts_left,
        },
        // Without an attempt the ledgers were not read; nothing that needs them is diagnosed then.
        _ => History {
            activating_until,
            attempts_left: u32::MAX,
            ..History::default()
        },
    }
}

/// When the user is checked next: sooner for a second look, later when the API says so, else in its slot.
fn due(
    user: &User,
    seen: &Observation,
    confirm_at: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let slot = next_slot(&user.id, user.interval, now);
    let mut due = confirm_at.filter(|at| *at > now).unwrap_or(slot);
    if let QueryStep::NotPermitted(Refusal::Wait { until, why }) = &seen.query
        && *why != Waiting::Operator
        && *until > now
    {
        due = due.min(*until);
    }
    match &seen.zone.finding {
        // The look-up itself is wanted less often; an attempt that must wait does so in its record.
        ZoneFinding::Unclear(Unclear::RateLimited {
            retry_after: Some(wait),
        }) => due.max(now + *wait),
        _ => due,
    }
}

fn log_change(user: &User, before: Reason, entry: &Entry, event: Option<&incident::Event>) {
    let state = &entry.record.state;
    match event {
        Some(incident::Event::Opened(incident)) => tracing::warn!(
            user.id = %user.id, reason = state.reason.as_str(), incident = incident.id, "incident opened"
        ),
        Some(incident::Event::Recovered(incident)) => {
            tracing::info!(user.id = %user.id, incident = incident.id, "incident closed: the user works again");
        }
        None if before != state.reason => tracing::info!(
            user.id = %user.id, reason = state.reason.as_str(), before = before.as_str(), "user changed"
        ),
        None => {}
    }
}
