//! Users whose integration code only the vendor knows: what their checks say, and above all what they do not. Pure.

use jiff::Timestamp;

use super::{CodeSent, Diagnosis, History, Outcome, QueryFinding, Reason};

const GOOD: &str = "Username and secret are good, and a locked user would most likely have been refused. The code and the permissions are not checked.";

/// The zone is found, and that is all that will ever be tried.
pub(super) fn zone_only(found: String) -> Diagnosis {
    let seen = vec![
        found,
        "That proves the username and nothing else. Only the vendor knows the integration code, so the credential is not presented.".to_owned(),
        "Not known: whether the secret is right, whether the user is locked, expired or deactivated, and what it may read.".to_owned(),
    ];
    Diagnosis::new(Reason::ZoneOnly, seen)
}

/// What the two answers mean that mean something else when a placeholder was sent for the code.
pub(super) fn answered(
    finding: &QueryFinding,
    found: &str,
    history: &History,
) -> Option<Diagnosis> {
    if history.code == CodeSent::Known {
        return None;
    }
    let (reason, seen) = match finding {
        // Given to good secrets only. [S]
        QueryFinding::IntegrationCodeInvalid => (
            Reason::CodeUnverified,
            format!(
                "Autotask answered that the integration code is invalid, as it must: a placeholder was sent. {GOOD}"
            ),
        ),
        QueryFinding::Accepted => (
            Reason::Ok,
            "The query was accepted, although a placeholder was sent for the integration code: Autotask did not look at the code."
                .to_owned(),
        ),
        _ => return None,
    };
    Some(Diagnosis::new(reason, vec![found.to_owned(), seen]))
}

/// Between two attempts: what the last one found stands, if it found the secret good.
pub(super) fn still_verified(
    found: String,
    history: &History,
    until: Timestamp,
) -> Option<Diagnosis> {
    let verified = history.credential_verified?;
    if history.code == CodeSent::Known || history.last_answer != Some(Outcome::CodeRefused) {
        return None;
    }
    let seen = format!(
        "At {} Autotask answered that the integration code is invalid, as it must: a placeholder was sent. {GOOD}",
        verified.strftime("%F %R UTC")
    );
    let next = format!(
        "The secret is presented again at {} at the earliest.",
        until.strftime("%F %R UTC")
    );
    Some(Diagnosis::new(
        Reason::CodeUnverified,
        vec![found, seen, next],
    ))
}
