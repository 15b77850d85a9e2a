//! One check of one user: zone probe, permit, query probe, diagnosis, incident, commit. The only room that knows the order.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Activation, Asker, Ledgers, Limits, Permit, Refusal, settle},
    autotask::client::{Client, Credential},
    board::{Board, Entry},
    clock,
    config::{
        Config,
        secret::{self, SecretError},
    },
    diagnose::{Diagnosis, History, Reason, diagnose},
    incident::{self, Circumstances},
    metrics::Metrics,
    notify::owed,
    observation::{Observation, Probed, QueryFinding, QueryStep, Unclear, Zone, ZoneFinding},
    probe::{self, query::NotMade, slots::Slots},
    record::Budget,
    schedule::next_slot,
    store::{
        Store, StoreError,
        commit::Commit,
        fresh_id,
        ledger::{PermitRequest, Settlement},
        users::Claimed,
    },
    user::{User, UserId},
};

/// What a configuration becomes; replaced as a whole by a reload.
#[derive(Debug)]
pub struct Setup {
    /// The configuration in force.
    pub config: Config,
    /// Talks to Autotask as it says.
    pub client: Client,
    /// Requests in flight, as it allows.
    pub slots: Slots,
}

impl Setup {
    /// The budget. A permit's attempt is over, with or without an answer, within the timeout of one probe and 5 s.
    #[must_use]
    pub fn limits(&self) -> Limits {
        limits(&self.config)
    }

    /// A configured user that is enabled.
    #[must_use]
    pub fn user(&self, id: &UserId) -> Option<&Arc<User>> {
        let users = &self.config.users;
        let at = users.binary_search_by(|user| user.id.cmp(id)).ok()?;
        users.get(at).filter(|user| user.enabled)
    }

    /// How long a claim lasts: both probes and 5 s.
    #[must_use]
    pub fn lease(&self) -> Duration {
        2 * self.config.autotask.timeout + Duration::from_secs(5)
    }
}

/// The budget that a configuration gives.
#[must_use]
pub fn limits(config: &Config) -> Limits {
    Limits {
        max_rejections: config.lockout.max_rejections,
        max_unanswered: config.lockout.max_unanswered,
        flight: config.autotask.timeout + Duration::from_secs(5),
    }
}

/// What a check does, as it happens; for people who wait.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// `zone`, `attempt`, `query` or `result`.
    pub step: &'static str,
    /// Bounded.
    pub outcome: String,
    /// For people.
    pub detail: String,
    /// Milliseconds, where something was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// Listens to a check.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why a check has no result.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The program is ending; the claim was given back.
    #[error("lockwatch is stopping")]
    Stopping,
    /// Somebody else took the claim over.
    #[error("another check of this user took over")]
    Overtaken,
    /// The result could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs checks.
#[derive(Debug)]
pub struct Checker {
    /// The authority.
    pub store: Store,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The live view.
    pub board: Arc<Board>,
    /// Named in mails.
    pub host: String,
    /// Wakes the outbox.
    pub outbox: Arc<Notify>,
    /// No attempt starts after this.
    pub stopping: CancellationToken,
}

/// What the credentialed half of a check brought.
struct Attempted {
    step: QueryStep,
    settlement: Option<Settlement>,
    ledgers: Option<Ledgers>,
}

impl From<QueryStep> for Attempted {
    fn from(step: QueryStep) -> Self {
        Self {
            step,
            settlement: None,
            ledgers: None,
        }
    }
}

/// Why the query probe did not get its permit.
enum NoPermit {
    Refused(Box<Ledgers>, Refusal),
    Store(StoreError),
    Stopping,
}

impl Checker {
    /// Runs one check under `claimed`, keeping the claim alive while it waits for its turn.
    ///
    /// # Errors
    /// When the result could not be kept.
    pub async fn check(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        asker: Asker,
        progress: OnProgress<'_>,
    ) -> Result<Arc<Entry>, CheckError> {
        let claim = claimed.claim.clone();
        let lease = setup.lease();
        let keep_claim = async {
            loop {
                tokio::time::sleep(lease / 3).await;
                let renewed = self.store.renew(claim.clone(), clock::now(), lease).await;
                if !renewed.unwrap_or(true) {
                    // Lost: the permit and the commit will be refused, there is nothing left to keep.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            result = self.round(setup, user, claimed, asker, progress) => result,
            () = keep_claim => Err(CheckError::Overtaken),
        }
    }

    async fn round(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        asker: Asker,
        progress: OnProgress<'_>,
    ) -> Result<Arc<Entry>, CheckError> {
        let at = clock::now();
        let zone = probe::zone::look_up(&setup.client, &setup.slots, &user.username).await;
        self.metrics.zone_probed(&zone);
        progress(zone_progress(&zone));
        let target = match &zone.finding {
            ZoneFinding::Found(zone) => Some(zone.clone()),
            // The look-up has been seen to deny users that work; a zone known from before can tell. [S]
            ZoneFinding::Unknown => claimed.record.zone.clone(),
            ZoneFinding::Untrusted { .. } | ZoneFinding::Unclear(_) => None,
        };
        let activation = activation(setup, user, claimed.first_seen);
        let attempted = match target {
            None => QueryStep::NoZone.into(),
            Some(zone) => match self
                .attempt(setup, user, &claimed, &zone, asker, activation)
                .await
            {
                Ok(attempted) => attempted,
                Err(CheckError::Stopping) => {
                    self.store.release(claimed.claim, None).await?;
                    return Err(CheckError::Stopping);
                }
                Err(other) => return Err(other),
            },
        };
        progress(query_progress(&attempted.step));
        let observation = Observation {
            at,
            zone,
            query: attempted.step,
        };
        self.conclude(
            setup,
            user,
            claimed,
            observation,
            (attempted.settlement, attempted.ledgers),
            activation,
        )
        .await
    }

    /// The credentialed half: reads the secret anew, asks for a permit when its turn has come, presents the credential once.
    async fn attempt(
        &self,
        setup: &Setup,
        user: &User,
        claimed: &Claimed,
        zone: &Zone,
        asker: Asker,
        activation: Activation,
    ) -> Result<Attempted, CheckError> {
        let (secret, code) = tokio::join!(user.secret.read(), user.integration_code.read());
        let (secret, code) = match (secret, code) {
            (Ok(secret), Ok(code)) => (secret, code),
            (Err(why), _) => return Ok(unreadable("secret", &why)),
            (_, Err(why)) => return Ok(unreadable("integration code", &why)),
        };
        let mangled = secret::mangled(&secret);
        let fingerprint = self.store.fingerprint(&[&secret, &code]);
        let tenant = SecretString::from(user.tenant.clone());
        let group = self.store.fingerprint(&[&tenant, &code]);
        let credential = Credential {
            username: user.username.clone(),
            secret,
            integration_code: code,
        };
        let mut ledgers = None;
        let permit = async || -> Result<Permit, NoPermit> {
            if self.stopping.is_cancelled() {
                return Err(NoPermit::Stopping);
            }
            let request = PermitRequest {
                claim: claimed.claim.clone(),
                username: user.username.key(),
                fingerprint: fingerprint.clone(),
                asker,
                activation: Some(activation),
                limits: setup.limits(),
                lease: setup.lease(),
                now: clock::now(),
            };
            let answer = self.store.permit(request).await.map_err(NoPermit::Store)?;
            match answer.decision {
                Ok(permit) => {
                    ledgers = Some(answer.ledgers);
                    Ok(permit)
                }
                Err(refusal) => Err(NoPermit::Refused(Box::new(answer.ledgers), refusal)),
            }
        };
        let made = probe::query::query(
            &setup.client,
            &setup.slots,
            &group,
            zone,
            &credential,
            &user.entity,
            permit,
        )
        .await;
        let answered = match made {
            Ok(answered) => answered,
            Err(NotMade::Unsendable(why)) => {
                return Ok(QueryStep::SecretUnreadable(format!(
                    "the credential cannot be sent: {why}"
                ))
                .into());
            }
            Err(NotMade::NoPermit(NoPermit::Stopping)) => return Err(CheckError::Stopping),
            Err(NotMade::NoPermit(NoPermit::Store(why))) => {
                tracing::error!(user.id = %user.id, cause = %why, "no attempt: the store could not record it");
                return Ok(QueryStep::NoStore.into());
            }
            Err(NotMade::NoPermit(NoPermit::Refused(_, Refusal::NotOurs))) => {
                return Err(CheckError::Overtaken);
            }
            Err(NotMade::NoPermit(NoPermit::Refused(ledgers, refusal))) => {
                return Ok(Attempted {
                    step: QueryStep::NotPermitted(refusal),
                    settlement: None,
                    ledgers: Some(*ledgers),
                });
            }
        };
        self.metrics.query_probed(&answered.probed);
        let settlement = Settlement {
            username: user.username.key(),
            fingerprint,
            attempt: answered.attempt,
            outcome: answered.probed.finding.outcome(),
        };
        let ledgers = ledgers.map(|ledgers: Ledgers| {
            settle(
                &ledgers,
                &settlement.attempt,
                settlement.outcome,
                clock::now(),
            )
        });
        Ok(Attempted {
            step: QueryStep::Made {
                probed: answered.probed,
                from: answered.from,
                mangled,
            },
            settlement: Some(settlement),
            ledgers,
        })
    }

    /// What the observation means, what follows from it, and the one transaction that keeps it.
    async fn conclude(
        &self,
        setup: &Setup,
        user: &Arc<User>,
        claimed: Claimed,
        observation: Observation,
        attempted: (Option<Settlement>, Option<Ledgers>),
        activation: Activation,
    ) -> Result<Arc<Entry>, CheckError> {
        let (settlement, ledgers) = attempted;
        let now = clock::now();
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
        for kind in kinds {
            let outcome = if unsendable.is_some() {
                "not_configured"
            } else {
                "owed"
            };
            self.metrics.noticed(kind.as_str(), outcome);
        }
        log_change(user, before.state.reason, &entry, step.event.as_ref());
        self.outbox.notify_one();
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
    let mut due = confirm_at.map_or(slot, |at| at.max(now + Duration::from_millis(1)));
    if let QueryStep::NotPermitted(Refusal::Wait { until, .. }) = &seen.query
        && *until > now
    {
        due = due.min(*until);
    }
    let wait = match (&seen.zone.finding, &seen.query) {
        (ZoneFinding::Unclear(Unclear::RateLimited { retry_after }), _) => *retry_after,
        (_, QueryStep::Made { probed, .. }) => match &probed.finding {
            QueryFinding::RateLimited { retry_after } => *retry_after,
            _ => None,
        },
        _ => None,
    };
    wait.map_or(due, |wait| due.max(now + wait))
}

fn activation(setup: &Setup, user: &User, first_seen: Timestamp) -> Activation {
    Activation {
        until: user.created.unwrap_or(first_seen) + setup.config.lockout.activation,
        try_at_once: user.created.is_none(),
    }
}

fn unreadable(what: &str, why: &SecretError) -> Attempted {
    QueryStep::SecretUnreadable(format!("the {what} cannot be read: {why}")).into()
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

fn zone_progress(zone: &Probed<ZoneFinding>) -> Progress {
    let detail = match &zone.finding {
        ZoneFinding::Found(zone) => {
            format!("{} at {}", zone.name, zone.api.host_str().unwrap_or("?"))
        }
        ZoneFinding::Unknown => "the look-up does not know the username".to_owned(),
        ZoneFinding::Untrusted { host, why } => format!("{host}: {why}"),
        ZoneFinding::Unclear(_) => "nothing definitive".to_owned(),
    };
    Progress {
        step: "zone",
        outcome: zone.finding.as_str().to_owned(),
        detail,
        took_ms: u64::try_from(zone.took.as_millis()).ok(),
    }
}

fn query_progress(step: &QueryStep) -> Progress {
    let (outcome, detail, took) = match step {
        QueryStep::Made {
            probed, mangled, ..
        } => {
            let looks: Vec<_> = mangled.iter().map(|what| what.as_sentence()).collect();
            (probed.finding.as_str(), looks.join(" "), Some(probed.took))
        }
        QueryStep::NoZone => (
            "not_made",
            "no zone to send a credential to".to_owned(),
            None,
        ),
        QueryStep::NotPermitted(refusal) => ("not_made", refusal.to_string(), None),
        QueryStep::SecretUnreadable(why) => ("not_made", why.clone(), None),
        QueryStep::NoStore => (
            "not_made",
            "the store could not record the attempt".to_owned(),
            None,
        ),
    };
    Progress {
        step: "query",
        outcome: outcome.to_owned(),
        detail,
        took_ms: took.and_then(|took| u64::try_from(took.as_millis()).ok()),
    }
}
