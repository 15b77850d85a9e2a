//! What a recovery says: no more than was found. Where the code is the vendor's, that is less than "it works". Pure.

use crate::{diagnose::Reason, notify::Facts};

use super::one_line;

/// For the subject, before "after 2 h".
pub(super) fn brief(facts: &Facts) -> &'static str {
    match facts.found {
        Some(Reason::ZoneOnly) => "zone found again ",
        Some(Reason::CodeUnverified) => "credential good again ",
        _ => "",
    }
}

/// After the user's name.
pub(super) fn headline(facts: &Facts) -> &'static str {
    match facts.found {
        Some(Reason::ZoneOnly) => "has its zone again; nothing else is known",
        Some(Reason::CodeUnverified) => "has a good credential again; its code is not checked",
        _ => "works again",
    }
}

/// What is left to do.
pub(super) fn closing(facts: &Facts) -> Vec<String> {
    let unseen = match facts.found {
        Some(Reason::ZoneOnly) => {
            "lockwatch looks up the zone of this user and nothing more, because only the vendor knows its integration code. \
             Whether the secret is right, whether the user is locked, and what it may read is not known."
        }
        Some(Reason::CodeUnverified) => {
            "lockwatch sends a placeholder for the integration code, because only the vendor knows it. Username and secret \
             are good; the code and the permissions are not checked."
        }
        _ => return vec!["Nothing needs to be done. lockwatch goes on checking.".to_owned()],
    };
    let integration = facts.integration.as_deref();
    let integration = integration.map_or_else(|| "the integration".to_owned(), one_line);
    vec![
        unseen.to_owned(),
        format!("Let {integration} run once and see that it works."),
    ]
}
