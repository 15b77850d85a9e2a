//! What is owed to one recipient becomes one mail: planned by `merge`, worded by `message`, kept by the store.

use std::time::Duration;

use email_address::EmailAddress;
use jiff::Timestamp;
use url::Url;

use crate::{
    notify::{
        Matter, envelope,
        merge::{Plan, Telling, plan},
        message,
    },
    store::{
        Store, StoreError,
        freezing::Freeze,
        fresh_id,
        mails::FrozenMail,
        notices::{Melted, Owed},
    },
    telemetry::chain,
};

/// What mails are made with.
#[derive(Clone, Copy, Debug)]
pub struct Stationery<'a> {
    /// The sender.
    pub from: &'a EmailAddress,
    /// `web.external_url`
    pub links: Option<&'a Url>,
    /// `lockout.confirm_after`
    pub confirm_after: Duration,
    /// `email.group_wait`
    pub group_wait: Duration,
}

/// What a look at the outbox came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Froze {
    /// Nobody's time has come.
    Nothing,
    /// A mail was made, or it was decided that what is owed waits or is given up.
    Something,
    /// Nothing was kept: another process was faster.
    Refused,
}

impl Stationery<'_> {
    /// Makes one mail of what is owed to the recipient whose time came first, or decides that all of it waits. `made` gets
    /// the ids of the mails of this round: they are not melted again before they were tried.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn freeze(
        &self,
        store: &Store,
        made: &mut Vec<String>,
        now: Timestamp,
    ) -> Result<Froze, StoreError> {
        let mut owed = store.owed(now, made).await?;
        if !owed.unreadable.is_empty() {
            let unreadable = std::mem::take(&mut owed.unreadable);
            tracing::error!(notices = ?unreadable, "notices of another version cannot be read and are given up");
            store.give_up(unreadable, "it cannot be read").await?;
            return Ok(Froze::Something);
        }
        let Owed {
            notices, melted, ..
        } = owed;
        let Some(first) = notices.first() else {
            return Ok(Froze::Nothing);
        };
        let recipient = first.recipient.clone();
        let given = store
            .given(&notices, self.confirm_after, self.group_wait, now)
            .await?;
        let plan = plan(notices, &given, now);
        let mut freeze = Freeze {
            later: plan.later.clone(),
            held_back: plan.held_back.clone(),
            void: plan.void.clone(),
            melted: melted.iter().map(|mail| mail.id.clone()).collect(),
            ..Freeze::default()
        };
        if !plan.tellings.is_empty() {
            match self.mail(&plan, &recipient, &melted, now) {
                Ok(mail) => {
                    made.push(mail.id.clone());
                    freeze.mail = Some(mail);
                    freeze.incidents = incidents(&plan.tellings);
                    freeze.notices = plan.settled;
                }
                Err(cause) => {
                    // Waiting mends nothing, and the mails of others must not wait for it.
                    let notices = plan.settled;
                    tracing::error!(
                        ?notices,
                        cause = chain(&cause),
                        "failed to make a mail: its notices are given up"
                    );
                    store
                        .give_up(notices, "no mail could be made of it")
                        .await?;
                    return Ok(Froze::Something);
                }
            }
        }
        if freeze.mail.is_none() {
            // Nothing would take its place.
            freeze.melted.clear();
        }
        Ok(if store.freeze(freeze).await? {
            Froze::Something
        } else {
            Froze::Refused
        })
    }

    fn mail(
        &self,
        plan: &Plan,
        recipient: &str,
        melted: &[Melted],
        now: Timestamp,
    ) -> Result<FrozenMail, envelope::FreezeError> {
        let mail = message::compose(&plan.tellings, self.links);
        let id = fresh_id();
        let frozen = envelope::freeze(&mail, self.from, recipient, &id, now)?;
        // A recipient that is asked to wait is not tried sooner because there is more to tell.
        let put_offs = melted.iter().map(|mail| mail.put_offs).max();
        let put_off_since = melted.iter().filter_map(|mail| mail.put_off_since).min();
        let next_try = melted.iter().map(|mail| mail.next_try).max();
        let owed_since = melted.iter().map(|mail| mail.owed_since).min();
        Ok(FrozenMail {
            id,
            message_id: frozen.message_id,
            recipient: recipient.to_owned(),
            bytes: frozen.bytes,
            created: now,
            owed_since: owed_since.unwrap_or(now),
            next_try: next_try.unwrap_or(now).max(now),
            tries: 0,
            put_off_since,
            put_offs: put_offs.unwrap_or(0),
        })
    }
}

/// Every incident once, and whether it is only listed as still open.
fn incidents(tellings: &[Telling]) -> Vec<(String, bool)> {
    let mut incidents: Vec<(String, bool)> = Vec::new();
    for telling in tellings {
        match &telling.notice.matter {
            Matter::Incident(facts) => incidents.push((facts.incident.clone(), false)),
            Matter::Digest(digest) => {
                for line in &digest.lines {
                    if !incidents.iter().any(|(known, _)| *known == line.incident) {
                        incidents.push((line.incident.clone(), true));
                    }
                }
            }
            Matter::Operator(_) => {}
        }
    }
    incidents
}
