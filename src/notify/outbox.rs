//! What is owed becomes mails, and mails leave: frozen first, then sent, at least once. Nothing here slows a check.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    envelope,
    mailer::{Class, Letter, Mailer, SendError, Step},
    message,
};
use crate::{
    clock,
    config::Email,
    metrics::Metrics,
    setup::Setup,
    store::{
        Store, StoreError, fresh_id,
        mails::{FrozenMail, Tried},
    },
    telemetry::chain,
};

/// The first retry comes after this, each further one after twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_hours(1);
/// A refused login is not repeated sooner: mail servers lock accounts too.
const LOGIN_PAUSE: Duration = Duration::from_mins(15);
/// The store is looked at so often even when nobody says that something is owed.
const LOOK: Duration = Duration::from_secs(30);

/// Sends what the store owes until `stopping`.
#[derive(Debug)]
pub struct Outbox {
    /// The authority.
    pub store: Store,
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
        while !self.stopping.is_cancelled() {
            let pause = match self.round().await {
                Ok(pause) => pause,
                Err(cause) => {
                    tracing::error!(cause = chain(&cause), "failed to work on the outbox");
                    LOOK
                }
            };
            tokio::select! {
                () = self.stopping.cancelled() => {}
                () = self.wake.notified() => {}
                // New settings may end a pause.
                _ = self.setup.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Freezes what is owed, sends what is due; returns how long there is nothing to do.
    async fn round(&self) -> Result<Duration, StoreError> {
        let setup = self.setup.borrow().clone();
        if let Some(email) = &setup.config.email {
            while self.freeze(email, &setup).await? {}
            let mailer = Mailer::new(email);
            for mail in self.store.due_mails(clock::now(), 100).await? {
                if self.stopping.is_cancelled() {
                    break;
                }
                if !self.send(&mailer, mail).await? {
                    break;
                }
            }
        }
        let waiting = self.store.waiting().await?;
        self.metrics.outbox(&waiting);
        let next = waiting.next.map(|next| next.duration_since(clock::now()));
        let next = next.map(|wait| Duration::try_from(wait).unwrap_or_default());
        // A mail whose time has come but that was not sent waits for its server: not at once again.
        let floor = Duration::from_millis(200);
        Ok(next.map_or(LOOK, |wait| wait.clamp(floor, LOOK)))
    }

    /// Makes one mail of what is owed to one recipient. False when nothing is due.
    async fn freeze(&self, email: &Email, setup: &Setup) -> Result<bool, StoreError> {
        let now = clock::now();
        let notices = self.store.owed(now).await?;
        let Some(first) = notices.first() else {
            return Ok(false);
        };
        let recipient = first.recipient.clone();
        let mail = message::compose(&notices, setup.config.web.external_url.as_ref());
        let id = fresh_id();
        let frozen = match envelope::freeze(&mail, &email.from, &recipient, &id, now) {
            Ok(frozen) => frozen,
            Err(cause) => {
                // The config room checks addresses; what is left cannot be mended by waiting.
                tracing::error!(cause = chain(&cause), "failed to make a mail");
                return Ok(false);
            }
        };
        let mail = FrozenMail {
            id,
            message_id: frozen.message_id,
            recipient,
            bytes: frozen.bytes,
            created: now,
            tries: 0,
        };
        let notices = notices.into_iter().map(|notice| notice.id).collect();
        self.store.freeze(mail, notices).await?;
        Ok(true)
    }

    /// Sends one mail. False when the server, rather than this mail, is the problem: the others can wait.
    async fn send(&self, mailer: &Mailer, mail: FrozenMail) -> Result<bool, StoreError> {
        let letter = Letter {
            id: &mail.id,
            date: mail.created,
            to: &mail.recipient,
            bytes: &mail.bytes,
        };
        let sent = mailer.send(&letter).await;
        let now = clock::now();
        let (tried, outcome, go_on) = match sent {
            Ok(_) => (Tried::Sent, Some("sent"), true),
            Err(error) => {
                let go_on = !of_the_server(&error);
                let (tried, outcome) = failed(&error, mail.tries, now);
                tracing::warn!(mail.id, step = error.step.as_str(), cause = %error, "failed to send a mail");
                (tried, outcome, go_on)
            }
        };
        self.store.tried(mail.id.clone(), tried, now).await?;
        if let Some(outcome) = outcome {
            for kind in self.store.kinds_in(&mail.id).await? {
                self.metrics.noticed(&kind, outcome);
            }
            tracing::info!(mail.id, outcome, "mail done");
        }
        Ok(go_on)
    }
}

/// Runs `outbox` a last time at the end of a short-lived command, for at most `patience`.
pub async fn flush(outbox: &Outbox, patience: Duration) {
    if timeout(patience, outbox.round()).await.is_err() {
        tracing::warn!("mails are left for the next start");
    }
}

fn failed(error: &SendError, tries: u32, now: Timestamp) -> (Tried, Option<&'static str>) {
    let why = error.to_string();
    let later = |wait: Duration| Tried::Later {
        at: now + wait,
        why: why.clone(),
    };
    match error.class {
        Class::Permanent => (Tried::Dead { why }, Some("undeliverable")),
        Class::Login => (later(LOGIN_PAUSE), None),
        Class::Transient => {
            let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(tries));
            (later(wait.min(LAST_RETRY)), None)
        }
    }
}

/// Before the recipient is named, a failure concerns every mail.
fn of_the_server(error: &SendError) -> bool {
    !matches!(error.step, Step::Sender | Step::Recipient | Step::Data)
}
