//! What a configuration becomes: the client, the slots, the budget. Replaced as a whole by a reload.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    attempt::{Activation, Limits},
    autotask::client::{Client, ClientError},
    config::Config,
    probe::{gate::Gates, slots::Slots},
    schedule::first_slot,
    store::wanted::{Telling, Wanted, Wants},
    user::{User, UserId},
};

/// A configuration in force.
#[derive(Debug)]
pub struct Setup {
    /// The configuration in force.
    pub config: Config,
    /// Talks to Autotask as it says.
    pub client: Client,
    /// Requests in flight, as it allows.
    pub slots: Slots,
    /// Zones that are asked without a credential.
    pub gates: Gates,
}

impl Setup {
    /// Makes the client and the slots that `config` asks for.
    ///
    /// # Errors
    /// When no client can be made; the message says what is missing.
    pub fn new(config: Config) -> Result<Self, ClientError> {
        Ok(Self {
            client: Client::new(&config.autotask)?,
            slots: Slots::new(config.schedule.max_in_flight),
            gates: Gates::default(),
            config,
        })
    }

    /// The same, with the slots of the setup that it takes the place of: what is in flight goes on to count.
    ///
    /// # Errors
    /// When no client can be made; the message says what is missing.
    pub fn in_place_of(old: &Self, config: Config) -> Result<Self, ClientError> {
        let same = old.config.schedule == config.schedule;
        let mut setup = Self::new(config)?;
        if same {
            setup.slots = old.slots.clone();
        }
        Ok(setup)
    }

    /// The rows that the store must hold, and how it is told that an incident of another is over.
    #[must_use]
    pub fn wants(&self, host: &str, now: Timestamp) -> Wants {
        let enabled = self.config.users.iter().filter(|user| user.enabled);
        let users = enabled
            .map(|user| Wanted {
                id: user.id.clone(),
                username: user.username.key(),
                tenant: user.tenant.clone(),
                interval: user.interval,
                first_due: first_slot(&user.id, user.interval, now),
            })
            .collect();
        let telling = Telling {
            host: host.to_owned(),
            group_wait: self.group_wait(),
            unsendable: self.unsendable(),
        };
        Wants { users, telling }
    }

    /// So long notices of one recipient are gathered.
    #[must_use]
    pub fn group_wait(&self) -> Duration {
        let email = self.config.email.as_ref();
        email.map_or(Duration::ZERO, |email| email.group_wait)
    }

    /// Why notices will not become mails; `None` when they will.
    #[must_use]
    pub fn unsendable(&self) -> Option<&'static str> {
        let none = self.config.email.is_none();
        none.then_some("there is no [email] in the configuration")
    }

    /// When `user` is new, and whether it is tried before that time is over.
    #[must_use]
    pub fn activation(&self, user: &User, first_seen: Timestamp) -> Activation {
        Activation {
            until: user.created.unwrap_or(first_seen) + self.config.lockout.activation,
            try_at_once: user.created.is_none(),
        }
    }

    /// The budget. A permit's attempt is over, with or without an answer, within the timeout of one probe and 5 s.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            max_rejections: self.config.lockout.max_rejections,
            max_unanswered: self.config.lockout.max_unanswered,
            retry_held_after: self.config.lockout.retry_held_after.clone(),
            flight: self.config.autotask.timeout + Duration::from_secs(5),
        }
    }

    /// A configured user that is enabled.
    #[must_use]
    pub fn user(&self, id: &UserId) -> Option<&Arc<User>> {
        let users = &self.config.users;
        let at = users.binary_search_by(|user| user.id.cmp(id)).ok()?;
        users.get(at).filter(|user| user.enabled)
    }

    /// How long the end may take once it was asked for.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.config.autotask.timeout + Duration::from_secs(2)
    }

    /// How long a claim lasts: both probes and 5 s.
    #[must_use]
    pub fn lease(&self) -> Duration {
        2 * self.config.autotask.timeout + Duration::from_secs(5)
    }
}
