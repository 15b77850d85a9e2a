//! What an observation means, what follows from it, and the one transaction that keeps it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{CheckError, Checker, log, matters::unanswered};
use crate::{
    attempt::{Activation, Limits, Refusal, Waiting, attempts_left},
    board::Entry,
    diagnose::{CodeSent, Diagnosis, History, Reason, diagnose},
    incident::{self, Circumstances},
    notify::owed,
    observation::{Observation, QueryStep, Unclear, ZoneFinding},
    record::Budget,
    schedule::next_slot,
    setup::Setup,
    store::{
        commit::{Commit, LookUp},
        fresh_id,
        ledger::{Settlement, Standing},
        users::Claimed,
    },
    user::{Known, User},
};

impl Checker {
    /// What the observation means, what follows from it, and the one transaction that keeps it.
    pub(super) async fn conclude(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        observation: Observation,
        rest: Rest,
    ) -> Result<Arc<Entry>, CheckError> {
        let store = self.store.get()?;
        let now = store.now();
        let limits = setup.limits();
        let history = History {
            code: match user.known {
                Known::All { .. } | Known::Nothing => CodeSent::Known,
                Known::Secret(_) => CodeSent::Placeholder,
            },
            ..history(rest.standing.as_ref(), &limits, rest.activation)
        };
        let diagnosis: Option<Diagnosis> = diagnose(&observation, &history);
        let fresh = fresh_id();
        let given = Circumstances {
            now,
            confirm_after: setup.config.lockout.confirm_after,
            reopen_within: setup
                .config
                .email
                .as_ref()
                .map_or(Duration::ZERO, |email| email.reopen_within),
            fresh_id: &fresh,
        };
        let before = &claimed.record;
        let step = incident::step(&before.state, diagnosis.as_ref(), &given);
        let reason = step.state.reason;
        let activating_until = (reason == Reason::Activating).then_some(rest.activation.until);
        let due = due(user, &observation, step.confirm_at, activating_until, now);
        let budget = rest.standing.as_ref().map(|standing| {
            let locked_out = step.state.is_locked_out();
            Budget::of(&standing.ledgers, &limits, locked_out, standing.now)
        });
        let mut record = before.after(&observation, diagnosis, step.state, budget);
        record.activating_until = activating_until;
        if matches!(observation.query, QueryStep::Made { .. }) {
            // Patience is counted from the answer, not from when the check began.
            let late = now.duration_since(observation.at);
            record.not_before = record.not_before.map(|until| until + late);
        }
        let mut recent = claimed.recent.clone();
        recent.push(&observation, reason);
        let mut entry = Entry {
            user: Arc::clone(user),
            username_hash: store.name_hash(&user.username.key()),
            record,
            recent,
            due,
            first_seen: claimed.first_seen,
        };
        let email = setup.config.email.as_ref();
        let events = step.event.iter();
        let notices: Vec<_> = events
            .flat_map(|event| {
                owed::notices(event, &entry, before.last_good(), email, &self.host, now)
            })
            .collect();
        // Where nothing can be sent, nobody hears.
        if email.is_some() && !notices.is_empty() {
            let recipients = notices.iter().map(|notice| notice.recipient.as_str());
            let state = &mut entry.record.state;
            state.is_told_to(recipients, user.integration.as_deref());
        }
        let unanswered = unanswered(before, &entry, &self.host, now);
        let for_operators = unanswered
            .iter()
            .flat_map(|facts| owed::operator_notices(facts, email));
        let group_wait = setup.group_wait();
        let notices: Vec<_> = notices
            .into_iter()
            .chain(for_operators)
            .map(|notice| (notice, now + group_wait))
            .collect();
        let unsendable = setup.unsendable();
        let kinds: Vec<_> = notices.iter().map(|(notice, _)| notice.kind).collect();
        let commit = Commit {
            claim: claimed.claim,
            settlement: rest.settlement,
            zone: entry.record.zone.as_ref().map(|zone| zone.api.to_string()),
            look_up: look_up(&observation.zone.finding),
            record: entry.record.clone(),
            recent: entry.recent.clone(),
            event: step.event.clone(),
            notices,
            unsendable,
            due,
            now,
        };
        if !store.commit(commit).await? {
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
        log::seen(&observation, &entry, now);
        log::change(&before.state, &entry, step.event.as_ref(), now);
        log::hold(before.budget.held, &entry);
        if told {
            self.outbox.notify_one();
        }
        self.board.update(entry.clone());
        Ok(Arc::new(entry))
    }
}

/// What is left to write of a check.
pub(super) struct Rest {
    pub(super) settlement: Option<Settlement>,
    pub(super) standing: Option<Standing>,
    pub(super) activation: Activation,
}

fn look_up(finding: &ZoneFinding) -> LookUp {
    match finding {
        ZoneFinding::Found(_) | ZoneFinding::Untrusted { .. } => LookUp::Knows,
        ZoneFinding::Unknown => LookUp::Denies,
        ZoneFinding::Unclear(_) => LookUp::Unclear,
    }
}

fn history(standing: Option<&Standing>, limits: &Limits, activation: Activation) -> History {
    let activating_until = Some(activation.until);
    match standing {
        Some(Standing { ledgers, now, .. }) => History {
            credential_accepted: ledgers.credential.last_accepted,
            user_accepted: ledgers.username.last_accepted,
            credential_verified: ledgers.credential.last_verified,
            user_verified: ledgers.username.last_verified,
            last_answer: ledgers.credential.last_answer,
            credential_changed: ledgers.username.changed_at,
            activating_until: activating_until.filter(|_| ledgers.username.last_accepted.is_none()),
            rejections: ledgers.credential.rejections,
            rejections_of_username: ledgers.username.rejections,
            attempts_left: attempts_left(ledgers, limits, *now),
            code: CodeSent::Known,
        },
        // Without an attempt the ledgers were not read; nothing that needs them is diagnosed then.
        None => History {
            activating_until,
            attempts_left: u32::MAX,
            ..History::default()
        },
    }
}

/// When the user is checked next: sooner for a second look or when a new user is due to work, later when the API says so, else in its slot.
fn due(
    user: &User,
    seen: &Observation,
    confirm_at: Option<Timestamp>,
    activating_until: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let slot = next_slot(&user.id, user.interval, now);
    let mut due = confirm_at.filter(|at| *at > now).unwrap_or(slot);
    if let QueryStep::NotPermitted(
        Refusal::Storm { .. }
        | Refusal::Wait {
            why: Waiting::WithoutCode,
            ..
        },
    ) = &seen.query
    {
        // No second look can be had before the hour is over.
        due = slot;
    }
    // However long its interval is, somebody waits for a new user.
    if let Some(until) = activating_until.filter(|until| *until > now) {
        due = due.min(until);
    }
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
