//! The credentialed half of a check: presents the credential once, weighs a rejection with those of others before the check
//! is over, and presents it once more only when the tenant has moved meanwhile.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    CheckError, Checker, Round,
    present::{Presentable, Presented, bearer, fleet},
};
use crate::{
    attempt::{Asker, Outcome, Refusal, Waiting},
    autotask::wire::MAX_RETRY_AFTER,
    observation::{Fleet, Mangled, Probed, QueryFinding, QueryStep, Zone, ZoneFinding},
    probe::{self, query::Made},
    store::{
        StoreError,
        ledger::{Settled, Settlement, Standing},
    },
};

/// What the credentialed half of a check brought.
pub(super) struct Attempted {
    pub(super) step: QueryStep,
    /// To be written with the check's result; `None` when there was no attempt, or it is settled.
    pub(super) settlement: Option<Settlement>,
    pub(super) standing: Option<Standing>,
    pub(super) fleet: Fleet,
    /// A second look-up that took the place of the first: the tenant has moved.
    pub(super) zone: Option<Probed<ZoneFinding>>,
}

impl From<QueryStep> for Attempted {
    fn from(step: QueryStep) -> Self {
        Self {
            step,
            settlement: None,
            standing: None,
            fleet: Fleet::default(),
            zone: None,
        }
    }
}

/// Autotask asked to wait until then. What is further off than that may ask was written before the clock was set back.
fn is_waited_for(until: Timestamp, now: Timestamp) -> bool {
    now < until && until <= now + MAX_RETRY_AFTER
}

impl Checker {
    /// Presents the credential to `zone`; `found` says that the look-up names it now.
    pub(super) async fn attempt(
        &self,
        round: &Round<'_>,
        zone: Zone,
        found: bool,
    ) -> Result<Attempted, CheckError> {
        if let Some(until) = round.claimed.record.not_before
            && matches!(round.asker, Asker::Schedule | Asker::WithoutCode)
            && is_waited_for(until, self.store.now())
        {
            let why = Waiting::RetryAfter;
            return Ok(QueryStep::NotPermitted(Refusal::Wait { until, why }).into());
        }
        let shown = match self.read(round).await? {
            Ok(shown) => shown,
            Err(step) => return Ok(step.into()),
        };
        let (made, standing) = match self.present(round, &shown, &zone, found).await? {
            Presented::Made(made, standing) => (made, standing),
            Presented::Not(why) => return Ok(*why),
        };
        if made.probed.finding.outcome() != Outcome::Rejected {
            return Ok(self.answered(round, &shown, &zone, *made, *standing));
        }
        // A rejection must be weighed before the check is over: the tenant may have moved, and others may be refused too.
        let moved = self.moved(round, &zone, &made.probed.finding).await;
        let outcome = if moved.is_some() {
            Outcome::RejectedElsewhere
        } else {
            Outcome::Rejected
        };
        let end = settlement(round, &shown, &zone, &made, outcome);
        let settled = self.settle(end).await?;
        match moved {
            Some((probed, there)) if settled.void => {
                let mut attempted = match self.present(round, &shown, &there, true).await? {
                    Presented::Not(why) => *why,
                    Presented::Made(made, standing) => {
                        if made.probed.finding.outcome() == Outcome::Rejected {
                            let outcome = Outcome::Rejected;
                            let end = settlement(round, &shown, &there, &made, outcome);
                            let settled = self.settle(end).await?;
                            rejected(*made, &shown, settled)
                        } else {
                            self.answered(round, &shown, &there, *made, *standing)
                        }
                    }
                };
                attempted.zone = Some(probed);
                Ok(attempted)
            }
            _ => Ok(rejected(*made, &shown, settled)),
        }
    }

    /// Where the tenant is now, when a second look-up right after a 401 names another zone.
    async fn moved(
        &self,
        round: &Round<'_>,
        zone: &Zone,
        finding: &QueryFinding,
    ) -> Option<(Probed<ZoneFinding>, Zone)> {
        // A body that says locked is no 401 of the wrong zone.
        if *finding != QueryFinding::Rejected {
            return None;
        }
        let setup = round.setup;
        let probed = probe::zone::look_up(&setup.client, &setup.slots, &round.user.username).await;
        self.metrics.zone_probed(&probed);
        match &probed.finding {
            ZoneFinding::Found(there) if there.api != zone.api => {
                let there = there.clone();
                Some((probed, there))
            }
            _ => None,
        }
    }

    async fn settle(&self, end: Settlement) -> Result<Settled, StoreError> {
        let store = self.store.get()?;
        let now = store.now();
        store.settle(end, now).await
    }

    /// Any end but a rejection: it is written with the check's result.
    fn answered(
        &self,
        round: &Round<'_>,
        shown: &Presentable,
        zone: &Zone,
        made: Made,
        mut standing: Standing,
    ) -> Attempted {
        let end = settlement(round, shown, zone, &made, made.probed.finding.outcome());
        standing.now = standing.now.later(self.store.now());
        standing.ledgers = end.applied_to(&standing.ledgers, standing.now);
        Attempted {
            fleet: fleet(&standing),
            settlement: Some(end),
            standing: Some(standing),
            ..made_step(made.probed, made.from, &shown.mangled).into()
        }
    }
}

fn settlement(
    round: &Round<'_>,
    shown: &Presentable,
    zone: &Zone,
    made: &Made,
    outcome: Outcome,
) -> Settlement {
    Settlement {
        bearer: bearer(round, shown, zone),
        attempt: made.attempt.clone(),
        outcome,
    }
}

fn rejected(made: Made, shown: &Presentable, settled: Settled) -> Attempted {
    Attempted {
        fleet: fleet(&settled.standing),
        standing: Some(settled.standing),
        ..made_step(made.probed, made.from, &shown.mangled).into()
    }
}

fn made_step(probed: Probed<QueryFinding>, from: Option<IpAddr>, mangled: &[Mangled]) -> QueryStep {
    QueryStep::Made {
        probed,
        from,
        mangled: mangled.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_wait_is_obeyed_but_not_one_of_another_clock() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (until, waits) in [
            ("-1s", false),
            ("0s", false),
            ("1s", true),
            ("24h", true),
            ("24h1s", false),
            ("9000h", false),
        ] {
            let until = now + until.parse::<SignedDuration>().unwrap();
            assert_eq!(is_waited_for(until, now), waits, "{until}");
        }
    }
}
