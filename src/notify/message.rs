//! What is said in a mail. Pure: tellings in, words out; the templates lay them out as text and as HTML. It neither makes
//! message bytes (that is `envelope`) nor decides who is told what and when (that is `outbox`).

mod causes;
mod layout;
mod phrase;
mod recovery;
mod rows;
mod section;
mod subject;
mod told;

use jiff::Timestamp;
use url::Url;

use crate::notify::{Kind, Matter, Notice, merge::Telling};

use causes::Said;
use layout::{Body, Section};
pub(super) use phrase::{duration, instant, one_line};
use told::is_first;

/// So many matters are told at length, and so many of each kind of the operator's; of further ones that are like them a few
/// lines are enough.
const AT_LENGTH: usize = 5;

/// A mail for one recipient, before it becomes bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The plain text: a sentence or a command is one line, however long.
    pub text: String,
    /// The same as HTML, without anything to load.
    pub html: String,
    /// Every kind in it once, worst first. Empty for a test mail.
    pub kinds: Vec<Kind>,
    /// Every incident in it once, worst first.
    pub incidents: Vec<String>,
    /// The id of every user in it once, worst first.
    pub users: Vec<String>,
    /// How its incidents stand; `None` when it is about no incident.
    pub state: Option<State>,
    /// Whether all of it is invented, to try out how mails are read and sorted.
    pub sample: bool,
}

/// How the incidents of a mail stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// At least one is open.
    Open,
    /// Every one is over.
    Closed,
}

impl State {
    /// The value of a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// The mail that says `tellings`, all for one recipient, worst first. `links` is `web.external_url`. Times of the day on
/// which the newest notice was made are given without their date in the subject.
#[must_use]
pub fn compose(tellings: &[Telling], links: Option<&Url>) -> Mail {
    worded(tellings, links, Vec::new())
}

/// The same about what is invented, which it says first.
#[must_use]
pub fn compose_sample(tellings: &[Telling], links: Option<&Url>, to: &str) -> Mail {
    let intro = vec![
        format!(
            "This is a sample, sent to {} by lockwatch test-mail. Nothing is wrong and nothing needs to be done: what follows \
             is invented.",
            one_line(to)
        ),
        String::new(),
    ];
    Mail {
        sample: true,
        ..worded(tellings, links, intro)
    }
}

fn worded(tellings: &[Telling], links: Option<&Url>, mut intro: Vec<String>) -> Mail {
    let tellings: Vec<Telling> = tellings.iter().cloned().map(opened).collect();
    let mut sorted: Vec<&Telling> = tellings.iter().collect();
    sorted.sort_by(|a, b| order(&a.notice).cmp(&order(&b.notice)));
    let notices = || sorted.iter().map(|telling| &telling.notice);
    let day = notices().map(|notice| notice.created).max();
    let headings: Vec<String> = notices()
        .map(|notice| subject::heading(notice, day.unwrap_or_default()))
        .collect();
    let incidents = once_each(notices().flat_map(incidents_of));
    let only = match incidents.as_slice() {
        [only] if headings.len() == 1 => Some(only.as_str()),
        _ => None,
    };
    let subject = subject::subject(&headings, only);
    let mut summary = Vec::new();
    if headings.len() > 1 {
        intro.push(format!("{} matters, worst first:", headings.len()));
        summary = headings;
    }
    let mut hosts = once_each(notices().map(|notice| one_line(notice.matter.host())));
    hosts.sort();
    let body = Body {
        subject: &subject,
        intro,
        summary,
        sections: sections(&sorted, links),
        signature: format!("Sent by lockwatch on {}.", hosts.join(", ")),
    };
    let (text, html) = body.render();
    Mail {
        text,
        html,
        kinds: once_each(notices().map(|notice| notice.kind)),
        users: once_each(notices().flat_map(|notice| notice.matter.users().iter().cloned())),
        state: (!incidents.is_empty()).then(|| {
            let is_open = |notice: &Notice| {
                notice.kind != Kind::Recovered && !incidents_of(notice).is_empty()
            };
            if notices().any(is_open) {
                State::Open
            } else {
                State::Closed
            }
        }),
        incidents,
        sample: false,
        subject,
    }
}

/// A change that nobody was mailed the opening of is told as the opening: who opens tickets by rules waits for one.
fn opened(mut telling: Telling) -> Telling {
    if let Matter::Incident(facts) = &telling.notice.matter
        && telling.notice.kind == Kind::Changed
        && is_first(&telling, facts)
    {
        telling.notice.kind = Kind::of_opening(facts.diagnosis.reason);
    }
    telling
}

/// At length what is worst and what is unlike everything before, in rows the rest.
fn sections(sorted: &[&Telling], links: Option<&Url>) -> Vec<Section> {
    let mut said = Said::default();
    let mut sections = Vec::new();
    let mut rows = Vec::new();
    let mut operators = rows::Operators::default();
    for telling in sorted {
        sections.push(match &telling.notice.matter {
            Matter::Operator(facts) => {
                if !operators.at_length(facts) {
                    continue;
                }
                section::operator(facts)
            }
            Matter::Digest(digest) => rows::reminder(digest, links),
            Matter::Incident(facts) => {
                let brief = || rows::brief(telling, facts, &said, links);
                let at_length = sections.len() < AT_LENGTH;
                if let Some(row) = (!at_length).then(brief).flatten() {
                    rows.push(row);
                    continue;
                }
                if telling.notice.kind == Kind::Recovered {
                    recovery::section(telling, facts)
                } else {
                    section::open(telling, facts, &mut said, links)
                }
            }
        });
    }
    if !rows.is_empty() {
        sections.push(rows::in_short(rows));
    }
    sections.extend(operators.in_short());
    sections
}

/// What `lockwatch test-mail` sends.
#[must_use]
pub fn test_mail(now: Timestamp, to: &str, host: &str) -> Mail {
    let subject = "[lockwatch] test mail".to_owned();
    let body = Body {
        subject: &subject,
        intro: vec![
            format!(
                "This is a test mail, made at {} for {}.",
                instant(now),
                one_line(to)
            ),
            "It came the way that mails about Autotask API users come. Nothing needs to be done."
                .to_owned(),
        ],
        summary: Vec::new(),
        sections: Vec::new(),
        signature: format!("Sent by lockwatch on {}.", one_line(host)),
    };
    let (text, html) = body.render();
    Mail {
        subject,
        text,
        html,
        kinds: Vec::new(),
        incidents: Vec::new(),
        users: Vec::new(),
        state: None,
        sample: false,
    }
}

/// The incidents that a notice tells of.
fn incidents_of(notice: &Notice) -> Vec<String> {
    match &notice.matter {
        Matter::Incident(facts) => vec![facts.incident.clone()],
        Matter::Digest(digest) => digest
            .lines
            .iter()
            .map(|line| line.incident.clone())
            .collect(),
        Matter::Operator(_) => Vec::new(),
    }
}

fn order(notice: &Notice) -> (Kind, Timestamp, &[String], &str) {
    let matter = &notice.matter;
    (notice.kind, matter.since(), matter.users(), &notice.id)
}

fn once_each<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
