//! Exit codes, sysexits where they fit, and failures that carry one.

use std::process::ExitCode;

use rustix::{
    fs::{Access, access},
    io::Errno,
};

use crate::{
    autotask::client::ClientError,
    config::Problems,
    store::{StoreError, place::PlaceError},
    telemetry::chain,
};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All healthy, or done.
    Ok = 0,
    /// Some user is failing or locked out; not alive; mail not sent.
    Failing = 1,
    /// Some user is unclear, none failing.
    Unclear = 2,
    /// Wrong arguments.
    Usage = 64,
    /// No daemon to reach.
    NoDaemon = 69,
    /// A fault of lockwatch or its host; panics too.
    Internal = 70,
    /// The configuration is not usable.
    Config = 78,
    /// Ctrl-C ended a wait; what shells make of it anyway.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The worst of users' states, as in `board::STATES`.
    pub(super) fn of_states<'a>(states: impl IntoIterator<Item = &'a str>) -> Self {
        states
            .into_iter()
            .fold(Self::Ok, |worst, state| match (worst, state) {
                (Self::Failing, _) | (_, "failing" | "locked_out") => Self::Failing,
                (_, "unclear" | "activating" | "paused") => Self::Unclear,
                (worst, _) => worst,
            })
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    /// The code.
    pub exit: Exit,
    /// For people: what failed.
    pub message: String,
    /// For people: what to do, where the message does not say it.
    pub advice: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            advice: None,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    pub(super) fn config(message: impl Into<String>) -> Self {
        Self::new(Exit::Config, message)
    }

    pub(super) fn advise(mut self, what_to_do: impl Into<String>) -> Self {
        self.advice = Some(what_to_do.into());
        self
    }
}

/// What to do about a configuration that cannot even be opened; the account that runs this matters then.
fn opened_how(problems: &Problems) -> Option<&'static str> {
    let unopened = problems.0.iter().filter(|problem| problem.at.is_none());
    let mut why = unopened.filter_map(|problem| access(&problem.file, Access::READ_OK).err());
    match why.next()? {
        Errno::NOENT => Some(
            "name the configuration with --config or $LOCKWATCH_CONFIG; to see lockwatch without one, run `lockwatch demo`",
        ),
        Errno::ACCESS => Some(
            "run this as root, or as the account that lockwatch runs as, for example with: sudo -u lockwatch lockwatch …",
        ),
        _ => None,
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let advice = opened_how(&problems).map(ToOwned::to_owned);
        Self {
            advice,
            ..Self::config(problems.to_string())
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<StoreError>() {
            Ok(store) => return store.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<PlaceError>() {
            Ok(place) => return place.into(),
            Err(error) => error,
        };
        match error.downcast::<ClientError>() {
            Ok(client) => client.into(),
            Err(error) => Self::internal(format!("{error:#}")),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::config(chain(&error))
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        Self::config(chain(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            // What the configuration names is not usable as it is.
            StoreError::Open { .. }
            | StoreError::Use { .. }
            | StoreError::Server { .. }
            | StoreError::NoAddress(_)
            | StoreError::Lock { .. }
            | StoreError::Names { .. }
            | StoreError::Newer { .. } => Exit::Config,
            _ => Exit::Internal,
        };
        Self::new(exit, chain(&error))
    }
}
