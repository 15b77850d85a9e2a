//! Looks at all users every so often, and has written what the desk says is owed. Slows no check; without a store it waits.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::desk::{self, Attendance, Given};
use crate::{check::Checker, config::Email, setup::Setup, store::StoreError, telemetry::chain};

/// Between two rounds, at most.
const ROUND: Duration = Duration::from_secs(30);
/// And at least.
const BREATH: Duration = Duration::from_millis(250);
/// There are so many rounds in a time that is waited for, so that it is told soon after it has passed.
const ROUNDS: u32 = 4;

/// Runs until `checker.stopping`.
#[derive(Debug)]
pub struct Lookout {
    /// Store, board, and whom to wake.
    pub checker: Arc<Checker>,
    /// The configuration in force.
    pub setup: watch::Receiver<Arc<Setup>>,
}

impl Lookout {
    /// Runs until stopping.
    pub async fn run(self) {
        let stopping = self.checker.stopping.clone();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let mut attendance = Attendance::default();
        let mut last = Instant::now();
        loop {
            let setup = self.setup.borrow().clone();
            let now = Instant::now();
            let result = self.round(&setup, &mut attendance, now - last).await;
            last = now;
            if let Err(cause) = result {
                attendance.look_away();
                // Told where the store was lost.
                if !matches!(cause, StoreError::Unusable(_)) {
                    tracing::error!(cause = chain(&cause), "failed to look at all users");
                    self.checker.store.lose(&cause);
                }
            }
            sleep(pace(setup.config.email.as_ref())).await;
        }
    }

    async fn round(
        &self,
        setup: &Setup,
        attendance: &mut Attendance,
        passed: Duration,
    ) -> Result<(), StoreError> {
        let checker = &self.checker;
        let store = checker.store.get()?;
        let now = store.now();
        let users = attendance.round(checker.board.all(), now, passed);
        let remembered = store.remembered(now).await?;
        let email = setup.config.email.as_ref();
        let orders = desk::look(&Given {
            users: &users,
            remembered: &remembered,
            email,
            timeout: setup.config.autotask.timeout,
            host: &checker.host,
            name: &|recipient| store.name_hash(recipient),
            now,
        });
        attendance.begin_anew(&orders.explained);
        if orders.is_empty() {
            return Ok(());
        }
        let due = now + email.map_or(Duration::ZERO, |email| email.group_wait);
        let (unsendable, outcome) = match email {
            Some(_) => (None, "owed"),
            None => (
                Some("there is no [email] in the configuration"),
                "not_configured",
            ),
        };
        let news = store.tell(orders, due, unsendable, now).await?;
        for kind in &news {
            tracing::info!(kind = kind.as_str(), "this will be mailed");
            checker.metrics.noticed(kind.as_str(), outcome);
        }
        if !news.is_empty() {
            checker.outbox.notify_one();
        }
        Ok(())
    }
}

fn pace(email: Option<&Email>) -> Duration {
    let waits = email.into_iter().flat_map(|email| {
        let unclear = Some(email.unclear_after);
        [unclear, email.remind_every].into_iter().flatten()
    });
    let soonest = waits.map(|wait| wait / ROUNDS).min();
    soonest.map_or(ROUND, |wait| wait.clamp(BREATH, ROUND))
}
