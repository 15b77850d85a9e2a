//! What is said in a mail. Pure: notices in, words out; the templates lay them out as text and as HTML. It neither makes
//! message bytes (that is `envelope`) nor decides who is told what and when (that is `outbox`).

use askama::Template;
use jiff::{SpanRound, Timestamp, Unit};
use url::Url;

use crate::{
    notify::{Facts, Kind, Notice},
    remedy::{self, Remedy, Subject},
};

/// A mail for one recipient, before it becomes bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The plain text, lines of at most 76 columns where words allow.
    pub text: String,
    /// The same as HTML, without anything to load.
    pub html: String,
    /// Every kind in it once, worst first. Empty for a test mail.
    pub kinds: Vec<Kind>,
    /// Every incident in it once, worst first.
    pub incidents: Vec<String>,
    /// The id of every user in it once, worst first.
    pub users: Vec<String>,
}

/// The mail that tells `notices`, all for one recipient, worst first. `links` is `web.external_url`. Times of the day on
/// which the newest notice was made are given without their date in the subject.
#[must_use]
pub fn compose(notices: &[Notice], links: Option<&Url>) -> Mail {
    let mut sorted: Vec<&Notice> = notices.iter().collect();
    sorted.sort_by(|a, b| order(a).cmp(&order(b)));
    let day = notices
        .iter()
        .map(|notice| notice.created)
        .max()
        .unwrap_or_default();
    let headings: Vec<String> = sorted.iter().map(|notice| heading(notice, day)).collect();
    let subject = match headings.as_slice() {
        [] => "[lockwatch] nothing to tell".to_owned(),
        [only] => format!("[lockwatch] {only}"),
        [worst, rest @ ..] => format!("[lockwatch] {worst} (+{} more)", rest.len()),
    };
    let summary = if headings.len() > 1 {
        headings
    } else {
        Vec::new()
    };
    let intro = if summary.is_empty() {
        Vec::new()
    } else {
        vec![format!("{} notices, worst first:", summary.len())]
    };
    let mut hosts = once_each(sorted.iter().map(|notice| one_line(&notice.facts.host)));
    hosts.sort();
    let body = Body {
        subject: &subject,
        intro,
        summary,
        sections: sorted
            .iter()
            .map(|notice| Section::of(notice, links))
            .collect(),
        signature: format!("Sent by lockwatch on {}.", hosts.join(", ")),
    };
    let (text, html) = body.render_both();
    Mail {
        text,
        html,
        kinds: once_each(sorted.iter().map(|notice| notice.kind)),
        incidents: once_each(sorted.iter().map(|notice| notice.facts.incident.clone())),
        users: once_each(sorted.iter().map(|notice| notice.facts.user.clone())),
        subject,
    }
}

/// What `lockwatch test-mail` sends.
#[must_use]
pub fn sample(now: Timestamp, to: &str, host: &str) -> Mail {
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
    let (text, html) = body.render_both();
    Mail {
        subject,
        text,
        html,
        kinds: Vec::new(),
        incidents: Vec::new(),
        users: Vec::new(),
    }
}

fn order(notice: &Notice) -> (Kind, Timestamp, &str, &str) {
    let facts = &notice.facts;
    (notice.kind, facts.since, &facts.user, &notice.id)
}

/// One notice as a line: the subject without its prefix, and the line of the list when there are several.
fn heading(notice: &Notice, day: Timestamp) -> String {
    let facts = &notice.facts;
    let who = format!("{} ({})", one_line(&facts.user), one_line(&facts.tenant));
    let since = brief_instant(facts.since, day);
    match notice.kind {
        Kind::LockedOut if facts.diagnosis.certain => {
            format!("LOCKED OUT {who}: refused since {since}")
        }
        Kind::LockedOut => format!("LOCKED OUT? {who}: refused since {since}"),
        Kind::Failing => {
            let what = remedy::reason_title(facts.diagnosis.reason);
            format!("FAILING {who}: {what} since {since}")
        }
        Kind::Recovered => format!("RECOVERED {who}: after {}", duration(facts.since, facts.at)),
    }
}

/// Both templates render this.
struct Body<'a> {
    subject: &'a str,
    intro: Vec<String>,
    summary: Vec<String>,
    sections: Vec<Section>,
    signature: String,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    body: &'a Body<'a>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    body: &'a Body<'a>,
}

impl Body<'_> {
    /// Text and HTML. Rendering into memory has no way to fail; if it ever did, the subject alone still tells the worst.
    fn render_both(&self) -> (String, String) {
        let fallback = |_| format!("{}\n", self.subject);
        (
            Text { body: self }.render().unwrap_or_else(fallback),
            Html { body: self }
                .render()
                .unwrap_or_else(|_| String::new()),
        )
    }
}

/// One notice.
struct Section {
    headline: String,
    held: Option<Held>,
    table: Vec<(&'static str, String)>,
    evidence: Vec<String>,
    causes: Vec<Cause>,
    closing_title: &'static str,
    closing: Vec<String>,
}

/// lockwatch will not find out by itself.
struct Held {
    warning: String,
    command: String,
    link: Option<String>,
}

struct Cause {
    remedy: Remedy,
    speaks_for: Vec<String>,
    speaks_against: Vec<String>,
}

impl Section {
    fn of(notice: &Notice, links: Option<&Url>) -> Self {
        let facts = &notice.facts;
        match notice.kind {
            Kind::Recovered => Self::recovered(facts),
            Kind::LockedOut | Kind::Failing => Self::broken(facts, links),
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
            headline: format!("{} works again", name(facts)),
            held: None,
            table,
            evidence: Vec::new(),
            causes: Vec::new(),
            closing_title: "What now",
            closing: vec!["Nothing needs to be done. lockwatch goes on checking.".to_owned()],
        }
    }

    fn broken(facts: &Facts, links: Option<&Url>) -> Self {
        let diagnosis = &facts.diagnosis;
        let headline =
            if diagnosis.reason == crate::diagnose::Reason::LockedOut && diagnosis.certain {
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
            table,
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

/// Such as `2026-11-22 14:05 UTC`.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Without the date when `at` is of the same UTC day as `day`.
fn brief_instant(at: Timestamp, day: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%F").to_string();
    if date(at) == date(day) {
        at.strftime("%H:%M UTC").to_string()
    } else {
        instant(at)
    }
}

/// Such as `2 h 10 min`; at least a minute.
fn duration(from: Timestamp, to: Timestamp) -> String {
    let rounding = SpanRound::new()
        .largest(Unit::Day)
        .smallest(Unit::Minute)
        .days_are_24_hours();
    let Ok(span) = (to - from).round(rounding) else {
        return "an unknown time".to_owned();
    };
    let units = [
        (i64::from(span.get_days()), "d"),
        (i64::from(span.get_hours()), "h"),
        (span.get_minutes(), "min"),
    ];
    let parts: Vec<String> = units
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if parts.is_empty() {
        "less than a minute".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Control characters, line breaks among them, become spaces: nothing that is told can add a line to a mail.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
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

/// What the templates can do to a text.
mod filters {
    use std::fmt::Display;

    use askama::{Result, Values};
    use textwrap::{Options, WordSplitter};

    /// Lines of at most 76 columns; the first begins with `lead`, the others below its end. Words are never broken, so that
    /// commands, names and links can be copied.
    #[askama::filter_fn]
    pub fn wrap<T: Display>(text: T, _: &dyn Values, lead: &str) -> Result<String> {
        Ok(fill(&text.to_string(), lead))
    }

    /// The same with a number in the lead.
    #[askama::filter_fn]
    pub fn numbered<T: Display>(
        text: T,
        _: &dyn Values,
        before: &str,
        number: &usize,
        after: &str,
    ) -> Result<String> {
        Ok(fill(&text.to_string(), &format!("{before}{number}{after}")))
    }

    fn fill(text: &str, lead: &str) -> String {
        let rest = " ".repeat(lead.chars().count());
        let options = Options::new(76)
            .initial_indent(lead)
            .subsequent_indent(&rest)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }
}
