//! Files that no configuration is like: endless, huge, wrong from end to end, or no files at all.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command, time::Duration};

use lockwatch::config::{Problems, load};
use tokio::time::Instant;

use crate::{USER, folder, load_text};

/// Of a configuration this long reading takes a second or two; only a method that reads all of it again for each mistake takes
/// longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
const MANY: usize = 10_000;

fn user(n: usize) -> String {
    USER.replace("acme", &format!("u{n}"))
}

fn each(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// 50,000 lines, of which each fiftieth is wrong in its own way.
fn a_thousand_mistakes() -> String {
    const WRONG: [&str; 5] = [
        "interval = 5",
        "intervall = \"5m\"",
        "interval = \"5 parsecs\"",
        "enabled = \"yes\"",
        "interval = 5m",
    ];
    // Ten lines a user; there is room for a mistake in the tenth of each fifth.
    each(5_000, |n| {
        let wrong = if n % 5 == 0 { WRONG[n / 5 % 5] } else { "" };
        format!("{}#\n#\n#\n{wrong}\n", user(n))
    })
}

#[test]
fn a_hundred_of_many_mistakes_are_listed_and_the_rest_counted_in_bounded_time() {
    let text = a_thousand_mistakes();
    assert!(text.lines().count() >= 45_000);
    let unknown = || each(MANY, |n| format!("wrong{n} = {n}\n"));
    let list = |separator: &str| format!("1,{separator}").repeat(MANY);
    let started = Instant::now();
    for (what, text, mistakes) in [
        ("all over the file", text, 1_000),
        ("unknown keys", unknown(), MANY),
        (
            "unknown keys of a table",
            format!("[web]\n{}", unknown()),
            MANY,
        ),
        (
            "unknown keys of a user",
            format!("{USER}{}", unknown()),
            MANY,
        ),
        (
            "labels that are no texts",
            format!("{USER}[users.labels]\n{}", unknown()),
            // And there are too many.
            MANY,
        ),
        (
            "elements of a list",
            format!(
                "[email]\nfrom = \"a@b.example\"\ntransport = \"file\"\ndirectory = \"mail\"\nto = [\n{}]\n",
                list("\n")
            ),
            MANY,
        ),
        (
            "elements of a list on one line",
            format!("{USER}notify = [{}]\n", list("")),
            MANY,
        ),
        (
            "the same in each user",
            each(MANY / 2, |n| format!("{}notify = [1]\n", user(n))),
            MANY / 2,
        ),
        ("no TOML", "interval = 5m\n".repeat(MANY), MANY),
        ("tables twice", "[web]\n".repeat(MANY), MANY - 1),
        (
            "users twice",
            each(MANY / 2, |n| USER.replace("k3jx7q", &format!("k{n}"))),
            MANY / 2 - 1,
        ),
    ] {
        let Problems(problems) = load_text(&text).unwrap_err();
        assert_eq!(problems.len(), 101, "{what}");
        assert!(problems[..100].is_sorted(), "{what}");
        assert!(
            problems[..100].iter().all(|problem| problem.at.is_some()),
            "{what}"
        );
        assert_eq!(
            problems[100].message,
            format!("… and {} more", mistakes - 100),
            "{what}"
        );
    }
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn ten_thousand_users_load_from_one_file_or_from_a_thousand() {
    let (config, _) = load_text(&each(10_000, user)).unwrap();
    assert_eq!(config.users.len(), 10_000);

    let folder = folder(&[("main.toml", "include = [\"users.d/*.toml\"]\n")]);
    fs::create_dir(folder.path().join("users.d")).unwrap();
    for file in 0..1_000 {
        let text = each(10, |n| user(file * 10 + n));
        fs::write(folder.path().join(format!("users.d/{file}.toml")), text).unwrap();
    }
    let (config, _) = load(&folder.path().join("main.toml")).unwrap();
    assert_eq!((config.users.len(), config.files.len()), (10_000, 1_001));
}

/// Makes `path` something that is no configuration.
type Make = fn(&Path);

const NO_FILES: &[(&str, Make, &str)] = &[
    (
        "a folder",
        |path| fs::create_dir(path).unwrap(),
        "is a folder; name the files in it by a pattern such as \"users.d/*.toml\"",
    ),
    (
        "a pipe that nobody writes into",
        |path| {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        },
        "is not a regular file; write the configuration to one",
    ),
    (
        "a device without end",
        |path| symlink("/dev/zero", path).unwrap(),
        "is not a regular file; write the configuration to one",
    ),
    (
        "1 GiB",
        |path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap(),
        "is larger than 16 MiB; is it a configuration? Spread users over files that include names",
    ),
    (
        "a link to itself",
        |path| symlink(path, path).unwrap(),
        "cannot be read: Too many levels of symbolic links (os error 40)",
    ),
    (
        "a program",
        |path| assert!(fs::copy("/bin/sh", path).unwrap() > 0),
        "is not UTF-8 from here; save the file as UTF-8",
    ),
];

#[test]
fn what_is_no_file_of_text_is_refused_whether_it_is_the_main_file_or_included() {
    for (what, make, message) in NO_FILES {
        let folder = folder(&[("main.toml", "include = [\"inc*\"]\n")]);
        let path = folder.path().join("include");
        make(&path);
        for main in [&folder.path().join("main.toml"), &path] {
            let Problems(problems) = load(main)
                .err()
                .unwrap_or_else(|| panic!("{what}: no problem"));
            assert_eq!(problems.len(), 1, "{what}: {problems:?}");
            assert_eq!(problems[0].file, path, "{what}");
            assert!(problems[0].message == *message, "{what}: {}", problems[0]);
        }
    }
}

/// A dangling link matches a pattern and cannot be read.
#[test]
fn files_that_include_one_another_or_lead_nowhere_are_told_once() {
    let folder = folder(&[
        (
            "main.toml",
            "include = [\"*.toml\", \"main.toml\", \"./other.toml\"]\n",
        ),
        ("other.toml", "include = [\"main.toml\"]\n"),
    ]);
    symlink("nowhere", folder.path().join("gone.toml")).unwrap();
    symlink("other.toml", folder.path().join("same.toml")).unwrap();
    let Problems(problems) = load(&folder.path().join("main.toml")).unwrap_err();
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        said,
        [
            format!(
                "{}: cannot be read: No such file or directory (os error 2)",
                at("gone.toml")
            ),
            format!(
                "{}:1:1: include: stands in an included file, which may hold [[users]] only; move it to the main file",
                at("other.toml")
            ),
        ]
    );
}

#[test]
fn what_editors_leave_behind_is_read_as_it_is_meant() {
    let windows = USER.replace('\n', "\r\n");
    for (what, text, users) in [
        ("line ends of Windows", windows.clone(), 1),
        ("a byte order mark", format!("\u{feff}{windows}"), 1),
        ("no line end at the end", USER.trim_end().to_owned(), 1),
        ("nothing", String::new(), 0),
        ("a byte order mark alone", "\u{feff}".to_owned(), 0),
        ("comments only", "# nothing\n# yet".to_owned(), 0),
        (
            "a comment of a megabyte",
            format!("#{}\n{USER}", "x".repeat(1 << 20)),
            1,
        ),
    ] {
        let (config, _) = load_text(&text).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(config.users.len(), users, "{what}");
    }
}

/// At the end of a very long line, and below keys as deep as the library reads them.
#[test]
fn long_lines_and_deep_keys_have_places() {
    let text = format!("[web]\nlisten = \"{}\"\n", "x".repeat(1 << 20));
    let Problems(problems) = load_text(&text).unwrap_err();
    assert_eq!(problems[0].at, Some((2, 10)));

    let long = "k".repeat(1 << 20);
    let Problems(problems) = load_text(&format!("[web]\n{long} = 1\n")).unwrap_err();
    assert_eq!(problems[0].at, Some((2, 1)));
    assert!(problems[0].to_string().len() < 400, "{}", problems[0]);

    let deep = ["a"; 70].join(".");
    let nested = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let table = format!("[users.labels.{deep}]\n{deep}.{deep} = {{ {deep} = {nested} }}\n");
    for text in [format!("[{deep}]\n{table}"), format!("{USER}{table}")] {
        let Problems(problems) = load_text(&text).unwrap_err();
        assert!(
            problems.iter().all(|problem| problem.at.is_some()),
            "{problems:?}"
        );
    }
}
