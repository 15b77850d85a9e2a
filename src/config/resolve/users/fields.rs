//! Single fields of `[[users]]` that depend on no other user.

use std::{collections::BTreeMap, ops::Range};

use jiff::Timestamp;
use toml::{Spanned, value::Datetime};

use crate::{
    clock,
    config::{
        file::Maybe,
        report::{KeyPath, Report},
        resolve::take,
    },
    user::Username,
};

pub(super) fn username(text: &str) -> Result<Username, &'static str> {
    let text = take::name(text, 320)?;
    Username::parse(&text).map_err(|_| "holds characters other than printable ASCII")
}

/// Given, or the domain of the username.
pub(super) fn tenant(
    field: Maybe<String>,
    username: Option<&Username>,
    user: &Range<usize>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> Option<String> {
    if field.is_some() {
        return take::parsed(field, key, report, |text| take::name(text, 128));
    }
    let domain = username?
        .as_str()
        .rsplit_once('@')
        .map(|(_, domain)| domain);
    match domain.map(|domain| take::name(domain, 128)) {
        Some(Ok(domain)) => Some(domain),
        _ => {
            report.lacking(
                user,
                key,
                "is missing, and the username has no domain to take it from",
            );
            None
        }
    }
}

pub(super) fn entity(text: &str) -> Result<String, &'static str> {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins_well && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err("is not the name of an entity")
    }
}

pub(super) fn created(
    field: Maybe<Datetime>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Timestamp> {
    let field = field?;
    // Without an offset jiff refuses it too: a time without one is no instant.
    let Ok(created) = field.get_ref().to_string().parse::<Timestamp>() else {
        report.wrong(&field.span(), key, "is not a date and time with an offset");
        return None;
    };
    if created > clock::now() {
        report.warn(
            &field.span(),
            key,
            "lies in the future: no credential is presented before it",
        );
    }
    Some(created)
}

pub(super) fn labels(
    field: Maybe<BTreeMap<Spanned<String>, Spanned<String>>>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> BTreeMap<String, String> {
    let Some(field) = field else {
        return BTreeMap::new();
    };
    if field.get_ref().len() > 32 {
        report.wrong(&field.span(), key, "holds too many texts");
    }
    let mut labels = BTreeMap::new();
    for (name, value) in field.into_inner() {
        let at = name.span();
        let key = key.key(name.get_ref());
        if take::name(name.get_ref(), 64).is_err() {
            report.problem(&at, &key, "is not the name of a label; write 1 to 64 characters, without outer white space and control characters");
            continue;
        }
        let value = take::remark(Some(value), &key, report, 128);
        labels.extend(value.map(|value| (name.into_inner(), value)));
    }
    labels
}
