//! The command line: what there is, and which room does it. Exit codes are in `exit`.

mod ages;
mod daemon;
mod demo;
mod exit;
pub mod help;
mod interrupt;
mod named;
mod one_off;
mod origin;
mod probe;
mod report;
mod retry;
mod run;
mod status;
mod table;
mod test_mail;
mod tried;
mod validate;
mod wait;

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use clap_complete::Shell;

use crate::{notify::Kind, telemetry};
pub use exit::Exit;
use exit::Failure;

/// Watches whether Autotask API users still work, and never becomes the reason for a lockout.
#[derive(Debug, Parser)]
#[command(name = "lockwatch", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the users of the running daemon, worst first.
    ///
    /// Makes no attempt and no check. On a terminal, columns that do not fit are left out; a pipe has all of them.
    Status(status::Args),
    /// Check users now, step by step.
    ///
    /// It spends the same budget of attempts as the daemon: a held credential is not presented. The running daemon makes the
    /// check; where none runs, the owner of the store does.
    Probe(probe::Args),
    /// "I fixed it": one attempt now, in spite of a hold.
    ///
    /// For one user, or for those of a tenant or of all that do not work. It waits for the result. At most one attempt a
    /// minute and three an hour for each username; when none is made, it says why and ends with 64, or with 2 if unclear.
    Retry(retry::Args),
    /// Run the daemon: check users, export metrics, send mails.
    ///
    /// It logs to standard error. SIGHUP reads the configuration anew, SIGTERM ends it.
    Run {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        log: Box<run::LogArgs>,
    },
    /// Name every problem of the configuration and its secrets.
    ///
    /// Reads every secret that it names, and presents none. Prints one line when all is good.
    Validate {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Send a test mail, or a sample of any kind of mail.
    ///
    /// By the way that all mails go, naming each step.
    TestMail {
        #[command(flatten)]
        config: ConfigArg,
        /// The recipient; without it, email.to.
        #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
        to: Option<String>,
        /// What it is a sample of, about an invented user: words, subject and headers as in a real mail.
        #[arg(long, value_parser = kind())]
        kind: Option<Kind>,
    },
    /// Ask whether the daemon is alive, for container checks.
    ///
    /// Users that fail do not make it unhealthy: a restart would mend none of them.
    Health {
        #[command(flatten)]
        daemon: DaemonArgs,
    },
    /// Try all of this against a simulated Autotask.
    ///
    /// The whole daemon on a fast clock, with users in every state; mails go to files.
    Demo(demo::Args),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Read where no other is named.
const DEFAULT_CONFIG: &str = "/etc/lockwatch/lockwatch.toml";

#[derive(Args, Clone, Debug)]
struct ConfigArg {
    /// The configuration.
    #[arg(
        long = "config",
        env = "LOCKWATCH_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        default_value = DEFAULT_CONFIG
    )]
    path: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct DaemonArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The daemon's address, such as http://127.0.0.1:9477/; without it, web.listen of the configuration.
    #[arg(long, value_hint = ValueHint::Url)]
    url: Option<String>,
}

/// The command line, for whoever writes about it: completions, man pages.
#[must_use]
pub fn command_line() -> clap::Command {
    help::added(Cli::command())
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    report::choose_colours();
    let parsed = command_line()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(mut error) => {
            origin::name(&mut error);
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
        Command::Status(args) => status::status(args).await,
        Command::Probe(args) => probe::probe(args).await,
        Command::Retry(args) => retry::retry(args).await,
        Command::Run { config, .. } => run::run(&config.path).await,
        Command::Validate { config } => validate::validate(&config.path).await,
        Command::TestMail { config, to, kind } => {
            test_mail::test_mail(&config.path, to, kind).await
        }
        Command::Health { daemon } => status::health(&daemon).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command_line(), "lockwatch", &mut script);
            report::say(String::from_utf8_lossy(&script).trim_end());
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

fn duration(text: &str) -> Result<Duration, String> {
    let bounds = Duration::from_millis(1)..=Duration::from_hours(24 * 365);
    crate::config::duration::parse(text, &bounds)
        .map_err(|why| format!("it {}; write one such as 30s or 10m", why.0))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let what = "it is not an IP address with a port; write one such as 127.0.0.1:9477";
    text.parse().map_err(|_| what.to_owned())
}
