//! Many users in few lines: the reminder, and what is left of a mail about very many. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use url::Url;

use crate::{
    notify::{Digest, DigestLine, Facts, Kind, merge::Telling, operator::OperatorFacts},
    remedy,
};

use super::{
    AT_LENGTH,
    causes::Said,
    layout::{Block, Outlook, Row, Section},
    phrase::{counted, duration, instant, name, one_line},
    recovery,
    section::{link, retry},
    subject::why,
    told::told,
};

/// A reminder has no more rows, nor have the operator's matters.
const ROWS: usize = 200;
/// What the commands of users without an answer are for.
const ONCE: &str = "What to do is the same as above. To try one of them once at once, run its command as root on the host of lockwatch.";
/// What the commands in rows are for.
const COMMANDS: &str = "When a user that is held is fixed, run its command as root on the host of lockwatch; it makes one attempt.";

/// What there is no room for at length.
pub(super) fn in_short(rows: Vec<Row>) -> Section {
    Section {
        headline: "In short".to_owned(),
        blocks: listed(rows),
    }
}

/// The operator's matters of which only a line is said, because others of their kind are told at length.
#[derive(Default)]
pub(super) struct Operators {
    told: HashMap<Kind, usize>,
    brief: Vec<(String, Option<String>)>,
}

impl Operators {
    /// Whether there is room for it at length; else it is noted.
    pub(super) fn at_length(&mut self, facts: &OperatorFacts) -> bool {
        let told = self.told.entry(facts.kind).or_default();
        *told += 1;
        if *told <= AT_LENGTH {
            return true;
        }
        let user = facts
            .users
            .first()
            .filter(|_| facts.kind == Kind::Unanswered);
        let command = user.map(|user| retry(user));
        self.brief.push((one_line(&facts.title), command));
        false
    }

    pub(super) fn in_short(mut self) -> Option<Section> {
        let count = self.brief.len();
        let rest = count.checked_sub(ROWS).filter(|rest| *rest > 0);
        let held = self.brief.iter().any(|(_, command)| command.is_some());
        self.brief.truncate(ROWS);
        let mut blocks = Vec::from_iter(held.then(|| Block::Says(ONCE.to_owned())));
        blocks.push(Block::Brief(self.brief));
        blocks.extend(rest.map(|rest| {
            Block::Says(format!(
                "And {rest} more, which the list at the top of this mail names."
            ))
        }));
        (count > 0).then(|| Section {
            headline: format!("In short: {} like those above", counted(count, "matter")),
            blocks,
        })
    }
}

/// What is still open.
pub(super) fn reminder(digest: &Digest, links: Option<&Url>) -> Section {
    let count = digest.lines.len();
    let mut rows: Vec<Row> = digest.lines.iter().map(|line| still(line, links)).collect();
    rows.truncate(ROWS);
    let mut blocks = listed(rows);
    if count > ROWS {
        blocks.push(Block::Says(format!(
            "And {} more: see lockwatch status, or the status page.",
            count - ROWS
        )));
    }
    let every = duration(digest.at, digest.at + digest.every);
    blocks.push(Block::Says(format!(
        "What to do stands in the first mail about each, and on its page. lockwatch reminds of what is open when it mailed \
         nothing about it for {every}."
    )));
    Section {
        headline: format!("Still open, worst first: {}", counted(count, "incident")),
        blocks,
    }
}

fn listed(rows: Vec<Row>) -> Vec<Block> {
    let held = rows.iter().any(|row| row.outlook.command.is_some());
    let mut blocks = Vec::from_iter(held.then(|| Block::Says(COMMANDS.to_owned())));
    blocks.push(Block::Rows(rows));
    blocks
}

fn still(line: &DigestLine, links: Option<&Url>) -> Row {
    let mut facts = vec![since(line.since), last_worked(line.last_accepted)];
    facts.extend(used_by(line.integration.as_deref()));
    Row {
        who: name(&line.user, &line.tenant),
        why: remedy::reason_title(line.reason).to_owned(),
        facts,
        outlook: Outlook {
            text: standing(line.held, line.next_attempt),
            command: line.held.then(|| retry(&line.user)),
            link: link(&line.user, links),
        },
    }
}

/// An incident in few lines; an open one only if its causes and steps are in the mail already.
pub(super) fn brief(
    telling: &Telling,
    facts: &Facts,
    said: &Said,
    links: Option<&Url>,
) -> Option<Row> {
    let mut text = told(telling, facts);
    let mut known = vec![since(facts.since)];
    let (why, command) = if telling.notice.kind == Kind::Recovered {
        known.push(format!("Until {}", instant(facts.at)));
        (recovery::outcome(facts), None)
    } else {
        text.insert(0, standing(facts.held, facts.next_attempt));
        text.push(said.as_elsewhere(facts)?);
        known.push(last_worked(facts.last_accepted));
        known.push(format!("Username {}", one_line(&facts.username)));
        let command = facts.held.then(|| retry(&facts.user));
        (why(&facts.diagnosis).to_owned(), command)
    };
    known.extend(used_by(facts.integration.as_deref()));
    Some(Row {
        who: name(&facts.user, &facts.tenant),
        why,
        facts: known,
        outlook: Outlook {
            text: text.join(" "),
            command,
            link: link(&facts.user, links),
        },
    })
}

fn since(at: Timestamp) -> String {
    format!("Since {}", instant(at))
}

fn last_worked(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "Never seen to work".to_owned(),
        |at| format!("Last worked {}", instant(at)),
    )
}

fn standing(held: bool, next: Option<Timestamp>) -> String {
    match (held, next) {
        (true, Some(at)) => format!("Held: no attempt before {}.", instant(at)),
        (true, None) => "Held: no attempt by itself.".to_owned(),
        (false, Some(at)) => format!("Not held: the next check is due at {}.", instant(at)),
        (false, None) => "Not held: lockwatch goes on checking.".to_owned(),
    }
}

fn used_by(integration: Option<&str>) -> Option<String> {
    integration.map(|integration| format!("Used by {}", one_line(integration)))
}
