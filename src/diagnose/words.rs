//! The bounded lists that a diagnosis is made of: verdicts, reasons, causes, and their labels.

use serde::{Deserialize, Serialize};

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
    /// The code is the vendor's: the zone is found, and nothing more may be tried.
    ZoneOnly,
    /// The code is the vendor's: the answer to a placeholder says that the secret is good.
    CodeUnverified,
    /// 401, and many users that were accepted before are refused at the same time.
    AuthOutage,
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

impl Verdict {
    /// The bounded label of metrics and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::LockedOut => "locked_out",
            Self::Unclear => "unclear",
            Self::ZoneOnly => "zone_only",
        }
    }
}

impl Reason {
    /// Whether it is a fault of the watching side, which the user's own people cannot mend.
    #[must_use]
    pub fn is_operators_alone(self) -> bool {
        matches!(self, Self::SecretUnreadable | Self::ZoneUntrusted)
    }

    /// Whether the question or its answer was lost on the way, or nothing clear was answered: a zone of which many users show
    /// it is away.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::Maintenance
                | Self::Outage
                | Self::UnexpectedAnswer
                | Self::Timeout
                | Self::Dns
                | Self::Connect
                | Self::Tls
        )
    }

    /// How much worse than another a failure is to be told: greater is worse. Equals are told once, by whichever came first.
    #[must_use]
    pub fn gravity(self) -> u8 {
        match self {
            Self::LockedOut => 5,
            Self::CredentialRejected => 4,
            Self::UnknownUser => 3,
            Self::IntegrationCodeInvalid => 2,
            Self::PermissionDenied => 1,
            _ => 0,
        }
    }

    /// Whether finding this disproves `failure`. Where it does not, this check does not look at what failed.
    #[must_use]
    pub fn disproves(self, failure: Self) -> bool {
        match self {
            Self::Ok => true,
            Self::CodeUnverified => !matches!(
                failure,
                Self::IntegrationCodeInvalid | Self::PermissionDenied | Self::ApiRefused
            ),
            Self::ZoneOnly => matches!(failure, Self::UnknownUser | Self::ZoneUntrusted),
            _ => false,
        }
    }

    /// The verdict that goes with it.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Ok | Self::CodeUnverified => Verdict::Healthy,
            Self::ZoneOnly => Verdict::ZoneOnly,
            Self::LockedOut => Verdict::LockedOut,
            Self::UnknownUser
            | Self::CredentialRejected
            | Self::IntegrationCodeInvalid
            | Self::PermissionDenied
            | Self::ApiRefused
            | Self::ZoneUntrusted
            | Self::SecretUnreadable => Verdict::Failing,
            Self::Suspected
            | Self::Activating
            | Self::RateLimited
            | Self::Maintenance
            | Self::Outage
            | Self::UnexpectedAnswer
            | Self::Timeout
            | Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::NeverChecked
            | Self::AuthOutage => Verdict::Unclear,
        }
    }

    /// The bounded label of metrics and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Suspected => "suspected",
            Self::UnknownUser => "unknown_user",
            Self::CredentialRejected => "credential_rejected",
            Self::LockedOut => "locked_out",
            Self::IntegrationCodeInvalid => "integration_code_invalid",
            Self::PermissionDenied => "permission_denied",
            Self::ApiRefused => "api_refused",
            Self::ZoneUntrusted => "zone_untrusted",
            Self::SecretUnreadable => "secret_unreadable",
            Self::Activating => "activating",
            Self::RateLimited => "rate_limited",
            Self::Maintenance => "maintenance",
            Self::Outage => "outage",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::NeverChecked => "never_checked",
            Self::ZoneOnly => "zone_only",
            Self::CodeUnverified => "code_unverified",
            Self::AuthOutage => "auth_outage",
        }
    }
}
