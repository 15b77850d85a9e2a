//! One try to send one mail, and what follows from its end: sent, later, or given up and told to the operator.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    config::Email,
    notify::{
        Kind,
        mailer::{Class, Letter, Mailer, SendError, Sent, Step},
        operator::undeliverable,
        owed::operator_notices,
    },
    store::{
        Store, StoreError,
        logins::LoginPause,
        mails::{Ended, FrozenMail, ToldIn, Tried},
    },
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
/// A recipient that is put off, or barred alone, for so long will not be had: mail servers give up after four to five days
/// as well (RFC 5321, 4.5.4.1). A server that takes no mail at all is tried for ever.
const GIVE_UP: Duration = Duration::from_hours(5 * 24);

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

/// Carries letters: the mailer, or whatever stands for it in a test.
pub trait Carrier {
    /// Makes one attempt.
    fn carry(&self, letter: &Letter<'_>) -> impl Future<Output = Result<Sent, SendError>> + Send;
}

impl Carrier for Mailer {
    async fn carry(&self, letter: &Letter<'_>) -> Result<Sent, SendError> {
        self.send(letter).await
    }
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was done with meanwhile; nothing was sent.
    Gone,
    /// The server took it, and these notices in it.
    Sent(Vec<ToldIn>),
    /// It is tried again.
    Later,
    /// It will never arrive.
    Dead {
        /// The notices that are lost.
        told: Vec<ToldIn>,
        /// So many notices are owed to the operator because of it.
        owed: usize,
    },
    /// The server takes no mail at all; it is left alone so long.
    ServerDown(Duration),
    /// The server refuses our login; it is left alone until then.
    LoginRefused(LoginPause),
}

/// What a try is made in the light of.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The settings in force.
    pub email: &'a Email,
    /// The host lockwatch runs on.
    pub host: &'a str,
    /// How often in a row the server took no mail at all.
    pub server_failures: u32,
    /// Our account at the mail server, if there is one.
    pub account: Option<&'a str>,
    /// The last refusal of our login, if it was not taken since.
    pub refused: Option<LoginPause>,
}

/// Tries to send `mail` once and notes the end. `clock` is the store's.
///
/// # Errors
/// When the store cannot be used; then the same bytes are sent once more.
pub async fn deliver(
    store: &Store,
    carrier: &impl Carrier,
    mail: FrozenMail,
    given: &Circumstances<'_>,
    clock: impl Fn() -> Timestamp,
) -> Result<Delivery, StoreError> {
    if !store.trying(mail.id.clone()).await? {
        return Ok(Delivery::Gone);
    }
    // Read before: nothing may fail between the server's word and its record.
    let mut told = store.told_in(&mail.id).await?;
    let is_barred_alone = is_barred_alone(store, &mail, clock()).await?;
    let letter = Letter {
        id: &mail.id,
        date: mail.created,
        to: &mail.recipient,
        bytes: &mail.bytes,
    };
    let sent = carrier.carry(&letter).await;
    let now = clock();
    let mut ended = Ended {
        mail: mail.id.clone(),
        tried: Tried::Sent,
        in_doubt: false,
        notices: Vec::new(),
        login: None,
        now,
    };
    let account = |pause| given.account.map(|account| (account.to_owned(), pause));
    if given.refused.is_some() && !matches!(&sent, Err(error) if is_before_login(error)) {
        ended.login = account(None);
    }
    let Err(error) = sent else {
        store.tried(ended).await?;
        return Ok(Delivery::Sent(told));
    };
    // Recipients are not logged, and servers like to name them.
    let why = error.without(&mail.recipient);
    tracing::warn!(
        mail.id,
        step = error.step.as_str(),
        cause = why,
        "failed to send a mail"
    );
    ended.in_doubt = error.in_doubt;
    let later = |at: Timestamp, put_off| Tried::Later {
        at,
        why: why.clone(),
        put_off,
    };
    let (tried, mut delivery) = match error.class {
        Class::Login => {
            let failures = given.refused.map_or(0, |refused| refused.failures);
            let pause = LoginPause {
                until: now + LOGIN_RETRIES.after(failures),
                failures: failures.saturating_add(1),
            };
            ended.login = account(Some(pause));
            (later(now, false), Delivery::LoginRefused(pause))
        }
        Class::Transient if error.is_of_the_server() => {
            let wait = SERVER_RETRIES.after(given.server_failures);
            (later(now, false), Delivery::ServerDown(wait))
        }
        Class::Transient if now < mail.put_off_since.unwrap_or(now) + GIVE_UP => {
            let wait = MAIL_RETRIES.after(mail.put_offs);
            (later(now + wait, true), Delivery::Later)
        }
        // Others may be sent to. Where the server lets nobody through, this one never dies of it.
        Class::Barred if !is_barred_alone => {
            let wait = MAIL_RETRIES.after(mail.tries);
            (later(now + wait, false), Delivery::Later)
        }
        Class::Transient | Class::Barred => {
            let why = format!("given up after 5 days; at last: {why}");
            // What came later has its own five days, unless it may have arrived with the rest.
            let limit = now - GIVE_UP;
            let spare = (!ended.in_doubt).then_some(limit);
            if spare.is_some() {
                told.retain(|notice| notice.created <= limit);
            }
            (Tried::Dead { why, spare }, Delivery::Dead { told, owed: 0 })
        }
        Class::Permanent => {
            let dead = Tried::Dead { why, spare: None };
            (dead, Delivery::Dead { told, owed: 0 })
        }
    };
    if let (Tried::Dead { why, .. }, Delivery::Dead { told, owed }) = (&tried, &mut delivery) {
        ended.notices = lost(&mail, why, told, given, now);
        *owed = ended.notices.len();
    }
    ended.tried = tried;
    store.tried(ended).await?;
    Ok(delivery)
}

/// Whether a refusal of us is one for this recipient: the mail is that old, and the server has taken another's since. It speaks
/// alike of a relay that is not set up and of a group that outsiders may not write to.
async fn is_barred_alone(
    store: &Store,
    mail: &FrozenMail,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if now < mail.owed_since + GIVE_UP {
        return Ok(false);
    }
    let sent = store.sent_after(mail.owed_since).await?;
    Ok(sent.iter().any(|sent| sent.recipient != mail.recipient))
}

/// Tells the operator's other addresses. A mail that told them of such matters itself makes no further notice.
fn lost(
    mail: &FrozenMail,
    why: &str,
    told: &[ToldIn],
    given: &Circumstances<'_>,
    now: Timestamp,
) -> Vec<(crate::notify::Notice, Timestamp)> {
    let operators = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_operators_alone());
    let operators: Vec<&str> = operators.map(Kind::as_str).collect();
    if told
        .iter()
        .all(|notice| operators.contains(&notice.kind.as_str()))
    {
        return Vec::new();
    }
    let told: Vec<_> = told
        .iter()
        .map(|notice| (notice.kind.clone(), notice.user.clone()))
        .collect();
    let facts = undeliverable(&mail.id, &mail.recipient, why, &told, now, given.host);
    operator_notices(&facts, Some(given.email))
        .into_iter()
        .filter(|notice| !notice.recipient.is_empty())
        .filter(|notice| !notice.recipient.eq_ignore_ascii_case(&mail.recipient))
        .map(|notice| (notice, now + given.email.group_wait))
        .collect()
}

/// It does not tell whether our login is taken.
fn is_before_login(error: &SendError) -> bool {
    error.class == Class::Login || (error.is_of_the_server() && error.step != Step::Sender)
}
