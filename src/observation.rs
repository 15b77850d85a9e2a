//! What a check saw: facts only, no judgement. Pure data.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attempt::{Outcome, Refusal};

/// One round of probes for one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the round began.
    pub at: Timestamp,
    /// The zone look-up, always made.
    pub zone: Probed<ZoneFinding>,
    /// The authenticated request, or why there was none.
    pub query: QueryStep,
    /// What was seen of other users at the same time.
    #[serde(default)]
    pub fleet: Fleet,
}

/// What other users' checks say about this one's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The look-up denies so many others that it knew: then it is the look-up that fails.
    pub denied: usize,
    /// Autotask refuses many users at once, since then: then it is not this user.
    pub storm: Option<Timestamp>,
    /// Others are still being checked to tell.
    pub pending: bool,
}

/// A finding and how long the probe took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probed<F> {
    /// What was learnt.
    pub finding: F,
    /// From the first byte wanted to the last byte read.
    pub took: Duration,
}

/// The zone probe's findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum ZoneFinding {
    /// The username is known, and its zone is a host that credentials may go to.
    Found(Zone),
    /// `Zone information could not be determined`: the username is not known. (S)
    Unknown,
    /// The answer names a host outside `allowed_hosts`, or a url that is not to be trusted. `host` is printable.
    Untrusted {
        /// The host as answered, shortened and printable.
        host: String,
        /// Why it is not trusted, a fragment.
        why: String,
    },
    /// Nothing definitive.
    Unclear(Unclear),
}

/// A zone as looked up and trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Such as `AE02`; cut to printable ASCII of at most 64 characters.
    pub name: String,
    /// Ends in `/`, without a version. Was checked against `allowed_hosts` when it was looked up.
    pub api: url::Url,
}

/// Why there is or is not a query finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum QueryStep {
    /// An attempt was made.
    Made {
        /// Its finding.
        probed: Probed<QueryFinding>,
        /// The local address it was sent from, where known.
        from: Option<std::net::IpAddr>,
        /// What looks mangled about the secret; never the secret.
        mangled: Vec<Mangled>,
    },
    /// After an attempt without a clear answer the zone was asked without a credential, and did not answer either.
    ZoneSilent(Unclear),
    /// The zone probe gave no place to send a credential to.
    NoZone,
    /// Only the vendor knows the code, so nothing is ever presented.
    VendorHeld,
    /// The ledger gave no permit.
    NotPermitted(Refusal),
    /// The secret or code could not be read; the text names the source, never the content.
    SecretUnreadable(String),
    /// The store could not record the attempt, so none was made.
    NoStore,
}

/// The query probe's findings, as the body and then the status tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum QueryFinding {
    /// 200 and JSON of the expected shape.
    Accepted,
    /// 401.
    Rejected,
    /// A body that says the account has been locked.
    Locked,
    /// `IntegrationCode is invalid`.
    IntegrationCodeInvalid,
    /// 403, or the body says that a permission is missing.
    PermissionDenied,
    /// 429 or a threshold text; proves the credential.
    RateLimited {
        /// `Retry-After`, if present.
        retry_after: Option<Duration>,
    },
    /// Another `errors[]`; the texts are printable and short, never a request's content.
    Refused {
        /// As answered.
        errors: Vec<String>,
    },
    /// Nothing definitive.
    Unclear(Unclear),
}

/// An outcome that says nothing about the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "unclear", rename_all = "snake_case")]
pub enum Unclear {
    /// No complete answer in time. `before_status`: the status had not come yet.
    Timeout {
        /// True when not even the connection stood.
        connecting: bool,
    },
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// The proxy of the configuration gave no connection.
    Proxy {
        /// Printable cause.
        cause: String,
    },
    /// The TLS handshake failed.
    Tls {
        /// Printable cause.
        cause: String,
    },
    /// The connection ended before the status came.
    Reset,
    /// What came is no HTTP answer: nobody knows what became of the request.
    NotHttp,
    /// A 5xx without `errors[]`.
    Outage {
        /// HTTP status.
        status: u16,
    },
    /// 2xx with HTML instead of JSON. (S)
    Maintenance,
    /// 429 or a threshold text, on a request without a credential.
    RateLimited {
        /// `Retry-After`, if present.
        retry_after: Option<Duration>,
    },
    /// Anything else.
    UnexpectedAnswer {
        /// HTTP status.
        status: u16,
        /// What was wrong, a fragment without content of the answer.
        what: String,
    },
}

/// What looks mangled about a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mangled {
    /// It begins and ends with a quote.
    SurroundingQuotes,
    /// White space at an end.
    OuterWhiteSpace,
    /// White space or a line break inside.
    InnerWhiteSpace,
    /// A backslash before a special character, as shells leave it.
    Backslash,
    /// Far from the 25 characters that Autotask generates.
    UnusualLength,
    /// Characters beyond ASCII, which Autotask does not generate and headers carry in more than one way.
    NotAscii,
}

impl QueryFinding {
    /// How this counts in the ledger.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Rejected | Self::Locked => Outcome::Rejected,
            Self::PermissionDenied | Self::RateLimited { .. } => Outcome::RefusedOtherwise {
                proves_credential: true,
            },
            Self::IntegrationCodeInvalid => Outcome::CodeRefused,
            Self::Refused { .. } => Outcome::RefusedOtherwise {
                proves_credential: false,
            },
            Self::Unclear(unclear) => unclear.outcome(),
        }
    }

    /// The bounded label of metrics and history.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Locked => "locked",
            Self::IntegrationCodeInvalid => "integration_code_invalid",
            Self::PermissionDenied => "permission_denied",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "api_refused",
            Self::Unclear(unclear) => unclear.as_str(),
        }
    }
}

impl ZoneFinding {
    /// The bounded label of metrics and history.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Unknown => "unknown_user",
            Self::Untrusted { .. } => "zone_untrusted",
            Self::Unclear(unclear) => unclear.as_str(),
        }
    }
}

impl Unclear {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Dns
            | Self::Connect
            | Self::Proxy { .. }
            | Self::Tls { .. }
            | Self::Timeout { connecting: true } => Outcome::NotSent,
            Self::Timeout { connecting: false } | Self::Reset | Self::NotHttp => {
                Outcome::Unanswered
            }
            Self::Outage { .. }
            | Self::Maintenance
            | Self::RateLimited { .. }
            | Self::UnexpectedAnswer { .. } => Outcome::AnsweredUnclearly,
        }
    }

    /// The bounded label of metrics and history.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Dns => "dns",
            Self::Connect | Self::Proxy { .. } | Self::Reset => "connect",
            Self::Tls { .. } => "tls",
            Self::Outage { .. } => "outage",
            Self::Maintenance => "maintenance",
            Self::RateLimited { .. } => "rate_limited",
            Self::NotHttp | Self::UnexpectedAnswer { .. } => "unexpected_answer",
        }
    }
}

impl Mangled {
    /// For people; tells nothing else about the secret.
    #[must_use]
    pub fn as_sentence(self) -> &'static str {
        match self {
            Self::SurroundingQuotes => {
                "The secret that lockwatch presented begins and ends with a quote."
            }
            Self::OuterWhiteSpace => {
                "The secret that lockwatch presented begins or ends with white space."
            }
            Self::InnerWhiteSpace => "The secret that lockwatch presented has white space inside.",
            Self::Backslash => {
                "The secret that lockwatch presented holds a backslash, as shells leave behind."
            }
            Self::UnusualLength => {
                "The secret that lockwatch presented is far from the 25 characters that Autotask generates."
            }
            Self::NotAscii => {
                "The secret that lockwatch presented holds characters other than ASCII, such as a typographic quote or a space that cannot be seen."
            }
        }
    }
}
