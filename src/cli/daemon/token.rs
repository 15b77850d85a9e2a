//! The token for the daemon: from the configuration, else from `$LOCKWATCH_TOKEN`; and what to say when it is not enough.

use std::{env, path::Path};

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};

use super::address;
use crate::config::Config;

const SET: &str = "set $LOCKWATCH_TOKEN to what its web.token gives";

/// What is presented to the daemon, if anything.
#[derive(Debug)]
pub(super) struct Token {
    given: Option<SecretString>,
    /// What to do when the daemon wants another one.
    advice: String,
}

impl Token {
    /// For the daemon of the configuration at `path`.
    pub(super) async fn of(config: &Config, path: &Path) -> Self {
        let path = path.display();
        let Some(source) = &config.web.token else {
            return Self::of_env(format!(
                "{path} names no web.token, so the daemon runs with another one: {SET}"
            ));
        };
        match source.read().await {
            Ok(token) => Self {
                given: Some(token),
                advice: format!(
                    "it does not take what web.token of {path} gives now: it runs with another configuration, or is not the daemon of this one"
                ),
            },
            Err(why) => Self::of_env(format!(
                "web.token of {path} cannot be had here ({why}): run this as root or as the account that lockwatch runs as, or set $LOCKWATCH_TOKEN"
            )),
        }
    }

    /// For a daemon that is not the one of the configuration at `path`.
    pub(super) fn for_another(path: &Path, config: &Config) -> Self {
        let own = address::own(config.web.listen);
        let own = own.map_or_else(|_| "its own daemon".to_owned(), |url| url.to_string());
        let path = path.display();
        Self::of_env(format!(
            "the token of {path} goes to {own} only; for another daemon {SET}"
        ))
    }

    /// Where the configuration at `path` cannot tell it.
    pub(super) fn without_config(path: &Path) -> Self {
        let path = path.display();
        Self::of_env(format!(
            "{path} cannot be read here, or has problems: run this as root or as the account that lockwatch runs as, or {SET}"
        ))
    }

    /// For whoever listens at the default address, which nobody named: none.
    pub(super) fn for_a_guess(path: &Path) -> Self {
        let path = path.display();
        Self {
            given: None,
            advice: format!(
                "{path} cannot be read here, or does not say where its daemon listens, and $LOCKWATCH_TOKEN goes to an address that is named only: run this as root or as the account that lockwatch runs as, or name the daemon with --url and {SET}"
            ),
        }
    }

    fn of_env(else_advice: String) -> Self {
        let given = env::var("LOCKWATCH_TOKEN")
            .ok()
            .filter(|token| !token.is_empty());
        let advice = if given.is_some() {
            "it does not take what $LOCKWATCH_TOKEN holds: that must be what its web.token gives, without quotes or spaces".to_owned()
        } else {
            else_advice
        };
        Self {
            given: given.map(SecretString::from),
            advice,
        }
    }

    pub(super) fn put_on(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.given {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    pub(super) fn advice(&self) -> &str {
        &self.advice
    }
}
