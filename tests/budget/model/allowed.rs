//! Whether an attempt that was sent was allowed: each rule by itself, decided on the truth.

use std::time::Duration;

use lockwatch::attempt::{Asker, Ledgers, storm};

use super::{Known, Made, Sent, Truth, Why};
use crate::clock::Moment;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const SIX_HOURS: Duration = Duration::from_hours(6);
const DAY: Duration = Duration::from_hours(24);

impl Truth {
    pub(super) fn one_at_a_time(&self, sent: &Sent) {
        let Some(last) = self.made.last() else { return };
        let waited = sent.at.real - last.at.real;
        assert!(
            last.known.is_some() || last.at.leaps != sent.at.leaps || waited >= self.limits.flight,
            "two at once: {waited:?} after {last:?}"
        );
    }

    pub(super) fn the_zone_spoke(&self, sent: &Sent) {
        let lost = self.made.last().filter(|last| last.known.is_none());
        assert!(
            sent.speaks || (lost.is_none() && !sent.closed),
            "sent to a silent zone, after {lost:?}"
        );
    }

    pub(super) fn operators_ask_seldom(&self, sent: &Sent, force: bool) {
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
    pub(super) fn an_hour_has_passed(&self, sent: &Sent) {
        let paced = |made: &&Made| {
            let asked = matches!(made.asker, Asker::Operator { .. } | Asker::WithoutCode);
            asked && !self.made.iter().any(|other| excuses(other, made))
        };
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

    pub(super) fn was_let_in(&self, credential: usize) -> bool {
        let last = self.last_answered(credential);
        last.is_some_and(|made| made.known == Some(Known::CodeRefused))
    }

    pub(super) fn one_off_probes_are_few(&self, sent: &Sent) {
        let few = self.asked(sent.at, DAY, |asker| asker == Asker::OneOff);
        assert!(few < 2, "a one-off probe after {few} within a day");
    }

    /// So many attempts of these askers within `span`, which goes by the clock: nothing is said of what was before it was
    /// set.
    fn asked(&self, now: Moment, span: Duration, of: impl Fn(Asker) -> bool) -> usize {
        let made = self.made.iter().filter(|made| of(made.asker));
        let recent =
            made.filter(|made| made.at.leaps == now.leaps && made.at.real + span > now.real);
        let void =
            |other: &Made, made: &Made| other.known == Some(Known::Void) && excuses(other, made);
        recent
            .filter(|made| !self.made.iter().any(|other| void(other, made)))
            .count()
    }

    pub(super) fn scheduled(&mut self, sent: &Sent, ledgers: &Ledgers) -> Why {
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
                self.used.risked = Some(sent.at);
                return Why::Moved;
            }
            let over =
                |since: Option<Moment>| since.is_none_or(|since| sent.at.is_past(since, SIX_HOURS));
            let last = self.made.last().map(|last| last.at);
            assert!(
                over(self.used.risked) && (over(last) || Self::freed(last, sent)),
                "risked after {all:?}, the last at {last:?}, risked at {:?}",
                self.used.risked
            );
            self.used.risked = Some(sent.at);
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
        let sent_before = self.made.iter().rev().filter(was_sent);
        let in_vain = sent_before.take_while(vain).count();
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
        if ledgers.credential.released && self.used.released.insert(sent.credential) {
            assert!(sent.befallen, "no storm befell it");
            return Why::Released;
        }
        let before = self.used.steps.get(&sent.credential).copied().unwrap_or(0);
        let after = ledgers.credential.steps;
        let own = self.streak(sent.credential);
        assert!(
            after > before && (sent.locked_out || storm(ledgers).is_some()),
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
        self.used.steps.insert(sent.credential, after);
        Why::Step
    }

    /// Whether the ledgers say that another zone excused this attempt.
    fn says_moved(&self, sent: &Sent, ledgers: &Ledgers) -> bool {
        let username = &ledgers.username;
        username.moved.is_some()
            && username.moved == username.last_attempt
            && self
                .used
                .moved
                .is_none_or(|moved| moved.seen != sent.at.seen)
    }

    fn moves_to(&mut self, sent: &Sent) {
        let last = self.made.iter().rfind(was_sent).map(|last| last.zone);
        assert!(sent.found && last != Some(sent.zone), "it has not moved");
        self.moves(sent.at);
    }

    pub(super) fn moves(&mut self, at: Moment) {
        if let Some(before) = self.used.moved {
            assert!(at.is_past(before, DAY), "moved at {before:?} and {at:?}");
        }
        self.used.moved = Some(at);
    }
}

fn was_sent(made: &&Made) -> bool {
    made.known != Some(Known::NotSent)
}

/// Whether an attempt that cost nothing is the other one, as far as anybody can tell when no time passed in between.
fn excuses(other: &Made, made: &Made) -> bool {
    other.at.seen == made.at.seen && matches!(other.known, Some(Known::NotSent | Known::Void))
}
