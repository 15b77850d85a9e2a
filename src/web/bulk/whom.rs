//! Which users a retry of several is for. Takes what the board shows and decides, without asking anybody.

use super::NotRetried;
use crate::{board::Entry, user::UserId, web::page::badness};

/// What the choice needs to know of a user.
#[derive(Debug)]
pub(super) struct Seen {
    id: UserId,
    state: &'static str,
}

impl From<&Entry> for Seen {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.user.id.clone(),
            state: entry.state(),
        }
    }
}

/// Who is retried, and who is not.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The worst first. The configuration has seen to it that no two of them are of one username.
    pub(super) retried: Vec<UserId>,
    /// The others.
    pub(super) spared: Vec<(UserId, NotRetried)>,
}

/// Those that do not work and may be attempted.
pub(super) fn choose(mut seen: Vec<Seen>) -> Choice {
    seen.sort_by_key(|user| (badness(user.state), user.id.clone()));
    let mut choice = Choice::default();
    for Seen { id, state } in seen {
        match state {
            "healthy" => choice.spared.push((id, NotRetried::Works)),
            "zone_only" => choice.spared.push((id, NotRetried::ZoneOnly)),
            _ => choice.retried.push(id),
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::STATES;

    #[test]
    fn those_that_do_not_work_and_the_worst_first() {
        let seen = STATES.map(|state| Seen {
            id: UserId::parse(state).unwrap(),
            state,
        });
        let choice = choose(seen.into_iter().collect());
        let retried: Vec<_> = choice.retried.iter().map(UserId::as_str).collect();
        assert_eq!(
            retried,
            ["locked_out", "failing", "unclear", "activating", "paused"]
        );
        let spared: Vec<_> = choice
            .spared
            .iter()
            .map(|(id, why)| (id.as_str(), why))
            .collect();
        assert_eq!(
            spared,
            [
                ("zone_only", &NotRetried::ZoneOnly),
                ("healthy", &NotRetried::Works)
            ]
        );
    }
}
