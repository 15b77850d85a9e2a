//! What lockwatch says of itself: `--help`, completions and man pages, held against the program, real shells and real readers
//! of man pages.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use lockwatch::cli::{Exit, command_line, help::PAGES};

#[path = "../deploy/debian/manual.rs"]
#[expect(dead_code, reason = "its main is the example's")]
mod manual;

fn lockwatch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockwatch"));
    command
        .env_remove("LOCKWATCH_CONFIG")
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .args(arguments);
    command.output().unwrap()
}

fn said(arguments: &[&str]) -> String {
    let output = lockwatch(arguments);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    String::from_utf8(output.stdout).unwrap()
}

fn commands() -> Vec<String> {
    let all = command_line();
    let names = all.get_subcommands().map(clap::Command::get_name);
    names.map(str::to_owned).collect()
}

#[test]
fn helps_are_complete_and_fit_into_eighty_columns() {
    for command in commands() {
        let long = said(&[&command, "--help"]);
        assert_eq!(said(&["help", &command]), long);
        assert!(long.contains("\nExamples:\n  "), "{command}: {long}");
        assert!(long.contains("\nExit codes:\n"), "{command}: {long}");
        assert!(
            long.contains(&format!("Usage: lockwatch {command}")),
            "{long}"
        );
        let short = said(&[&command, "-h"]);
        assert!(
            short.len() < long.len() && !short.contains("Examples:"),
            "{short}"
        );
        for line in long.lines().chain(short.lines()) {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
    for command in ["status", "retry", "completions"] {
        insta::assert_snapshot!(format!("{command}_help"), said(&[command, "--help"]));
    }
    insta::assert_snapshot!("lockwatch_help", said(&["--help"]));
}

#[test]
fn alone_it_says_what_there_is() {
    let output = lockwatch(&[]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said(&["-h"]));
    for (typed, meant) in [
        (&["stats"][..], "'status'"),
        (&["retyr", "acme"], "'retry'"),
        (&["status", "--jsn"], "'--json'"),
        (&["retry", "--tennant", "acme"], "'--tenant'"),
        (&["test-mail", "--kind", "lockedout"], "'locked_out'"),
    ] {
        let output = lockwatch(typed);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("similar") && told.contains(meant), "{told}");
    }
}

/// Examples are commands that exist, with options that they have; their exit codes are those of the program.
#[test]
fn examples_are_such_that_they_are_understood() {
    let known: BTreeSet<String> = [
        Exit::Ok,
        Exit::Failing,
        Exit::Unclear,
        Exit::Usage,
        Exit::NoDaemon,
        Exit::Internal,
        Exit::Config,
        Exit::Interrupted,
    ]
    .map(|exit| (exit as u8).to_string())
    .into();
    let mut told = BTreeSet::new();
    let mut tried = 0;
    for page in &PAGES {
        for (line, _) in page.examples {
            let (_, words) = line.split_once("lockwatch ").unwrap();
            let words = words.strip_prefix("lockwatch ").unwrap_or(words);
            let words = words.split(['|', ')']).next().unwrap().split_whitespace();
            let parsed =
                command_line().try_get_matches_from(["lockwatch"].into_iter().chain(words));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
            tried += 1;
        }
        told.extend(page.exits.iter().map(|(code, _)| (*code).to_owned()));
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(told, known);
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, table) = readme.split_once("| exit code | meaning |\n").unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let codes: BTreeSet<_> = rows
        .map(|row| row.split('|').nth(1).unwrap().trim().to_owned())
        .collect();
    assert_eq!(codes, known);
}

fn bash(script: &str, completions: &Path) -> String {
    let done = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(completions)
        .output()
        .unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn completions_work_in_bash() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("lockwatch.bash");
    fs::write(&script, said(&["completions", "bash"])).unwrap();
    let complete = |words: &str| {
        let ask = format!(
            "source \"$1\"; cd /; compopt() {{ :; }}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _lockwatch lockwatch \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let said = bash(&ask, &script);
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for command in commands() {
        assert!(complete("lockwatch ''").contains(&command), "{command}");
    }
    assert_eq!(complete("lockwatch sta"), ["status"]);
    assert_eq!(complete("lockwatch status --js"), ["--json"]);
    assert!(complete("lockwatch retry --").contains(&"--tenant".to_owned()));
    // A file for --config, a word of the list for --kind.
    assert_eq!(complete("lockwatch status --config /et"), ["/etc"]);
    assert_eq!(
        complete("lockwatch test-mail --kind locked"),
        ["locked_out"]
    );
}

/// Below the tools of tests/run, where these shells are not on this machine.
fn tool(name: &str) -> Command {
    let mut command = Command::new(
        std::env::var_os(format!("LOCKWATCH_TEST_{}", name.to_uppercase()))
            .unwrap_or_else(|| panic!("{name} must be there; tests/run gets it")),
    );
    command.env_remove("LOCKWATCH_CONFIG");
    command
}

#[test]
fn completions_work_in_fish() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("lockwatch.fish");
    fs::write(&script, said(&["completions", "fish"])).unwrap();
    let complete = |words: &str| {
        let done = tool("fish")
            .args(["--no-config", "-c"])
            .arg(format!(
                "source {}; complete --do-complete '{words}'",
                script.display()
            ))
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        let lines = String::from_utf8(done.stdout).unwrap();
        let words = lines
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        words.collect::<Vec<_>>()
    };
    let shown = complete("lockwatch ");
    for command in commands() {
        assert!(shown.contains(&command), "{command}: {shown:?}");
    }
    assert_eq!(complete("lockwatch status --js"), ["--json"]);
    assert_eq!(
        complete("lockwatch test-mail --kind locked"),
        ["locked_out"]
    );
    assert_eq!(complete("lockwatch status --config /et"), ["/etc/"]);
}

#[test]
fn completions_work_in_zsh() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("_lockwatch"),
        said(&["completions", "zsh"]),
    )
    .unwrap();
    // As somebody at a terminal sees it, of which zsh brings one.
    let script = r#"
        zmodload zsh/zpty && zpty shell "$LOCKWATCH_TEST_ZSH -d -i" || exit
        says() { zpty -r -m shell said "$1" && [[ $said == ${~1} ]] || { print -r -- "no $1 in $said"; exit 1 } }
        zpty -w shell "fpath+=('$HOME'); PS1=; stty cols 200; autoload -U compinit; compinit -u -d '$HOME/dump'; print READY-\$((40+2))"
        says '*READY-42*'
        zpty -n -w shell $'lockwatch sta\t'
        says '*lockwatch status*'
        zpty -n -w shell $'--js\t'
        says '*--json*'
        zpty -n -w shell $'--config /et\t'
        says '*--config /etc*'
        print seen"#;
    fs::write(folder.path().join(".zshrc"), "").unwrap();
    // What is never said must not be waited for for ever.
    let done = Command::new("timeout")
        .arg("60")
        .arg(tool("zsh").get_program())
        .args(["-d", "-c", script])
        .env("HOME", folder.path())
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.ends_with("seen\n"),
        "{said} {done:?}"
    );
}

#[test]
fn completions_for_other_shells_name_every_command() {
    for shell in ["elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for command in commands() {
            assert!(
                script.contains(&format!("lockwatch;{command}")),
                "{shell}: {command}"
            );
        }
    }
}

#[test]
fn man_pages_are_well_formed_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    manual::write(folder.path()).unwrap();
    let mut names: Vec<String> = commands()
        .iter()
        .map(|name| format!("lockwatch-{name}"))
        .collect();
    names.push("lockwatch".to_owned());
    for name in names {
        let page = folder.path().join(format!("{name}.1"));
        let lint = tool("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page)
            .output()
            .unwrap();
        let complaints = String::from_utf8(lint.stdout).unwrap();
        // An empty line that clap_mangen asks for twice is shown once.
        let complaints: Vec<_> = complaints
            .lines()
            .filter(|line| !line.contains("skipping paragraph macro: br"))
            .collect();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
        let shown = tool("mandoc")
            .args(["-T", "utf8", "-O", "width=80"])
            .arg(&page)
            .output()
            .unwrap();
        let shown =
            console::strip_ansi_codes(&String::from_utf8(shown.stdout).unwrap()).into_owned();
        // Bold is a letter typed twice.
        let shown: String = {
            let letters: Vec<char> = shown.chars().collect();
            let kept = (0..letters.len())
                .filter(|at| letters[*at] != '\u{8}' && letters.get(at + 1) != Some(&'\u{8}'));
            kept.map(|at| letters[at]).collect()
        };
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "EXAMPLES",
            "EXIT STATUS",
            "FILES",
            "SEE ALSO",
        ] {
            assert!(
                shown.contains(&format!("\n{section}\n")),
                "{name}: {section}: {shown}"
            );
        }
        let said = PAGES
            .iter()
            .find(|page| name.ends_with(page.command))
            .unwrap();
        for (variable, _) in said.environment {
            assert!(shown.contains(variable), "{name}: {variable}");
        }
        assert!(!shown.contains("EXTRA"), "{shown}");
    }
}
