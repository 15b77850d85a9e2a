//! `[autotask]` and `[schedule]`.

use std::{net::IpAddr, time::Duration};

use toml::Spanned;
use url::{Host, Url};

use super::take::{self, days, millis, secs};
use crate::{
    autotask::hosts::AllowedHosts,
    config::{
        Autotask,
        file::{self, Maybe},
        report::{KeyPath, Report},
    },
};

/// The vendor's domain; hosts elsewhere are suspicious.
const VENDOR: &str = "autotask.net";

/// `[autotask]`
pub fn autotask(table: Maybe<file::Autotask>, report: &mut Report<'_>) -> Option<Autotask> {
    let table = table.map(Spanned::into_inner).unwrap_or_default();
    let key = KeyPath::of("autotask");
    let base_url = base_url(table.base_url, &key.key("base_url"), report)?;
    let hosts = table.allowed_hosts;
    Some(Autotask {
        allowed_hosts: allowed_hosts(hosts, &key.key("allowed_hosts"), &base_url, report),
        base_url,
        timeout: take::duration(
            table.timeout,
            &key.key("timeout"),
            report,
            millis(100)..=secs(300),
        )
        .unwrap_or(secs(10)),
        ca_file: take::existing(table.ca_file, &key.key("ca_file"), report),
        proxy: take::parsed(table.proxy, &key.key("proxy"), report, |text| {
            take::web_address(text, &["http", "https"])
        }),
    })
}

fn base_url(field: Maybe<String>, key: &KeyPath, report: &mut Report<'_>) -> Option<Url> {
    let Some(at) = field.as_ref().map(Spanned::span) else {
        return Url::parse("https://webservices.autotask.net/").ok();
    };
    let url = take::parsed(field, key, report, |text| {
        let url = take::web_address(text, &["http", "https"])?;
        if url.scheme() == "http" && !take::is_loopback(url.host().as_ref()) {
            Err("is plain http to another machine")
        } else if url.path().to_lowercase().contains("atservicesrest") {
            Err("holds the path of the API, which is added to it")
        } else {
            Ok(url)
        }
    });
    if url
        .as_ref()
        .is_some_and(|url| !is_vendor(url.host_str()) && !take::is_loopback(url.host().as_ref()))
    {
        report.warn(
            &at,
            key,
            "is not at autotask.net: every username is looked up there",
        );
    }
    // What is wrong has been said; nothing comes of this value.
    url.or_else(|| Url::parse("https://webservices.autotask.net/").ok())
}

fn is_vendor(host: Option<&str>) -> bool {
    host.and_then(|host| host.strip_suffix(VENDOR))
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn allowed_hosts(
    field: Option<file::Texts>,
    key: &KeyPath,
    base_url: &Url,
    report: &mut Report<'_>,
) -> AllowedHosts {
    let Some(list) = field else {
        let mut hosts = vec![format!("*.{VENDOR}")];
        if take::is_loopback(base_url.host().as_ref()) {
            // A look-up on this machine is a simulated one, and so are its zones.
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        return AllowedHosts::new(hosts);
    };
    if list.get_ref().is_empty() {
        report.wrong(
            &list.span(),
            key,
            "is empty, so that no credential could go anywhere",
        );
    }
    for (index, text) in list.get_ref().iter().enumerate() {
        let elsewhere = host_pattern(text.get_ref())
            .is_ok_and(|pattern| !is_vendor(Some(&pattern)) && !is_local(&pattern));
        if elsewhere {
            report.warn(
                &text.span(),
                &key.index(index),
                "is not at autotask.net: credentials may go there",
            );
        }
    }
    AllowedHosts::new(take::each(Some(list), key, report, host_pattern).unwrap_or_default())
}

fn is_local(pattern: &str) -> bool {
    Host::parse(pattern).is_ok_and(|host| match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    })
}

/// A host name in its canonical form, `*.domain`, or this machine. Loopback addresses come out as urls write them.
fn host_pattern(text: &str) -> Result<String, &'static str> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_loopback() => return Ok(ip.to_string()),
        Ok(IpAddr::V6(ip)) if ip.is_loopback() => return Ok(format!("[{ip}]")),
        Ok(_) => return Err("is an IP address other than loopback"),
        Err(_) => {}
    }
    let (name, labels) = match text.strip_prefix("*.") {
        Some(domain) => (domain, 2),
        None => (text, 1),
    };
    let canonical = matches!(Host::parse(name), Ok(Host::Domain(parsed)) if parsed == name);
    let count = name.split('.').filter(|label| !label.is_empty()).count();
    let whole = count == name.split('.').count();
    if name.chars().any(char::is_uppercase) {
        Err("is not in lower case")
    } else if !canonical || !whole || name.contains('*') {
        Err("is not a host pattern")
    } else if count < labels {
        Err("allows every host of a top-level domain")
    } else {
        Ok(text.to_owned())
    }
}

/// `[schedule]`: the interval of users that have none of their own, and requests in flight.
pub fn schedule(
    table: Maybe<file::Schedule>,
    timeout: Duration,
    report: &mut Report<'_>,
) -> (Duration, usize) {
    let table = table.map(Spanned::into_inner).unwrap_or_default();
    let key = KeyPath::of("schedule");
    let interval = interval(table.interval, &key.key("interval"), timeout, report);
    let in_flight = take::whole(
        table.max_in_flight,
        &key.key("max_in_flight"),
        report,
        2..=1000_i64,
    );
    (
        interval.unwrap_or(secs(300)),
        in_flight
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(64),
    )
}

/// An interval between checks, with warnings where it is hardly one.
pub fn interval(
    field: Maybe<String>,
    key: &KeyPath,
    timeout: Duration,
    report: &mut Report<'_>,
) -> Option<Duration> {
    let at = field.as_ref().map(Spanned::span)?;
    let interval = take::duration(field, key, report, secs(1)..=days(7))?;
    if timeout * 2 >= interval {
        report.warn(
            &at,
            key,
            "is not longer than two probes may take (autotask.timeout each): checks will be late",
        );
    } else if interval < secs(60) {
        report.warn(
            &at,
            key,
            "is shorter than 1m: every check uses up the tenant's hourly requests",
        );
    }
    Some(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_patterns() {
        for (text, expected) in [
            ("*.autotask.net", Ok("*.autotask.net")),
            ("webservices1.autotask.net", Ok("webservices1.autotask.net")),
            ("localhost", Ok("localhost")),
            ("127.0.0.1", Ok("127.0.0.1")),
            ("::1", Ok("[::1]")),
            ("[::1]", Ok("[::1]")),
            ("10.0.0.1", Err("is an IP address other than loopback")),
            ("*.Autotask.net", Err("is not in lower case")),
            ("*.net", Err("allows every host of a top-level domain")),
            ("*", Err("is not a host pattern")),
            ("*.*.net", Err("is not a host pattern")),
            ("https://autotask.net", Err("is not a host pattern")),
            ("autotask.net:443", Err("is not a host pattern")),
            ("autotask.net.", Err("is not a host pattern")),
            (".autotask.net", Err("is not a host pattern")),
            ("*..net", Err("is not a host pattern")),
            ("", Err("is not a host pattern")),
            ("bücher.example", Err("is not a host pattern")),
        ] {
            assert_eq!(host_pattern(text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn only_the_vendors_domain_is_the_vendors() {
        assert!(is_vendor(Some("webservices.autotask.net")));
        assert!(!is_vendor(Some("notautotask.net")));
        assert!(!is_vendor(Some("autotask.net.example")));
    }
}
