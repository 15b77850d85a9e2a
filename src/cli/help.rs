//! What `--help` and the man pages say of each command besides its options: examples, exit codes, environment. One place for
//! both, so that they cannot differ.

use clap::{
    Command,
    builder::styling::{Effects, Style},
};

/// What there is to say of one command.
#[derive(Debug)]
pub struct Page {
    /// Its name; `lockwatch` for the page of all.
    pub command: &'static str,
    /// A line to type, and what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// An exit code, and what it means.
    pub exits: &'static [(&'static str, &'static str)],
    /// A variable, and what it is for.
    pub environment: &'static [(&'static str, &'static str)],
}

/// Commands by whom they are for, as `lockwatch --help` lists them.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Look and mend", &["status", "probe", "retry"]),
    ("The daemon", &["run", "validate", "test-mail", "health"]),
    ("More", &["demo", "completions", "help"]),
];

type Row = (&'static str, &'static str);

const CONFIG: Row = ("LOCKWATCH_CONFIG", "the configuration, as --config");
const TOKEN: Row = (
    "LOCKWATCH_TOKEN",
    "web.token, where the configuration cannot tell it",
);
const COLOUR: Row = ("NO_COLOR", "set it to have no colours; CLICOLOR=0 does too");
const LOG: Row = (
    "RUST_LOG",
    "what is logged to standard error, such as debug",
);
const LOG_OF_RUN: [Row; 3] = [
    ("LOCKWATCH_LOG_FORMAT", "as --log-format"),
    ("LOCKWATCH_LOG_LEVEL", "as --log-level"),
    ("RUST_LOG", "what is logged, where no --log-level is given"),
];
const STATE_HOME: Row = (
    "XDG_STATE_HOME",
    "where --username counts its attempts; else ~/.local/state",
);

const HEALTHY: Row = ("0", "all are healthy, or zone_only");
const FAILING: Row = ("1", "some are failing or locked out");
const UNCLEAR: Row = ("2", "some are unclear, none failing");
const USAGE: Row = ("64", "wrong arguments, or the daemon refuses the request");
const NO_DAEMON: Row = ("69", "no daemon to reach");
const INTERNAL: Row = ("70", "a fault of lockwatch or of its host");
const BAD_CONFIG: Row = ("78", "the configuration, or its store, cannot be used");
const INTERRUPTED: Row = ("130", "Ctrl-C ended probe --wait");

/// Every command's page.
pub const PAGES: [Page; 10] = [
    Page {
        command: "lockwatch",
        examples: &[
            ("lockwatch status", "how all users are, worst first"),
            (
                "lockwatch status ID",
                "one user: since when, why, what to do",
            ),
            ("lockwatch retry ID", "it is mended: try it once, now"),
            ("lockwatch demo", "try all of this, without Autotask"),
        ],
        exits: &[
            HEALTHY,
            FAILING,
            ("2", "some are unclear or activating, none failing"),
            USAGE,
            NO_DAEMON,
            INTERNAL,
            BAD_CONFIG,
            INTERRUPTED,
        ],
        environment: &[CONFIG, TOKEN, COLOUR, LOG],
    },
    Page {
        command: "run",
        examples: &[
            ("lockwatch run", "with /etc/lockwatch/lockwatch.toml"),
            (
                "lockwatch run --config test.toml",
                "with another configuration",
            ),
        ],
        exits: &[
            ("0", "ended by SIGTERM or Ctrl-C"),
            ("64", "wrong arguments"),
            (
                "70",
                "a fault of lockwatch or of its host; its port or its store is taken",
            ),
            BAD_CONFIG,
        ],
        environment: &[CONFIG, LOG_OF_RUN[0], LOG_OF_RUN[1], LOG_OF_RUN[2]],
    },
    Page {
        command: "validate",
        examples: &[
            (
                "sudo -u lockwatch lockwatch validate",
                "as the account that must read the secrets",
            ),
            (
                "lockwatch validate --config new.toml",
                "before it is put in place",
            ),
        ],
        exits: &[("0", "good"), BAD_CONFIG],
        environment: &[CONFIG],
    },
    Page {
        command: "probe",
        examples: &[
            ("lockwatch probe acme-email2at", "check this user now"),
            (
                "lockwatch probe acme-new --wait",
                "follow a new user until it works",
            ),
            (
                "lockwatch probe --username k3jx7q@acme.example",
                "a user that is not configured",
            ),
        ],
        exits: &[
            HEALTHY,
            FAILING,
            UNCLEAR,
            USAGE,
            NO_DAEMON,
            INTERNAL,
            BAD_CONFIG,
            INTERRUPTED,
        ],
        environment: &[CONFIG, TOKEN, STATE_HOME, COLOUR],
    },
    Page {
        command: "status",
        examples: &[
            ("lockwatch status", "all users, worst first"),
            (
                "lockwatch status acme-email2at",
                "one user, with causes and steps",
            ),
            (
                "lockwatch status --failing",
                "those that are failing or locked out",
            ),
            ("lockwatch status --json | jq .users", "for programs"),
        ],
        exits: &[
            HEALTHY,
            FAILING,
            (
                "2",
                "some are unclear, or the daemon's store cannot be used",
            ),
            USAGE,
            NO_DAEMON,
            INTERNAL,
            BAD_CONFIG,
        ],
        environment: &[CONFIG, TOKEN, COLOUR],
    },
    Page {
        command: "retry",
        examples: &[
            ("lockwatch retry acme-email2at", "it is mended: try it now"),
            (
                "lockwatch retry --tenant acme",
                "all of a tenant that do not work",
            ),
            ("lockwatch retry --all", "all that do not work"),
        ],
        exits: &[
            ("0", "all that were tried are healthy"),
            FAILING,
            UNCLEAR,
            ("64", "no attempt was made, and why; or wrong arguments"),
            NO_DAEMON,
            INTERNAL,
            BAD_CONFIG,
        ],
        environment: &[CONFIG, TOKEN, COLOUR],
    },
    Page {
        command: "test-mail",
        examples: &[
            ("lockwatch test-mail", "to email.to"),
            (
                "lockwatch test-mail --to you@msp.example",
                "to somebody else",
            ),
            (
                "lockwatch test-mail --kind locked_out",
                "a mail as it will look",
            ),
        ],
        exits: &[
            ("0", "sent"),
            ("1", "not sent"),
            ("64", "wrong arguments"),
            BAD_CONFIG,
        ],
        environment: &[CONFIG],
    },
    Page {
        command: "health",
        examples: &[
            ("lockwatch health", "the daemon of this host or container"),
            (
                "lockwatch health --url http://127.0.0.1:9477/",
                "one by address",
            ),
        ],
        exits: &[
            ("0", "alive"),
            ("1", "not alive, and why"),
            ("64", "wrong arguments"),
        ],
        environment: &[CONFIG, TOKEN],
    },
    Page {
        command: "completions",
        examples: &[
            (
                "lockwatch completions bash | sudo tee \\\n      /usr/share/bash-completion/completions/lockwatch",
                "for everybody; the Debian package brings it",
            ),
            (
                "source <(lockwatch completions zsh)",
                "for this shell alone",
            ),
        ],
        exits: &[("0", "printed"), ("64", "wrong arguments")],
        environment: &[],
    },
    Page {
        command: "demo",
        examples: &[
            ("lockwatch demo", "until Ctrl-C"),
            ("lockwatch demo --for 1m", "for one minute"),
            (
                "lockwatch status --url http://127.0.0.1:9477/",
                "beside it, in another terminal",
            ),
        ],
        exits: &[
            ("0", "ended by Ctrl-C or --for"),
            ("64", "wrong arguments"),
            INTERNAL,
        ],
        environment: &[COLOUR],
    },
];

/// `command` with all of it: groups, and a page below the options of each command's `--help`.
pub(super) fn added(command: Command) -> Command {
    let groups = groups(&command);
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n{}\n{{options}}{{after-help}}",
        heading("Options:")
    );
    PAGES.iter().fold(command, |command, page| {
        if page.command == "lockwatch" {
            command
                .help_template(template.clone())
                .after_long_help(text(page))
        } else {
            command.mut_subcommand(page.command, |one| one.after_long_help(text(page)))
        }
    })
}

/// The page below a command's options.
fn text(page: &Page) -> String {
    let mut text = section(
        "Examples:",
        page.examples
            .iter()
            .map(|(line, what)| format!("  {line}\n      {what}\n")),
    );
    text += &section(
        "Exit codes:",
        page.exits
            .iter()
            .map(|(code, what)| format!("  {code:>3}  {what}\n")),
    );
    text += &section(
        "Environment:",
        page.environment
            .iter()
            .map(|(name, what)| format!("  {name:<16}  {what}\n")),
    );
    text.trim_end().to_owned()
}

fn section(name: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("{}\n{lines}\n", heading(name))
}

fn groups(all: &Command) -> String {
    let about = |name: &&str| {
        let about = all.find_subcommand(name).and_then(Command::get_about);
        let about = about.map_or_else(
            || "Print this, or the help of a command".to_owned(),
            ToString::to_string,
        );
        format!("  {name:<11}  {about}\n")
    };
    let group = |(name, commands): &(&str, &[&str])| {
        let commands: String = commands.iter().map(about).collect();
        format!("\n{}\n{commands}", heading(&format!("{name}:")))
    };
    GROUPS.iter().map(group).collect()
}

/// As clap shows its own headings; without a terminal it takes the style away again.
fn heading(name: &str) -> String {
    let style = Style::new().effects(Effects::BOLD | Effects::UNDERLINE);
    format!("{style}{name}{style:#}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_has_its_page_and_its_group() {
        let all = super::super::command_line();
        let commands: BTreeSet<_> = all.get_subcommands().map(Command::get_name).collect();
        let pages: BTreeSet<_> = PAGES.iter().map(|page| page.command).collect();
        let mut with_pages = commands.clone();
        with_pages.insert("lockwatch");
        assert_eq!(pages, with_pages);
        let grouped = GROUPS
            .iter()
            .flat_map(|(_, commands)| commands.iter().copied());
        let grouped: BTreeSet<_> = grouped.filter(|name| *name != "help").collect();
        assert_eq!(grouped, commands);
    }

    #[test]
    fn every_line_fits_into_eighty_columns() {
        for page in &PAGES {
            for line in text(page).lines() {
                let width = console::measure_text_width(line);
                assert!(width <= 79, "{}: {width}: {line}", page.command);
            }
        }
    }
}
