//! The command line: what there is, and which room does it. Exit codes are in `exit`.

mod daemon;
mod demo;
mod exit;
mod interrupt;
mod one_off;
mod probe;
mod report;
mod retry;
mod run;
mod status;
mod test_mail;
mod validate;
mod wait;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{
    Args, CommandFactory, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use clap_complete::Shell;

use crate::{notify::Kind, telemetry, user::UserId};
pub use exit::Exit;
use exit::Failure;

/// Watches whether Autotask API users still work, and never becomes the reason for a lockout.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: check users, export metrics, send mails.
    Run {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        log: Box<run::LogArgs>,
    },
    /// Say every problem of the configuration, secrets included. Exit: 0 good, 78 not.
    Validate {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Check users now, step by step, within the same budget of attempts.
    Probe(probe::Args),
    /// Show the users of the running daemon, worst first.
    Status {
        #[command(flatten)]
        daemon: DaemonArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// "I fixed it": make one attempt now, in spite of a hold, and wait for what becomes of it.
    ///
    /// For one user, or for those of a tenant or of all that do not work. At most one attempt a minute and three an hour for
    /// each username. Exit: 0 all healthy, 1 some failing or locked out, 2 some unclear.
    Retry(retry::Args),
    /// Send a test mail, or a sample of any kind of mail, naming each step.
    TestMail {
        #[command(flatten)]
        config: ConfigArg,
        /// The recipient; without it, email.to.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// What it is a sample of, about an invented user: words, subject and headers as in a real mail.
        #[arg(long, value_parser = kind())]
        kind: Option<Kind>,
    },
    /// Ask whether the daemon is alive, for container health checks. Exit: 0 alive, 1 not.
    Health {
        #[command(flatten)]
        daemon: DaemonArgs,
    },
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Run against a simulated Autotask with users in every state, on a fast clock; mails go to files.
    Demo(demo::Args),
}

#[derive(Args, Clone, Debug)]
struct ConfigArg {
    /// The configuration.
    #[arg(
        long = "config",
        env = "LOCKWATCH_CONFIG",
        value_name = "FILE",
        default_value = "/etc/lockwatch/lockwatch.toml"
    )]
    path: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct DaemonArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The daemon's address; without it, web.listen of the configuration.
    #[arg(long)]
    url: Option<String>,
}

/// The command line, for whoever writes about it: completions, man pages.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing better can be done when the terminal is gone.
            let _ = error.print();
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return if asked { Exit::Ok } else { Exit::Usage }.into();
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| in_runtime(cli.command)));
    match result {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            report::complain(&failure);
            failure.exit.into()
        }
        Err(_) => Exit::Internal.into(),
    }
}

fn in_runtime(command: Command) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Failure::internal(format!("failed to start the runtime: {why}")))?;
    let result = runtime.block_on(dispatch(command));
    // A blocking read of standard input must not keep the program.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn dispatch(command: Command) -> Result<Exit, Failure> {
    match &command {
        Command::Run { log, .. } => log.start(),
        _ => telemetry::start_quietly(),
    }
    match command {
        Command::Run { config, .. } => run::run(&config.path).await,
        Command::Validate { config } => validate::validate(&config.path).await,
        Command::Probe(args) => probe::probe(args).await,
        Command::Status { daemon, json } => status::status(&daemon, json).await,
        Command::Retry(args) => retry::retry(args).await,
        Command::TestMail { config, to, kind } => {
            test_mail::test_mail(&config.path, to, kind).await
        }
        Command::Health { daemon } => status::health(&daemon).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command_line(), "lockwatch", &mut script);
            report::say(String::from_utf8_lossy(&script));
            Ok(Exit::Ok)
        }
        Command::Demo(args) => demo::demo(args).await,
    }
}

/// A kind of mail by the name that headers and metrics have for it.
fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|name| {
        let named = |kind: &Kind| kind.as_str() == name;
        Kind::ALL.into_iter().find(named).ok_or("no such kind")
    })
}

fn user_id(text: &str) -> Result<UserId, String> {
    UserId::parse(text).map_err(|shape| format!("an id is {shape}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let bounds = Duration::from_millis(1)..=Duration::from_hours(24 * 365);
    crate::config::duration::parse(text, &bounds).map_err(|why| why.0.to_owned())
}
