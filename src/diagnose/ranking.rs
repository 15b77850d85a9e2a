//! The causes that a 401 may have, most likely first: the ranking depends on what the credential did before. Pure.

use super::{Cause, Diagnosis, History, Reason, cause, plain};
use crate::observation::Mangled;

/// A 401: the ranking depends on what the credential did before.
pub(super) fn rejected(seen: Vec<String>, mangled: &[Mangled], history: &History) -> Diagnosis {
    let looks: Vec<String> = mangled
        .iter()
        .map(|what| what.as_sentence().to_owned())
        .collect();
    let (reason, causes) = if let Some(worked) = history.credential_accepted {
        let same = format!(
            "This very credential was accepted at {}.",
            worked.strftime("%F %R UTC")
        );
        (
            Reason::LockedOut,
            vec![
                cause(Cause::LockedOut, [same.clone(), "It has not changed since, and the zone look-up still finds the user.".to_owned()]),
                cause(Cause::SecretRegenerated, ["A secret that is generated anew in Autotask takes effect at once.".to_owned()]),
                cause(Cause::Deactivated, []),
                cause(Cause::Expired, ["Copies of the built-in API levels can lose their exemption from password expiry.".to_owned()]),
            ],
        )
    } else if let (Some(worked), Some(changed)) =
        (history.user_accepted, history.credential_changed)
    {
        let mut speaks_for = vec![format!(
            "The user was accepted at {}; the credential in the configuration changed at {}.",
            worked.strftime("%F %R UTC"),
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
            cause(Cause::Deactivated, []),
        ];
        if !looks.is_empty() {
            // What can be seen speaks louder than what is merely common; the others keep their order.
            causes[..4].rotate_right(1);
        }
        (Reason::CredentialRejected, causes)
    };
    Diagnosis {
        causes,
        ..plain(reason, seen)
    }
}
