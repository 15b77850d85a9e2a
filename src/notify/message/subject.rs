//! The subject of a mail: prefix, word of the kind, who, what, and the incident for those who sort mails by rules. Pure.

use jiff::Timestamp;

use crate::{
    diagnose::{Diagnosis, Reason},
    notify::{Digest, Facts, Kind, Matter, Notice},
    remedy,
};

use super::{
    phrase::{brief_instant, counted, duration, name, one_line},
    recovery,
};

/// What every subject begins with.
const PREFIX: &str = "[lockwatch]";

/// `headings` are worst first. `incident` is the one that the whole mail is about.
pub(super) fn subject(headings: &[String], incident: Option<&str>) -> String {
    let told = match headings {
        [] => "nothing to tell".to_owned(),
        [only] => only.clone(),
        [worst, rest @ ..] => format!("{worst} (+{} more)", rest.len()),
    };
    let token = incident.map_or_else(String::new, |id| format!(" [incident {}]", one_line(id)));
    format!("{PREFIX} {told}{token}")
}

/// One notice as a line: the subject without its prefix, and the line of the list when there are several.
pub(super) fn heading(notice: &Notice, day: Timestamp) -> String {
    match &notice.matter {
        Matter::Incident(facts) => heading_of(notice.kind, facts, day),
        Matter::Operator(facts) => one_line(&facts.title),
        Matter::Digest(digest) => still_open(digest, day),
    }
}

fn heading_of(kind: Kind, facts: &Facts, day: Timestamp) -> String {
    let who = name(&facts.user, &facts.tenant);
    let since = brief_instant(facts.since, day);
    let diagnosis = &facts.diagnosis;
    let again = if facts.reopened > 0 { " AGAIN" } else { "" };
    match kind {
        Kind::LockedOut => {
            let doubt = if diagnosis.certain { "" } else { "?" };
            format!("LOCKED OUT{again}{doubt} {who}: refused since {since}")
        }
        Kind::Changed => {
            let before = facts.before.map_or_else(String::new, |before| {
                format!(" (was {})", brief(before, false))
            });
            let now = brief(diagnosis.reason, diagnosis.certain);
            format!("CHANGED {who}: now {now}{before}")
        }
        Kind::ZoneUntrusted => {
            format!("ZONE NOT TRUSTED{again} {who}: no credential is sent since {since}")
        }
        Kind::SecretUnreadable => {
            format!("SECRET UNREADABLE{again} {who}: no attempt is made since {since}")
        }
        Kind::Recovered if facts.dropped => {
            format!("CLOSED {who}: the configuration changed, not known to be mended")
        }
        Kind::Recovered => {
            let after = duration(facts.since, facts.at);
            format!("RECOVERED {who}: {}after {after}", recovery::brief(facts))
        }
        _ => format!("FAILING{again} {who}: {} since {since}", why(diagnosis)),
    }
}

fn still_open(digest: &Digest, day: Timestamp) -> String {
    match digest.lines.as_slice() {
        [line] => {
            let who = name(&line.user, &line.tenant);
            let since = brief_instant(line.since, day);
            let what = remedy::reason_title(line.reason);
            format!("STILL OPEN {who}: {what} since {since}")
        }
        [worst, ..] => format!(
            "STILL OPEN: {}, the worst is {}",
            counted(digest.lines.len(), "incident"),
            name(&worst.user, &worst.tenant)
        ),
        [] => "STILL OPEN: nothing".to_owned(),
    }
}

/// What is wrong, in still fewer words.
fn brief(reason: Reason, certain: bool) -> &'static str {
    match reason {
        Reason::LockedOut if certain => "locked out",
        Reason::LockedOut => "locked out?",
        _ => remedy::reason_title(reason),
    }
}

/// What is wrong, in a few words.
pub(super) fn why(diagnosis: &Diagnosis) -> &'static str {
    if diagnosis.reason == Reason::LockedOut && diagnosis.certain {
        "locked out, as Autotask itself says"
    } else {
        remedy::reason_title(diagnosis.reason)
    }
}
