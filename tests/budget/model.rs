//! What Autotask counted of one username and what lockwatch was told, kept apart from the ledgers; and what must hold
//! between the two. The ledgers are read here only to be held against the truth, and for which exception they say was
//! used: whether it was there is decided by the truth.

use std::{collections::HashMap, time::Duration};

use lockwatch::attempt::{Asker, Ledgers, Limits, Outcome};

use crate::{clock::Moment, sums::Sums};

/// The credentials that a username's stories are about.
pub(crate) const CREDENTIALS: usize = 6;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const SIX_HOURS: Duration = Duration::from_hours(6);
const DAY: Duration = Duration::from_hours(24);

/// Why an attempt was let through, as the truth has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing speaks against this credential.
    Free,
    /// Within the budget.
    Budget,
    /// In spite of a hold: the look-up names another zone.
    Moved,
    /// In spite of a hold: a step of `retry_held_after`.
    Step,
    /// In spite of a hold: the last answer let the secret in, and refused its code only.
    Verified,
    /// In spite of too many without a known answer: one in six hours.
    SixHourly,
    /// Somebody asked for it.
    Asked,
}

/// What lockwatch made of an attempt's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Proof,
    Rejection,
    /// A 401 of the wrong zone, excused.
    Void,
    NoAnswer,
    /// The secret is good, the code is refused: nothing is forgiven for it.
    CodeRefused,
    /// Autotask never saw it.
    NotSent,
    /// An answer that costs nothing.
    Nothing,
}

/// An attempt that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) credential: usize,
    pub(crate) asker: Asker,
    pub(crate) at: Moment,
    pub(crate) zone: usize,
    /// What Autotask did.
    pub(crate) outcome: Outcome,
    pub(crate) why: Why,
    /// What the ledgers took note of, if anything, and when.
    pub(crate) known: Option<Known>,
    told: Option<Moment>,
}

/// How an attempt came to be made.
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) credential: usize,
    pub(crate) asker: Asker,
    pub(crate) at: Moment,
    pub(crate) zone: usize,
    /// The look-up names that zone now.
    pub(crate) found: bool,
    /// The zone answers requests without a credential.
    pub(crate) speaks: bool,
    /// The zone was told to have no clear answers, and has not answered since.
    pub(crate) closed: bool,
    pub(crate) locked_out: bool,
    /// When another user of the zone was last accepted.
    pub(crate) other_accepted: Option<Moment>,
    pub(crate) outcome: Outcome,
}

/// Rejections, and attempts without a known answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streak {
    pub(crate) rejected: u32,
    pub(crate) open: u32,
}

impl Streak {
    fn sum(self) -> u32 {
        self.rejected + self.open
    }
}

/// The truth about one username.
#[derive(Debug)]
pub(crate) struct Truth {
    limits: Limits,
    interval: Duration,
    pub(crate) made: Vec<Made>,
    /// When another zone last excused something.
    moved: Option<Moment>,
    /// When an attempt was last risked in spite of too many without a known answer.
    risked: Option<Moment>,
    /// Since when rejections hold a credential.
    held: HashMap<usize, Moment>,
    /// Steps of `retry_held_after` that a credential has taken since it worked.
    steps: HashMap<usize, u32>,
}

impl Truth {
    pub(crate) fn new(limits: Limits, interval: Duration) -> Self {
        Self {
            limits,
            interval,
            made: Vec::new(),
            moved: None,
            risked: None,
            held: HashMap::new(),
            steps: HashMap::new(),
        }
    }

    /// An attempt left, and `ledgers` is how it is recorded. What was allowed is decided on the truth alone.
    pub(crate) fn sent(&mut self, sent: Sent, ledgers: &Ledgers) -> Why {
        self.one_at_a_time(&sent);
        self.the_zone_spoke(&sent);
        let why = match sent.asker {
            Asker::Schedule => self.scheduled(&sent, ledgers),
            Asker::WithoutCode => {
                self.an_hour_has_passed(&sent);
                self.scheduled(&sent, ledgers)
            }
            Asker::Operator { force } => {
                self.operators_ask_seldom(&sent, force);
                Why::Asked
            }
            Asker::OneOff => {
                let few = self.asked(sent.at, DAY, |asker| asker == Asker::OneOff);
                assert!(few < 2, "a one-off probe after {few} within a day");
                Why::Asked
            }
        };
        let credential = sent.credential;
        self.made.push(Made {
            id: sent.id,
            credential,
            asker: sent.asker,
            at: sent.at,
            zone: sent.zone,
            outcome: sent.outcome,
            why,
            known: None,
            told: None,
        });
        self.note_hold(credential, sent.at);
        self.is_told_by(credential, ledgers);
        why
    }

    /// The end of an attempt was written down, and `ledgers` is what came of it. Only that of the last attempt counts,
    /// and only once.
    pub(crate) fn told(
        &mut self,
        id: &str,
        outcome: Outcome,
        at: Moment,
        ledgers: &Ledgers,
    ) -> Option<Known> {
        let last = self.made.last().filter(|last| last.id == id)?;
        if last.known.is_some() {
            return None;
        }
        let credential = last.credential;
        let known = match outcome {
            Outcome::Accepted
            | Outcome::RefusedOtherwise {
                proves_credential: true,
            } => Known::Proof,
            Outcome::Rejected => Known::Rejection,
            Outcome::RejectedElsewhere => {
                if ledgers.credential.rejections > self.streak(credential).rejected {
                    Known::Rejection
                } else {
                    self.moves(at);
                    Known::Void
                }
            }
            Outcome::Unanswered => Known::NoAnswer,
            Outcome::CodeRefused => Known::CodeRefused,
            Outcome::NotSent => Known::NotSent,
            Outcome::AnsweredUnclearly
            | Outcome::RefusedOtherwise {
                proves_credential: false,
            } => Known::Nothing,
        };
        if let Some(last) = self.made.last_mut() {
            last.known = Some(known);
            last.told = Some(at);
        }
        if known == Known::Proof {
            self.steps.remove(&credential);
        }
        self.note_hold(credential, at);
        self.is_told_by(credential, ledgers);
        Some(known)
    }

    fn one_at_a_time(&self, sent: &Sent) {
        let Some(last) = self.made.last() else { return };
        let waited = sent.at.real - last.at.real;
        assert!(
            last.known.is_some() || last.at.leaps != sent.at.leaps || waited >= self.limits.flight,
            "two at once: {waited:?} after {last:?}"
        );
    }

    fn the_zone_spoke(&self, sent: &Sent) {
        let lost = self.made.last().filter(|last| last.known.is_none());
        assert!(
            sent.speaks || (lost.is_none() && !sent.closed),
            "sent to a silent zone, after {lost:?}"
        );
    }

    fn operators_ask_seldom(&self, sent: &Sent, force: bool) {
        let operator = |asker| matches!(asker, Asker::Operator { .. });
        let minute = self.asked(sent.at, MINUTE, operator);
        let hour = self.asked(sent.at, HOUR, operator);
        assert!(minute < 1 && hour < 3, "an operator's, after {hour}");
        let vain = self.since_proof(Some(sent.credential)).filter(|made| {
            made.known == Some(Known::Rejection) && matches!(made.asker, Asker::Operator { .. })
        });
        assert!(force || vain.count() < 2, "twice in vain, without force");
    }

    /// With a placeholder for a code, an attempt an hour is made, an operator's counted; only a confirmation comes sooner.
    fn an_hour_has_passed(&self, sent: &Sent) {
        let paced = |made: &&Made| match made.asker {
            Asker::Operator { .. } => true,
            Asker::WithoutCode => made.known != Some(Known::NotSent),
            Asker::Schedule | Asker::OneOff => false,
        };
        // Where no time passed in between, nobody can tell which of two attempts was not sent.
        let mut before = self.made.iter().rev().filter(paced);
        let Some(last) = before.find(|made| made.at.seen < sent.at.seen) else {
            return;
        };
        let confirms = self.streak(sent.credential).rejected == 1
            && self.last_answered(sent.credential).is_some_and(|made| {
                let after = made.told.is_some_and(|told| told.seen >= last.at.seen);
                made.known == Some(Known::Rejection) && after
            });
        assert!(
            confirms || sent.at.is_past(last.at, HOUR),
            "without a code, after {last:?}"
        );
    }

    /// The last attempt with a credential that left lockwatch.
    fn last_answered(&self, credential: usize) -> Option<&Made> {
        let mut own = self
            .made
            .iter()
            .filter(|made| made.credential == credential);
        own.rfind(|made| made.known != Some(Known::NotSent))
    }

    fn was_let_in(&self, credential: usize) -> bool {
        let last = self.last_answered(credential);
        last.is_some_and(|made| made.known == Some(Known::CodeRefused))
    }

    /// So many attempts of these askers within `span`.
    fn asked(&self, now: Moment, span: Duration, of: impl Fn(Asker) -> bool) -> usize {
        let made = self.made.iter().filter(|made| of(made.asker));
        made.filter(|made| !now.is_past(made.at, span)).count()
    }

    fn scheduled(&mut self, sent: &Sent, ledgers: &Ledgers) -> Why {
        let (all, own) = (self.streak_of_all(), self.streak(sent.credential));
        let mine = |made: &&Made| made.credential == sent.credential;
        if !self.made.iter().any(|made| mine(&made)) {
            self.new_credentials_are_few(sent.at);
            return Why::Free;
        }
        if own.rejected > 0 {
            assert!(
                sent.found,
                "a refused credential, and nobody says where it belongs"
            );
            let max = self.limits.max_rejections;
            if own.sum() < max && all.sum() < max {
                self.has_waited(sent);
                return Why::Budget;
            }
            if self.was_let_in(sent.credential) {
                self.has_waited(sent);
                return Why::Verified;
            }
            return self.exception(sent, ledgers);
        }
        if own.open > 0 && all.sum() >= self.limits.max_unanswered {
            if self.says_moved(sent, ledgers) {
                self.moves_to(sent);
                self.risked = Some(sent.at);
                return Why::Moved;
            }
            let over =
                |since: Option<Moment>| since.is_none_or(|since| sent.at.is_past(since, SIX_HOURS));
            let last = self.made.last().map(|last| last.at);
            assert!(
                over(self.risked) && (over(last) || Self::freed(last, sent)),
                "risked after {all:?}, the last at {last:?}, risked at {:?}",
                self.risked
            );
            self.risked = Some(sent.at);
            return Why::SixHourly;
        }
        self.has_waited(sent);
        if own.open > 0 { Why::Budget } else { Why::Free }
    }

    fn new_credentials_are_few(&self, now: Moment) {
        let first = |nth: &usize| {
            let (before, made) = (&self.made[..*nth], &self.made[*nth]);
            !now.is_past(made.at, DAY)
                && !before.iter().any(|one| one.credential == made.credential)
        };
        let new = (0..self.made.len()).filter(first).count();
        assert!(new < 3, "a new credential after {new} others of the day");
    }

    fn freed(last: Option<Moment>, sent: &Sent) -> bool {
        let other = sent.other_accepted.map(|other| other.seen);
        other.is_some_and(|other| last.is_none_or(|last| other > last.seen))
    }

    /// After an attempt without a known answer each wait is twice the last.
    fn has_waited(&self, sent: &Sent) {
        let vain = |made: &&Made| matches!(made.known, None | Some(Known::NoAnswer));
        let in_vain = self.made.iter().rev().take_while(vain).count();
        let Some(last) = self.made.last().filter(|_| in_vain > 0) else {
            return;
        };
        let doubled = 2_u32.pow(u32::try_from(in_vain.min(20)).unwrap());
        let wait = (self.interval * doubled).min(SIX_HOURS);
        assert!(
            sent.at.is_past(last.at, wait) || Self::freed(Some(last.at), sent),
            "{in_vain} in vain, the last at {:?}, and now {:?}",
            last.at,
            sent.at
        );
    }

    /// A credential that rejections hold was presented all the same.
    fn exception(&mut self, sent: &Sent, ledgers: &Ledgers) -> Why {
        if self.says_moved(sent, ledgers) {
            self.moves_to(sent);
            return Why::Moved;
        }
        let before = self.steps.get(&sent.credential).copied().unwrap_or(0);
        let after = ledgers.credential.steps;
        let own = self.streak(sent.credential);
        assert!(
            after > before && sent.locked_out,
            "presented after {own:?}, {:?} with all credentials",
            self.streak_of_all()
        );
        let step = self.limits.retry_held_after.get(after as usize - 1);
        let step = *step.expect("no more steps than are configured");
        let held = self.held.get(&sent.credential);
        let held = *held.expect("it is held since some time");
        assert!(
            sent.at.is_past(held, step),
            "step {after} at {:?}, held since {held:?}",
            sent.at
        );
        self.steps.insert(sent.credential, after);
        Why::Step
    }

    /// Whether the ledgers say that another zone excused this attempt.
    fn says_moved(&self, sent: &Sent, ledgers: &Ledgers) -> bool {
        let username = &ledgers.username;
        username.moved.is_some()
            && username.moved == username.last_attempt
            && self.moved.is_none_or(|moved| moved.seen != sent.at.seen)
    }

    fn moves_to(&mut self, sent: &Sent) {
        let last = self.made.last().map(|last| last.zone);
        assert!(sent.found && last != Some(sent.zone), "it has not moved");
        self.moves(sent.at);
    }

    fn moves(&mut self, at: Moment) {
        if let Some(before) = self.moved {
            assert!(at.is_past(before, DAY), "moved at {before:?} and {at:?}");
        }
        self.moved = Some(at);
    }

    fn note_hold(&mut self, credential: usize, at: Moment) {
        let (all, own) = (self.streak_of_all(), self.streak(credential));
        let max = self.limits.max_rejections;
        let spent = own.sum() >= max || all.sum() >= max;
        if own.rejected > 0 && spent && !self.was_let_in(credential) {
            self.held.entry(credential).or_insert(at);
        } else {
            self.held.remove(&credential);
        }
    }

    /// The ledgers say what happened.
    pub(crate) fn is_told_by(&self, credential: usize, ledgers: &Ledgers) {
        let (all, own) = (self.streak_of_all(), self.streak(credential));
        let told = &ledgers.credential;
        assert_eq!(
            (told.rejections, told.unanswered),
            (own.rejected, own.open),
            "credential {credential}"
        );
        let told = &ledgers.username;
        assert_eq!(
            (told.rejections, told.unanswered),
            (all.rejected, all.open),
            "the username"
        );
    }

    /// The law: what must hold at every moment.
    pub(crate) fn obeys(&self, sums: &mut Sums) {
        let Limits {
            max_rejections: max,
            max_unanswered,
            ..
        } = self.limits;
        let all = self.streak_of_all();
        let rejected = |made: &&Made| made.known == Some(Known::Rejection);
        let asked = |made: &&Made| {
            matches!(
                made.why,
                Why::Moved | Why::Step | Why::Verified | Why::Asked
            )
        };

        let excused = count(self.since_proof(None).filter(rejected).filter(asked));
        let unasked = self.since_proof(None).filter(rejected);
        let tried = distinct(unasked.filter(|made| !asked(made)));
        let allowed = max + tried.saturating_sub(1) + excused;
        assert!(
            all.rejected <= allowed,
            "{} rejections in a row, {allowed} are allowed",
            all.rejected
        );
        sums.streak(all.rejected, allowed);

        for credential in 0..CREDENTIALS {
            let own = self.streak(credential);
            let since = self.since_proof(Some(credential)).filter(rejected);
            let allowed = max + count(since.filter(asked));
            assert!(
                own.rejected <= allowed,
                "credential {credential}: {own:?}, {allowed} are allowed"
            );
        }

        let spent =
            |made: &&Made| matches!(made.known, None | Some(Known::NoAnswer | Known::Rejection));
        let risked = |made: &&Made| asked(made) || made.why == Why::SixHourly;
        let excused = count(self.since_proof(None).filter(spent).filter(risked));
        let unasked = self.since_proof(None).filter(spent);
        let tried = distinct(unasked.filter(|made| !risked(made)));
        let allowed = max.max(max_unanswered) + tried.saturating_sub(1) + excused;
        assert!(
            all.sum() <= allowed,
            "{all:?} in a row, {allowed} are allowed"
        );
        sums.open(all.sum(), allowed);

        // Nobody at Autotask knows what was excused here.
        let void = self
            .since_proof(None)
            .filter(|made| made.known == Some(Known::Void));
        let counted = self.counted_by_autotask();
        assert!(
            counted <= all.sum() + count(void),
            "Autotask counts {counted}, the ledgers {all:?}"
        );
        sums.autotask(counted);
    }

    /// The attempts of a credential, or of all, since it was last known to be good.
    fn since_proof(&self, credential: Option<usize>) -> impl Iterator<Item = &Made> {
        let own = move |made: &&Made| credential.is_none_or(|one| made.credential == one);
        let made = self.made.iter().rev().filter(own);
        made.take_while(|made| made.known != Some(Known::Proof))
    }

    pub(crate) fn streak(&self, credential: usize) -> Streak {
        streak(self.since_proof(Some(credential)))
    }

    fn streak_of_all(&self) -> Streak {
        streak(self.since_proof(None))
    }

    /// Whether the credential was ever known to be good.
    pub(crate) fn worked(&self, credential: usize) -> bool {
        let mut own = self
            .made
            .iter()
            .filter(|made| made.credential == credential);
        own.any(|made| matches!(made.known, Some(Known::Proof | Known::CodeRefused)))
    }

    /// What Autotask's own counter says.
    fn counted_by_autotask(&self) -> u32 {
        let since = self
            .made
            .iter()
            .rev()
            .take_while(|made| !made.outcome.proves());
        count(
            since.filter(|made| {
                matches!(made.outcome, Outcome::Rejected | Outcome::RejectedElsewhere)
            }),
        )
    }
}

fn streak<'a>(made: impl Iterator<Item = &'a Made>) -> Streak {
    let mut streak = Streak::default();
    for made in made {
        match made.known {
            None | Some(Known::NoAnswer) => streak.open += 1,
            Some(Known::Rejection) => streak.rejected += 1,
            Some(_) => {}
        }
    }
    streak
}

fn count<'a>(made: impl Iterator<Item = &'a Made>) -> u32 {
    u32::try_from(made.count()).unwrap()
}

fn distinct<'a>(made: impl Iterator<Item = &'a Made>) -> u32 {
    let mut credentials: Vec<usize> = made.map(|made| made.credential).collect();
    credentials.sort_unstable();
    credentials.dedup();
    u32::try_from(credentials.len()).unwrap()
}
