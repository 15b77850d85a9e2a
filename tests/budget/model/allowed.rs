//! Whether an attempt that was sent was allowed: each rule by itself, decided on the truth.

use std::time::Duration;

use lockwatch::attempt::{Asker, Ledgers};

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
        let minute = self.asked(sent.at, MINUTE, HOUR, operator);
        let hour = self.asked(sent.at, HOUR, HOUR, operator);
        assert!(minute < 1 && hour < 3, "an operator's, after {hour}");
        let vain = self.since_proof(Some(sent.credential)).filter(|made| {
            made.known == Some(Known::Rejection) && matches!(made.asker, Asker::Operator { .. })
        });
        assert!(force || vain.count() < 2, "twice in vain, without force");
    }

    /// With a placeholder for a code, an attempt an hour is made, an operator's counted; only a confirmation comes sooner.
    pub(super) fn an_hour_has_passed(&self, sent: &Sent) {
        // Where no time passed in between, nobody can tell which of two attempts was not sent, or was void.
        let taken_back = |at: Moment| {
            let mut same = self.made.iter().filter(|made| made.at.seen == at.seen);
            same.any(|made| matches!(made.known, Some(Known::NotSent | Known::Void)))
        };
        let paced = |made: &&Made| match made.asker {
            Asker::Operator { .. } | Asker::WithoutCode => !taken_back(made.at),
            Asker::Schedule | Asker::OneOff => false,
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

    /// When lockwatch was last told that it is rejected.
    fn last_rejected(&self, credential: usize) -> Option<Moment> {
        let rejected =
            |made: &&Made| made.credential == credential && made.known == Some(Known::Rejection);
        self.made.iter().rfind(rejected)?.told
    }

    pub(super) fn was_let_in(&self, credential: usize) -> bool {
        let last = self.last_answered(credential);
        last.is_some_and(|made| made.known == Some(Known::CodeRefused))
    }

    pub(super) fn one_off_probes_are_few(&self, sent: &Sent) {
        let few = self.asked(sent.at, DAY, DAY, |asker| asker == Asker::OneOff);
        assert!(few < 2, "a one-off probe after {few} within a day");
    }

    /// So many attempts of these askers within `span` of the clock. What a later one saw further back than `kept` is
    /// forgotten, wherever the clock is set then; a void one did not take place, nor what the clock cannot tell from it.
    fn asked(
        &self,
        now: Moment,
        span: Duration,
        kept: Duration,
        of: impl Fn(Asker) -> bool,
    ) -> usize {
        let void = |made: &Made| {
            let mut same = self.made.iter().filter(|one| one.at.shown == made.at.shown);
            same.any(|made| made.known == Some(Known::Void))
        };
        let made: Vec<&Made> = self.made.iter().filter(|made| of(made.asker)).collect();
        let counts = |nth: &usize| {
            let (made, later) = (made[*nth], &made[nth + 1..]);
            let forgotten = |later: &&Made| made.at.shown + kept <= later.at.shown;
            !void(made) && now.shows_within(made.at, span) && !later.iter().any(forgotten)
        };
        (0..made.len()).filter(counts).count()
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
        let sent_out = |made: &&Made| made.known != Some(Known::NotSent);
        let vain = |made: &&Made| matches!(made.known, None | Some(Known::NoAnswer));
        let made = self.made.iter().rev().filter(sent_out);
        let in_vain = made.take_while(vain).count();
        // Counted from the last one, even if that was not sent.
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
        let works = self.worked(sent.credential);
        let own = self.streak(sent.credential);
        if ledgers.credential.released && self.used.released.insert(sent.credential) {
            let rejected = self.last_rejected(sent.credential);
            assert!(
                works && sent.weather.befell(rejected),
                "released after {own:?}, rejected at {rejected:?}: {:?}",
                sent.weather
            );
            return Why::Released;
        }
        let before = self.used.steps.get(&sent.credential).copied().unwrap_or(0);
        let after = ledgers.credential.steps;
        assert!(
            after > before && works && (sent.locked_out || sent.weather.storm),
            "presented after {own:?}, {:?} with all credentials, {:?}",
            self.streak_of_all(),
            sent.weather
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
        let sent_out = |made: &&Made| made.known != Some(Known::NotSent);
        let last = self.made.iter().rfind(sent_out).map(|last| last.zone);
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
