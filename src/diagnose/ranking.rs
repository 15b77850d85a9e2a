//! The causes that a 401 may have, most likely first: the ranking depends on what the credential did before. Pure.

use jiff::Timestamp;

use super::{Cause, Diagnosis, History, Reason, cause};
use crate::observation::Mangled;

/// So many rejections in a row may have locked the user, whatever else is wrong with it: the API does not show how many do.
const MAY_LOCK: u32 = 3;

/// A 401: the ranking depends on what the credential did before.
pub(super) fn rejected(seen: Vec<String>, mangled: &[Mangled], history: &History) -> Diagnosis {
    let looks: Vec<String> = mangled
        .iter()
        .map(|what| what.as_sentence().to_owned())
        .collect();
    let (reason, mut causes) = if let Some(good) =
        good(history.credential_accepted, history.credential_verified)
    {
        let same = format!("This very credential {good}.");
        (
            Reason::LockedOut,
            vec![
                cause(Cause::LockedOut, [same.clone(), "It has not changed since, and the zone look-up still finds the user.".to_owned()]),
                cause(Cause::SecretRegenerated, ["A secret that is generated anew in Autotask takes effect at once.".to_owned()]),
                cause(Cause::Deactivated, []),
                cause(Cause::Expired, ["Copies of the built-in API levels can lose their exemption from password expiry.".to_owned()]),
            ],
        )
    } else if let (Some(good), Some(changed)) = (
        good(history.user_accepted, history.user_verified),
        history.credential_changed,
    ) {
        let mut speaks_for = vec![format!(
            "The user {good}; the credential that lockwatch presents changed at {}.",
            changed.strftime("%F %R UTC"),
        )];
        speaks_for.extend(looks);
        (
            Reason::CredentialRejected,
            vec![
                cause(Cause::NewSecret, speaks_for),
                cause(Cause::LockedOut, []),
                cause(Cause::Deactivated, []),
            ],
        )
    } else {
        let never = "This credential was never accepted, though the zone look-up finds the user."
            .to_owned();
        let mut causes = vec![
            cause(Cause::OrdinaryUser, [never]),
            cause(Cause::SecurityLevel, []),
            cause(Cause::TrackingIdentifier, []),
            cause(Cause::WrongSecret, looks.clone()),
            // A user that has been locked for weeks is a common reason to look for a monitor.
            cause(Cause::LockedOut, []),
            cause(Cause::Deactivated, []),
        ];
        if !looks.is_empty() {
            // What can be seen speaks louder than what is merely common; the others keep their order.
            causes[..4].rotate_right(1);
        }
        (Reason::CredentialRejected, causes)
    };
    if let Some(ours) = by_ourselves(history)
        && let Some(locked) = causes
            .iter()
            .position(|ranked| ranked.cause == Cause::LockedOut)
    {
        causes[locked].speaks_for.push(ours);
        causes[..=locked].rotate_right(1);
    }
    Diagnosis {
        causes,
        ..Diagnosis::new(reason, seen)
    }
}

/// What speaks for a lock that lockwatch's own attempts brought about, be it with several credentials that somebody gave it.
fn by_ourselves(history: &History) -> Option<String> {
    let refused = history.rejections_of_username;
    (refused >= MAY_LOCK).then(|| {
        format!(
            "lockwatch alone was refused {refused} times in a row for this username, whichever secret it was given."
        )
    })
}

/// When the last proof was had that a credential is good, and which: an acceptance, or a refusal of its code alone.
fn good(accepted: Option<Timestamp>, verified: Option<Timestamp>) -> Option<String> {
    let at = accepted.max(verified)?.strftime("%F %R UTC");
    Some(if accepted >= verified {
        format!("was accepted at {at}")
    } else {
        format!("was found good at {at}, when only the integration code was refused")
    })
}
