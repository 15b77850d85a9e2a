//! The pages: what `--help` and the man pages say of each command besides its options.

use super::Page;

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
            (
                "64",
                "wrong arguments, or refused; --force: no attempt was made",
            ),
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
        environment: &[CONFIG],
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
