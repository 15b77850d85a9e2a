//! What an answer of Autotask means: the body decides, then the status; content types are ignored. Pure; it neither
//! sends nor judges users, and it keeps nothing of an answer but short printable texts.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::Value;
use url::Url;

use crate::{
    autotask::{hosts::AllowedHosts, text::printable},
    observation::{QueryFinding, Unclear, ZoneFinding},
};

/// The query probe's body: `filter` is required, one row and one field are enough. (S)
pub const QUERY: &str =
    r#"{"filter":[{"op":"gte","field":"id","value":0}],"maxRecords":1,"includeFields":["id"]}"#;

/// At most so many texts of an `errors[]` are kept,
const MAX_ERRORS: usize = 3;
/// each of at most so many characters.
const MAX_ERROR: usize = 200;
/// A body without `errors[]` is searched for known phrases only if it is not longer than this.
const MAX_PLAIN: usize = 4096;
/// No answer may silence lockwatch for longer.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Reads the answer of a zone look-up.
#[must_use]
pub fn zone_answer(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    allowed: &AllowedHosts,
) -> ZoneFinding {
    let answer = Answer::read(status, body);
    if answer.is_redirect() {
        return ZoneFinding::Unclear(answer.unclear(retry_after));
    }
    if answer.says(&["zone information could not be determined"]) {
        return ZoneFinding::Unknown;
    }
    match answer.zone_url() {
        Some((name, text)) => match Url::parse(text) {
            Ok(url) => allowed
                .trust_as_written(name, text, &url)
                .map_or_else(|why| untrusted(&url, why), ZoneFinding::Found),
            Err(_) => ZoneFinding::Unclear(answer.unexpected("its zone url is not a url")),
        },
        None => ZoneFinding::Unclear(answer.unclear(retry_after)),
    }
}

fn untrusted(url: &Url, why: String) -> ZoneFinding {
    let host = printable(url.host_str().unwrap_or("(none)"), 100);
    ZoneFinding::Untrusted { host, why }
}

/// Reads the answer of a query probe. Occurrences of `hidden` (the credential) are taken out of the texts that are kept.
#[must_use]
pub fn query_answer(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    hidden: &[&str],
) -> QueryFinding {
    let answer = Answer::read(status, body);
    if answer.is_redirect() {
        return QueryFinding::Unclear(answer.unclear(retry_after));
    }
    if answer.says_locked() {
        return QueryFinding::Locked;
    }
    if status == 401 {
        return QueryFinding::Rejected;
    }
    if answer.says(&["integrationcode is invalid", "integration code is invalid"]) {
        return QueryFinding::IntegrationCodeInvalid;
    }
    if answer.says(&["does not have the adequate permissions"]) {
        return QueryFinding::PermissionDenied;
    }
    if answer.says_threshold() {
        return QueryFinding::RateLimited { retry_after };
    }
    match status {
        // A page is the word of something in between, not of the API: it proves nothing about the credential.
        403 if answer.body != Body::Html => QueryFinding::PermissionDenied,
        // The same goes for 429 without the API's own text.
        429 => QueryFinding::Unclear(Unclear::RateLimited { retry_after }),
        _ if !answer.errors.is_empty() => QueryFinding::Refused {
            errors: answer.errors_to_keep(hidden),
        },
        200 if answer.has_items() => QueryFinding::Accepted,
        _ => QueryFinding::Unclear(answer.unclear(retry_after)),
    }
}

/// Reads an answer whose body did not come whole, for the reason `what`. Only a rejection is certain by its status.
#[must_use]
pub fn query_cut_off(status: u16, part: &[u8], what: &str) -> QueryFinding {
    let answer = Answer::read(status, part);
    match status {
        401 if answer.says_locked() => QueryFinding::Locked,
        401 => QueryFinding::Rejected,
        _ => QueryFinding::Unclear(answer.unexpected(what)),
    }
}

/// Whether `versioninformation` gave its JSON: the zone's API is there.
///
/// # Errors
/// What it gave instead.
pub fn version_answer(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
) -> Result<(), Unclear> {
    let answer = Answer::read(status, body);
    let versions = answer.field("apiVersions").and_then(Value::as_array);
    if status == 200 && versions.is_some_and(|versions| !versions.is_empty()) {
        Ok(())
    } else {
        Err(answer.unclear(retry_after))
    }
}

/// Reads a `Retry-After` header: seconds, or a date. At most 24 h; a date in the past is no wait.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = rfc2822::parse(value).ok()?.timestamp();
            let ahead = at.duration_since(now).max(SignedDuration::ZERO);
            ahead.unsigned_abs()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// What kind of body it is, whatever its content type says.
#[derive(Debug, PartialEq)]
enum Body {
    Empty,
    Html,
    Json(Value),
    /// Text, or JSON that was cut off.
    Other,
}

struct Answer {
    status: u16,
    body: Body,
    /// The texts of `errors[]`, as answered.
    errors: Vec<String>,
    /// Where known phrases are looked for, in lower case: `errors[]`, or else a short body that is not a page.
    said: String,
}

impl Answer {
    fn read(status: u16, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let bytes = bytes.trim_ascii();
        let body = match bytes.first() {
            None => Body::Empty,
            Some(b'<') => Body::Html,
            Some(_) => serde_json::from_slice(bytes).map_or(Body::Other, Body::Json),
        };
        // JSON that was cut off may be a row as well as an error: its words blame nobody who is not refused anyway.
        let torn = body == Body::Other && matches!(bytes.first(), Some(b'{' | b'['));
        let errors = match &body {
            Body::Json(value) => error_texts(value),
            _ => Vec::new(),
        };
        let said = if !errors.is_empty() {
            errors.join("\n")
        } else if matches!(body, Body::Json(_) | Body::Other)
            && bytes.len() <= MAX_PLAIN
            && (!torn || status == 401)
        {
            String::from_utf8_lossy(bytes).into_owned()
        } else {
            String::new()
        };
        let mut answer = Self {
            status,
            body,
            errors,
            said: said.to_lowercase(),
        };
        // Rows of a good answer may hold any words: they are nobody's verdict.
        let rows = answer.field("items").is_some_and(Value::is_array);
        if answer.errors.is_empty() && (rows || answer.zone_url().is_some()) {
            answer.said.clear();
        }
        answer
    }

    fn field(&self, name: &str) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => field(value, name),
            _ => None,
        }
    }

    fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.said.contains(phrase))
    }

    fn says_locked(&self) -> bool {
        self.says(&[
            "account has been locked",
            "account is locked",
            "account was locked",
            "user has been locked",
            "user is locked",
            "locked out",
        ])
    }

    fn says_threshold(&self) -> bool {
        let exceeded = self.says(&["exceeded"]);
        self.says(&["thread threshold"]) || (exceeded && self.says(&["threshold", "requests"]))
    }

    /// An `items` array of objects: the shape of a query's answer.
    fn has_items(&self) -> bool {
        self.field("items")
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().all(Value::is_object))
    }

    /// The name and url of a zone that was found.
    fn zone_url(&self) -> Option<(&str, &str)> {
        let found = (200..300).contains(&self.status) && self.errors.is_empty();
        let url = self.field("url").and_then(Value::as_str)?.trim();
        let name = self.field("zoneName").and_then(Value::as_str);
        (found && !url.is_empty()).then_some((name.unwrap_or_default(), url))
    }

    fn errors_to_keep(&self, hidden: &[&str]) -> Vec<String> {
        let hide = |text: &String| {
            hidden
                .iter()
                .filter(|word| !word.is_empty())
                .fold(text.clone(), |text, word| text.replace(word, "(hidden)"))
        };
        self.errors
            .iter()
            .take(MAX_ERRORS)
            .map(|text| printable(&hide(text), MAX_ERROR))
            .collect()
    }

    /// What an answer means that says nothing definitive.
    fn unclear(&self, retry_after: Option<Duration>) -> Unclear {
        let status = self.status;
        match status {
            300..400 => self.unexpected("a redirect, which is never followed"),
            429 => Unclear::RateLimited { retry_after },
            _ if self.says_threshold() => Unclear::RateLimited { retry_after },
            500..600 if self.errors.is_empty() => Unclear::Outage { status },
            200..300 if self.body == Body::Html => Unclear::Maintenance,
            _ if !self.errors.is_empty() => self.unexpected("errors that are not known"),
            _ => self.unexpected(match &self.body {
                Body::Empty => "an empty body",
                Body::Html => "a page instead of JSON",
                Body::Json(_) => "JSON of another shape",
                Body::Other => "a body that is not JSON",
            }),
        }
    }

    fn unexpected(&self, what: &str) -> Unclear {
        Unclear::UnexpectedAnswer {
            status: self.status,
            what: what.to_owned(),
        }
    }
}

/// A field in camelCase, as seen on the wire, or in PascalCase, as in an older description of the API.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).or_else(|| {
        let (first, rest) = name.split_at_checked(1)?;
        value.get(format!("{}{rest}", first.to_ascii_uppercase()))
    })
}

/// The texts of `errors[]`: strings as seen, objects with a `message` besides. Blank ones tell nothing.
fn error_texts(value: &Value) -> Vec<String> {
    let errors = field(value, "errors").and_then(Value::as_array);
    let text = |error: &Value| {
        let text = error
            .as_str()
            .or_else(|| field(error, "message")?.as_str())?;
        (!text.trim().is_empty()).then(|| text.to_owned())
    };
    errors.into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed() -> AllowedHosts {
        AllowedHosts::new(vec!["*.autotask.net".to_owned()])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sat, 21 Nov 2026 12:01:30 GMT", Some(90)),
            ("Sat, 21 Nov 2026 11:00:00 GMT", Some(0)),
            ("99999999999999", Some(24 * 3600)),
            ("Mon, 21 Nov 2027 12:00:00 GMT", None), // it is a Sunday
            ("Thu, 31 Dec 9998 00:00:00 GMT", Some(24 * 3600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (value, want) in table {
            let got = retry_after(value, now).map(|wait| wait.as_secs());
            // The weekday of the fifth row is not that date's: such a header is not believed.
            assert_eq!(
                got,
                want.filter(|_| !value.starts_with("Sun,")),
                "{value:?}"
            );
        }
    }

    #[test]
    fn what_is_kept_of_errors_is_short_and_holds_no_credential() {
        let long = "x".repeat(190);
        let body = serde_json::json!({
            "errors": [format!("{long} demo-secret-1"), "a\r\nb", "for k3jx7q@acme.example", "fourth"]
        });
        let hidden = ["demo-secret-1", "k3jx7q@acme.example", ""];
        let finding = query_answer(500, body.to_string().as_bytes(), None, &hidden);
        let QueryFinding::Refused { errors } = finding else {
            panic!("{finding:?}");
        };
        assert_eq!(errors[0], format!("{long} (hidden)"));
        assert_eq!(errors[1..], ["a b", "for (hidden)"]);
    }

    #[test]
    fn of_a_body_cut_off_only_a_rejection_is_sure() {
        let unexpected = |status| {
            QueryFinding::Unclear(Unclear::UnexpectedAnswer {
                status,
                what: "the body was cut off".into(),
            })
        };
        let locked = br#"{"errors":["The user account has been locked. Ple"#;
        let table = [
            (401, &b""[..], QueryFinding::Rejected),
            (401, b"<html", QueryFinding::Rejected),
            (401, locked, QueryFinding::Locked),
            (200, br#"{"items":[{"id":0}],"pageDe"#, unexpected(200)),
            (403, b"", unexpected(403)),
            (429, b"", unexpected(429)),
            (500, locked, unexpected(500)),
        ];
        for (status, part, want) in table {
            assert_eq!(
                query_cut_off(status, part, "the body was cut off"),
                want,
                "{status}"
            );
        }
    }

    #[test]
    fn the_query_is_json() {
        let query: Value = serde_json::from_str(QUERY).unwrap();
        assert_eq!(query["maxRecords"], 1);
        assert_eq!(query["filter"][0]["field"], "id");
    }

    #[test]
    fn a_zone_is_reachable_when_it_tells_its_versions() {
        assert!(version_answer(200, br#"{"apiVersions":["V1.0"]}"#, None).is_ok());
        let pascal = b"\xef\xbb\xbf{\"ApiVersions\":[\"V1.0\"]}";
        assert!(version_answer(200, pascal, None).is_ok());
        for (status, body) in [
            (200, &b"{\"apiVersions\":[]}"[..]),
            (200, b"<html>maintenance</html>"),
            (200, b""),
            (200, b"[]"),
            (503, b"{\"apiVersions\":[\"V1.0\"]}"),
        ] {
            let answer = version_answer(status, body, None);
            assert!(answer.is_err(), "{status} {body:?}");
        }
    }

    /// Bodies made of pieces that matter, whole or torn.
    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"{\"errors\":[\""[..]),
            Just(&b"The user account has been locked."[..]),
            Just(&b"thread threshold has been exceeded"[..]),
            Just(&b"IntegrationCode is invalid"[..]),
            Just(&b"\"]}"[..]),
            Just(&b"{\"Errors\":[{\"Message\":\""[..]),
            Just(&b"{\"items\":[{\"id\":0}]}"[..]),
            Just(&b"{\"items\":[]}"[..]),
            Just(&b"{\"url\":\"https://a.autotask.net/\"}"[..]),
            Just(&b"<html>"[..]),
            Just(&b"\xef\xbb\xbf"[..]),
            Just(&b"\xff\0"[..]),
        ];
        let pieces = proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
        prop_oneof![4 => pieces, 1 => proptest::collection::vec(any::<u8>(), 0..64)]
    }

    fn statuses() -> impl Strategy<Value = u16> {
        prop_oneof![
            proptest::sample::select(vec![200, 204, 302, 400, 401, 403, 404, 429, 500, 503]),
            0..1000_u16
        ]
    }

    proptest! {
        #[test]
        fn no_answer_panics_or_is_accepted_without_its_shape(status in statuses(), body in bodies()) {
            let finding = query_answer(status, &body, None, &["demo-secret-1"]);
            if finding == QueryFinding::Accepted {
                prop_assert_eq!(status, 200);
                let text = String::from_utf8(body.clone()).unwrap();
                prop_assert!(text.contains("\"items\"") && !text.contains("rrors"));
            }
            if status == 401 {
                prop_assert!(matches!(finding, QueryFinding::Rejected | QueryFinding::Locked));
            }
            if (300..400).contains(&status) {
                prop_assert!(matches!(finding, QueryFinding::Unclear(_)));
            }
            if body.trim_ascii_start().starts_with(b"<") && status != 401 {
                prop_assert!(matches!(finding, QueryFinding::Unclear(_)), "{:?}", finding);
            }
        }

        #[test]
        fn no_zone_is_found_without_a_trusted_url(status in statuses(), body in bodies()) {
            if let ZoneFinding::Found(zone) = zone_answer(status, &body, None, &allowed()) {
                prop_assert!((200..300).contains(&status));
                prop_assert_eq!(zone.api.as_str(), "https://a.autotask.net/");
            }
        }
    }
}
