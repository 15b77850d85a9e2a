//! `[[users]]` of all files.

mod fields;

use std::{collections::HashMap, ops::Range, time::Duration};

use email_address::EmailAddress;
use toml::Spanned;

use super::{autotask::interval, credential, email::Operator, take};
use crate::{
    config::{
        file::{self, Maybe},
        report::{KeyPath, Report},
    },
    user::{Known, User, UserId, Username},
};
use fields::{created, entity, labels, tenant, username};

/// What users have in common.
pub struct Users {
    /// Of a user that has no interval of its own.
    pub interval: Duration,
    /// One probe.
    pub timeout: Duration,
    /// Who is mailed about a user that names nobody.
    pub operator: Operator,
    /// Where each id is.
    ids: HashMap<String, String>,
    /// How each id is written, by its lower case.
    lower_ids: HashMap<String, String>,
    /// Whose secret is where.
    secrets: HashMap<String, String>,
    usernames: HashMap<String, String>,
    /// Recipients by their lower-case form, as they were first written: in another case it is the same mailbox, and one mail.
    recipients: HashMap<String, EmailAddress>,
}

impl Users {
    /// No user yet.
    pub fn new(interval: Duration, timeout: Duration, operator: Operator) -> Self {
        let mut users = Self {
            interval,
            timeout,
            operator,
            ids: HashMap::new(),
            lower_ids: HashMap::new(),
            secrets: HashMap::new(),
            usernames: HashMap::new(),
            recipients: HashMap::new(),
        };
        for address in users.operator.to.clone() {
            users.as_first_written(address);
        }
        users
    }

    fn as_first_written(&mut self, address: EmailAddress) -> EmailAddress {
        let known = self.recipients.entry(address.as_str().to_lowercase());
        known.or_insert(address).clone()
    }

    /// The user at `index` of the file of `report`.
    pub fn user(
        &mut self,
        table: Spanned<file::User>,
        index: usize,
        report: &mut Report<'_>,
    ) -> Option<User> {
        let key = KeyPath::of("users").index(index);
        let at = table.span();
        let table = table.into_inner();
        for (name, there) in [
            ("id", table.id.is_some()),
            ("username", table.username.is_some()),
        ] {
            if !there {
                report.missing(&at, &key.key(name));
            }
        }
        let id = self.id(table.id, &key.key("id"), report);
        let username = self.username(table.username, id.as_ref(), &at, &key, report);
        let secret_at = table.secret.as_ref().map(Spanned::span);
        let fields = credential::Fields {
            secret: table.secret,
            integration_code: table.integration_code,
            verify_without_code: table.verify_without_code,
        };
        let known = credential::known(fields, &at, &key, report);
        self.own_secret(known.as_ref(), id.as_ref(), secret_at, &key, report);
        let notify = self.notify(table.notify, &at, &key.key("notify"), report);
        let tenant = tenant(
            table.tenant,
            username.as_ref(),
            &at,
            &key.key("tenant"),
            report,
        );
        let integration = take::remark(table.integration, &key.key("integration"), report, 128);
        let entity = take::parsed(table.entity, &key.key("entity"), report, entity);
        let interval = interval(table.interval, &key.key("interval"), self.timeout, report);
        let created = created(table.created, &key.key("created"), report);
        let labels = labels(table.labels, &key.key("labels"), report);
        Some(User {
            id: id?,
            place: Some(report.place(&at)),
            username: username?,
            known: known?,
            notify,
            tenant: tenant?,
            integration,
            entity: entity.unwrap_or_else(|| "Companies".to_owned()),
            interval: interval.unwrap_or(self.interval),
            enabled: table.enabled.is_none_or(Spanned::into_inner),
            created,
            labels,
        })
    }

    fn id(
        &mut self,
        field: Maybe<String>,
        key: &KeyPath,
        report: &mut Report<'_>,
    ) -> Option<UserId> {
        let at = field.as_ref().map(Spanned::span)?;
        let id = take::parsed(field, key, report, |text| {
            UserId::parse(text).map_err(|_| "is not an id")
        })?;
        let here = report.line(&at);
        if let Some(there) = self.ids.get(id.as_str()) {
            report.problem(
                &at,
                key,
                &format!("is the id of the user at {there} already; write another"),
            );
        } else {
            self.ids.insert(id.as_str().to_owned(), here);
            let lower = id.as_str().to_lowercase();
            if let Some(other) = self.lower_ids.get(&lower) {
                let message = format!(
                    "differs from the id {other} in upper and lower case only: they are two users"
                );
                report.warn(&at, key, &message);
            } else {
                self.lower_ids.insert(lower, id.to_string());
            }
        }
        Some(id)
    }

    /// Autotask makes a secret for each user, so one that two users have is probably a slip, and costs one of them attempts.
    fn own_secret(
        &mut self,
        known: Option<&Known>,
        id: Option<&UserId>,
        at: Option<Range<usize>>,
        user: &KeyPath,
        report: &mut Report<'_>,
    ) {
        let (Some(Known::All { secret, .. } | Known::Secret(secret)), Some(id), Some(at)) =
            (known, id, at)
        else {
            return;
        };
        let Some(place) = secret.place() else {
            return;
        };
        if let Some(other) = self.secrets.get(&place) {
            let message = format!(
                "is the secret of {other} too: each API user has one of its own in Autotask"
            );
            report.warn(&at, &user.key("secret"), &message);
        } else {
            self.secrets.insert(place, id.to_string());
        }
    }

    /// Autotask locks per username, so two users of one name would spend one budget twice.
    fn username(
        &mut self,
        field: Maybe<String>,
        id: Option<&UserId>,
        user: &Range<usize>,
        key: &KeyPath,
        report: &mut Report<'_>,
    ) -> Option<Username> {
        let key = key.key("username");
        let at = field.as_ref().map(Spanned::span)?;
        let username = take::parsed(field, &key, report, username)?;
        if let Some(other) = self.usernames.get(&username.key()) {
            report.problem(&at, &key, &format!("is the username of {other} already (upper and lower case are the same to Autotask); remove one of the two users"));
        } else {
            let place = report.line(user);
            let name = id.map_or(format!("the user at {place}"), |id| {
                format!("{id} ({place})")
            });
            self.usernames.insert(username.key(), name);
        }
        Some(username)
    }

    fn notify(
        &mut self,
        field: Option<file::Texts>,
        user: &Range<usize>,
        key: &KeyPath,
        report: &mut Report<'_>,
    ) -> Vec<EmailAddress> {
        let at = field.as_ref().map_or(user.clone(), Spanned::span);
        match take::each(field, key, report, take::address) {
            Some(list) => {
                if list.is_empty() && !report.is_broken_within(key) {
                    report.problem(
                        &at,
                        key,
                        "is empty; name somebody, or remove it to mail email.to",
                    );
                }
                let each = list.into_iter();
                each.map(|address| self.as_first_written(address)).collect()
            }
            None => {
                if self.operator.known && self.operator.to.is_empty() {
                    report.missing(&at, key);
                }
                self.operator.to.clone()
            }
        }
    }
}
