//! What a recovery says: no more than was found. Where the code is the vendor's, that is less than "it works"; where the
//! configuration changed, nothing is known to be mended. Pure.

use crate::{
    diagnose::Reason,
    notify::{Facts, merge::Telling},
};

use super::{
    layout::{Block, Section},
    phrase::{duration, instant, name, one_line},
    section::{identity, owned},
    subject::why,
    told::told,
};

pub(super) fn section(telling: &Telling, facts: &Facts) -> Section {
    let mut blocks: Vec<Block> = closing(facts).into_iter().map(Block::Says).collect();
    blocks.extend(told(telling, facts).into_iter().map(Block::Says));
    blocks.push(Block::Table(owned(table(facts))));
    Section {
        headline: format!("{}: {}", name(&facts.user, &facts.tenant), outcome(facts)),
        blocks,
    }
}

fn table(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut table = vec![
        ("Was", why(&facts.diagnosis).to_owned()),
        ("From", instant(facts.since)),
    ];
    if facts.dropped {
        table.push(("Closed at", instant(facts.at)));
    } else {
        table.push(("Until", instant(facts.at)));
        table.push(("Down for", duration(facts.since, facts.at)));
    }
    table.extend(identity(facts));
    table
}

/// For the subject, before "after 2 h".
pub(super) fn brief(facts: &Facts) -> &'static str {
    match facts.found {
        Some(Reason::ZoneOnly) => "zone found again ",
        Some(Reason::CodeUnverified) => "credential good again ",
        _ => "",
    }
}

/// How it stands now.
pub(super) fn outcome(facts: &Facts) -> String {
    if facts.dropped {
        return "closed, not known to work".to_owned();
    }
    let after = duration(facts.since, facts.at);
    match facts.found {
        Some(Reason::ZoneOnly) => {
            format!("has its zone again after {after}; nothing else is known")
        }
        Some(Reason::CodeUnverified) => {
            format!("has a good credential again after {after}; its code is not checked")
        }
        _ => format!("works again after {after}"),
    }
}

/// What is left to do.
fn closing(facts: &Facts) -> Vec<String> {
    let unseen = match facts.found {
        Some(Reason::ZoneOnly) => {
            "lockwatch looks up the zone of this user and nothing more, because only the vendor knows its integration code. \
             Whether the secret is right, whether the user is locked, and what it may read is not known."
        }
        Some(Reason::CodeUnverified) => {
            "lockwatch sends a placeholder for the integration code, because only the vendor knows it. Username and secret \
             are good; the code and the permissions are not checked."
        }
        None if facts.dropped => {
            "The configuration does not name this user any more, disables it, or gives it another username. What is found \
             under another one is told as a new incident."
        }
        _ if facts.dropped => "What lockwatch checks now is less than before.",
        _ => return vec!["Nothing needs to be done. lockwatch goes on checking.".to_owned()],
    };
    let dropped = format!(
        "The incident is closed because the configuration changed: lockwatch does not look any more at what failed ({}). \
         Nothing is known to be mended.",
        why(&facts.diagnosis)
    );
    let integration = facts.integration.as_deref();
    let integration = integration.map_or_else(|| "the integration".to_owned(), one_line);
    let see = format!("Let {integration} run once and see that it works.");
    let mut said = Vec::from_iter(facts.dropped.then_some(dropped));
    said.extend([unseen.to_owned(), see]);
    said
}
