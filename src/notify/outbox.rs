//! What is owed becomes mails, and mails leave: frozen first, then sent, at least once. Nothing here slows a check.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{
    envelope,
    mailer::{Class, Letter, Mailer, SendError, Step},
    merge::Telling,
    message,
};
use crate::{
    config::Email,
    metrics::Metrics,
    setup::Setup,
    store::{
        Store, StoreError, fresh_id,
        keeper::Keeper,
        mails::{FrozenMail, Tried},
    },
    telemetry::chain,
};

/// The first retry of a mail comes after this, each further one after twice as long.
const MAIL_RETRIES: Backoff = Backoff {
    first: Duration::from_secs(5),
    last: Duration::from_hours(1),
};
/// A server that takes no mail at all is left alone so long, with all mails.
const SERVER_RETRIES: Backoff = Backoff {
    first: Duration::from_secs(5),
    last: Duration::from_mins(10),
};
/// A refused login is not repeated sooner: mail servers lock accounts too.
const LOGIN_RETRIES: Backoff = Backoff {
    first: Duration::from_mins(15),
    last: Duration::from_hours(4),
};
/// The store is looked at so often even when nobody says that something is owed.
const LOOK: Duration = Duration::from_secs(30);

/// Waits that double.
struct Backoff {
    first: Duration,
    last: Duration,
}

impl Backoff {
    fn after(&self, failures: u32) -> Duration {
        self.first
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(self.last)
    }
}

/// The server is left alone: it refused our login, or took no mail at all.
#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Timestamp,
    failures: u32,
}

/// Sends what the store owes until `stopping`.
#[derive(Debug)]
pub struct Outbox {
    /// The authority, as long as it can be used.
    pub store: Keeper,
    /// The configuration in force.
    pub setup: watch::Receiver<Arc<Setup>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Notified when something may be owed.
    pub wake: Arc<Notify>,
    /// Ends after the mail that is being sent.
    pub stopping: CancellationToken,
}

impl Outbox {
    /// Runs until stopping.
    pub async fn run(mut self) {
        let mut pause: Option<Pause> = None;
        while !self.stopping.is_cancelled() {
            let idle = match self.round(&mut pause).await {
                Ok(idle) => idle,
                // Told where the store was lost; whoever has it back wakes this.
                Err(StoreError::Unusable(_)) => LOOK,
                Err(cause) => {
                    tracing::error!(cause = chain(&cause), "failed to work on the outbox");
                    self.store.lose(&cause);
                    LOOK
                }
            };
            tokio::select! {
                () = self.stopping.cancelled() => {}
                () = self.wake.notified() => {}
                // New settings may be the cure.
                _ = self.setup.changed() => pause = None,
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// Freezes what is owed, sends what is due; returns how long there is nothing to do.
    async fn round(&self, pause: &mut Option<Pause>) -> Result<Duration, StoreError> {
        let setup = self.setup.borrow().clone();
        let store = self.store.get()?;
        let Some(email) = &setup.config.email else {
            self.metrics.outbox(&store.waiting().await?);
            return Ok(LOOK);
        };
        while self.freeze(&store, email, &setup).await? {}
        let paused = pause.is_some_and(|pause| store.now() < pause.until);
        if !paused {
            self.send_due(&store, &Mailer::new(email), pause).await?;
        }
        let waiting = store.waiting().await?;
        self.metrics.outbox(&waiting);
        let next = waiting
            .next
            .map(|next| pause.map_or(next, |pause| next.max(pause.until)));
        let next = next.map(|next| {
            Duration::try_from(next.duration_since(self.store.now())).unwrap_or_default()
        });
        Ok(next.map_or(LOOK, |wait| wait.min(LOOK)))
    }

    /// Makes one mail of what is owed to one recipient. False when nothing is due.
    async fn freeze(
        &self,
        store: &Store,
        email: &Email,
        setup: &Setup,
    ) -> Result<bool, StoreError> {
        let now = store.now();
        let owed = store.owed(now).await?;
        if !owed.unreadable.is_empty() {
            tracing::error!(notices = ?owed.unreadable, "notices of another version cannot be read and are given up");
            store.give_up(owed.unreadable, "it cannot be read").await?;
            return Ok(true);
        }
        let Some(first) = owed.notices.first() else {
            return Ok(false);
        };
        let recipient = first.recipient.clone();
        let tellings: Vec<_> = owed.notices.iter().cloned().map(Telling::alone).collect();
        let mail = message::compose(&tellings, setup.config.web.external_url.as_ref());
        let id = fresh_id();
        let notices = owed.notices.into_iter().map(|notice| notice.id).collect();
        match envelope::freeze(&mail, &email.from, &recipient, &id, now) {
            Ok(frozen) => {
                let mail = FrozenMail {
                    id,
                    message_id: frozen.message_id,
                    recipient,
                    bytes: frozen.bytes,
                    created: now,
                    tries: 0,
                };
                store.freeze(mail, notices).await?;
            }
            Err(cause) => {
                // Waiting mends nothing, and the mails of others must not wait for it.
                tracing::error!(
                    ?notices,
                    cause = chain(&cause),
                    "failed to make a mail: its notices are given up"
                );
                store
                    .give_up(notices, "no mail could be made of it")
                    .await?;
            }
        }
        Ok(true)
    }

    /// Sends what is due, one after the other, until the server rather than a mail is the problem.
    async fn send_due(
        &self,
        store: &Store,
        mailer: &Mailer,
        pause: &mut Option<Pause>,
    ) -> Result<(), StoreError> {
        for mail in store.due_mails(store.now(), 100).await? {
            // What cannot be noted as sent would be sent again and again.
            self.store.get()?;
            if self.stopping.is_cancelled() {
                return Ok(());
            }
            let failures = pause.map_or(0, |pause| pause.failures);
            if let Some(until) = self.send(store, mailer, mail, failures).await? {
                *pause = Some(Pause {
                    until,
                    failures: failures.saturating_add(1),
                });
                return Ok(());
            }
            *pause = None;
        }
        Ok(())
    }

    /// Sends one mail. Until when the server is left alone, if it is the problem.
    async fn send(
        &self,
        store: &Store,
        mailer: &Mailer,
        mail: FrozenMail,
        failures: u32,
    ) -> Result<Option<Timestamp>, StoreError> {
        let letter = Letter {
            id: &mail.id,
            date: mail.created,
            to: &mail.recipient,
            bytes: &mail.bytes,
        };
        let sent = mailer.send(&letter).await;
        let now = self.store.now();
        let mut pause = None;
        let (tried, outcome) = match sent {
            Ok(_) => (Tried::Sent, Some("sent")),
            Err(error) => {
                // Recipients are not logged, and servers like to name them.
                let why = error.to_string().replace(&mail.recipient, "the recipient");
                tracing::warn!(
                    mail.id,
                    step = error.step.as_str(),
                    cause = why,
                    "failed to send a mail"
                );
                let wait = match error.class {
                    Class::Permanent => None,
                    Class::Login => Some(LOGIN_RETRIES.after(failures)),
                    Class::Transient if of_the_server(&error) => {
                        Some(SERVER_RETRIES.after(failures))
                    }
                    Class::Transient => Some(MAIL_RETRIES.after(mail.tries)),
                };
                match wait {
                    None => (Tried::Dead { why }, Some("undeliverable")),
                    Some(wait) if of_the_server(&error) => {
                        pause = Some(now + wait);
                        (Tried::Later { at: now, why }, None)
                    }
                    Some(wait) => (
                        Tried::Later {
                            at: now + wait,
                            why,
                        },
                        None,
                    ),
                }
            }
        };
        store.tried(mail.id.clone(), tried, now).await?;
        if let Some(outcome) = outcome {
            for kind in store.kinds_in(&mail.id).await? {
                self.metrics.noticed(&kind, outcome);
            }
            tracing::info!(mail.id, outcome, "mail done");
        }
        Ok(pause)
    }
}

/// Before the recipient is named, a failure concerns every mail.
fn of_the_server(error: &SendError) -> bool {
    error.class == Class::Login
        || !matches!(error.step, Step::Sender | Step::Recipient | Step::Data)
}
