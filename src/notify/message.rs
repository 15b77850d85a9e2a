//! What is said in a mail. Pure: notices in, words out; the templates lay them out as text and as HTML. It neither makes
//! message bytes (that is `envelope`) nor decides who is told what and when (that is `outbox`).

mod recovery;
mod section;

use askama::Template;
use jiff::{SpanRound, Timestamp, Unit};
use url::Url;

use crate::{
    notify::{Facts, Kind, Matter, Notice, merge::Telling},
    remedy,
};

use section::Section;

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

/// The mail that says `tellings`, all for one recipient, worst first. `links` is `web.external_url`. Times of the day on
/// which the newest notice was made are given without their date in the subject.
#[must_use]
pub fn compose(tellings: &[Telling], links: Option<&Url>) -> Mail {
    let notices = || tellings.iter().map(|telling| &telling.notice);
    let mut sorted: Vec<&Notice> = notices().collect();
    sorted.sort_by(|a, b| order(a).cmp(&order(b)));
    let day = notices()
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
    let mut hosts = once_each(sorted.iter().map(|notice| one_line(notice.matter.host())));
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
        incidents: once_each(
            sorted
                .iter()
                .map(|notice| notice.matter.incident().to_owned())
                .filter(|incident| !incident.is_empty()),
        ),
        users: once_each(
            sorted
                .iter()
                .flat_map(|notice| notice.matter.users().iter().cloned()),
        ),
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

fn order(notice: &Notice) -> (Kind, Timestamp, &[String], &str) {
    let matter = &notice.matter;
    (notice.kind, matter.since(), matter.users(), &notice.id)
}

/// One notice as a line: the subject without its prefix, and the line of the list when there are several.
fn heading(notice: &Notice, day: Timestamp) -> String {
    match &notice.matter {
        Matter::Incident(facts) => heading_of(notice.kind, facts, day),
        Matter::Operator(facts) => one_line(&facts.title),
        Matter::Digest(digest) => format!("STILL OPEN: {}", digest.lines.len()),
    }
}

fn heading_of(kind: Kind, facts: &Facts, day: Timestamp) -> String {
    let who = format!("{} ({})", one_line(&facts.user), one_line(&facts.tenant));
    let since = brief_instant(facts.since, day);
    match kind {
        Kind::LockedOut if facts.diagnosis.certain => {
            format!("LOCKED OUT {who}: refused since {since}")
        }
        Kind::LockedOut => format!("LOCKED OUT? {who}: refused since {since}"),
        Kind::Recovered => {
            let after = duration(facts.since, facts.at);
            format!("RECOVERED {who}: {}after {after}", recovery::brief(facts))
        }
        _ => {
            let what = remedy::reason_title(facts.diagnosis.reason);
            format!("FAILING {who}: {what} since {since}")
        }
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

/// Such as `2026-11-22 14:05 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
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
pub(super) fn one_line(text: &str) -> String {
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
