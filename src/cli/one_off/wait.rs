//! `probe --wait --username`: until the zone is known, then one attempt; when that is not accepted, a second and last one after
//! the time that a new user may need. The secret is kept in memory meanwhile, and nowhere else.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    attempt::Asker,
    board::Entry,
    check::Checker,
    cli::{
        exit::Failure,
        interrupt,
        wait::{Teller, in_words, look_up_every, moment},
    },
    clock,
    diagnose::{Reason, Verdict},
    observation::ZoneFinding,
    probe::zone,
    schedule::check_now,
    setup::Setup,
    user::UserId,
};

/// What the last attempt brought; `None` when somebody ended the wait.
pub(super) async fn wait(
    checker: &Checker,
    setup: &Setup,
    id: &UserId,
    activation: Duration,
    teller: &Teller,
) -> Result<Option<Arc<Entry>>, Failure> {
    interrupt::listen(checker.stopping.clone())?;
    let name = setup
        .user(id)
        .map_or(id.as_str(), |user| user.username.as_str());
    let waited = Waiting {
        checker,
        setup,
        id,
        name,
        teller,
    };
    let entry = waited.two_attempts(activation).await?;
    if entry.is_none() {
        teller.ended("the attempts that were made are counted, and the secret was not kept");
    }
    Ok(entry)
}

struct Waiting<'a> {
    checker: &'a Checker,
    setup: &'a Setup,
    id: &'a UserId,
    name: &'a str,
    teller: &'a Teller,
}

impl Waiting<'_> {
    async fn two_attempts(&self, activation: Duration) -> Result<Option<Arc<Entry>>, Failure> {
        let Some(first) = self.attempt(activation).await? else {
            return Ok(None);
        };
        if first.record.not_attempted.is_some() || !may_pass(&first) {
            return Ok(Some(first));
        }
        let now = clock::now();
        self.say(
            "query",
            first.record.state.reason.as_str(),
            &format!(
                "not accepted; the user may be too new: the second and last attempt is at {}",
                moment(now + activation, now)
            ),
        );
        if !self.pause(activation).await {
            return Ok(None);
        }
        self.attempt(activation).await
    }

    /// One attempt, as soon as the zone is known.
    async fn attempt(&self, activation: Duration) -> Result<Option<Arc<Entry>>, Failure> {
        if !self.zone_known(look_up_every(activation)).await {
            return Ok(None);
        }
        // Another call may have put its own username into the row meanwhile.
        let store = self.checker.store.get()?;
        let now = store.now();
        store
            .sync(
                self.setup.wants(&self.checker.host, now),
                self.setup.limits(),
                now,
            )
            .await?;
        let check = check_now(self.checker, self.setup, self.id, Asker::OneOff, &|_| {});
        match check.await {
            Ok(entry) => Ok(Some(entry)),
            Err(_) if self.checker.stopping.is_cancelled() => Ok(None),
            Err(why) => Err(Failure::internal(why.to_string())),
        }
    }

    /// Looks the zone up until there is an answer that a check can go on with; false when somebody ended it.
    async fn zone_known(&self, every: Duration) -> bool {
        let mut told = None;
        let Some(user) = self.setup.user(self.id) else {
            return true;
        };
        loop {
            let look_up = zone::look_up(&self.setup.client, &self.setup.slots, &user.username);
            let probed = tokio::select! {
                () = self.checker.stopping.cancelled() => return false,
                probed = look_up => probed,
            };
            let outcome = probed.finding.as_str();
            let again = in_words(every);
            let text = match &probed.finding {
                ZoneFinding::Found(zone) => {
                    let host = zone.api.host_str().unwrap_or("?");
                    self.say(
                        "zone",
                        outcome,
                        &format!("zone found: {} at {host}", zone.name),
                    );
                    return true;
                }
                ZoneFinding::Untrusted { .. } => return true,
                ZoneFinding::Unknown => format!(
                    "the zone look-up does not know the username yet; it is asked every {again}, which costs nothing"
                ),
                ZoneFinding::Unclear(_) => {
                    format!(
                        "the zone look-up brought nothing definitive; it is asked every {again}"
                    )
                }
            };
            if told.as_deref() != Some(outcome) {
                self.say("zone", outcome, &text);
                told = Some(outcome.to_owned());
            }
            if !self.pause(every).await {
                return false;
            }
        }
    }

    /// False when somebody ended it.
    async fn pause(&self, span: Duration) -> bool {
        let over = Instant::now() + span;
        let until = clock::now() + span;
        loop {
            self.teller.countdown(self.name, Some(until));
            let left = over.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            tokio::select! {
                () = self.checker.stopping.cancelled() => return false,
                () = sleep(left.min(Duration::from_secs(1))) => {}
            }
        }
    }

    fn say(&self, step: &str, outcome: &str, text: &str) {
        self.teller.step(self.name, step, outcome, text);
    }
}

/// Whether time alone may mend it. What a body says in words stays as it is until somebody changes something.
fn may_pass(entry: &Entry) -> bool {
    let state = &entry.record.state;
    match state.verdict {
        Verdict::Unclear => true,
        _ => matches!(
            state.reason,
            Reason::CredentialRejected | Reason::UnknownUser
        ),
    }
}
