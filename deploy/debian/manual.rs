//! Writes the man pages and the shell completions into a folder: `cargo run --example manual -- FOLDER`. They come from the
//! command line itself and from what `--help` says, so that the pages cannot say anything else. An example and not a command,
//! because the release binary need not carry what is only wanted when a package is made.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use lockwatch::cli::help;

/// When something was last changed that only these pages have.
const WRITTEN: &str = "2026-11-22";

/// Paths and what is there.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/lockwatch/lockwatch.toml",
        "The configuration, unless --config or $LOCKWATCH_CONFIG names another. Every key is explained in \
         /usr/share/doc/lockwatch/docs/configuration.md.",
    ),
    (
        "/etc/lockwatch/secrets/",
        "A place for secrets, one file each, readable by the group lockwatch. The configuration names them.",
    ),
    (
        "/var/lib/lockwatch/lockwatch.db",
        "The store: schedule, attempts, incidents and mails. Whoever deletes it lets lockwatch forget how many attempts it \
         made.",
    ),
    (
        "$XDG_STATE_HOME/lockwatch/",
        "What probe --username counts, of whoever runs it; by default below ~/.local/state.",
    ),
];

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("which folder?"))?;
    write(Path::new(&folder))
}

/// Writes all of it; tests/help.rs looks at what comes of it.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut all = lockwatch::cli::command_line().disable_help_subcommand(true);
    all.build();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut all.clone(), "lockwatch", folder)?;
    }
    let others: Vec<_> = all.get_subcommands().map(clap::Command::get_name).collect();
    for command in [&all].into_iter().chain(all.get_subcommands()) {
        let name = command.get_name();
        let said = help::PAGES.iter().find(|page| page.command == name);
        let said = said.ok_or_else(|| io::Error::other(format!("{name} has no page")))?;
        // What stands below its options has sections of its own here.
        let page = Man::new(command.clone().after_long_help(None::<&str>))
            // Without a date, what follows would be read as one.
            .date(WRITTEN)
            .source(concat!("lockwatch ", env!("CARGO_PKG_VERSION")))
            .manual("lockwatch");
        let mut file = File::create(folder.join(page.get_filename()))?;
        page.render(&mut file)?;
        let mut more = Roff::new();
        list(&mut more, "EXAMPLES", said.examples);
        list(&mut more, "EXIT STATUS", said.exits);
        list(&mut more, "ENVIRONMENT", said.environment);
        list(&mut more, "FILES", &FILES);
        more.control("SH", ["SEE ALSO"]);
        more.text([roman(see_also(name, &others))]);
        more.to_writer(&mut file)?;
        file.flush()?;
    }
    Ok(())
}

fn list(page: &mut Roff, heading: &str, items: &[(&str, &str)]) {
    if items.is_empty() {
        return;
    }
    page.control("SH", [heading]);
    for (name, meaning) in items {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*meaning)]);
    }
}

/// The pages that there are besides this one.
fn see_also(this: &str, others: &[&str]) -> String {
    let own = format!("lockwatch-{this}");
    let mut pages = vec!["lockwatch".to_owned()];
    pages.extend(others.iter().map(|other| format!("lockwatch-{other}")));
    pages.retain(|page| *page != own && (this != "lockwatch" || page != "lockwatch"));
    let pages: Vec<_> = pages.iter().map(|page| format!("{page}(1)")).collect();
    pages.join(", ")
}
