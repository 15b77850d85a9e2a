//! What a check does, in words, for people who wait for it.

use serde::Serialize;

use crate::{
    observation::{Probed, QueryFinding, QueryStep, ZoneFinding},
    user::Known,
};

/// What a check does, as it happens; for people who wait.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// `zone`, `attempt`, `query` or `result`.
    pub step: &'static str,
    /// Bounded.
    pub outcome: String,
    /// For people.
    pub detail: String,
    /// Milliseconds, where something was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// Listens to a check.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

pub(super) fn zone(zone: &Probed<ZoneFinding>) -> Progress {
    let detail = match &zone.finding {
        ZoneFinding::Found(zone) => {
            format!("{} at {}", zone.name, zone.api.host_str().unwrap_or("?"))
        }
        ZoneFinding::Unknown => "the look-up does not know the username".to_owned(),
        ZoneFinding::Untrusted { host, why } => format!("{host}: {why}"),
        ZoneFinding::Unclear(_) => "nothing definitive".to_owned(),
    };
    Progress {
        step: "zone",
        outcome: zone.finding.as_str().to_owned(),
        detail,
        took_ms: u64::try_from(zone.took.as_millis()).ok(),
    }
}

pub(super) fn query(step: &QueryStep, known: &Known) -> Progress {
    let (outcome, detail, took) = match step {
        QueryStep::Made {
            probed, mangled, ..
        } => {
            let mut looks: Vec<_> = mangled.iter().map(|what| what.as_sentence()).collect();
            if matches!(known, Known::Secret(_))
                && probed.finding == QueryFinding::IntegrationCodeInvalid
            {
                looks.insert(
                    0,
                    "A placeholder was sent: this is the answer to a good secret.",
                );
            }
            (probed.finding.as_str(), looks.join(" "), Some(probed.took))
        }
        QueryStep::ZoneSilent(_) => (
            "not_made",
            "the zone does not answer a request without a credential".to_owned(),
            None,
        ),
        QueryStep::NoZone => (
            "not_made",
            "no zone to send a credential to".to_owned(),
            None,
        ),
        QueryStep::VendorHeld => (
            "not_made",
            "only the vendor knows the integration code, so the credential is not presented"
                .to_owned(),
            None,
        ),
        QueryStep::NotPermitted(refusal) => ("not_made", refusal.to_string(), None),
        QueryStep::SecretUnreadable(why) => ("not_made", why.clone(), None),
        QueryStep::NoStore => (
            "not_made",
            "the store could not record the attempt".to_owned(),
            None,
        ),
    };
    Progress {
        step: "query",
        outcome: outcome.to_owned(),
        detail,
        took_ms: took.and_then(|took| u64::try_from(took.as_millis()).ok()),
    }
}
