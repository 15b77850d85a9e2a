//! The credentialed half of a check: reads the secret anew, asks for a permit when its turn has come, presents the
//! credential once.

use secrecy::SecretString;

use super::{CheckError, Checker};
use crate::{
    attempt::{Activation, Asker, Ledgers, Permit, Refusal, Waiting, settle},
    autotask::client::Credential,
    config::secret::{self, SecretError},
    observation::{QueryStep, Zone},
    probe::{self, query::NotMade},
    setup::Setup,
    store::{
        StoreError,
        ledger::{PermitRequest, Settlement},
        users::Claimed,
    },
    user::User,
};

/// What the credentialed half of a check brought.
pub(super) struct Attempted {
    pub(super) step: QueryStep,
    pub(super) settlement: Option<Settlement>,
    pub(super) ledgers: Option<Ledgers>,
}

impl From<QueryStep> for Attempted {
    fn from(step: QueryStep) -> Self {
        Self {
            step,
            settlement: None,
            ledgers: None,
        }
    }
}

/// Why the query probe did not get its permit.
enum NoPermit {
    Refused(Box<Ledgers>, Refusal),
    Store(StoreError),
    Stopping,
}

impl Checker {
    /// The credentialed half: reads the secret anew, asks for a permit when its turn has come, presents the credential once.
    pub(super) async fn attempt(
        &self,
        setup: &Setup,
        user: &User,
        claimed: &Claimed,
        zone: &Zone,
        asker: Asker,
        activation: Activation,
    ) -> Result<Attempted, CheckError> {
        if let Some(until) = claimed.record.not_before
            && asker == Asker::Schedule
            && self.store.now() < until
        {
            let why = Waiting::RetryAfter;
            return Ok(QueryStep::NotPermitted(Refusal::Wait { until, why }).into());
        }
        let (secret, code) = tokio::join!(user.secret.read(), user.integration_code.read());
        let (secret, code) = match (secret, code) {
            (Ok(secret), Ok(code)) => (secret, code),
            (Err(why), _) => return Ok(unreadable("secret", &why)),
            (_, Err(why)) => return Ok(unreadable("integration code", &why)),
        };
        let mangled = secret::mangled(&secret);
        let fingerprint = self.store.fingerprint(&[&secret, &code]);
        let tenant = SecretString::from(user.tenant.clone());
        let group = self.store.fingerprint(&[&tenant, &code]);
        let credential = Credential {
            username: user.username.clone(),
            secret,
            integration_code: code,
        };
        let mut ledgers = None;
        let permit = async || -> Result<Permit, NoPermit> {
            if self.stopping.is_cancelled() {
                return Err(NoPermit::Stopping);
            }
            let request = PermitRequest {
                claim: claimed.claim.clone(),
                username: user.username.key(),
                fingerprint: fingerprint.clone(),
                asker,
                activation: Some(activation),
                limits: setup.limits(),
                lease: setup.lease(),
                now: self.store.now(),
            };
            let answer = self.store.permit(request).await.map_err(NoPermit::Store)?;
            match answer.decision {
                Ok(permit) => {
                    ledgers = Some(answer.ledgers);
                    Ok(permit)
                }
                Err(refusal) => Err(NoPermit::Refused(Box::new(answer.ledgers), refusal)),
            }
        };
        let made = probe::query::query(
            &setup.client,
            &setup.slots,
            &group,
            zone,
            &credential,
            &user.entity,
            permit,
        )
        .await;
        let answered = match made {
            Ok(answered) => answered,
            Err(NotMade::Unsendable(why)) => {
                return Ok(QueryStep::SecretUnreadable(format!(
                    "the credential cannot be sent: {why}"
                ))
                .into());
            }
            Err(NotMade::NoPermit(NoPermit::Stopping)) => return Err(CheckError::Stopping),
            Err(NotMade::NoPermit(NoPermit::Store(why))) => {
                tracing::error!(user.id = %user.id, cause = %why, "no attempt: the store could not record it");
                return Ok(QueryStep::NoStore.into());
            }
            Err(NotMade::NoPermit(NoPermit::Refused(_, Refusal::NotOurs))) => {
                return Err(CheckError::Overtaken);
            }
            Err(NotMade::NoPermit(NoPermit::Refused(ledgers, refusal))) => {
                return Ok(Attempted {
                    step: QueryStep::NotPermitted(refusal),
                    settlement: None,
                    ledgers: Some(*ledgers),
                });
            }
        };
        self.metrics.query_probed(&answered.probed);
        let settlement = Settlement {
            username: user.username.key(),
            fingerprint,
            attempt: answered.attempt,
            outcome: answered.probed.finding.outcome(),
        };
        let ledgers = ledgers.map(|ledgers: Ledgers| {
            settle(
                &ledgers,
                &settlement.attempt,
                settlement.outcome,
                self.store.now(),
            )
        });
        Ok(Attempted {
            step: QueryStep::Made {
                probed: answered.probed,
                from: answered.from,
                mangled,
            },
            settlement: Some(settlement),
            ledgers,
        })
    }
}

fn unreadable(what: &str, why: &SecretError) -> Attempted {
    QueryStep::SecretUnreadable(format!("the {what} cannot be read: {why}")).into()
}
