//! `retry --tenant` and `retry --all`: each result as it comes, a table of them at the end, and why users were left alone.

use std::collections::BTreeMap;

use crate::{
    cli::{
        daemon::Daemon,
        exit::{Exit, Failure},
        report, table,
        tried::Tried,
    },
    web::{
        bulk::{BulkWish, NotRetried, Told, What},
        view::UserView,
    },
};

/// What was told of all users.
#[derive(Debug, Default)]
struct Heard {
    /// How each attempt ended that was made.
    attempts: BTreeMap<String, String>,
    tried: BTreeMap<String, Tried>,
    results: Vec<UserView>,
    spared: BTreeMap<String, NotRetried>,
    errors: BTreeMap<String, String>,
}

pub(super) async fn retry(daemon: &Daemon, wish: &BulkWish) -> Result<Exit, Failure> {
    let mut heard = Heard::default();
    daemon
        .retry_several(wish, |line| {
            if let Some(news) = heard.take(line) {
                report::say(news);
            }
        })
        .await?;
    Ok(heard.tell())
}

impl Heard {
    /// Keeps the line; what is worth a line of its own while others are still under way.
    fn take(&mut self, Told { user, what }: Told) -> Option<String> {
        match what {
            What::Progress(step) => {
                self.tried.entry(user.clone()).or_default().note(&step);
                if step.is_attempt() {
                    self.attempts.insert(user, step.outcome.replace('_', " "));
                }
                None
            }
            What::Result(view) => {
                let state = &view.state;
                let news = match self.attempts.get(&user) {
                    Some(attempt) => format!("{user}: {attempt}, {state}"),
                    None if self.tried_of(&view).exit(&view) == Exit::Usage => {
                        format!("{user}: no attempt was made; it stays {state}")
                    }
                    None => format!("{user}: no attempt was made; it is {state}"),
                };
                self.results.push(*view);
                Some(news)
            }
            What::Error(why) => {
                let news = format!("{user}: {why}");
                self.errors.insert(user, why);
                Some(news)
            }
            What::NotRetried(why) => {
                self.spared.insert(user, why);
                None
            }
        }
    }

    /// In a few words: how the attempt ended, or that there was none.
    fn attempt_of(&self, user: &UserView) -> String {
        let attempt = self.attempts.get(&user.id);
        attempt.map_or_else(|| "not made".to_owned(), Clone::clone)
    }

    fn tried_of(&self, user: &UserView) -> Tried {
        self.tried.get(&user.id).copied().unwrap_or_default()
    }

    /// Who fails outweighs who is unclear, and that outweighs who was not tried.
    fn exit(&self) -> Exit {
        let exits = self.results.iter();
        let exits: Vec<_> = exits.map(|user| self.tried_of(user).exit(user)).collect();
        let worst_first = [Exit::Failing, Exit::Unclear, Exit::Usage];
        let worst = worst_first.into_iter().find(|exit| exits.contains(exit));
        worst.unwrap_or(Exit::Ok)
    }

    fn tell(mut self) -> Exit {
        let exit = self.exit();
        if !self.results.is_empty() {
            let results = std::mem::take(&mut self.results);
            report::say("");
            table::of_retried(results.iter().map(|user| (user, self.attempt_of(user))));
            for user in &results {
                let no_attempt = !self.attempts.contains_key(&user.id);
                if let Some(why) = user.not_attempted.as_ref().filter(|_| no_attempt) {
                    report::note(format!("{}: no attempt was made: {why}", user.id));
                }
            }
        }
        for (user, why) in &self.errors {
            report::note(format!("{user}: no result: {why}"));
        }
        for (why, what) in [
            (NotRetried::Works, "works, not retried"),
            (
                NotRetried::ZoneOnly,
                "only the zone may be looked up, not retried",
            ),
        ] {
            let users: Vec<_> = self
                .spared
                .iter()
                .filter(|(_, spared)| **spared == why)
                .map(|(user, _)| user.as_str())
                .collect();
            if !users.is_empty() {
                report::say(format!("{what}: {}", users.join(", ")));
            }
        }
        if self.errors.is_empty() {
            exit
        } else {
            Exit::Internal
        }
    }
}
