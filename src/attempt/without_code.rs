//! The pace of attempts whose code is a placeholder: at most one an hour and username, whatever its secret, because nobody
//! knows whether Autotask counts the answer as a failed login. Pure.

use jiff::Timestamp;

use super::{
    HOUR, Ledgers, Now, Outcome, Refusal, Waiting,
    operator::{past, wait},
};

/// Whether the schedule may make one now: an hour after the last one, an operator's among them. Only the confirmation of a
/// first rejection comes sooner; the budget allows it.
pub(super) fn may(ledgers: &Ledgers, now: Now) -> Result<(), Refusal> {
    let Ledgers {
        username,
        credential,
        ..
    } = ledgers;
    let made = username.without_code.iter().chain(&username.operator);
    let made: Vec<Timestamp> = made.copied().collect();
    let Some(last) = past(&made, HOUR, now).into_iter().max() else {
        return Ok(());
    };
    let confirms = credential.rejections == 1
        && credential.last_answer == Some(Outcome::Rejected)
        && credential.rejected_at >= Some(last);
    if confirms {
        Ok(())
    } else {
        Err(wait(last + HOUR, Waiting::WithoutCode, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::attempt::{Asker, End, Limits, MINUTE, Request, permit, settle};

    const LIMITS: Limits = Limits {
        max_rejections: 3,
        max_unanswered: 4,
        retry_held_after: Vec::new(),
        flight: Duration::from_secs(15),
    };

    fn start() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// Two secrets of one username.
    struct Books {
        ledgers: [Ledgers; 2],
        now: Timestamp,
    }

    impl Books {
        fn new() -> Self {
            Self {
                ledgers: [Ledgers::default(), Ledgers::default()],
                now: start(),
            }
        }

        fn attempt(
            &mut self,
            secret: usize,
            asker: Asker,
            outcome: Outcome,
        ) -> Result<(), Refusal> {
            let request = Request {
                attempt: "attempt",
                username: "k3jx7q@acme.example",
                fingerprint: ["one", "two"][secret],
                zone: "A",
                zone_found: true,
                zone_answered: Some("attempt"),
                asker,
                activation: None,
                locked_out: false,
                interval: Duration::ZERO,
                others_asked: None,
            };
            let now = Now {
                wall: self.now,
                counted: self.now,
            };
            let granted = permit(&self.ledgers[secret], &request, &LIMITS, now)?;
            let end = End {
                attempt: granted.permit.id(),
                username: request.username,
                outcome,
            };
            let ledgers = settle(&granted.ledgers, &end, &LIMITS, now);
            self.ledgers[1 - secret].username = ledgers.username.clone();
            self.ledgers[secret] = ledgers;
            Ok(())
        }
    }

    /// Signs: `/` the code is refused, `-` rejected, `0` not sent, `~` unclear, `x` not permitted; `op` before it: asked for
    /// by an operator; `2` after it: with the other secret.
    #[test]
    fn the_pace() {
        for (name, story) in [
            ("at most hourly", "/ 1m x 58m x 1m / 59m x"),
            (
                "a rejection is confirmed at once, once",
                "- 1m - 1m x 59m -",
            ),
            ("a confirmation that finds the secret good", "- 1m / 1m x"),
            ("the next rejection is a second one", "- 1m / 1h - 1m x"),
            ("what was not sent uses up nothing", "0 1m 0 1m / 1m x"),
            (
                "a confirmation that was not sent is made up for",
                "- 1m 0 1m - 1m x",
            ),
            ("an unclear answer uses up the hour", "~ 1m x 59m /"),
            (
                "another secret has no hour of its own",
                "/ 1m x2 59m /2 1m x",
            ),
            ("nor after a rejection", "- 1m x2 59m -2 1m -2"),
            ("an operator may at any time", "/ 1m op/ 1m op/ 1m x"),
            ("and its attempt counts", "/ 30m op/ 31m x 29m /"),
            ("and its rejection is confirmed", "/ 30m op- 1m - 1m x"),
        ] {
            let mut books = Books::new();
            for word in story.split_whitespace() {
                if let Ok(time) = word.parse::<jiff::SignedDuration>() {
                    books.now += time;
                    continue;
                }
                let (asker, sign) = match word.strip_prefix("op") {
                    Some(sign) => (Asker::Operator { force: true }, sign),
                    None => (Asker::WithoutCode, word),
                };
                let (sign, secret) = sign.strip_suffix('2').map_or((sign, 0), |sign| (sign, 1));
                let outcome = match sign {
                    "-" => Outcome::Rejected,
                    "0" => Outcome::NotSent,
                    "~" => Outcome::AnsweredUnclearly,
                    _ => Outcome::CodeRefused,
                };
                let done = books.attempt(secret, asker, outcome);
                let waits = matches!(
                    done,
                    Err(Refusal::Wait {
                        why: Waiting::WithoutCode,
                        ..
                    })
                );
                assert_eq!(done.is_err(), sign == "x", "{name}: {word} of {story}");
                assert_eq!(waits, sign == "x", "{name}: {word} of {story}");
            }
        }
    }

    proptest! {
        /// Sent by the schedule, and within an hour of another: only as the confirmation of the rejection just before it.
        #[test]
        fn never_two_in_an_hour_but_to_confirm(
            story in prop::collection::vec((0..2_usize, 0..5_usize, 0..30_i64), 1..80)
        ) {
            let mut books = Books::new();
            let mut sent: Vec<(Timestamp, usize, Outcome)> = Vec::new();
            for (secret, outcome, minutes) in story {
                let outcome = [
                    Outcome::CodeRefused,
                    Outcome::Rejected,
                    Outcome::NotSent,
                    Outcome::AnsweredUnclearly,
                    Outcome::Unanswered,
                ][outcome];
                if books.attempt(secret, Asker::WithoutCode, outcome).is_ok()
                    && outcome != Outcome::NotSent
                {
                    if let Some((at, with, before)) = sent.last() && books.now < *at + HOUR {
                        prop_assert_eq!((*with, *before), (secret, Outcome::Rejected));
                    }
                    let within = |(at, ..): &&(Timestamp, usize, Outcome)| books.now < *at + HOUR;
                    prop_assert!(sent.iter().filter(within).count() < 2, "three within an hour");
                    sent.push((books.now, secret, outcome));
                }
                books.now += MINUTE * u32::try_from(minutes).unwrap();
            }
        }
    }
}
