//! The answers of Autotask, to the byte where they are known. Pure: shapes only, no decision about who gets which.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// One answer, and how it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// Besides `content-length` and `date`, which the server adds.
    pub headers: Vec<(String, String)>,
    /// Content.
    pub body: Vec<u8>,
    /// Waited before the first byte is sent.
    pub delay: Duration,
    /// Whether the answer arrives whole.
    pub ending: Ending,
}

/// How an answer ends on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// The connection is closed before the status.
    CutBeforeStatus,
    /// The connection is closed after so many bytes of the body; `content-length` promises all of it.
    CutBodyAt(usize),
    /// Nothing is ever sent and the connection stays open.
    Silence,
}

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html";

const NOT_FOUND_PAGE: &str = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n<html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head>\r\n<title>404 - File or directory not found.</title>\r\n</head>\r\n<body>\r\n<div id=\"header\"><h1>Server Error</h1></div>\r\n<div id=\"content\">\r\n<h2>404 - File or directory not found.</h2>\r\n<h3>The resource you are looking for might have been removed, had its name changed, or is temporarily unavailable.</h3>\r\n</div>\r\n</body>\r\n</html>\r\n";
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html>\r\n<html>\r\n<head><title>Autotask Maintenance</title></head>\r\n<body><h1>Autotask is currently undergoing scheduled maintenance.</h1></body>\r\n</html>\r\n";
const UNAVAILABLE_PAGE: &str = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable</h2>\r\n<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n</BODY></HTML>\r\n";

impl RawAnswer {
    /// Any status and body, delivered at once and whole.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
            ending: Ending::Whole,
        }
    }

    /// `{"errors":[…]}`, as Autotask refuses.
    #[must_use]
    pub fn errors(status: u16, errors: &[&str]) -> Self {
        #[derive(Serialize)]
        struct Errors<'a> {
            errors: &'a [&'a str],
        }
        Self::json(status, &Errors { errors })
    }

    /// A body of JSON.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, body: &T) -> Self {
        // Only maps with keys that are no strings fail here, and there are none.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        Self::new(status, JSON, bytes)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sent so much later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Ending otherwise.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// 401 with an empty body, whatever the cause. (S)
#[must_use]
pub fn rejected(realm: &str) -> RawAnswer {
    RawAnswer {
        status: 401,
        headers: vec![(
            "www-authenticate".to_owned(),
            format!("Basic Realm=\"{realm}\""),
        )],
        body: Vec::new(),
        delay: Duration::ZERO,
        ending: Ending::Whole,
    }
}

/// `zoneInformation` of an unknown or blank username. (S)
#[must_use]
pub fn zone_unknown() -> RawAnswer {
    RawAnswer::errors(500, &["Zone information could not be determined"])
}

/// `zoneInformation` of a known username. (D)
#[must_use]
pub fn zone_found(name: &str, url: &str, number: u16, ci: u64) -> RawAnswer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ZoneInformation<'a> {
        zone_name: &'a str,
        url: &'a str,
        web_url: String,
        ci: u64,
    }
    RawAnswer::json(
        200,
        &ZoneInformation {
            zone_name: name,
            url,
            web_url: format!("https://ww{number}.autotask.net/"),
            ci,
        },
    )
}

/// `versioninformation`, without a credential. (S)
#[must_use]
pub fn version_information() -> RawAnswer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct VersionInformation {
        api_versions: [&'static str; 1],
    }
    RawAnswer::json(
        200,
        &VersionInformation {
            api_versions: ["V1.0"],
        },
    )
}

/// A good credential with a code that is not its own. (S)
#[must_use]
pub fn integration_code_invalid() -> RawAnswer {
    RawAnswer::errors(500, &["IntegrationCode is invalid"])
}

/// The right to query the entity is missing: 500, not the documented 403. (S)
#[must_use]
pub fn permission_denied() -> RawAnswer {
    RawAnswer::errors(
        500,
        &[
            "The logged in Resource does not have the adequate permissions to query this entity type.",
        ],
    )
}

/// A query without `filter`. (S)
#[must_use]
pub fn filter_missing() -> RawAnswer {
    RawAnswer::errors(500, &["Value cannot be null.\r\nParameter name: filters"])
}

/// More than three requests at once. (S)
#[must_use]
pub fn threads_exceeded(limit: u32, method: &str) -> RawAnswer {
    let text = format!(
        "The Autotask API thread threshold of {limit} threads has been exceeded. Method: {method}"
    );
    RawAnswer::errors(429, &[&text])
}

/// The tenant's requests are used up. Status and text are not known; both are a guess after the text for threads. [?]
#[must_use]
pub fn quota_exceeded(limit: u32) -> RawAnswer {
    let text = format!("The Autotask API request threshold of {limit} requests has been exceeded.");
    RawAnswer::errors(429, &[&text])
}

/// `ThresholdInformation`. (D)
#[must_use]
pub fn threshold(limit: u32, used: u32) -> RawAnswer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ThresholdInformation {
        external_request_threshold: u32,
        request_threshold_timeframe: u32,
        current_timeframe_request_count: u32,
    }
    RawAnswer::json(
        200,
        &ThresholdInformation {
            external_request_threshold: limit,
            request_threshold_timeframe: 60,
            current_timeframe_request_count: used,
        },
    )
}

/// One page of a query: everything the simulator has fits on one. (D)
#[must_use]
pub fn items(items: &[Value]) -> RawAnswer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PageDetails {
        count: usize,
        request_count: u32,
        prev_page_url: Option<String>,
        next_page_url: Option<String>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Page<'a> {
        items: &'a [Value],
        page_details: PageDetails,
    }
    RawAnswer::json(
        200,
        &Page {
            items,
            page_details: PageDetails {
                count: items.len(),
                request_count: 500,
                prev_page_url: None,
                next_page_url: None,
            },
        },
    )
}

/// An unknown path: the page of the web server, not of the API. (S)
#[must_use]
pub fn not_found() -> RawAnswer {
    RawAnswer::new(404, HTML, NOT_FOUND_PAGE)
}

/// Planned maintenance: a page with status 200. (S)
#[must_use]
pub fn maintenance() -> RawAnswer {
    RawAnswer::new(200, HTML, MAINTENANCE_PAGE)
}

/// An outage: 503 without `errors[]`.
#[must_use]
pub fn unavailable() -> RawAnswer {
    RawAnswer::new(503, HTML, UNAVAILABLE_PAGE)
}
