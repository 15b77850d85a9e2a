//! Tells the operator that the store cannot be used, and that it works again: straight from memory to the mailer, because
//! the outbox lives in the store. At most one such mail an hour; a failed one makes no further notice and is tried again in
//! the next hour. Slows nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Kind, Notice, envelope,
    mailer::{Letter, Mailer},
    merge::Telling,
    message,
    operator::{OperatorFacts, store_back, store_lost},
    owed,
};
use crate::{
    clock,
    metrics::Metrics,
    setup::Setup,
    store::{
        fresh_id,
        keeper::{Keeper, Standing},
        trouble::Trouble,
    },
    telemetry::chain,
};

/// No two such mails within it, but for the one that says that all is well again.
const PAUSE: Duration = Duration::from_hours(1);

/// Runs until `stopping`.
#[derive(Debug)]
pub struct StoreAlarm {
    /// The store.
    pub store: Keeper,
    /// The configuration in force.
    pub setup: watch::Receiver<Arc<Setup>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Named in mails.
    pub host: String,
    /// Ends it at once: what is in memory is lost with it.
    pub stopping: CancellationToken,
}

impl StoreAlarm {
    /// Runs until stopping.
    pub async fn run(self) {
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let mut not_before = Instant::now();
        loop {
            self.store.changed_to(Standing::Unusable).await;
            let Some(trouble) = self.store.trouble() else {
                continue;
            };
            let told = self.until_over(&trouble, &mut not_before).await;
            if !told.is_empty() {
                let facts = store_back(&trouble.why, trouble.since, clock::now(), &self.host);
                self.send(&facts, |recipient| told.contains(recipient))
                    .await;
            }
        }
    }

    /// Tells everybody of the trouble once; returns who was told, when it is over.
    async fn until_over(&self, trouble: &Trouble, not_before: &mut Instant) -> HashSet<String> {
        let mut told = HashSet::new();
        let mut wait = self.grace();
        loop {
            let at = (*not_before).max(Instant::now() + wait);
            tokio::select! {
                () = self.store.changed_to(Standing::Usable) => return told,
                () = tokio::time::sleep_until(at) => {}
            }
            // What is wrong may have changed since.
            let present = self.store.trouble();
            let Trouble { why, advice, .. } = present.as_deref().unwrap_or(trouble);
            let facts = store_lost(why, advice, trouble.since, clock::now(), &self.host);
            let sent = self
                .send(&facts, |recipient| !told.contains(recipient))
                .await;
            *not_before = Instant::now() + PAUSE;
            wait = Duration::ZERO;
            told.extend(sent.told);
            if sent.failed == 0 {
                self.store.changed_to(Standing::Usable).await;
                return told;
            }
        }
    }

    /// A store that is away for a moment only is not worth a mail.
    fn grace(&self) -> Duration {
        let setup = self.setup.borrow();
        let email = setup.config.email.as_ref();
        email.map_or(Duration::ZERO, |email| email.group_wait)
    }

    /// One try for each recipient.
    async fn send(&self, facts: &OperatorFacts, wanted: impl Fn(&str) -> bool) -> Sent {
        let setup = self.setup.borrow().clone();
        let mut sent = Sent::default();
        let Some(email) = &setup.config.email else {
            self.metrics.noticed(Kind::Store.as_str(), "not_configured");
            return sent;
        };
        let mailer = Mailer::new(email);
        for notice in owed::operator_notices(facts, Some(email)) {
            if notice.recipient.is_empty() || !wanted(&notice.recipient) {
                continue;
            }
            self.metrics.noticed(Kind::Store.as_str(), "owed");
            let outcome = match self.send_one(&setup, &mailer, &notice).await {
                Ok(()) => {
                    sent.told.push(notice.recipient);
                    "sent"
                }
                Err(why) => {
                    // Recipients are not logged, and servers like to name them.
                    let why = why.replace(&notice.recipient, "the recipient");
                    tracing::error!(cause = why, "failed to tell the operator about the store");
                    sent.failed += 1;
                    "undeliverable"
                }
            };
            self.metrics.noticed(Kind::Store.as_str(), outcome);
        }
        sent
    }

    async fn send_one(
        &self,
        setup: &Setup,
        mailer: &Mailer,
        notice: &Notice,
    ) -> Result<(), String> {
        let Some(email) = &setup.config.email else {
            return Ok(());
        };
        let links = setup.config.web.external_url.as_ref();
        let mail = message::compose(&[Telling::alone(notice.clone())], links);
        let id = fresh_id();
        let frozen = envelope::freeze(&mail, &email.from, &notice.recipient, &id, notice.created)
            .map_err(|why| chain(&why))?;
        let letter = Letter {
            id: &id,
            date: notice.created,
            to: &notice.recipient,
            bytes: &frozen.bytes,
        };
        mailer
            .send(&letter)
            .await
            .map(drop)
            .map_err(|why| why.to_string())
    }
}

/// What became of one round.
#[derive(Default)]
struct Sent {
    told: Vec<String>,
    failed: usize,
}
