//! One notice as the templates lay it out. Pure.

use url::Url;

use crate::{
    diagnose::Reason,
    notify::{Digest, DigestLine, Facts, Kind, Matter, Notice, operator::OperatorFacts},
    remedy::{self, Remedy, Subject},
};

use super::{duration, instant, one_line, recovery};

/// One notice.
pub(super) struct Section {
    pub(super) headline: String,
    pub(super) held: Option<Held>,
    pub(super) paragraphs: Vec<String>,
    pub(super) table: Vec<(String, String)>,
    pub(super) steps: Vec<String>,
    pub(super) evidence: Vec<String>,
    pub(super) causes: Vec<Cause>,
    pub(super) closing_title: &'static str,
    pub(super) closing: Vec<String>,
}

/// lockwatch will not find out by itself.
pub(super) struct Held {
    pub(super) warning: String,
    pub(super) command: String,
    pub(super) link: Option<String>,
}

pub(super) struct Cause {
    pub(super) remedy: Remedy,
    pub(super) speaks_for: Vec<String>,
    pub(super) speaks_against: Vec<String>,
}

impl Section {
    pub(super) fn of(notice: &Notice, links: Option<&Url>) -> Self {
        match (&notice.matter, notice.kind) {
            (Matter::Operator(facts), _) => Self::for_operator(facts),
            (Matter::Digest(digest), _) => Self::reminder(digest),
            (Matter::Incident(facts), Kind::Recovered) => Self::recovered(facts),
            (Matter::Incident(facts), _) => Self::broken(facts, links),
        }
    }

    fn for_operator(facts: &OperatorFacts) -> Self {
        let lines = |texts: &[String]| texts.iter().map(|text| one_line(text)).collect();
        let row = |(label, value): &(String, String)| (one_line(label), one_line(value));
        Self {
            headline: one_line(&facts.title),
            held: None,
            paragraphs: lines(&facts.paragraphs),
            table: facts.table.iter().map(row).collect(),
            steps: lines(&facts.steps),
            evidence: Vec::new(),
            causes: Vec::new(),
            closing_title: "",
            closing: Vec::new(),
        }
    }

    fn reminder(digest: &Digest) -> Self {
        let row = |line: &DigestLine| {
            let what = remedy::reason_title(line.reason);
            (
                one_line(&line.user),
                format!("{what} since {}", instant(line.since)),
            )
        };
        Self {
            headline: "Still open".to_owned(),
            held: None,
            paragraphs: Vec::new(),
            table: digest.lines.iter().map(row).collect(),
            steps: Vec::new(),
            evidence: Vec::new(),
            causes: Vec::new(),
            closing_title: "",
            closing: Vec::new(),
        }
    }

    fn recovered(facts: &Facts) -> Self {
        let mut table = vec![
            (
                "Was",
                remedy::reason_title(facts.diagnosis.reason).to_owned(),
            ),
            ("From", instant(facts.since)),
            ("Until", instant(facts.at)),
            ("Down for", duration(facts.since, facts.at)),
        ];
        table.extend(identity(facts));
        Self {
            headline: format!("{} {}", name(facts), recovery::headline(facts)),
            held: None,
            paragraphs: Vec::new(),
            table: owned(table),
            steps: Vec::new(),
            evidence: Vec::new(),
            causes: Vec::new(),
            closing_title: "What now",
            closing: recovery::closing(facts),
        }
    }

    fn broken(facts: &Facts, links: Option<&Url>) -> Self {
        let diagnosis = &facts.diagnosis;
        let headline = if diagnosis.reason == Reason::LockedOut && diagnosis.certain {
            format!("{}: locked out, as Autotask itself says", name(facts))
        } else {
            format!(
                "{}: {}",
                name(facts),
                remedy::reason_title(diagnosis.reason)
            )
        };
        let mut table = vec![
            ("Since", instant(facts.since)),
            (
                "Last worked",
                facts
                    .last_accepted
                    .map_or_else(|| "never seen to work".to_owned(), instant),
            ),
        ];
        table.extend(identity(facts));
        let subject = Subject {
            user: &facts.user,
            username: &facts.username,
            tenant: &facts.tenant,
            integration: facts.integration.as_deref(),
            entity: &facts.entity,
        };
        Self {
            headline,
            held: facts.held.then(|| Held::of(facts, links)),
            paragraphs: Vec::new(),
            table: owned(table),
            steps: Vec::new(),
            evidence: diagnosis
                .evidence
                .iter()
                .map(|text| one_line(text))
                .collect(),
            causes: diagnosis
                .causes
                .iter()
                .map(|ranked| Cause {
                    remedy: printable(remedy::remedy(ranked.cause, &subject)),
                    speaks_for: ranked.speaks_for.iter().map(|t| one_line(t)).collect(),
                    speaks_against: ranked.speaks_against.iter().map(|t| one_line(t)).collect(),
                })
                .collect(),
            closing_title: "What lockwatch did",
            closing: effort(facts),
        }
    }
}

impl Held {
    fn of(facts: &Facts, links: Option<&Url>) -> Self {
        let before = facts
            .next_attempt
            .map_or_else(String::new, |at| format!(" before {}", instant(at)));
        let warning = format!(
            "lockwatch has stopped presenting this credential. Unless the secret changes, it will not notice the fix by \
             itself{before}."
        );
        let user = one_line(&facts.user);
        Self {
            warning,
            command: format!("lockwatch retry {user}"),
            link: links
                .and_then(|base| base.join(&format!("users/{user}")).ok())
                .map(String::from),
        }
    }
}

fn name(facts: &Facts) -> String {
    format!("{} ({})", one_line(&facts.user), one_line(&facts.tenant))
}

fn owned(rows: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    let row = |(label, value): (&str, String)| (label.to_owned(), value);
    rows.into_iter().map(row).collect()
}

fn identity(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Username", one_line(&facts.username))];
    let optional = [("Used by", &facts.integration), ("Zone", &facts.zone)];
    rows.extend(
        optional
            .into_iter()
            .filter_map(|(label, value)| Some((label, one_line(value.as_deref()?)))),
    );
    rows
}

/// How much lockwatch itself has added to the failed logins, from where, and whether it goes on.
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
    let next = match (facts.held, facts.next_attempt) {
        (true, None) => "It has stopped: it makes no further attempt unless the credential changes or somebody asks for one."
            .to_owned(),
        (true, Some(at)) => format!(
            "It has stopped: it makes no further attempt before {}, unless the credential changes or somebody asks for one.",
            instant(at)
        ),
        (false, None) => "It goes on checking and will notice the fix by itself.".to_owned(),
        (false, Some(at)) => format!(
            "It goes on checking and will notice the fix by itself; the next attempt is due at {}.",
            instant(at)
        ),
    };
    let mut sentences = vec![times];
    sentences.extend(last);
    sentences.extend([from, next]);
    sentences
}

fn printable(remedy: Remedy) -> Remedy {
    Remedy {
        title: remedy.title,
        steps: remedy.steps.iter().map(|step| one_line(step)).collect(),
    }
}
