//! The look-up denies a user: does it deny others, too? It costs nothing to ask, for it takes no credential.

use std::time::Duration;

use super::{CheckError, Checker, Round};
use crate::{
    clock,
    fleet::{LookUps, look_up_fails},
    observation::ZoneFinding,
    probe,
};

impl Checker {
    /// How many others are denied as well, when that shows a fault of the look-up; 0 when it does not.
    pub(super) async fn others_denied(
        &self,
        round: &Round<'_>,
        finding: &ZoneFinding,
    ) -> Result<usize, CheckError> {
        if *finding != ZoneFinding::Unknown {
            return Ok(0);
        }
        let store = self.store.get()?;
        let now = store.now();
        let denied = store.denied(&round.user.id, now).await?;
        let mut seen = LookUps {
            denied: denied.others,
            known: 0,
        };
        for id in denied.ask {
            let Some(other) = round.setup.user(&id) else {
                continue;
            };
            let setup = round.setup;
            let probed = probe::zone::look_up(&setup.client, &setup.slots, &other.username).await;
            self.metrics.zone_probed(&probed);
            match probed.finding {
                ZoneFinding::Unknown => seen.denied += 1,
                ZoneFinding::Found(_) | ZoneFinding::Untrusted { .. } => seen.known += 1,
                ZoneFinding::Unclear(_) => {}
            }
        }
        let since = denied.since.unwrap_or(now);
        let denied_for = Duration::try_from(clock::now().duration_since(since));
        Ok(look_up_fails(seen, denied_for.unwrap_or_default()))
    }
}
