//! Single values: what a field must look like, and its default where it is missing or wrong.

use std::{
    net::IpAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use email_address::{EmailAddress, Options};
use toml::Spanned;
use url::{Host, Url};

use crate::{
    autotask::text,
    config::{
        duration,
        file::{Maybe, Texts},
        report::{KeyPath, Report},
    },
};

/// A field as `parse` makes it; `parse` says what is wrong as a fragment such as "is empty".
pub fn parsed<T>(
    field: Maybe<String>,
    key: &KeyPath,
    report: &mut Report<'_>,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Option<T> {
    let field = field?;
    match parse(field.get_ref()) {
        Ok(value) => Some(value),
        Err(what) => {
            report.wrong(&field.span(), key, what);
            None
        }
    }
}

/// As [`parsed`], each text of a list; the good ones are kept.
pub fn each<T>(
    field: Option<Texts>,
    key: &KeyPath,
    report: &mut Report<'_>,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<Vec<T>> {
    let list = field?.into_inner().into_iter().enumerate();
    Some(
        list.filter_map(|(index, text)| parsed(Some(text), &key.index(index), report, &parse))
            .collect(),
    )
}

/// A duration within `bounds`.
pub fn duration(
    field: Maybe<String>,
    key: &KeyPath,
    report: &mut Report<'_>,
    bounds: RangeInclusive<Duration>,
) -> Option<Duration> {
    parsed(field, key, report, |text| {
        duration::parse(text, &bounds).map_err(|duration::NotADuration(what)| what)
    })
}

/// The same, or zero for never.
pub fn duration_or_never(
    field: Maybe<String>,
    key: &KeyPath,
    report: &mut Report<'_>,
    bounds: &RangeInclusive<Duration>,
) -> Option<Duration> {
    parsed(field, key, report, |text| {
        let zero = duration::parse(text, &(Duration::ZERO..=Duration::ZERO));
        zero.or_else(|_| duration::parse(text, bounds))
            .map_err(|duration::NotADuration(what)| what)
    })
}

/// A whole number within `bounds`.
pub fn whole<T: TryFrom<i64> + PartialOrd>(
    field: Maybe<i64>,
    key: &KeyPath,
    report: &mut Report<'_>,
    bounds: RangeInclusive<T>,
) -> Option<T> {
    let field = field?;
    let number = T::try_from(*field.get_ref()).ok();
    let inside = number.filter(|number| bounds.contains(number));
    if inside.is_none() {
        report.wrong(&field.span(), key, "is out of range");
    }
    inside
}

/// A path, relative to the file's folder.
pub fn path(field: Maybe<String>, key: &KeyPath, report: &mut Report<'_>) -> Option<PathBuf> {
    let folder = report.folder().to_owned();
    parsed(field, key, report, |text| path_in(&folder, text))
}

/// A path below `folder` unless it is absolute.
pub fn path_in(folder: &Path, text: &str) -> Result<PathBuf, &'static str> {
    clean(text, 4096).map(|text| folder.join(text))
}

/// As [`path`], with a warning where no file is.
pub fn existing(field: Maybe<String>, key: &KeyPath, report: &mut Report<'_>) -> Option<PathBuf> {
    let at = field.as_ref().map(Spanned::span)?;
    let path = path(field, key, report)?;
    if !path.is_file() {
        report.warn(&at, key, "names a file that is not there");
    }
    Some(path)
}

/// A text that is not blank, has no control characters, and is at most `longest` characters long.
pub fn clean(text: &str, longest: usize) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("is empty")
    } else if text.chars().any(char::is_control) {
        Err("holds control characters")
    } else if text.chars().count() > longest {
        Err("is too long")
    } else {
        Ok(text.to_owned())
    }
}

/// As [`clean`], for people alone: what they would not see is left out with a warning.
pub fn remark(
    field: Maybe<String>,
    key: &KeyPath,
    report: &mut Report<'_>,
    longest: usize,
) -> Option<String> {
    let at = field.as_ref().map(Spanned::span)?;
    let text = parsed(field, key, report, |text| clean(text, longest))?;
    if !text.contains(is_unseen) {
        return Some(text);
    }
    report.warn(&at, key, &format!("{UNSEEN}: they are left out"));
    let seen = text.replace(is_unseen, "");
    (!seen.trim().is_empty()).then_some(seen)
}

const UNSEEN: &str = "holds characters that cannot be seen or that turn the direction of writing";

/// Two texts that differ in these alone look the same, and what they turn around looks like another. Some scripts and
/// signs need the two that join letters.
fn is_unseen(c: char) -> bool {
    text::hides(c) && !matches!(c, '\u{200c}' | '\u{200d}')
}

/// As [`clean`], without white space at an end, which is a slip.
pub fn trimmed(text: &str, longest: usize) -> Result<String, &'static str> {
    if text.trim() != text && !text.trim().is_empty() {
        return Err("begins or ends with white space");
    }
    clean(text, longest)
}

/// As [`trimmed`], for a name, which tells one thing from another.
pub fn name(text: &str, longest: usize) -> Result<String, &'static str> {
    let text = trimmed(text, longest)?;
    if text.contains(is_unseen) {
        Err(UNSEEN)
    } else {
        Ok(text)
    }
}

/// An e-mail address without a display name.
pub fn address(text: &str) -> Result<EmailAddress, &'static str> {
    let options = Options::default()
        .without_display_text()
        .without_domain_literal();
    // What the mail library cannot send to is no address here either.
    let sendable = text.parse::<lettre::Address>().is_ok();
    EmailAddress::parse_with_options(text, options)
        .ok()
        .filter(|_| sendable)
        .ok_or("is not an e-mail address")
}

/// An address of one of `schemes`, with a path that ends in `/`.
pub fn web_address(text: &str, schemes: &[&str]) -> Result<Url, &'static str> {
    let mut url = Url::parse(text).map_err(|_| "is not an address")?;
    if !schemes.contains(&url.scheme()) || url.host().is_none() {
        return Err("is not an address of a scheme that is possible here");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query or a fragment");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Whether a host is this machine: the only place that credentials and look-ups go to without TLS.
pub fn is_loopback(host: Option<&Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => *name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A host name or an IP address.
pub fn host(text: &str) -> Result<String, &'static str> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    match Host::parse(text) {
        Ok(Host::Domain(name)) if name.split('.').all(|label| !label.is_empty()) => Ok(name),
        Ok(Host::Ipv4(ip)) => Ok(ip.to_string()),
        Ok(Host::Ipv6(ip)) => Ok(ip.to_string()),
        _ => Err("is not a host name"),
    }
}

/// Seconds.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Days of 24 h.
pub const fn days(count: u64) -> Duration {
    secs(count * 86_400)
}
