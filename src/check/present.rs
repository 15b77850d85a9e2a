//! One presentation of a credential: read anew, permitted when its turn has come, sent once. Where its zone must first
//! answer a request without one, it is asked here.

use secrecy::SecretString;

use super::{Attempted, CheckError, Checker, Round, vendor};
use crate::{
    attempt::{Permit, Refusal, storm, waits_for_others},
    autotask::client::Credential,
    config::secret,
    observation::{Fleet, Mangled, QueryStep, Zone},
    probe::{
        self,
        query::{Made, NotMade},
    },
    store::{
        StoreError,
        ledger::{Bearer, PermitRequest, Standing},
    },
};

/// Why the query probe did not get its permit.
enum NoPermit {
    Refused(Box<Standing>, Refusal),
    Store(StoreError),
    Stopping,
}

/// A credential that is read, and what is known about it.
pub(super) struct Presentable {
    pub(super) credential: Credential,
    /// Keyed fingerprint of secret and code.
    pub(super) fingerprint: String,
    /// Keyed fingerprint of tenant and code: those go one after the other.
    pub(super) group: String,
    pub(super) mangled: Vec<Mangled>,
}

/// What became of one presentation.
pub(super) enum Presented {
    Made(Box<Made>, Box<Standing>),
    Not(Box<Attempted>),
}

impl Checker {
    /// Reads the secret and the code, anew for every attempt.
    pub(super) async fn read(
        &self,
        round: &Round<'_>,
    ) -> Result<Result<Presentable, QueryStep>, StoreError> {
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
    pub(super) async fn present(
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

pub(super) fn bearer(round: &Round<'_>, shown: &Presentable, zone: &Zone) -> Bearer {
    Bearer {
        claim: round.claimed.claim.clone(),
        username: round.user.username.key(),
        fingerprint: shown.fingerprint.clone(),
        tenant: round.user.tenant.clone(),
        zone: zone.api.to_string(),
        limits: round.setup.limits(),
    }
}

pub(super) fn fleet(standing: &Standing) -> Fleet {
    Fleet {
        denied: 0,
        storm: storm(&standing.ledgers),
        pending: waits_for_others(standing.others_asked, standing.now),
    }
}
