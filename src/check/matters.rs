//! What a check finds that is the operator's matter and no incident of its user.

use jiff::Timestamp;

use crate::{
    attempt::Hold,
    board::Entry,
    notify::operator::{self, OperatorFacts},
    record::Record,
    store::together::Victims,
};

/// A storm that begins with this check, and a hold that is made of attempts without an answer only.
pub(super) fn matters(
    before: &Record,
    entry: &Entry,
    storm: Option<&Victims>,
    host: &str,
    now: Timestamp,
) -> Vec<OperatorFacts> {
    let record = &entry.record;
    let zone = record.zone.as_ref().map(|zone| zone.name.as_str());
    let storm = storm.map(|storm| {
        let (zone, since) = (zone.unwrap_or("?"), storm.since);
        operator::auth_outage(zone, &storm.tenants, &storm.users, since, now, host)
    });
    let budget = &record.budget;
    let held = Some(Hold::Unanswered);
    let unanswered = (budget.held == held && before.budget.held != held).then(|| {
        operator::unanswered(
            &entry.user.id,
            &entry.user.tenant,
            zone,
            budget.unanswered,
            budget.last_attempt.unwrap_or(now),
            budget.hold_ends.unwrap_or(now),
            host,
        )
    });
    storm.into_iter().chain(unanswered).collect()
}
