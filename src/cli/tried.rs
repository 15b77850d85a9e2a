//! What an attempt that somebody asked for says about the user: nothing where none was made.

use super::exit::Exit;
use crate::web::view::{Step, UserView};

/// Whether somebody's request tried anything: only then its result is one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    pub(super) attempt: bool,
    judged: bool,
}

impl Tried {
    /// A step of the check.
    pub(super) fn note(&mut self, step: &Step) {
        self.attempt |= step.is_attempt();
        // What the look-up says of a username is definitive without any attempt.
        self.judged |= step.step == "zone"
            && matches!(step.outcome.as_str(), "unknown_user" | "zone_untrusted");
    }

    /// Whether the check judged the user without an attempt.
    fn judges(self, user: &UserView) -> bool {
        self.judged || user.reason == "secret_unreadable"
    }

    /// That nothing was tried, and why, where that leaves nothing to say about the user. Of one whose zone alone is watched
    /// nothing ever is, and that is no news.
    pub(super) fn in_vain(self, user: &UserView) -> Option<String> {
        let in_vain = user.known != "nothing" && self.exit(user) == Exit::Usage;
        in_vain.then(|| {
            let why = user.not_attempted.as_deref();
            let why = why.unwrap_or("the daemon does not say why");
            format!("{}: no attempt was made: {why}", user.id)
        })
    }

    /// What the user's state says; [`Exit::Usage`] when it is what was known before, because nothing was tried. That it is
    /// unclear is what the check itself says.
    pub(super) fn exit(self, user: &UserView) -> Exit {
        match Exit::of_states([user.state.as_str()]) {
            Exit::Unclear => Exit::Unclear,
            state if self.attempt || self.judges(user) => state,
            _ => Exit::Usage,
        }
    }
}
