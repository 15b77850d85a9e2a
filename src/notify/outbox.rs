//! What is owed becomes mails, and mails leave: frozen first, then sent, at least once. Nothing here slows a check.

pub mod deliver;
pub mod freeze;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Kind, mailer::Mailer};
use crate::{
    config::Email,
    metrics::Metrics,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, logins::LoginPause},
    telemetry::chain,
};
use deliver::{Circumstances, Delivery, deliver};
use freeze::{Froze, Stationery};

/// The store is looked at so often even when nobody says that something is owed.
const LOOK: Duration = Duration::from_secs(30);
/// Where another process was faster, the next look is not at once.
const BREATH: Duration = Duration::from_secs(1);
/// So many mails are read at once.
const AT_ONCE: u32 = 100;

/// The server took no mail at all: it is left alone.
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
    /// Named in mails.
    pub host: String,
    /// Nothing more will be owed: what is owed by now is sent, and then it ends.
    pub stopping: CancellationToken,
}

impl Outbox {
    /// Runs until stopping, and once more then.
    pub async fn run(mut self) {
        let mut pause: Option<Pause> = None;
        loop {
            let last = self.stopping.is_cancelled();
            let idle = match self.round(&mut pause, last).await {
                Ok(idle) => idle,
                // Told where the store was lost; whoever has it back wakes this.
                Err(StoreError::Unusable(_)) => LOOK,
                Err(cause) => {
                    tracing::error!(cause = chain(&cause), "failed to work on the outbox");
                    self.store.lose(&cause);
                    LOOK
                }
            };
            if last {
                return;
            }
            tokio::select! {
                () = self.stopping.cancelled() => {}
                () = self.wake.notified() => {}
                // New settings may be the cure.
                _ = self.setup.changed() => pause = None,
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// Freezes what is owed, sends what is due; returns how long there is nothing to do. `last`: what is still gathered is
    /// not waited for.
    async fn round(&self, pause: &mut Option<Pause>, last: bool) -> Result<Duration, StoreError> {
        let setup = self.setup.borrow().clone();
        let store = self.store.get()?;
        let Some(email) = &setup.config.email else {
            self.metrics.outbox(&store.waiting().await?);
            return Ok(LOOK);
        };
        if last {
            let now = store.now();
            store.hurry(now + email.group_wait, now).await?;
        }
        let stationery = Stationery {
            from: &email.from,
            links: setup.config.web.external_url.as_ref(),
            confirm_after: setup.config.lockout.confirm_after,
            group_wait: email.group_wait,
        };
        let mut refused = false;
        loop {
            match stationery.freeze(&store, store.now()).await? {
                Froze::Something => {}
                Froze::Nothing => break,
                Froze::Refused => {
                    refused = true;
                    break;
                }
            }
        }
        if !pause.is_some_and(|pause| store.now() < pause.until) {
            self.send_due(&store, email, pause).await?;
        }
        let waiting = store.waiting().await?;
        self.metrics.outbox(&waiting);
        let next = waiting
            .next
            .map(|next| pause.map_or(next, |pause| next.max(pause.until)));
        let next = next.map(|next| {
            Duration::try_from(next.duration_since(self.store.now())).unwrap_or_default()
        });
        let idle = next.map_or(LOOK, |wait| wait.min(LOOK));
        Ok(if refused { idle.max(BREATH) } else { idle })
    }

    /// Sends what is due, one after the other, until the server rather than a mail is the problem.
    async fn send_due(
        &self,
        store: &Store,
        email: &Email,
        pause: &mut Option<Pause>,
    ) -> Result<(), StoreError> {
        let mailer = Mailer::new(email);
        let mut refused: Option<LoginPause> = None;
        let mut account: Option<String> = None;
        for (nth, mail) in store
            .due_mails(store.now(), AT_ONCE)
            .await?
            .into_iter()
            .enumerate()
        {
            if nth == 0 {
                account = mailer
                    .account()
                    .await
                    .map(|[settings, password]| store.fingerprint(&[&settings, &password]));
                if let Some(account) = &account {
                    refused = store.login_pause(account).await?;
                }
                if let Some(refused) = refused.filter(|refused| store.now() < refused.until) {
                    // Looked at again meanwhile: another password is another account.
                    *pause = Some(Pause {
                        until: refused.until.min(store.now() + LOOK),
                        failures: 0,
                    });
                    return Ok(());
                }
            }
            // What cannot be noted as sent would be sent again and again.
            self.store.get()?;
            let server_failures = pause.map_or(0, |pause| pause.failures);
            let given = Circumstances {
                email,
                host: &self.host,
                server_failures,
                account: account.as_deref(),
                refused,
            };
            let mail_id = mail.id.clone();
            let delivery = deliver(store, &mailer, mail, &given, || store.now()).await?;
            self.count(&mail_id, &delivery);
            match delivery {
                Delivery::ServerDown(wait) => {
                    *pause = Some(Pause {
                        until: store.now() + wait,
                        failures: server_failures.saturating_add(1),
                    });
                    return Ok(());
                }
                Delivery::LoginRefused(refused) => {
                    *pause = Some(Pause {
                        until: refused.until.min(store.now() + LOOK),
                        failures: 0,
                    });
                    return Ok(());
                }
                Delivery::Gone => {}
                Delivery::Sent(_) | Delivery::Later | Delivery::Dead { .. } => {
                    *pause = None;
                    refused = None;
                }
            }
        }
        Ok(())
    }

    fn count(&self, mail_id: &str, delivery: &Delivery) {
        let (told, outcome) = match delivery {
            Delivery::Sent(told) => (told, "sent"),
            Delivery::Dead { told, owed } => {
                for _ in 0..*owed {
                    self.metrics.noticed(Kind::Undeliverable.as_str(), "owed");
                }
                (told, "undeliverable")
            }
            _ => return,
        };
        for (kind, _) in told {
            self.metrics.noticed(kind, outcome);
        }
        tracing::info!(mail.id = mail_id, outcome, "mail done");
    }
}
