//! Where a credential may go: which hosts, and which urls on them. Pure; it neither resolves names nor sends anything.

use std::net::IpAddr;

use url::{Host, Url};

use crate::{autotask::text::printable_ascii, observation::Zone};

/// Zone names in metrics and mails are not longer than this.
const MAX_NAME: usize = 64;
/// Zone urls are short, and the store and every message about the zone hold them.
const LONGEST: usize = 2048;

/// `autotask.allowed_hosts`: exact names, or `*.domain` for any host below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Takes patterns that the config room has checked.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns.iter().map(|pattern| as_in_urls(pattern)).collect())
    }

    /// Whether `url`, an answer of the zone look-up, may be sent credentials.
    ///
    /// # Errors
    /// Why not, a fragment.
    pub fn trust(&self, name: &str, url: &Url) -> Result<Zone, String> {
        let Some(host) = url.host() else {
            return Err("it names no host".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a login".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it holds a query or a fragment".to_owned());
        }
        let text = host.to_string();
        if text.ends_with('.') {
            return Err("its host ends in a dot".to_owned());
        }
        if !self.matches(&text) {
            return Err("its host is not in allowed_hosts".to_owned());
        }
        if !is_loopback(url) {
            if !matches!(host, Host::Domain(_)) {
                return Err("its host is an IP address".to_owned());
            }
            if url.scheme() != "https" {
                return Err("it is not https".to_owned());
            }
            if url.port_or_known_default() != Some(443) {
                return Err("its port is not 443".to_owned());
            }
        } else if !matches!(url.scheme(), "http" | "https") {
            return Err("it is neither http nor https".to_owned());
        }
        Ok(Zone {
            name: zone_name(name, &text),
            api: with_final_slash(url),
        })
    }

    /// The same, of the url that is written `text`. What a parser has to mend (a missing slash, a backslash, a tab
    /// inside, an address in another notation) is read differently elsewhere; an honest answer needs none of it.
    ///
    /// # Errors
    /// Why not, a fragment.
    pub fn trust_as_written(&self, name: &str, text: &str, url: &Url) -> Result<Zone, String> {
        let zone = self.trust(name, url)?;
        if text.len() > LONGEST {
            Err(format!("it is longer than {LONGEST} characters"))
        } else if is_plain(text, url) {
            Ok(zone)
        } else {
            Err("it is written in a way that can be read as another url".to_owned())
        }
    }

    /// Whether every pattern is a loopback host: then no certificate of the outer world is ever needed.
    #[must_use]
    pub fn only_loopback(&self) -> bool {
        self.0.iter().all(|pattern| loopback_name(pattern))
    }

    fn matches(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .and_then(|rest| rest.strip_suffix('.'))
                    .is_some_and(|labels| labels.split('.').all(|label| !label.is_empty())),
                None => host == pattern,
            })
    }
}

/// Whether `url` stays on this machine: 127.0.0.0/8, ::1 or localhost.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(loopback_name)
}

fn loopback_name(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|ip| ip.is_loopback())
}

/// Whether `text` says what `url` holds: scheme, `://`, the host letter by letter, its port if any, a path.
fn is_plain(text: &str, url: &Url) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_host = [host.to_owned(), format!("{host}:{port}")]
        .iter()
        .any(|spelt| authority.eq_ignore_ascii_case(spelt));
    let of_host = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    scheme.eq_ignore_ascii_case(url.scheme())
        && is_host
        && host.chars().all(of_host)
        && text.chars().all(|c| c.is_ascii_graphic() && c != '\\')
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// A pattern spelt as the url crate spells hosts: lower case, IDN as punycode, IPv6 in brackets.
fn as_in_urls(pattern: &str) -> String {
    if let Some(IpAddr::V6(ip)) = address(pattern) {
        return format!("[{ip}]");
    }
    let (prefix, name) = match pattern.strip_prefix("*.") {
        Some(domain) => ("*.", domain),
        None => ("", pattern),
    };
    // What is not a host matches no host either, so it may stay as it is.
    let name = Host::parse(name).map_or_else(|_| name.to_lowercase(), |host| host.to_string());
    format!("{prefix}{name}")
}

fn zone_name(answered: &str, host: &str) -> String {
    let name = printable_ascii(answered, MAX_NAME);
    if name.is_empty() {
        printable_ascii(host, MAX_NAME)
    } else {
        name
    }
}

fn with_final_slash(url: &Url) -> Url {
    let mut url = url.clone();
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(patterns: &[&str]) -> AllowedHosts {
        AllowedHosts::new(patterns.iter().map(|p| (*p).to_owned()).collect())
    }

    #[test]
    fn only_what_autotask_owns_is_trusted() {
        let vendor = &["*.autotask.net"][..];
        let own = &[
            "127.0.0.1",
            "localhost",
            "::1",
            "10.0.0.5",
            "zone.msp.example",
        ][..];
        let table: &[(&[&str], &str, bool)] = &[
            (
                vendor,
                "https://webservices14.autotask.net/ATServicesRest/",
                true,
            ),
            (
                vendor,
                "https://webservices14.autotask.net:443/ATServicesRest/",
                true,
            ),
            (
                vendor,
                "https://WebServices14.AutoTask.NET/ATServicesRest/",
                true,
            ),
            (vendor, "https://prde.eu.autotask.net/", true),
            (vendor, "https://autotask.net/", false),
            (vendor, "https://.autotask.net/", false),
            (vendor, "https://evilautotask.net/", false),
            (vendor, "https://autotask.net.evil.example/", false),
            (
                vendor,
                "https://webservices14.autotask.net.evil.example/",
                false,
            ),
            (
                vendor,
                "https://webservices14.autotask.net@evil.example/",
                false,
            ),
            (
                vendor,
                "https://evil.example/webservices14.autotask.net/",
                false,
            ),
            (vendor, "https://evil.example#.autotask.net/", false),
            (vendor, "https://evil.example\\.autotask.net/", false),
            (vendor, "https://xn--utotask-cwf.net/", false),
            (vendor, "https://webservices14.\u{430}utotask.net/", false),
            (vendor, "https://webservices14.autotask.net./", false),
            (vendor, "https://user@webservices14.autotask.net/", false),
            (
                vendor,
                "https://user:word@webservices14.autotask.net/",
                false,
            ),
            (vendor, "https://:word@webservices14.autotask.net/", false),
            (vendor, "https://webservices14.autotask.net/?a=b", false),
            (vendor, "https://webservices14.autotask.net/?", false),
            (vendor, "https://webservices14.autotask.net/#a", false),
            (vendor, "https://webservices14.autotask.net:8443/", false),
            (vendor, "http://webservices14.autotask.net/", false),
            (vendor, "http://webservices14.autotask.net:443/", false),
            (vendor, "ftp://webservices14.autotask.net/", false),
            (vendor, "data:text/plain,autotask.net", false),
            (vendor, "http://127.0.0.1:8080/", false),
            (vendor, "http://localhost/", false),
            (vendor, "https://169.254.169.254/", false),
            (own, "http://127.0.0.1:8080/ATServicesRest/", true),
            (own, "https://127.0.0.1:8443/", true),
            (own, "http://2130706433/", true),
            (own, "http://localhost:8080/", true),
            (own, "http://[::1]:8080/", true),
            (own, "ftp://127.0.0.1/", false),
            (own, "http://127.0.0.2/", false),
            (own, "http://localhost.evil.example/", false),
            (own, "https://10.0.0.5/", false),
            (own, "https://zone.msp.example/", true),
            (own, "http://zone.msp.example/", false),
            (own, "https://below.zone.msp.example/", false),
            (
                &["*.b\u{fc}cher.example"],
                "https://a.xn--bcher-kva.example/",
                true,
            ),
            (&["*.AUTOTASK.net"], "https://a.autotask.net/", true),
            (&["*."], "https://a.autotask.net/", false),
            (&["zone.msp.example."], "https://zone.msp.example./", false),
            (&["*"], "https://a.autotask.net/", false),
            (&[], "https://a.autotask.net/", false),
        ];
        for (patterns, url, trusted) in table {
            let parsed = Url::parse(url);
            let answer = parsed.map(|url| hosts(patterns).trust("AE02", &url));
            let is_trusted = matches!(&answer, Ok(Ok(_)));
            assert_eq!(is_trusted, *trusted, "{url} with {patterns:?}: {answer:?}");
        }
    }

    #[test]
    fn a_zone_is_kept_ready_for_use() {
        let table = [
            (
                "AE02",
                "https://a.autotask.net",
                "AE02",
                "https://a.autotask.net/",
            ),
            (
                "AE02",
                "https://a.autotask.net/ATServicesRest",
                "AE02",
                "https://a.autotask.net/ATServicesRest/",
            ),
            (
                "AE02",
                "https://a.autotask.net/ATServicesRest/",
                "AE02",
                "https://a.autotask.net/ATServicesRest/",
            ),
            (
                "A\r\nE\u{1b}[31m",
                "https://a.autotask.net/",
                "A E [31m",
                "https://a.autotask.net/",
            ),
            (
                " \t",
                "https://a.autotask.net/",
                "a.autotask.net",
                "https://a.autotask.net/",
            ),
        ];
        for (name, url, want_name, want_url) in table {
            let zone = hosts(&["*.autotask.net"])
                .trust(name, &Url::parse(url).unwrap())
                .unwrap();
            assert_eq!(
                (zone.name.as_str(), zone.api.as_str()),
                (want_name, want_url)
            );
        }
        let long = hosts(&["*.autotask.net"])
            .trust(
                &"Z".repeat(500),
                &Url::parse("https://a.autotask.net/").unwrap(),
            )
            .unwrap();
        assert_eq!(long.name.len(), MAX_NAME);
    }

    #[test]
    fn loopback_alone_is_recognised() {
        assert!(hosts(&["127.0.0.1", "::1", "[::1]", "localhost"]).only_loopback());
        assert!(!hosts(&["127.0.0.1", "*.autotask.net"]).only_loopback());
        assert!(!hosts(&["localhost.evil.example"]).only_loopback());
    }

    /// Urls that are mostly near misses of the good ones.
    fn urls() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("https://".to_owned()),
            Just("http://".to_owned()),
            Just("webservices1".to_owned()),
            Just(".autotask.net".to_owned()),
            Just("autotask.net".to_owned()),
            Just("127.0.0.1".to_owned()),
            Just(".evil.example".to_owned()),
            Just(":443".to_owned()),
            Just("/".to_owned()),
            Just("@".to_owned()),
            "[.:@/\\\\?#a-z0-9%\\[\\]-]{0,4}",
        ];
        proptest::collection::vec(part, 1..8)
            .prop_map(|parts| format!("https://{}", parts.concat()))
    }

    /// The rule in other words, without a parser of urls: a text that leads to Autotask and to nobody else.
    fn leads_to_autotask(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        let Some(rest) = lower.strip_prefix("https://") else {
            return false;
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.strip_suffix(":443").unwrap_or(authority);
        let labels: Vec<&str> = host.split('.').collect();
        let of_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let of_path = |c: char| ('!'..='~').contains(&c) && !"\\?#".contains(c);
        labels.len() > 2
            && labels.ends_with(&["autotask", "net"])
            && labels
                .iter()
                .all(|label| !label.is_empty() && label.chars().all(of_host))
            && path.chars().all(of_path)
            && text.len() <= 2048
    }

    fn trusted_as_written(text: &str) -> bool {
        let allowed = hosts(&["*.autotask.net"]);
        Url::parse(text).is_ok_and(|url| allowed.trust_as_written("AE02", text, &url).is_ok())
    }

    /// What people and attackers put into urls, in any order.
    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => proptest::sample::select(vec![
                "https://", "HTTPS://", "http://", "https:", "//", "webservices14", ".autotask.net", "autotask.net",
                ".AUTOTASK.net", ".evil.example", "evil", "127.0.0.1", "[::1]", "0x7f.1", ":443", ":8443", ":0443", ":",
                "/", "\\", "@", "?", "#", "%2e", "%2F", "%", ".", "..", "/../", "\t", "\n", " ", "\0", "\u{3002}",
                "\u{ff0e}", "\u{ff41}", "\u{430}", "\u{212a}", "\u{ad}", "\u{200d}", "xn--", "ATServicesRest",
            ]).prop_map(str::to_owned),
            1 => "\\PC{0,3}",
        ];
        proptest::collection::vec(part, 0..7).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_is_trusted_that_does_not_lead_to_autotask(
            head in prop_oneof![Just(""), Just("https://"), Just("https://webservices14.autotask.net")],
            text in texts(),
        ) {
            let text = format!("{head}{text}");
            prop_assert!(!trusted_as_written(&text) || leads_to_autotask(&text), "{text:?}");
        }

        #[test]
        fn whatever_plainly_leads_to_autotask_is_trusted(
            text in "(https|HTTPS)://([a-wyz][a-z0-9]{0,8}\\.){1,3}[Aa]utotask\\.(net|NET)(:443)?(/[a-zA-Z0-9._~%@:;=+/-]{0,12})?",
        ) {
            prop_assert!(leads_to_autotask(&text), "{text:?}");
            prop_assert!(trusted_as_written(&text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_trusted_is_https_on_an_allowed_host(text in urls()) {
            let allowed = hosts(&["*.autotask.net", "127.0.0.1"]);
            if let Ok(url) = Url::parse(&text)
                && let Ok(zone) = allowed.trust("AE02", &url)
            {
                let host = zone.api.host_str().unwrap();
                let vendor = host.ends_with(".autotask.net")
                    && zone.api.scheme() == "https"
                    && zone.api.port_or_known_default() == Some(443);
                prop_assert!(vendor || host == "127.0.0.1", "{}", zone.api);
                prop_assert!(zone.api.path().ends_with('/'));
                prop_assert!(zone.api.query().is_none() && zone.api.username().is_empty());
                prop_assert!(allowed.trust(&zone.name, &zone.api).as_ref() == Ok(&zone));
            }
        }
    }
}
