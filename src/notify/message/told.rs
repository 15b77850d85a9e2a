//! How a mail stands to those before and after it: the same user failed before, a worse reason, notices that were not sent
//! by themselves, the last mail of a day. Says only what is known. Pure.

use crate::{
    notify::{
        Facts, Kind,
        merge::{MAILS_A_DAY, Telling},
    },
    remedy,
};

use super::{
    phrase::{instant, ordinal},
    subject::why,
};

/// Sentences for behind the headline.
pub(super) fn told(telling: &Telling, facts: &Facts) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(change(telling.notice.kind, facts));
    sentences.extend(again(telling.notice.kind, facts));
    sentences.extend(merged(telling, facts));
    sentences.extend(last(telling));
    sentences
}

fn change(kind: Kind, facts: &Facts) -> Option<String> {
    let before = facts.before.filter(|_| kind != Kind::Recovered)?;
    Some(format!(
        "Before, it was \"{}\"; now it is \"{}\". It was not seen to work in between.",
        remedy::reason_title(before),
        why(&facts.diagnosis)
    ))
}

fn again(kind: Kind, facts: &Facts) -> Option<String> {
    let first = facts.first_since.filter(|_| facts.reopened > 0)?;
    let nth = ordinal(facts.reopened.saturating_add(1));
    let first = instant(first);
    Some(if kind == Kind::Recovered {
        format!("It was the {nth} time since {first}, so it may come again.")
    } else {
        format!("It fails for the {nth} time since {first}; it recovered in between.")
    })
}

fn merged(telling: &Telling, facts: &Facts) -> Option<String> {
    if telling.merged.is_empty() {
        return None;
    }
    let found: Vec<String> = telling
        .merged
        .iter()
        .map(|(kind, at)| format!("{} (found {})", word(*kind), instant(*at)))
        .collect();
    let found = found.join(", ");
    if !is_first(telling, facts) {
        return Some(format!("Told here and not mailed before: {found}."));
    }
    let whole = if telling.notice.kind == Kind::Recovered {
        format!(
            " It failed from {} to {}: {}.",
            instant(facts.since),
            instant(facts.at),
            why(&facts.diagnosis)
        )
    } else {
        String::new()
    };
    Some(format!(
        "This is the first mail about it.{whole} Not mailed before: {found}."
    ))
}

/// Whether nothing was mailed before: all notices of the incident, numbered from 1, are here.
pub(super) fn is_first(telling: &Telling, facts: &Facts) -> bool {
    u32::try_from(telling.merged.len()).is_ok_and(|merged| merged + 1 == facts.turn)
}

fn last(telling: &Telling) -> Option<String> {
    let until = instant(telling.last_until?);
    Some(format!(
        "This is the last mail about this incident before {until}, reminders aside: there are at most {MAILS_A_DAY} a day. What \
         happens until then is told in one mail after it."
    ))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::LockedOut => "locked out",
        Kind::Changed => "a worse reason",
        Kind::ZoneUntrusted => "zone not trusted",
        Kind::SecretUnreadable => "secret not readable",
        Kind::Recovered => "recovered",
        _ => "failing",
    }
}
