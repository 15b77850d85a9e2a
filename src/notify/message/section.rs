//! One notice as sections of a mail: the most useful first. Pure.

use url::Url;

use crate::notify::{Facts, Kind, merge::Telling, operator::OperatorFacts};

use super::{
    causes::{self, Said},
    layout::{Block, Outlook, Section},
    phrase::{instant, lines, name, one_line},
    subject::why,
    told::told,
};

/// A matter of the operator's.
pub(super) fn operator(facts: &OperatorFacts) -> Section {
    let row = |(label, value): &(String, String)| (one_line(label), one_line(value));
    let mut blocks: Vec<Block> = lines(&facts.paragraphs)
        .into_iter()
        .map(Block::Says)
        .collect();
    if !facts.steps.is_empty() {
        blocks.push(Block::Steps {
            title: "What to do".to_owned(),
            why: Vec::new(),
            steps: lines(&facts.steps),
        });
    }
    if !facts.table.is_empty() {
        blocks.push(Block::Table(facts.table.iter().map(row).collect()));
    }
    Section {
        headline: one_line(&facts.title),
        blocks,
    }
}

/// An incident that is open.
pub(super) fn open(
    telling: &Telling,
    facts: &Facts,
    said: &mut Said,
    links: Option<&Url>,
) -> Section {
    let mut blocks = vec![Block::Outlook(outlook(facts, links))];
    blocks.extend(told(telling, facts).into_iter().map(Block::Says));
    blocks.push(Block::Table(owned(table(facts))));
    let before = said.as_before(facts);
    let is_new = before.is_none();
    if let Some(sentence) = before {
        blocks.push(Block::Says(sentence));
    } else {
        blocks.extend(causes::likeliest(facts));
    }
    let evidence = &facts.diagnosis.evidence;
    if !evidence.is_empty() {
        blocks.push(Block::Points {
            title: "What lockwatch saw",
            points: lines(evidence),
        });
    }
    blocks.push(Block::Points {
        title: "What lockwatch did",
        points: effort(facts),
    });
    if is_new {
        blocks.extend(causes::others(facts));
        said.note(facts);
    }
    Section {
        headline: headline(telling.notice.kind, facts),
        blocks,
    }
}

/// In one line, who and what.
fn headline(kind: Kind, facts: &Facts) -> String {
    let who = name(&facts.user, &facts.tenant);
    let worse = if kind == Kind::Changed {
        "worse than before: "
    } else {
        ""
    };
    format!("{who}: {worse}{}", why(&facts.diagnosis))
}

fn table(facts: &Facts) -> Vec<(&'static str, String)> {
    let last = facts.last_accepted;
    let mut table = vec![
        ("Since", instant(facts.since)),
        (
            "Last worked",
            last.map_or_else(|| "never seen to work".to_owned(), instant),
        ),
    ];
    table.extend(identity(facts));
    table
}

/// Whether lockwatch goes on by itself, when, and what to tell it otherwise.
pub(super) fn outlook(facts: &Facts, links: Option<&Url>) -> Outlook {
    let text = match (facts.held, facts.next_attempt) {
        (true, next) => {
            let before = next.map_or_else(String::new, |at| format!(" before {}", instant(at)));
            let change = if facts.read_at_start {
                ". It reads the secret only when it starts: after a new one, restart it first."
            } else {
                ", unless the secret changes."
            };
            format!("lockwatch has stopped and will not notice the fix by itself{before}{change}")
        }
        (false, None) => "lockwatch goes on checking and will notice the fix by itself.".to_owned(),
        (false, Some(at)) => format!(
            "lockwatch goes on checking and will notice the fix by itself; the next check is due at {}.",
            instant(at)
        ),
    };
    Outlook {
        text,
        command: facts.held.then(|| retry(&facts.user)),
        link: link(&facts.user, links),
    }
}

/// What tells lockwatch that it is fixed.
pub(super) fn retry(user: &str) -> String {
    format!("lockwatch retry {}", one_line(user))
}

/// The page of a user.
pub(super) fn link(user: &str, links: Option<&Url>) -> Option<String> {
    let path = format!("users/{}", one_line(user));
    let link = links?.join(&path).ok()?;
    Some(link.into())
}

pub(super) fn owned(rows: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    let row = |(label, value): (&str, String)| (label.to_owned(), value);
    rows.into_iter().map(row).collect()
}

pub(super) fn identity(facts: &Facts) -> Vec<(&'static str, String)> {
    let optional = |label, value: &Option<String>| Some((label, one_line(value.as_deref()?)));
    let mut rows = Vec::from_iter(optional("Used by", &facts.integration));
    rows.push(("Username", one_line(&facts.username)));
    rows.extend(optional("Zone", &facts.zone));
    rows
}

/// How much lockwatch itself has added to the failed logins, and from where.
fn effort(facts: &Facts) -> Vec<String> {
    let times = match facts.rejections {
        0 => "None of its attempts was refused in a way that counts towards a lockout.".to_owned(),
        1 => "It presented this credential once and was refused.".to_owned(),
        n => format!("It presented this credential {n} times in a row and was refused each time."),
    };
    let mut from = format!("It asks from host {}", one_line(&facts.host));
    if let Some(address) = &facts.from_address {
        from.push_str(&format!(
            ", local address {}; behind NAT Autotask sees another one",
            one_line(address)
        ));
    }
    from.push('.');
    let last = facts
        .last_attempt
        .map(|at| format!("The last attempt was at {}.", instant(at)));
    let mut sentences = vec![times];
    if facts.rejections_of_username > facts.rejections {
        sentences.push(format!(
            "With this and other credentials it was refused {} times in a row for this username.",
            facts.rejections_of_username
        ));
    }
    sentences.extend(last);
    sentences.push(from);
    sentences
}
