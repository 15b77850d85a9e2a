//! `[email]` and `[email.smtp]`.

use std::ops::Range;

use email_address::EmailAddress;
use toml::Spanned;
use url::Host;

use super::{
    source::source,
    take::{self, millis, secs},
};
use crate::config::{
    Email, Smtp, SmtpLogin, SmtpTls, Transport,
    file::{self, Maybe},
    report::{KeyPath, Report},
};

/// Who is mailed about a user that names nobody.
#[derive(Default)]
pub struct Operator {
    /// `email.to`
    pub to: Vec<EmailAddress>,
    /// There is an `[email]`, and its `to` could be read: a user without recipients has none.
    pub known: bool,
}

/// `[email]`, and the operator it names.
pub fn email(table: Maybe<file::Email>, report: &mut Report<'_>) -> (Option<Email>, Operator) {
    let key = KeyPath::of("email");
    let Some(table) = table else {
        if !report.is_broken(&key) {
            report.warn_whole(
                "email",
                "there is no [email]: notices are stored as not sent",
            );
        }
        return (None, Operator::default());
    };
    let at = table.span();
    let table = table.into_inner();
    let from = required(table.from, &at, &key.key("from"), report, take::address);
    let to_key = key.key("to");
    let to = take::each(table.to, &to_key, report, take::address).unwrap_or_default();
    let known = !to.is_empty() || !report.is_broken_within(&to_key);
    if to.is_empty() && known {
        report.warn(
            &at,
            &to_key,
            "is missing or empty: what concerns no single user reaches nobody",
        );
    }
    let copy_operator = table.copy_operator.is_none_or(Spanned::into_inner);
    let day = 24 * 3600;
    let remind_every = take::duration_or_never(
        table.remind_every,
        &key.key("remind_every"),
        report,
        &(secs(1)..=secs(90 * day)),
    );
    let mut duration = |field, name, bounds| take::duration(field, &key.key(name), report, bounds);
    let group_wait = duration(table.group_wait, "group_wait", millis(100)..=secs(3600));
    let reopen_within = duration(
        table.reopen_within,
        "reopen_within",
        secs(0)..=secs(7 * day),
    );
    let unclear_after = duration(
        table.unclear_after,
        "unclear_after",
        secs(1)..=secs(7 * day),
    );
    let way = Way {
        transport: table.transport,
        directory: table.directory,
        smtp: table.smtp,
    };
    let transport = transport(way, &at, report);
    let operator = Operator {
        to: to.clone(),
        known,
    };
    let email = from.zip(transport).map(|(from, transport)| Email {
        from,
        to,
        copy_operator,
        remind_every: Some(remind_every.unwrap_or(secs(day))).filter(|every| !every.is_zero()),
        group_wait: group_wait.unwrap_or(secs(30)),
        reopen_within: reopen_within.unwrap_or(secs(3600)),
        unclear_after: unclear_after.unwrap_or(secs(3600)),
        transport,
    });
    (email, operator)
}

/// A field that has no default.
fn required<T>(
    field: Maybe<String>,
    table: &Range<usize>,
    key: &KeyPath,
    report: &mut Report<'_>,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Option<T> {
    if field.is_none() {
        report.missing(table, key);
    }
    take::parsed(field, key, report, parse)
}

struct Way {
    transport: Maybe<String>,
    directory: Maybe<String>,
    smtp: Maybe<file::Smtp>,
}

fn transport(way: Way, at: &Range<usize>, report: &mut Report<'_>) -> Option<Transport> {
    let key = KeyPath::of("email");
    let by_file = match way.transport {
        None if report.is_broken(&key.key("transport")) => return None,
        None => false,
        named => take::parsed(named, &key.key("transport"), report, |text| match text {
            "smtp" => Ok(false),
            "file" => Ok(true),
            _ => Err("is not a transport"),
        })?,
    };
    let directory_at = way.directory.as_ref().map(Spanned::span);
    let directory = take::path(way.directory, &key.key("directory"), report);
    let smtp_at = way.smtp.as_ref().map(Spanned::span);
    let smtp_key = key.key("smtp");
    let smtp = way.smtp.map(|table| smtp(table, &smtp_key, report));
    let unused = "is not used: email.transport names the other way";
    if by_file {
        if let Some(at) = smtp_at {
            report.warn(&at, &smtp_key, unused);
        }
        if directory_at.is_none() {
            report.missing(at, &key.key("directory"));
        }
        directory.map(|directory| Transport::File { directory })
    } else {
        if let Some(at) = directory_at {
            report.warn(&at, &key.key("directory"), unused);
        }
        if smtp.is_none() {
            report.missing(at, &smtp_key);
        }
        smtp.flatten().map(Transport::Smtp)
    }
}

fn smtp(table: Spanned<file::Smtp>, key: &KeyPath, report: &mut Report<'_>) -> Option<Smtp> {
    let at = table.span();
    let table = table.into_inner();
    let host = required(table.host, &at, &key.key("host"), report, take::host);
    let tls_at = table.tls.as_ref().map_or(at.clone(), Spanned::span);
    let tls = take::parsed(table.tls, &key.key("tls"), report, |text| match text {
        "starttls" => Ok(SmtpTls::StartTls),
        "implicit" => Ok(SmtpTls::Implicit),
        "none" => Ok(SmtpTls::None),
        _ => Err("is not a kind of protection"),
    })
    .unwrap_or(SmtpTls::StartTls);
    if tls == SmtpTls::None && !host.as_deref().is_some_and(is_this_machine) {
        let tls_key = key.key("tls");
        if table.username.is_some() {
            report.wrong(
                &tls_at,
                &tls_key,
                "would send the login in plain text to another machine",
            );
        } else {
            report.warn(
                &tls_at,
                &tls_key,
                "sends mails unprotected to another machine",
            );
        }
    }
    let port = take::whole(table.port, &key.key("port"), report, 1..=u16::MAX);
    let timeout = take::duration(
        table.timeout,
        &key.key("timeout"),
        report,
        secs(1)..=secs(600),
    );
    let ca_file = take::existing(table.ca_file, &key.key("ca_file"), report);
    let login = login(table.username, table.password, &at, key, report);
    Some(Smtp {
        host: host?,
        port: port.unwrap_or(match tls {
            SmtpTls::StartTls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        }),
        tls,
        login,
        ca_file,
        timeout: timeout.unwrap_or(secs(60)),
    })
}

/// Both or none.
fn login(
    username: Maybe<String>,
    password: Maybe<file::Source>,
    at: &Range<usize>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> Option<SmtpLogin> {
    let (name_key, password_key) = (key.key("username"), key.key("password"));
    match (username.is_some(), password.is_some()) {
        (true, false) => report.missing(at, &password_key),
        (false, true) => report.missing(at, &name_key),
        _ => {}
    }
    let username = take::parsed(username, &name_key, report, |text| take::name(text, 320));
    let password = password.and_then(|at| source_at(at, &password_key, report));
    username
        .zip(password)
        .map(|(username, password)| SmtpLogin { username, password })
}

fn source_at(
    table: Spanned<file::Source>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> Option<crate::config::secret::SecretSource> {
    let at = table.span();
    source(table.into_inner(), &at, key, report)
}

fn is_this_machine(host: &str) -> bool {
    let ip = host.parse::<std::net::IpAddr>();
    ip.is_ok_and(|ip| ip.is_loopback()) || take::is_loopback(Some(&Host::Domain(host)))
}
