//! Which users a retry of several is for. Takes what the board shows and decides, without asking anybody.

use std::collections::BTreeMap;

use super::NotRetried;
use crate::{board::Entry, user::UserId, web::page::badness};

/// What the choice needs to know of a user.
#[derive(Debug)]
pub(super) struct Seen {
    id: UserId,
    username: String,
    state: &'static str,
}

impl From<&Entry> for Seen {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.user.id.clone(),
            username: entry.user.username.key(),
            state: entry.state(),
        }
    }
}

/// Who is retried, and who is not.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// One for each username, the worst first.
    pub(super) groups: Vec<Group>,
    /// The others.
    pub(super) spared: Vec<(UserId, NotRetried)>,
}

/// The users of one username: Autotask counts by it, so it gets one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The one that has the attempt.
    pub(super) retried: UserId,
    /// The others that do not work either.
    pub(super) twins: Vec<UserId>,
}

/// Those that do not work and may be attempted.
pub(super) fn choose(mut seen: Vec<Seen>) -> Choice {
    seen.sort_by_key(|user| (badness(user.state), user.id.clone()));
    let mut choice = Choice::default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for Seen {
        id,
        username,
        state,
    } in seen
    {
        match state {
            "healthy" => choice.spared.push((id, NotRetried::Works)),
            "zone_only" => choice.spared.push((id, NotRetried::ZoneOnly)),
            _ => {
                let place = *places.entry(username).or_insert(choice.groups.len());
                match choice.groups.get_mut(place) {
                    Some(group) => group.twins.push(id),
                    None => choice.groups.push(Group {
                        retried: id,
                        twins: Vec::new(),
                    }),
                }
            }
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::Username;

    fn seen(id: &str, username: &str, state: &'static str) -> Seen {
        Seen {
            id: UserId::parse(id).unwrap(),
            username: Username::new(username).key(),
            state,
        }
    }

    #[test]
    fn one_for_each_username_that_does_not_work() {
        let choice = choose(vec![
            seen("a", "a@acme.example", "healthy"),
            seen("b", "b@acme.example", "unclear"),
            seen("c", "C@acme.example", "failing"),
            seen("d", "c@ACME.example", "locked_out"),
            seen("e", "e@acme.example", "activating"),
            seen("f", "a@acme.example", "failing"),
            seen("g", "g@acme.example", "zone_only"),
        ]);
        let groups: Vec<(&str, Vec<&str>)> = choice
            .groups
            .iter()
            .map(|group| {
                let twins = group.twins.iter().map(UserId::as_str).collect();
                (group.retried.as_str(), twins)
            })
            .collect();
        assert_eq!(
            groups,
            [
                ("d", vec!["c"]),
                ("f", vec![]),
                ("b", vec![]),
                ("e", vec![])
            ]
        );
        let spared: Vec<_> = choice
            .spared
            .iter()
            .map(|(id, why)| (id.as_str(), why))
            .collect();
        assert_eq!(
            spared,
            [("g", &NotRetried::ZoneOnly), ("a", &NotRetried::Works)]
        );
    }
}
