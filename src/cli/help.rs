//! What `--help` and the man pages say of each command besides its options: examples, exit codes, environment. One place for
//! both, so that they cannot differ.

mod pages;

use clap::{
    Command,
    builder::styling::{Effects, Style},
};

pub use pages::PAGES;

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
