//! Tells the operator that the store cannot be used, and that it works again: straight from memory to the mailer, because
//! the outbox lives in the store. At most one such mail an hour; a failed one makes no further notice and is tried again in
//! the next hour, and later where the server refuses our login. Slows nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Kind, Notice, envelope,
    mailer::{Class, Letter, Mailer, SendError},
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
/// So often the pause is doubled where the server goes on to refuse our login: more logins may lock the account.
const DOUBLINGS: u32 = 2;

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
        let mut pace = Pace::new();
        loop {
            self.store.changed_to(Standing::Unusable).await;
            let Some(trouble) = self.store.trouble() else {
                continue;
            };
            let told = self.until_over(&trouble, &mut pace).await;
            if !told.is_empty() {
                let facts = store_back(&trouble.why, trouble.since, clock::now(), &self.host);
                let sent = self
                    .send(&facts, |recipient| told.contains(recipient))
                    .await;
                pace.heard(sent.login);
            }
        }
    }

    /// Tells everybody of the trouble once; returns who was told, when it is over.
    async fn until_over(&self, trouble: &Trouble, pace: &mut Pace) -> HashSet<String> {
        let mut told = HashSet::new();
        let mut wait = self.grace();
        loop {
            let at = pace.not_before.max(Instant::now() + wait);
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
            pace.heard(sent.login);
            pace.rest();
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

    /// One try for each recipient, until one shows that no other can succeed.
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
            let failure = self.send_one(&setup, &mailer, &notice).await.err();
            let outcome = if failure.is_some() {
                sent.failed += 1;
                "undeliverable"
            } else {
                sent.told.push(notice.recipient);
                sent.login = Some(Login::Taken);
                "sent"
            };
            self.metrics.noticed(Kind::Store.as_str(), outcome);
            let Some(Failure { why, error }) = failure else {
                continue;
            };
            tracing::error!(cause = why, "failed to tell the operator about the store");
            match error {
                Some(error) if error.class == Class::Login => {
                    sent.login = Some(Login::Refused);
                    break;
                }
                Some(error) if error.is_of_the_server() => break,
                Some(_) => sent.login = Some(Login::Taken),
                None => {}
            }
        }
        sent
    }

    async fn send_one(
        &self,
        setup: &Setup,
        mailer: &Mailer,
        notice: &Notice,
    ) -> Result<(), Failure> {
        let Some(email) = &setup.config.email else {
            return Ok(());
        };
        let links = setup.config.web.external_url.as_ref();
        let mail = message::compose(&[Telling::alone(notice.clone())], links);
        let id = fresh_id();
        let frozen = envelope::freeze(&mail, &email.from, &notice.recipient, &id, notice.created)
            .map_err(|why| Failure {
            why: chain(&why),
            error: None,
        })?;
        let letter = Letter {
            id: &id,
            date: notice.created,
            to: &notice.recipient,
            bytes: &frozen.bytes,
        };
        let sent = mailer.send(&letter).await;
        sent.map(drop).map_err(|error| Failure {
            // Recipients are not logged.
            why: error.without(&notice.recipient),
            error: Some(error),
        })
    }
}

/// What became of one round.
#[derive(Default)]
struct Sent {
    told: Vec<String>,
    failed: usize,
    /// What the server last thought of our login, if it came to that.
    login: Option<Login>,
}

#[derive(Clone, Copy)]
enum Login {
    Taken,
    Refused,
}

/// Why one recipient was not told.
struct Failure {
    why: String,
    /// `None` when there was no mail to send.
    error: Option<SendError>,
}

/// When the next round may be.
struct Pace {
    not_before: Instant,
    /// Rounds in a row in which our login was refused.
    refusals: u32,
}

impl Pace {
    fn new() -> Self {
        Self {
            not_before: Instant::now(),
            refusals: 0,
        }
    }

    fn heard(&mut self, login: Option<Login>) {
        match login {
            Some(Login::Taken) => self.refusals = 0,
            Some(Login::Refused) => self.refusals = self.refusals.saturating_add(1),
            None => {}
        }
    }

    fn rest(&mut self) {
        let doublings = self.refusals.saturating_sub(1).min(DOUBLINGS);
        self.not_before = Instant::now() + PAUSE * 2_u32.pow(doublings);
    }
}
