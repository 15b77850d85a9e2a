//! What a check finds that is the operator's matter and no incident of its user.

use jiff::Timestamp;

use crate::{
    attempt::Hold,
    board::Entry,
    notify::operator::{self, OperatorFacts},
    record::Record,
};

/// A hold that begins and is made of attempts without an answer only.
pub(super) fn unanswered(
    before: &Record,
    entry: &Entry,
    host: &str,
    now: Timestamp,
) -> Option<OperatorFacts> {
    let record = &entry.record;
    let budget = &record.budget;
    let held = Some(Hold::Unanswered);
    (budget.held == held && before.budget.held != held).then(|| {
        operator::unanswered(
            &entry.user.id,
            &entry.user.tenant,
            record.zone.as_ref().map(|zone| zone.name.as_str()),
            budget.unanswered,
            budget.last_attempt.unwrap_or(now),
            budget.hold_ends.unwrap_or(now),
            host,
        )
    })
}
