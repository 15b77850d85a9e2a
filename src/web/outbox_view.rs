//! Mail that waits and mail that will never arrive: the API's shape, and the sentences that page and `status` share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    autotask::text::printable,
    store::letters::{DeadLetter, OutboxReport},
};

/// So many dead letters are told in sentences; the others are counted.
const TOLD: usize = 5;
/// So many kinds, and so many users, are named in a sentence.
const NAMED: usize = 3;
/// A word of a sentence that others chose is no longer.
const LONGEST: usize = 300;

/// `outbox` of `GET /api/v1/users`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxView {
    /// Notices and mails that have not been sent yet.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// When something is next to be done.
    pub next_try: Option<Timestamp>,
    /// What keeps the oldest mail that was tried.
    pub waiting_because: Option<String>,
    /// How often that one was tried.
    pub tries: u32,
    /// Of the last 30 days, newest first, 50 at most.
    pub dead_letters: Vec<DeadLetterView>,
    /// How many there are in all.
    pub dead_letters_total: u64,
}

/// A mail that will never arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeadLetterView {
    /// When that was known; where no mail was made, when its notice was.
    pub at: Timestamp,
    /// Who does not get it; empty when nobody was to.
    pub recipient: String,
    /// What is in it.
    pub kinds: Vec<String>,
    /// The users that it is about.
    pub users: Vec<String>,
    /// Their incidents.
    pub incidents: Vec<String>,
    /// Why.
    pub why: Option<String>,
    /// Its id; none where no mail was made.
    pub mail: Option<String>,
}

impl OutboxView {
    /// What the store reports. Without `[email]` (`configured`) nothing is tried, and so nothing says why it waits.
    #[must_use]
    pub fn of(report: OutboxReport, configured: bool) -> Self {
        let (why, tries) = report
            .kept
            .map_or((None, 0), |kept| (Some(kept.why), kept.tries));
        let waits_in_vain = report.pending > 0 && !configured;
        let no_email = "there is no [email] in the configuration";
        Self {
            pending: report.pending,
            oldest: report.oldest,
            next_try: report.next.filter(|_| configured),
            waiting_because: waits_in_vain.then(|| no_email.to_owned()).or(why),
            tries,
            dead_letters: report.letters.into_iter().map(Into::into).collect(),
            dead_letters_total: report.letters_total,
        }
    }

    /// For people, a line each; none when there is nothing to say. Fit for a terminal.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.waits().into_iter().collect();
        let told: Vec<_> = self.dead_letters.iter().take(TOLD).collect();
        match told[..] {
            [] => {}
            [only] if self.dead_letters_total <= 1 => {
                lines.push(format!(
                    "1 mail could not be delivered: {}",
                    only.sentence()
                ));
            }
            _ => {
                let total = self.dead_letters_total;
                lines.push(format!(
                    "{total} mails of the last 30 days could not be delivered:"
                ));
                lines.extend(told.iter().map(|letter| format!("  {}", letter.sentence())));
                let more = total.saturating_sub(told.len() as u64);
                lines.extend((more > 0).then(|| format!("  and {more} more")));
            }
        }
        lines
    }

    fn waits(&self) -> Option<String> {
        let what = match self.pending {
            0 => return None,
            1 => "1 notice or mail waits to be sent".to_owned(),
            pending => format!("{pending} notices or mails wait to be sent"),
        };
        let since = self
            .oldest
            .map(|at| format!(" since {}", minute(at)))
            .unwrap_or_default();
        let tries = match self.tries {
            0 => String::new(),
            1 => "; 1 try".to_owned(),
            tries => format!("; {tries} tries"),
        };
        let why = self
            .waiting_because
            .as_ref()
            .map(|why| format!(" ({}{tries})", printable(why, LONGEST)))
            .unwrap_or_default();
        Some(format!("{what}{since}{why}"))
    }
}

impl DeadLetterView {
    fn sentence(&self) -> String {
        let to = match self.recipient.as_str() {
            "" => "nobody",
            recipient => recipient,
        };
        let about = [named(&self.kinds), named(&self.users)].join(" ");
        let about = match about.trim() {
            "" => String::new(),
            about => format!(", {about}"),
        };
        let why = self.why.as_deref().unwrap_or("nobody said why");
        let [to, about, why] = [to, &about, why].map(|text| printable(text, LONGEST));
        format!("to {to}{about}, {}: {why}", minute(self.at))
    }
}

/// The first of them, and how many more.
fn named(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%F %H:%M UTC").to_string()
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            at: letter.at,
            recipient: letter.recipient,
            kinds: letter.kinds.into_iter().collect(),
            users: letter.users.into_iter().collect(),
            incidents: letter.incidents.into_iter().collect(),
            why: letter.why,
            mail: letter.mail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn letter(user: &str) -> DeadLetterView {
        DeadLetterView {
            at: at("2026-11-22T14:06:31Z"),
            recipient: "it@acme.example".to_owned(),
            kinds: vec!["locked_out".to_owned()],
            users: vec![user.to_owned()],
            incidents: vec!["1a2b3c".to_owned()],
            why: Some("550 no such user".to_owned()),
            mail: Some("mail-1".to_owned()),
        }
    }

    #[test]
    fn what_waits_says_since_when_and_why() {
        let oldest = Some(at("2026-11-22T14:05:59Z"));
        let because = Some("421 try later".to_owned());
        let table = [
            (0, None, None, 0, vec![]),
            (
                1,
                oldest,
                None,
                0,
                vec!["1 notice or mail waits to be sent since 2026-11-22 14:05 UTC"],
            ),
            (
                1,
                oldest,
                because.clone(),
                1,
                vec![
                    "1 notice or mail waits to be sent since 2026-11-22 14:05 UTC (421 try later; 1 try)",
                ],
            ),
            (
                2,
                oldest,
                because,
                3,
                vec![
                    "2 notices or mails wait to be sent since 2026-11-22 14:05 UTC (421 try later; 3 tries)",
                ],
            ),
        ];
        for (pending, oldest, waiting_because, tries, want) in table {
            let view = OutboxView {
                pending,
                oldest,
                waiting_because,
                tries,
                ..OutboxView::default()
            };
            assert_eq!(view.sentences(), want);
        }
    }

    #[test]
    fn nothing_is_tried_without_email_and_that_is_why_it_waits() {
        let report = |pending| OutboxReport {
            pending,
            next: Some(at("2026-11-22T14:06:00Z")),
            ..OutboxReport::default()
        };
        let because =
            |pending, configured| OutboxView::of(report(pending), configured).waiting_because;
        let no_email = Some("there is no [email] in the configuration".to_owned());
        assert_eq!(because(1, false), no_email);
        assert_eq!(because(0, false), None);
        assert_eq!(because(1, true), None);
        assert_eq!(OutboxView::of(report(1), false).next_try, None);
    }

    #[test]
    fn a_dead_letter_is_told_and_many_are_counted() {
        let with = |letters: Vec<DeadLetterView>, total| OutboxView {
            dead_letters: letters,
            dead_letters_total: total,
            ..OutboxView::default()
        };
        assert_eq!(
            with(vec![letter("acme-email2at")], 1).sentences(),
            [
                "1 mail could not be delivered: to it@acme.example, locked_out acme-email2at, 2026-11-22 14:06 UTC: 550 no such user"
            ]
        );
        let many: Vec<_> = (0..50).map(|nth| letter(&format!("u-{nth}"))).collect();
        let lines = with(many, 312).sentences();
        assert_eq!(lines.len(), 7, "{lines:#?}");
        assert_eq!(
            lines[0],
            "312 mails of the last 30 days could not be delivered:"
        );
        assert_eq!(
            lines[5],
            "  to it@acme.example, locked_out u-4, 2026-11-22 14:06 UTC: 550 no such user"
        );
        assert_eq!(lines[6], "  and 307 more");
        let five: Vec<_> = (0..5).map(|nth| letter(&format!("u-{nth}"))).collect();
        assert_eq!(
            with(five, 5).sentences().len(),
            6,
            "nobody is left to be counted"
        );
    }

    #[test]
    fn an_older_daemon_knows_of_no_outbox() {
        let old: crate::web::view::Users =
            serde_json::from_str(r#"{"users": [], "outbox_pending": 2}"#).unwrap();
        assert_eq!((old.outbox_pending, old.outbox), (2, None));
        let newer: OutboxView =
            serde_json::from_str(r#"{"pending": 1, "dead_letters": [{"why": "550"}], "more": 1}"#)
                .unwrap();
        assert_eq!(newer.dead_letters[0].why.as_deref(), Some("550"));
    }

    #[test]
    fn foreign_words_stay_on_their_line_and_a_long_list_is_cut() {
        let mut strange = letter("a");
        strange.recipient = String::new();
        strange.users = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        strange.why = Some("550 \u{1b}[2Jgone\r\naway\u{202e}".to_owned());
        let view = OutboxView {
            pending: 1,
            waiting_because: Some("421 \u{1b}]0;late\u{7}".to_owned()),
            dead_letters: vec![strange],
            dead_letters_total: 1,
            ..OutboxView::default()
        };
        assert_eq!(
            view.sentences(),
            [
                "1 notice or mail waits to be sent (421 ]0;late)",
                "1 mail could not be delivered: to nobody, locked_out a, b, c and 2 more, 2026-11-22 14:06 UTC: 550 [2Jgone away",
            ]
        );
    }
}
