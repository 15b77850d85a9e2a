//! The credentialed half of a check: reads the secret anew, asks for a permit when its turn has come, presents the
//! credential once; and once more only when the tenant has moved meanwhile.

use std::net::IpAddr;

use secrecy::SecretString;

use super::{CheckError, Checker, Round, vendor};
use crate::{
    attempt::{Asker, Outcome, Permit, Refusal, Waiting, storm, waits_for_others},
    autotask::client::Credential,
    config::secret,
    observation::{Fleet, Mangled, Probed, QueryFinding, QueryStep, Zone, ZoneFinding},
    probe::{
        self,
        query::{Made, NotMade},
    },
    store::{
        StoreError,
        ledger::{Bearer, PermitRequest, Settled, Settlement, Standing},
        together::Victims,
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
    /// With this check Autotask is seen to refuse many users at once.
    pub(super) storm: Option<Victims>,
}

impl From<QueryStep> for Attempted {
    fn from(step: QueryStep) -> Self {
        Self {
            step,
            settlement: None,
            standing: None,
            fleet: Fleet::default(),
            zone: None,
            storm: None,
        }
    }
}

/// Why the query probe did not get its permit.
enum NoPermit {
    Refused(Box<Standing>, Refusal),
    Store(StoreError),
    Stopping,
}

/// A credential that is read, and what is known about it.
struct Presentable {
    credential: Credential,
    /// Keyed fingerprint of secret and code.
    fingerprint: String,
    /// Keyed fingerprint of tenant and code: those go one after the other.
    group: String,
    mangled: Vec<Mangled>,
}

/// What became of one presentation.
enum Presented {
    Made(Box<Made>, Box<Standing>),
    Not(Box<Attempted>),
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
            && self.store.now() < until
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

    /// Reads the secret and the code, anew for every attempt.
    async fn read(&self, round: &Round<'_>) -> Result<Result<Presentable, QueryStep>, StoreError> {
        let user = round.user;
        let (secret, code) = match vendor::read(&user.known).await {
            Ok(both) => both,
            Err(step) => return Ok(Err(step)),
        };
        let mangled = secret::mangled(&secret);
        let store = self.store.get()?;
        let fingerprint = store.fingerprint(&[&secret, &code]);
        let tenant = SecretString::from(user.tenant.clone());
        let group = store.fingerprint(&[&tenant, &code]);
        let credential = Credential {
            username: user.username.clone(),
            secret,
            integration_code: code,
        };
        Ok(Ok(Presentable {
            credential,
            fingerprint,
            group,
            mangled,
        }))
    }

    /// One permit, one request. Where the zone must first answer without a credential, it is asked.
    async fn present(
        &self,
        round: &Round<'_>,
        shown: &Presentable,
        zone: &Zone,
        found: bool,
    ) -> Result<Presented, CheckError> {
        let setup = round.setup;
        let mut answered = None;
        loop {
            let mut standing = None;
            let permit = async || -> Result<Permit, NoPermit> {
                let request = request(
                    round,
                    shown,
                    zone,
                    found,
                    answered.clone(),
                    self.store.now(),
                );
                let (permit, now) = self.permit(request).await?;
                standing = Some(Box::new(now));
                Ok(permit)
            };
            let made = probe::query::query(
                &setup.client,
                &setup.slots,
                &shown.group,
                zone,
                &shown.credential,
                &round.user.entity,
                permit,
            )
            .await;
            let why = match (made, standing) {
                (Ok(made), Some(standing)) => {
                    self.metrics.query_probed(&made.probed);
                    return Ok(Presented::Made(Box::new(made), standing));
                }
                // There is no request without a permit.
                (Ok(_), None) => return Err(CheckError::Overtaken),
                (Err(why), _) => why,
            };
            let not = |step: QueryStep, standing: Option<Standing>| {
                let fleet = standing.as_ref().map(fleet).unwrap_or_default();
                let attempted = Attempted {
                    standing,
                    fleet,
                    ..step.into()
                };
                Ok(Presented::Not(Box::new(attempted)))
            };
            match why {
                NotMade::Unsendable(why) => {
                    let why = format!("the credential cannot be sent: {why}");
                    return not(QueryStep::SecretUnreadable(why), None);
                }
                NotMade::NoPermit(NoPermit::Stopping) => return Err(CheckError::Stopping),
                NotMade::NoPermit(NoPermit::Store(why)) => {
                    tracing::error!(user.id = %round.user.id, cause = %why, "no attempt: the store could not record it");
                    return not(QueryStep::NoStore, None);
                }
                NotMade::NoPermit(NoPermit::Refused(_, Refusal::NotOurs)) => {
                    return Err(CheckError::Overtaken);
                }
                NotMade::NoPermit(NoPermit::Refused(standing, Refusal::ZoneClosed { attempt }))
                    if answered.is_none() =>
                {
                    let asked = setup.gates.ask(&setup.client, &setup.slots, zone).await;
                    if let Err(unclear) = asked {
                        return not(QueryStep::ZoneSilent(unclear), Some(*standing));
                    }
                    answered = Some(attempt);
                }
                NotMade::NoPermit(NoPermit::Refused(standing, refusal)) => {
                    return not(QueryStep::NotPermitted(refusal), Some(*standing));
                }
            }
        }
    }

    async fn permit(&self, request: PermitRequest) -> Result<(Permit, Standing), NoPermit> {
        if self.stopping.is_cancelled() {
            return Err(NoPermit::Stopping);
        }
        // Asked for anew: it may have been lost while the attempt waited for its turn.
        let store = self.store.get().map_err(NoPermit::Store)?;
        let answer = store.permit(request).await.map_err(NoPermit::Store)?;
        match answer.decision {
            Ok(permit) => Ok((permit, answer.standing)),
            Err(refusal) => Err(NoPermit::Refused(Box::new(answer.standing), refusal)),
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

fn request(
    round: &Round<'_>,
    shown: &Presentable,
    zone: &Zone,
    zone_found: bool,
    zone_answered: Option<String>,
    now: jiff::Timestamp,
) -> PermitRequest {
    PermitRequest {
        bearer: bearer(round, shown, zone),
        zone_found,
        zone_answered,
        asker: round.asker,
        activation: Some(round.activation),
        locked_out: round.claimed.record.state.is_locked_out(),
        interval: round.user.interval,
        lease: round.setup.lease(),
        now,
    }
}

fn bearer(round: &Round<'_>, shown: &Presentable, zone: &Zone) -> Bearer {
    Bearer {
        claim: round.claimed.claim.clone(),
        username: round.user.username.key(),
        fingerprint: shown.fingerprint.clone(),
        tenant: round.user.tenant.clone(),
        zone: zone.api.to_string(),
        limits: round.setup.limits(),
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
        storm: settled.storm,
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

fn fleet(standing: &Standing) -> Fleet {
    Fleet {
        denied: 0,
        storm: storm(&standing.ledgers),
        pending: waits_for_others(standing.others_asked, standing.now),
    }
}
