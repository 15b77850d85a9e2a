//! What an observation means: verdict, reason, evidence and ranked candidate causes. Pure and deterministic; it neither
//! confirms (that is `incident`) nor says what to do (that is `remedy`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Hold, Refusal, Waiting},
    observation::{Mangled, Observation, QueryFinding, QueryStep, Unclear, Zone, ZoneFinding},
};

/// How a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its integration can work.
    Healthy,
    /// It cannot, for a reason that is the user's.
    Failing,
    /// It cannot, and most likely the account is locked.
    LockedOut,
    /// Nothing definitive.
    Unclear,
    /// The zone is found and nothing more may be tried.
    ZoneOnly,
}

/// Why: the bounded list. Stored by position in the history, so new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Zone found, query accepted.
    Ok,
    /// A definitive failure seen once.
    Suspected,
    /// The zone look-up does not know the username.
    UnknownUser,
    /// 401, and never accepted with this credential.
    CredentialRejected,
    /// 401 of a credential that was accepted before, or a body that says locked.
    LockedOut,
    /// `IntegrationCode is invalid`.
    IntegrationCodeInvalid,
    /// The entity of the query probe may not be read.
    PermissionDenied,
    /// Another `errors[]`.
    ApiRefused,
    /// The zone look-up names a host outside `allowed_hosts`.
    ZoneUntrusted,
    /// The secret's source cannot be read.
    SecretUnreadable,
    /// Refused, but the user is new.
    Activating,
    /// Too many requests.
    RateLimited,
    /// HTML where JSON was due.
    Maintenance,
    /// 5xx without `errors[]`.
    Outage,
    /// An answer of another shape.
    UnexpectedAnswer,
    /// No answer in time.
    Timeout,
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No TLS.
    Tls,
    /// Not checked yet.
    NeverChecked,
}

/// What an observation means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// How the user stands.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// True when one sighting is proof enough: a body said it.
    pub certain: bool,
    /// True when no second sighting can be had, because the budget forbids another attempt.
    pub last_word: bool,
    /// What was seen, as sentences for people.
    pub evidence: Vec<String>,
    /// Most likely first; empty unless failing or locked out.
    pub causes: Vec<RankedCause>,
}

/// A candidate cause with what speaks for and against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedCause {
    /// The cause.
    pub cause: Cause,
    /// Sentences.
    pub speaks_for: Vec<String>,
    /// Sentences.
    pub speaks_against: Vec<String>,
}

/// What may have gone wrong; `remedy` knows the steps for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An ordinary user (or one without the API-only licence) instead of an API user.
    OrdinaryUser,
    /// A security level that is not API-only.
    SecurityLevel,
    /// The tracking identifier is missing or another integration's.
    TrackingIdentifier,
    /// The secret in the config is not the user's.
    WrongSecret,
    /// The secret just changed, and the new one is wrong or mangled.
    NewSecret,
    /// The user is not marked active, or was deactivated.
    Deactivated,
    /// The account is locked after failed logins.
    LockedOut,
    /// The secret was generated anew elsewhere.
    SecretRegenerated,
    /// The password expired (copies of built-in levels are not exempt).
    Expired,
    /// The username is misspelt, or was renamed or deleted.
    UsernameUnknown,
    /// The integration code is not the tracking identifier's.
    WrongIntegrationCode,
    /// The security level does not let the entity be read.
    MissingPermission,
    /// Autotask refuses the request for another reason.
    ApiRefusal,
    /// The zone is on a host that is not allowed.
    UntrustedZone,
    /// The secret's source is missing, empty or not readable.
    UnreadableSecret,
}

/// What is known from before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When this very credential was last accepted.
    pub credential_accepted: Option<Timestamp>,
    /// When any credential of the user was last accepted.
    pub user_accepted: Option<Timestamp>,
    /// When the present credential took the place of another.
    pub credential_changed: Option<Timestamp>,
    /// Until when the user may be too new to work.
    pub activating_until: Option<Timestamp>,
    /// Rejections that may still be risked unasked, after this check.
    pub attempts_left: u32,
}
