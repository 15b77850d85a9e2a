//! What is owed becomes mails, and mails leave: frozen first, then sent, at least once. Nothing here slows a check.

pub mod deliver;
pub mod freeze;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Kind, mailer::Mailer};
use crate::{
    config::Email,
    metrics::Metrics,
    setup::Setup,
    store::{Store, StoreError, keeper::Keeper, logins::LoginPause},
    telemetry::{chain, few},
};
use deliver::{Circumstances, Delivery, deliver};
use freeze::{Froze, Stationery};

/// The store is looked at so often even when nobody says that something is owed.
const LOOK: Duration = Duration::from_secs(30);
/// Where another process was faster, the next look is not at once.
const BREATH: Duration = Duration::from_secs(1);
/// After so many mails it is looked whether there is more to tell: a slow server must not hold up what is new.
const AT_ONCE: u32 = 10;

/// How the mail server stands, as far as this process knows.
#[derive(Debug, Default)]
struct Way {
    /// It is left alone until then.
    pause: Option<Instant>,
    /// So often in a row it took no mail at all.
    failures: u32,
    /// It wants a login that we do not have: there is no account to remember that by.
    nameless: Option<LoginPause>,
}

impl Way {
    fn rests(&self) -> Duration {
        self.pause.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    fn rest(&mut self, wait: Duration) {
        self.pause = Some(Instant::now() + wait);
    }
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
        let mut way = Way::default();
        loop {
            let last = self.stopping.is_cancelled();
            let idle = match self.round(&mut way, last).await {
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
                _ = self.setup.changed() => way = Way::default(),
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// Freezes what is owed, sends what is due; returns how long there is nothing to do. `last`: what is still gathered is
    /// not waited for.
    async fn round(&self, way: &mut Way, last: bool) -> Result<Duration, StoreError> {
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
        let (mut made, mut refused) = (Vec::new(), false);
        loop {
            match stationery.freeze(&store, &mut made, store.now()).await? {
                Froze::Something => {}
                Froze::Nothing => break,
                Froze::Refused => {
                    refused = true;
                    break;
                }
            }
        }
        while way.rests().is_zero() && self.send_due(&store, email, way).await? && last {}
        let waiting = store.waiting().await?;
        self.metrics.outbox(&waiting);
        let next = waiting.next.map(|next| {
            let wait = next.duration_since(self.store.now());
            Duration::try_from(wait)
                .unwrap_or_default()
                .max(way.rests())
        });
        let idle = next.map_or(LOOK, |wait| wait.min(LOOK));
        Ok(if refused { idle.max(BREATH) } else { idle })
    }

    /// Sends some of what is due, one after the other, until the server rather than a mail is the problem. Whether anything
    /// was sent.
    async fn send_due(
        &self,
        store: &Store,
        email: &Email,
        way: &mut Way,
    ) -> Result<bool, StoreError> {
        let mails = store.due_mails(store.now(), AT_ONCE).await?;
        if mails.is_empty() {
            return Ok(false);
        }
        let mailer = Mailer::new(email);
        let account = mailer.account().await;
        let account =
            account.map(|[settings, password]| store.fingerprint(&[&settings, &password]));
        let mut refused = match &account {
            Some(account) => store.login_pause(account, store.now()).await?,
            None => way.nameless,
        };
        if let Some(refused) = refused.filter(|refused| store.now() < refused.until) {
            way.rest(rest_of(&refused, account.as_ref(), store.now()));
            return Ok(false);
        }
        for mail in mails {
            // What cannot be noted as sent would be sent again and again.
            self.store.get()?;
            let given = Circumstances {
                email,
                host: &self.host,
                server_failures: way.failures,
                account: account.as_deref(),
                refused,
            };
            let mail_id = mail.id.clone();
            let delivery = deliver(store, &mailer, mail, &given, || store.now()).await?;
            self.count(&mail_id, &delivery);
            match delivery {
                Delivery::ServerDown(wait) => {
                    way.rest(wait);
                    way.failures = way.failures.saturating_add(1);
                    return Ok(false);
                }
                Delivery::LoginRefused(refused) => {
                    way.rest(rest_of(&refused, account.as_ref(), store.now()));
                    way.nameless = Some(refused).filter(|_| account.is_none());
                    return Ok(false);
                }
                Delivery::Gone => {}
                Delivery::Sent(_) | Delivery::Later | Delivery::Dead { .. } => {
                    *way = Way::default();
                    refused = None;
                }
            }
        }
        Ok(true)
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
        for notice in told {
            self.metrics.noticed(&notice.kind, outcome);
        }
        let kinds = few(told.iter().map(|notice| notice.kind.as_str()));
        let users = few(told.iter().map(|notice| notice.user.as_str()));
        if outcome == "sent" {
            tracing::info!(mail.id = mail_id, kinds, users, "mail sent");
        } else {
            tracing::error!(mail.id = mail_id, kinds, users, "mail given up");
        }
    }
}

/// A refused login rests to its end, but where it is remembered by its account, a look now and then shows whether the
/// password is another one by now.
fn rest_of(refused: &LoginPause, account: Option<&String>, now: Timestamp) -> Duration {
    let rest = Duration::try_from(refused.until.duration_since(now)).unwrap_or_default();
    match account {
        Some(_) => rest.min(LOOK),
        None => rest,
    }
}
