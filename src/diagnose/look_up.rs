//! When the zone look-up denies the user, or is away: what an answer of the zone known from before says then. Pure.

use jiff::Timestamp;

use super::{Cause, Diagnosis, History, Light, Reason, answered, failing, unclear::unclear};
use crate::observation::{Observation, QueryFinding, QueryStep, Unclear};

/// The look-up is away, and the zone known from before was asked: what its answer says in words counts, but a 401 may be
/// that of a tenant which moved.
pub(super) fn without_look_up(
    what: &Unclear,
    observation: &Observation,
    history: &History,
    activating: Option<Timestamp>,
) -> Diagnosis {
    let look_up = unclear(what, "The zone look-up");
    let QueryStep::Made {
        probed, mangled, ..
    } = &observation.query
    else {
        return look_up;
    };
    if probed.finding == QueryFinding::Rejected {
        let mut seen = look_up.evidence;
        seen.push("The zone known from before refused the credential, which proves nothing while nobody says that the tenant is still there.".to_owned());
        return Diagnosis::new(look_up.reason, seen);
    }
    let asked = format!(
        "{} The zone known from before was asked.",
        look_up.evidence.join(" ")
    );
    let light = Light {
        history,
        activating,
        fleet: &observation.fleet,
    };
    answered(&probed.finding, mangled, asked, &light)
}

pub(super) fn unknown_user(
    observation: &Observation,
    history: &History,
    activating: Option<Timestamp>,
) -> Diagnosis {
    let unknown = "The zone look-up does not know the username";
    let mut seen = vec![format!("{unknown}.")];
    if let QueryStep::Made {
        probed, mangled, ..
    } = &observation.query
    {
        if probed.finding != QueryFinding::Rejected {
            // The look-up has been seen to say so of users that work [S]: what the zone answers weighs more, and as long
            // as it answers nothing clear, nobody is blamed.
            let found = format!("{unknown}; the zone known from before was asked.");
            let light = Light {
                history,
                activating,
                fleet: &observation.fleet,
            };
            return answered(&probed.finding, mangled, found, &light);
        }
        seen.push("The zone known from before does not accept its credential either.".to_owned());
    }
    if activating.is_some() {
        return Diagnosis::new(Reason::Activating, seen);
    }
    let denied = observation.fleet.denied;
    if denied > 0 {
        seen.push(format!(
            "It denies {denied} other users that it knew before, too: it is taken for a fault of the look-up."
        ));
        return Diagnosis::new(Reason::Outage, seen);
    }
    failing(Reason::UnknownUser, Cause::UsernameUnknown, seen)
}
