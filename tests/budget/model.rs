//! What Autotask counted of one username and what lockwatch was told, kept apart from the ledgers; and what must hold
//! between the two. The ledgers are read here only to be held against the truth, and for which exception they say was
//! used: whether it was there is decided by the truth.

mod allowed;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use lockwatch::attempt::{Asker, Ledgers, Limits, Outcome};

use crate::{clock::Moment, storms::Weather, sums::Sums};

/// The credentials that a username's stories are about.
pub(crate) const CREDENTIALS: usize = 6;

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
    /// In spite of a hold: it was rejected in a storm that is over.
    Released,
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
    pub(crate) weather: Weather,
    /// When the last attempt of another user of the zone was made that was accepted.
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
    /// Since when rejections hold a credential.
    held: HashMap<usize, Moment>,
    used: Used,
    /// What was used up before the last attempt: that stands again if it was not sent.
    before: Used,
}

/// What exceptions used up.
#[derive(Clone, Debug, Default)]
struct Used {
    /// When another zone last excused something.
    moved: Option<Moment>,
    /// When an attempt was last risked in spite of too many without a known answer.
    risked: Option<Moment>,
    /// Steps of `retry_held_after` that a credential has taken since it worked.
    steps: HashMap<usize, u32>,
    /// Credentials that had their attempt after a storm since they worked.
    released: HashSet<usize>,
}

impl Truth {
    pub(crate) fn new(limits: Limits, interval: Duration) -> Self {
        Self {
            limits,
            interval,
            made: Vec::new(),
            held: HashMap::new(),
            used: Used::default(),
            before: Used::default(),
        }
    }

    /// An attempt left, and `ledgers` is how it is recorded. What was allowed is decided on the truth alone.
    pub(crate) fn sent(&mut self, sent: Sent, ledgers: &Ledgers) -> Why {
        self.one_at_a_time(&sent);
        self.the_zone_spoke(&sent);
        self.before = self.used.clone();
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
                self.one_off_probes_are_few(&sent);
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
    /// and only once. What it is taken for, and when it was made.
    pub(crate) fn told(
        &mut self,
        id: &str,
        outcome: Outcome,
        at: Moment,
        ledgers: &Ledgers,
    ) -> Option<(Known, Moment)> {
        let last = self.made.last().filter(|last| last.id == id)?;
        if last.known.is_some() {
            return None;
        }
        let (credential, made) = (last.credential, last.at);
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
        match known {
            Known::Proof => {
                self.used.steps.remove(&credential);
                self.used.released.remove(&credential);
            }
            Known::NotSent => self.used = self.before.clone(),
            _ => {}
        }
        self.note_hold(credential, at);
        self.is_told_by(credential, ledgers);
        Some((known, made))
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
        let used = &self.used;
        let steps = used.steps.get(&credential).copied().unwrap_or(0);
        assert_eq!(
            (told.steps, told.released),
            (steps, used.released.contains(&credential)),
            "what credential {credential} has used up"
        );
        let told = &ledgers.username;
        assert_eq!(
            (told.moved.is_some(), told.risked.is_some()),
            (used.moved.is_some(), used.risked.is_some()),
            "what the username has used up"
        );
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
        let extra = |made: &&Made| {
            matches!(
                made.why,
                Why::Moved | Why::Step | Why::Released | Why::Asked
            )
        };
        // An answer that refuses only the code costs nothing, but leaves to the next attempt what this one could have cost.
        let left = |made: &&Made| made.known == Some(Known::CodeRefused);

        let excused = |made: &&Made| extra(made) && (rejected(made) || left(made));
        let unasked = |made: &&Made| rejected(made) && !extra(made);
        let since = || self.since_proof(None);
        let tried = distinct(since().filter(unasked));
        let allowed = max + tried.saturating_sub(1) + count(since().filter(excused));
        assert!(
            all.rejected <= allowed,
            "{} rejections in a row, {allowed} are allowed",
            all.rejected
        );
        sums.streak(all.rejected, allowed);

        for credential in 0..CREDENTIALS {
            let own = self.streak(credential);
            let since = self.since_proof(Some(credential));
            let allowed = max + count(since.filter(excused));
            assert!(
                own.rejected <= allowed,
                "credential {credential}: {own:?}, {allowed} are allowed"
            );
        }

        let spent =
            |made: &&Made| matches!(made.known, None | Some(Known::NoAnswer | Known::Rejection));
        let extra = |made: &&Made| extra(made) || made.why == Why::SixHourly;
        let excused = |made: &&Made| extra(made) && (spent(made) || left(made));
        let unasked = |made: &&Made| spent(made) && !extra(made);
        let tried = distinct(since().filter(unasked));
        let most = max.max(max_unanswered);
        let allowed = most + tried.saturating_sub(1) + count(since().filter(excused));
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
