//! What an answer does to the ledgers. Pure.

use super::{
    DAY, Ledgers, Limits, Now, Outcome,
    hold::hold,
    ledger::{CredentialLedger, UsernameLedger},
    refusal::Hold,
    storm::weigh,
};

/// An attempt's end.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The attempt.
    pub attempt: &'a str,
    /// Lower-cased username.
    pub username: &'a str,
    /// How it ended.
    pub outcome: Outcome,
}

/// Writes the answer of an attempt into the ledgers. One that is not in flight (any more) changes nothing.
#[must_use]
pub fn settle(ledgers: &Ledgers, end: &End<'_>, limits: &Limits, now: Now) -> Ledgers {
    let mut next = ledgers.clone();
    let Ledgers {
        username,
        credential,
        zone,
        tenant,
    } = &mut next;
    // An answer that comes after the username's next attempt is left as unanswered: that it is late says that the order is
    // lost, and an acceptance out of order would forgive rejections that came after it.
    let Some(flight) = username
        .in_flight
        .take_if(|flight| flight.id == end.attempt)
    else {
        return next;
    };
    credential.last_answer = Some(end.outcome);
    let made = username.last_attempt.unwrap_or(now.counted);
    weigh([&mut *zone, tenant], end.username, end.outcome, made, now);
    match end.outcome {
        Outcome::Accepted
        | Outcome::RefusedOtherwise {
            proves_credential: true,
        } => {
            answered(username, credential);
            credential.rejections = 0;
            credential.unanswered = 0;
            credential.vain = 0;
            credential.steps = 0;
            credential.released = false;
            credential.last_accepted = Some(now.wall);
            username.rejections = 0;
            username.unanswered = 0;
            username.last_accepted = Some(now.wall);
        }
        Outcome::RejectedElsewhere if moves_freely(username.moved, now) => {
            answered(username, credential);
            username.moved = Some(now.counted);
            // It is made again in the right zone, and whoever asked asks once.
            username
                .operator
                .pop_if(|at| flight.operator && *at == flight.at);
            username.one_off.pop_if(|at| *at == flight.at);
            username.without_code.pop_if(|at| *at == made);
        }
        Outcome::Rejected | Outcome::RejectedElsewhere => {
            answered(username, credential);
            credential.rejections += 1;
            credential.last_rejected = Some(now.wall);
            credential.rejected_at = Some(now.counted);
            credential.vain += u32::from(flight.operator);
            username.rejections += 1;
        }
        Outcome::CodeRefused => {
            answered(username, credential);
            credential.last_verified = Some(now.wall);
            username.last_verified = Some(now.wall);
        }
        Outcome::NotSent => {
            answered(username, credential);
            // What Autotask never saw uses nothing up and answers nothing.
            flight.before.restore(username, credential);
            username.without_code.pop_if(|at| *at == made);
        }
        Outcome::RefusedOtherwise {
            proves_credential: false,
        } => answered(username, credential),
        Outcome::AnsweredUnclearly => {
            answered(username, credential);
            zone.closed_by = Some(flight.id);
        }
        Outcome::Unanswered => zone.closed_by = Some(flight.id),
    }
    note_hold(&mut next, limits, now);
    next
}

fn answered(username: &mut UsernameLedger, credential: &mut CredentialLedger) {
    credential.unanswered = credential.unanswered.saturating_sub(1);
    username.unanswered = username.unanswered.saturating_sub(1);
    username.wait = None;
}

/// Another zone excuses a rejection, or ends a hold, once in 24 h.
pub(super) fn moves_freely(moved: Option<jiff::Timestamp>, now: Now) -> bool {
    moved.is_none_or(|moved| now.counted >= moved + DAY)
}

/// From when on rejections hold the credential: `retry_held_after` counts from there.
pub(super) fn note_hold(ledgers: &mut Ledgers, limits: &Limits, now: Now) {
    let held = matches!(
        hold(ledgers, limits, now),
        Some(Hold::Rejections | Hold::Username)
    );
    let since = ledgers.credential.held_since;
    ledgers.credential.held_since = held.then(|| since.unwrap_or(now.counted));
}
