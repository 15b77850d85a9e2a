//! What is remembered of attempts: plain data, as the store keeps it. The rules over it are `attempt`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The credential is good and did its work.
    Accepted,
    /// A recognised `errors[]`, 403, 429 or threshold text.
    RefusedOtherwise {
        /// The answer is given to good credentials only: the streak ends.
        proves_credential: bool,
    },
    /// `IntegrationCode is invalid`: given to good secrets only, but nobody knows whether it ends the streak, so it does not.
    CodeRefused,
    /// 401, or a body that says locked.
    Rejected,
    /// DNS, connect, TLS: Autotask never saw it.
    NotSent,
    /// Any other HTTP answer.
    AnsweredUnclearly,
    /// Crash, timeout or reset before the status came.
    Unanswered,
}

/// What is known of one credential: (username, fingerprint of secret + integration code).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialLedger {
    /// Rejections since the last proof that it is good.
    pub rejections: u32,
    /// Attempts without a known answer since then; one in flight is among them.
    pub unanswered: u32,
    /// First attempt ever.
    pub first_attempt: Option<Timestamp>,
    /// Last attempt.
    pub last_attempt: Option<Timestamp>,
    /// Last time it was accepted or otherwise proved good.
    pub last_accepted: Option<Timestamp>,
    /// Last time that only its code was refused: then the secret was good.
    #[serde(default)]
    pub last_verified: Option<Timestamp>,
    /// How the last attempt ended; `None` while that is not known.
    #[serde(default)]
    pub last_answer: Option<Outcome>,
    /// Last rejection.
    pub last_rejected: Option<Timestamp>,
    /// Operator attempts in vain since the last proof.
    pub vain: u32,
}

/// The attempt that was recorded last, while it is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Its id.
    pub id: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// An operator asked for it.
    pub operator: bool,
    /// How the attempt before it with the same credential ended; that stands if this one is not sent.
    #[serde(default)]
    pub before: Option<Outcome>,
}

/// What is known of one username over all its credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsernameLedger {
    /// Rejections within 24 h since the last proof of any credential.
    pub rejected: Vec<Timestamp>,
    /// First attempts of new credentials within 24 h.
    pub new_credentials: Vec<Timestamp>,
    /// Operator attempts within the hour.
    pub operator: Vec<Timestamp>,
    /// One-off attempts (`probe --username`) within 24 h.
    #[serde(default)]
    pub one_off: Vec<Timestamp>,
    /// Last time any of its credentials was proved good.
    pub last_accepted: Option<Timestamp>,
    /// Last time that only the code of any of its credentials was refused.
    #[serde(default)]
    pub last_verified: Option<Timestamp>,
    /// Attempts that the schedule made with a placeholder for the code within the hour.
    #[serde(default)]
    pub without_code: Vec<Timestamp>,
    /// The fingerprint last presented.
    pub current: Option<String>,
    /// When `current` was first presented in place of another.
    pub changed_at: Option<Timestamp>,
    /// The attempt in flight, with whatever credential: Autotask counts per username, so they go one after the other.
    #[serde(default)]
    pub in_flight: Option<InFlight>,
}

/// Both ledgers that bear on one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledgers {
    /// Over all credentials of the username.
    pub username: UsernameLedger,
    /// Of this credential.
    pub credential: CredentialLedger,
}
