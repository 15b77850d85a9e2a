//! What Autotask would have counted and what lockwatch was told, kept apart from the ledgers; and what must hold between
//! the two. Nothing here reads the code's counters except to hold them against the truth.

use std::time::Duration;

use jiff::Timestamp;
use lockwatch::attempt::{Asker, Ledgers, Limits, NEW_CREDENTIALS_A_DAY, Outcome, UNANSWERED_HOLD};
use proptest::prelude::*;

const DAY: Duration = Duration::from_hours(24);
/// The credentials that a username's stories are about.
pub(crate) const CREDENTIALS: usize = 6;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Somebody asks for an attempt; if it is granted, it ends like this.
    Ask {
        credential: usize,
        asker: Asker,
        end: End,
    },
    /// The clock moves on.
    Forward(Duration),
    /// The clock is set back.
    Back(Duration),
    /// The answer to the attempt that was made so many attempts ago arrives at last, if it was kept waiting.
    Arrives(usize),
    /// The configuration is read again.
    Reload,
}

/// What Autotask does with an attempt, and what becomes of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// At once.
    AtOnce,
    /// Perhaps later.
    Late,
    /// lockwatch dies before it comes.
    Crash,
    /// The connection breaks: lockwatch knows that it has no answer.
    Lost,
}

/// An attempt that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) credential: usize,
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
    scheduled: bool,
    confirmation: bool,
    /// When the ledgers took note of its end, and as what.
    known: Option<(Timestamp, Outcome)>,
}

/// The truth about one username.
#[derive(Debug)]
pub(crate) struct Truth {
    limits: Limits,
    pub(crate) made: Vec<Made>,
    /// How far the clock was set back in all.
    set_back: Duration,
}

fn proves(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Accepted
            | Outcome::RefusedOtherwise {
                proves_credential: true
            }
    )
}

impl Truth {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            made: Vec::new(),
            set_back: Duration::ZERO,
        }
    }

    pub(crate) fn was_set_back(&mut self, by: Duration) {
        self.set_back += by;
    }

    /// An attempt left. What was allowed is checked here, on the truth alone.
    pub(crate) fn sent(
        &mut self,
        id: &str,
        credential: usize,
        asker: Asker,
        outcome: Outcome,
        at: Timestamp,
    ) {
        let scheduled = matches!(asker, Asker::Schedule | Asker::WithoutCode);
        let (rejected, open) = self.streak(credential);
        if scheduled {
            let spent = rejected + open;
            if rejected > 0 {
                // An operator's attempt found the secret good: one more at a time, which `check` counts.
                let known = |made: &Made| made.known.map(|(_, known)| known);
                let mut own = self.made.iter().rev();
                let seen = own.find(|made| {
                    made.credential == credential && known(made) != Some(Outcome::NotSent)
                });
                let verified = seen.and_then(known) == Some(Outcome::CodeRefused);
                assert!(
                    spent < self.limits.max_rejections || verified,
                    "presented after {rejected} rejections and {open} unanswered in a row"
                );
            } else if open >= self.limits.max_unanswered {
                let last = self.last(credential).expect("the unanswered ones").at;
                assert!(
                    at >= last + UNANSWERED_HOLD,
                    "presented after {open} unanswered, the last at {last}"
                );
            }
            self.new_credentials_are_few(credential, at);
        }
        self.made.push(Made {
            id: id.to_owned(),
            credential,
            at,
            outcome,
            scheduled,
            confirmation: rejected > 0,
            known: None,
        });
    }

    /// The end of an attempt was written down at `at`. Only that of the last attempt counts, and only once.
    pub(crate) fn told(&mut self, id: &str, outcome: Outcome, at: Timestamp) {
        if let Some(last) = self.made.last_mut()
            && last.id == id
            && last.known.is_none()
        {
            last.known = Some((at, outcome));
        }
    }

    /// What must hold at every moment.
    pub(crate) fn check(&self, ledgers: impl Fn(usize) -> Ledgers) {
        let operators = |made: &[&Made]| {
            let asked = made.iter().filter(|made| !made.scheduled);
            u32::try_from(asked.count()).unwrap()
        };
        let mut suspected = 0;
        for credential in 0..CREDENTIALS {
            let made = self.since_proof(credential);
            let (rejected, open) = self.streak(credential);
            assert!(
                rejected <= self.limits.max_rejections + operators(&made),
                "{rejected} rejections in a row: {made:?}"
            );
            let waited = made
                .windows(2)
                .filter(|pair| pair[1].at >= pair[0].at + UNANSWERED_HOLD);
            let steps = u32::try_from(waited.count()).unwrap();
            assert!(
                open <= self.limits.max_unanswered.max(self.limits.max_rejections)
                    + steps
                    + operators(&made),
                "{open} unanswered in a row: {made:?}"
            );
            let ledger = ledgers(credential).credential;
            assert_eq!(
                (ledger.rejections, ledger.unanswered),
                (rejected, open),
                "credential {credential}: {made:?}"
            );
            let counted = self.counted_in_a_row(|made| made.credential == credential);
            assert!(
                counted <= rejected + open,
                "Autotask counts {counted} of credential {credential}, the ledger knows less"
            );
            suspected += rejected + open;
        }
        let counted = self.counted_in_a_row(|_| true);
        assert!(
            counted <= suspected,
            "Autotask counts {counted} of the username, the ledgers know {suspected}"
        );
        self.rejections_of_a_day_are_few();
    }

    /// Within 24 h the schedule risks the budget once, and one attempt for each further credential.
    fn rejections_of_a_day_are_few(&self) {
        let Some(last) = self.made.last() else { return };
        // The clock is all that anybody has to tell a day by; where it was set back, a day seems shorter.
        let Some(day) = DAY.checked_sub(2 * self.set_back) else {
            return;
        };
        let since = last.at - day;
        let proof = self
            .made
            .iter()
            .rposition(|made| made.known.is_some_and(|(_, known)| proves(known)));
        let streak = self.made.iter().skip(proof.map_or(0, |at| at + 1));
        let of_the_day: Vec<&Made> = streak
            .filter(|made| made.at > since && made.scheduled)
            .filter(|made| {
                made.known
                    .is_some_and(|(_, known)| known == Outcome::Rejected)
            })
            .collect();
        let mut credentials: Vec<usize> = of_the_day.iter().map(|made| made.credential).collect();
        credentials.sort_unstable();
        credentials.dedup();
        let verified_by_operators = self.made.iter().filter(|made| {
            let found = made.known.map(|(_, known)| known);
            !made.scheduled && found == Some(Outcome::CodeRefused)
        });
        let allowed = self.limits.max_rejections as usize
            + credentials.len().saturating_sub(1)
            + verified_by_operators.count();
        assert!(
            of_the_day.len() <= allowed,
            "{} rejections in a day, {allowed} are allowed: {of_the_day:?}",
            of_the_day.len()
        );
        // Each credential's first rejection is no confirmation, and there is one of it.
        let firsts = of_the_day.iter().filter(|made| !made.confirmation).count();
        assert!(firsts <= credentials.len(), "{of_the_day:?}");
    }

    fn new_credentials_are_few(&self, credential: usize, at: Timestamp) {
        let Some(day) = DAY.checked_sub(2 * self.set_back) else {
            return;
        };
        if self.last(credential).is_some() {
            return;
        }
        let first = |nth: &usize| {
            let made = &self.made[*nth];
            let before = &self.made[..*nth];
            made.at > at - day && !before.iter().any(|one| one.credential == made.credential)
        };
        let new = (0..self.made.len()).filter(first).count();
        assert!(
            new < NEW_CREDENTIALS_A_DAY,
            "a new credential after {new} others of the day"
        );
    }

    fn last(&self, credential: usize) -> Option<&Made> {
        self.made.iter().rfind(|made| made.credential == credential)
    }

    /// The attempts of a credential since it was last known to be good.
    fn since_proof(&self, credential: usize) -> Vec<&Made> {
        let own = self
            .made
            .iter()
            .filter(|made| made.credential == credential);
        let mut since: Vec<&Made> = own
            .rev()
            .take_while(|made| !made.known.is_some_and(|(_, known)| proves(known)))
            .collect();
        since.reverse();
        since
    }

    /// Rejections that were told, and attempts without a known answer, since the credential was last known to be good.
    fn streak(&self, credential: usize) -> (u32, u32) {
        let mut told = (0, 0);
        for made in self.since_proof(credential) {
            match made.known {
                None | Some((_, Outcome::Unanswered)) => told.1 += 1,
                Some((_, Outcome::Rejected)) => told.0 += 1,
                Some(_) => {}
            }
        }
        told
    }

    /// What Autotask's own counter would say.
    fn counted_in_a_row(&self, of: impl Fn(&Made) -> bool) -> u32 {
        let mut counted = 0;
        for made in self.made.iter().filter(|made| of(made)) {
            match made.outcome {
                Outcome::Rejected => counted += 1,
                outcome if proves(outcome) => counted = 0,
                _ => {}
            }
        }
        counted
    }
}

fn end() -> impl Strategy<Value = End> {
    let outcome = prop_oneof![
        12 => Just(Outcome::Rejected),
        2 => Just(Outcome::Accepted),
        1 => Just(Outcome::RefusedOtherwise { proves_credential: true }),
        1 => Just(Outcome::RefusedOtherwise { proves_credential: false }),
        1 => Just(Outcome::CodeRefused),
        1 => Just(Outcome::AnsweredUnclearly),
        1 => Just(Outcome::NotSent),
    ];
    let told = prop_oneof![
        5 => Just(Told::AtOnce),
        2 => Just(Told::Late),
        2 => Just(Told::Crash),
        2 => Just(Told::Lost),
    ];
    (outcome, told).prop_map(|(outcome, told)| End { outcome, told })
}

fn asker() -> impl Strategy<Value = Asker> {
    prop_oneof![
        12 => Just(Asker::Schedule),
        2 => Just(Asker::WithoutCode),
        1 => Just(Asker::Operator { force: false }),
        1 => Just(Asker::Operator { force: true }),
    ]
}

/// Anything that can happen, often enough in the order that hurts.
pub(crate) fn happenings(length: usize) -> impl Strategy<Value = Vec<Happening>> {
    let ask = (0..CREDENTIALS * 2, asker(), end()).prop_map(|(credential, asker, end)| {
        // Most is asked with the first credential.
        let credential = credential.saturating_sub(CREDENTIALS);
        Happening::Ask {
            credential,
            asker,
            end,
        }
    });
    let forward = prop_oneof![
        6 => (1..60_u64).prop_map(Duration::from_secs),
        3 => (1..120_u64).prop_map(Duration::from_mins),
        1 => (2..30_u64).prop_map(Duration::from_hours),
    ];
    let one = prop_oneof![
        12 => ask,
        6 => forward.prop_map(Happening::Forward),
        1 => (1..40_u64).prop_map(|by| Happening::Back(Duration::from_secs(by))),
        2 => (0..3_usize).prop_map(Happening::Arrives),
        1 => Just(Happening::Reload),
    ];
    proptest::collection::vec(one, 1..length)
}

pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    (1..=4_u32, 1..=5_u32).prop_map(|(max_rejections, max_unanswered)| Limits {
        max_rejections,
        max_unanswered,
        flight: Duration::from_secs(15),
    })
}
