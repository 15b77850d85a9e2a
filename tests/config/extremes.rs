//! Files that no configuration is like: endless, huge, wrong from end to end, or no files at all.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use lockwatch::config::{Problems, load, load_once};

use crate::{USER, folder, load_text};

/// Ten times as many mistakes want ten times the work, and somewhat more where memory is slow; a method that reads all of
/// it again for each mistake wants a hundred times as much.
const AT_MOST: f64 = 40.0;
const MANY: usize = 10_000;

fn user(n: usize) -> String {
    USER.replace("acme", &format!("u{n}"))
}

fn each(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Ten lines for each, of which one is wrong in its own way.
fn all_over(mistakes: usize) -> String {
    const WRONG: [&str; 5] = [
        "interval = 5",
        "intervall = \"5m\"",
        "interval = \"5 parsecs\"",
        "enabled = \"yes\"",
        "interval = 5m",
    ];
    each(mistakes, |n| {
        format!("{}#\n#\n#\n{}\n", user(n), WRONG[n % 5])
    })
}

fn unknown(many: usize) -> String {
    each(many, |n| format!("wrong{n} = {n}\n"))
}

fn list(many: usize, separator: &str) -> String {
    format!("1,{separator}").repeat(many)
}

/// A text with so many mistakes.
type Wrong = fn(usize) -> String;

const MANY_MISTAKES: &[(&str, Wrong)] = &[
    ("all over the file", all_over),
    ("unknown keys", unknown),
    ("unknown keys of a table", |many| {
        format!("[web]\n{}", unknown(many))
    }),
    ("unknown keys of a user", |many| {
        format!("{USER}{}", unknown(many))
    }),
    // And there are too many.
    ("labels that are no texts", |many| {
        format!("{USER}[users.labels]\n{}", unknown(many))
    }),
    ("elements of a list", |many| {
        format!(
            "[email]\nfrom = \"a@b.example\"\ntransport = \"file\"\ndirectory = \"mail\"\nto = [\n{}]\n",
            list(many, "\n")
        )
    }),
    ("elements of a list on one line", |many| {
        format!("{USER}notify = [{}]\n", list(many, ""))
    }),
    ("the same in each user", |many| {
        each(many, |n| format!("{}notify = [1]\n", user(n)))
    }),
    ("no TOML", |many| "interval = 5m\n".repeat(many)),
    ("tables twice", |many| "[web]\n".repeat(many + 1)),
    ("users twice", |many| {
        each(many + 1, |n| USER.replace("k3jx7q", &format!("k{n}")))
    }),
];

/// How long this thread has worked, in nanoseconds: other programs on the machine do not count.
fn worked() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}

fn work(what: &str, text: &str, mistakes: usize) -> u64 {
    let before = worked();
    let Problems(problems) = load_text(text).unwrap_err();
    let work = worked() - before;
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
    work
}

#[test]
fn a_hundred_of_many_mistakes_are_listed_and_the_rest_counted_with_work_for_each() {
    for (what, wrong) in MANY_MISTAKES {
        let few = work(what, &wrong(MANY / 10), MANY / 10);
        let many = work(what, &wrong(MANY), MANY);
        let times = many as f64 / few as f64;
        println!("{what}: {few} ns, {many} ns, {times:.1} times");
        assert!(times < AT_MOST, "{what}: {times} times the work");
    }
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

/// What a shell puts in for `<(…)`, and a terminal's end.
#[test]
fn a_command_reads_its_main_file_from_a_pipe_or_a_device_once() {
    let folder = folder(&[]);
    let piped = |name: &str, text: &str| {
        let (path, text) = (folder.path().join(name), text.to_owned());
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let to = path.clone();
        // Who stops to read breaks the pipe.
        std::thread::spawn(move || fs::write(to, text));
        path
    };
    let (config, _) = load_once(&piped("good", USER)).unwrap();
    assert_eq!(config.users.len(), 1);
    let long = "#".repeat(17 << 20);
    let silent = folder.path().join("silent");
    assert!(
        Command::new("mkfifo")
            .arg(&silent)
            .status()
            .unwrap()
            .success()
    );
    for (path, message) in [
        (
            piped("wrong", "[web]\nlosten = 1\n"),
            ":2:1: web.losten: is not a known key",
        ),
        (piped("long", &long), ": is larger than 16 MiB"),
        ("/dev/zero".into(), "/dev/zero: is larger than 16 MiB"),
        (silent, "was not written to its end within 10 s"),
    ] {
        let Problems(problems) = load_once(&path).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].to_string().contains(message), "{}", problems[0]);
    }
}

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
