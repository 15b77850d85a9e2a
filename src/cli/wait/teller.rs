//! How a wait is told: a line for each change, on a terminal also a countdown, and with `--json` one document a line.

use std::{
    env,
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget};
use jiff::Timestamp;

use crate::{
    cli::report,
    clock,
    web::{
        bulk::{Told, What},
        view::{Step, UserView},
    },
};

use super::words::in_words;

/// See the top of the file.
pub(in crate::cli) struct Teller {
    json: bool,
    spinner: ProgressBar,
}

impl Teller {
    pub(in crate::cli) fn new(json: bool) -> Self {
        let spinner = ProgressBar::new_spinner();
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if json || dumb || !io::stderr().is_terminal() {
            spinner.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            spinner.enable_steady_tick(Duration::from_millis(200));
        }
        Self { json, spinner }
    }

    /// Something about a user has changed.
    pub(in crate::cli) fn line(&self, user: &UserView, text: &str) {
        self.step(&user.id, "wait", &user.state, text);
    }

    /// The same where there is no view of the user.
    pub(in crate::cli) fn step(&self, user: &str, step: &str, outcome: &str, text: &str) {
        if self.json {
            self.told(
                user,
                What::Progress(Step {
                    step: step.to_owned(),
                    outcome: outcome.to_owned(),
                    detail: text.to_owned(),
                    took_ms: None,
                }),
            );
        } else {
            self.spinner
                .suspend(|| report::say(format!("{user}: {text}")));
        }
    }

    /// The end of the wait for a user.
    pub(in crate::cli) fn result(&self, name: &str, user: &UserView) {
        if self.json {
            self.told(name, What::Result(Box::new(user.clone())));
        } else {
            self.spinner.suspend(|| {
                report::say(name);
                report::result(user);
            });
        }
    }

    /// Not about a user.
    pub(in crate::cli) fn note(&self, text: &str) {
        self.spinner.suspend(|| report::note(text));
    }

    /// Somebody has ended the wait.
    pub(in crate::cli) fn ended(&self, what_goes_on: &str) {
        self.note(&format!("not waited for any longer; {what_goes_on}"));
    }

    /// Shown on a terminal only.
    pub(in crate::cli) fn countdown(&self, what: &str, next: Option<Timestamp>) {
        let left = next
            .map(|next| next.duration_since(clock::now()))
            .and_then(|left| Duration::try_from(left).ok())
            .filter(|left| !left.is_zero());
        let left = left.map_or_else(String::new, |left| format!("; next in {}", in_words(left)));
        self.spinner
            .set_message(format!("waiting for {what}{left}"));
    }

    fn told(&self, user: &str, what: What) {
        let line = Told {
            user: user.to_owned(),
            what,
        };
        report::line_of_json(&line);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}
