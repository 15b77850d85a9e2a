//! `lockwatch status` as the help desk sees it: worst first, as wide as the terminal, one user in full, and ids that are wrong.

use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use lockwatch::demo::World;

use crate::house::{Daemon, House, command::Done, username};

/// Users in every state. A long name is among them.
async fn house() -> (House, Daemon) {
    let mut house = House::of(&[
        "b-works", "a-works", LONG, "locks", "wrong", "fresh", "zone",
    ]);
    house.settings.activation = "1h";
    house.settings.lockout = "retry_held_after = [\"10h\"]".to_owned();
    house.give("wrong", "demo-wrong-secret-1");
    house.account("fresh").old = false;
    house.administer("fresh", |user| user.active = false);
    house.account("zone").credential = "integration_code = \"vendor-held\"".to_owned();
    house.account(LONG).more = "integration = \"Billing\"".to_owned();
    let daemon = house.start().await;
    house.until_state("locks", "healthy", "ok").await;
    house.world().with(|world: &mut World| {
        for _ in 0..5 {
            world.someone_else_fails(&username("locks"));
        }
    });
    for (id, state) in [
        ("a-works", "healthy"),
        ("b-works", "healthy"),
        (LONG, "healthy"),
        ("wrong", "failing"),
        ("locks", "locked_out"),
        ("fresh", "activating"),
        ("zone", "zone_only"),
    ] {
        house.until(id, |user| user["state"] == state).await;
    }
    (house, daemon)
}

const LONG: &str = "integration-with-a-name-that-says-all-there-is-to-say-of-it-123";

fn ids(table: &str) -> Vec<&str> {
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty());
    rows.filter_map(|row| row.split_whitespace().next())
        .collect()
}

/// The table, head first.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().take_while(|line| !line.trim().is_empty());
    rows.map(|row| {
        row.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    })
    .collect()
}

/// Runs it on a terminal of so many columns.
fn on_terminal(house: &House, columns: u16, environment: &[(&str, &str)], arguments: &str) -> Done {
    let program = cargo_bin!("lockwatch").display();
    let line = format!("stty cols {columns} rows 24; exec {program} {arguments}");
    let done = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("LOCKWATCH_CONFIG", house.config())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE")
        // Where it is set, a dumb terminal is taken for one with colours.
        .env_remove("CI")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        // Debian: bsdutils.
        .unwrap();
    Done {
        code: done.status.code().unwrap(),
        stdout: String::from_utf8(done.stdout).unwrap().replace('\r', ""),
        stderr: String::from_utf8(done.stderr).unwrap(),
    }
}

fn coloured(text: &str) -> bool {
    text.contains('\u{1b}')
}

#[tokio::test]
async fn the_worst_come_first_and_one_user_is_told_in_full() {
    let (house, daemon) = house().await;
    let all = house.lockwatch(&["status"]).await;
    assert_eq!((all.code, all.stderr.as_str()), (1, ""), "{all:?}");
    let order = [
        "locks", "wrong", "fresh", "zone", "a-works", "b-works", LONG,
    ];
    assert_eq!(ids(&all.stdout), order, "{all:?}");
    let summary = "7 users: 1 locked out (1 held), 1 failing (1 held), 1 activating, 1 zone only, 3 healthy\n";
    assert!(all.stdout.contains(summary), "{all:?}");
    let heads = [
        "USER",
        "TENANT",
        "STATE",
        "REASON",
        "SINCE",
        "FOR",
        "LAST GOOD",
        "LEFT",
    ];
    assert_eq!(cells(&all.stdout)[0], heads, "{all:?}");
    let rows = [
        ["locks", "acme", "locked_out (held)", "locked_out", "0"],
        [
            "wrong",
            "acme",
            "failing (held)",
            "credential_rejected",
            "0",
        ],
        ["fresh", "acme", "activating", "activating", "1"],
        ["zone", "acme", "zone_only", "zone_only", "–"],
        ["a-works", "acme", "healthy", "ok", "2"],
    ];
    for (row, cells) in rows.iter().zip(&cells(&all.stdout)[1..]) {
        assert_eq!(
            [cells[0], cells[1], cells[2], cells[3], cells[7]],
            *row,
            "{all:?}"
        );
        assert!(cells[4].ends_with(" UTC"), "{cells:?}");
        assert!(
            cells[6].ends_with(" ago") || cells[6] == "never",
            "{cells:?}"
        );
    }

    let failing = house.lockwatch(&["status", "--failing"]).await;
    assert_eq!(
        (failing.code, ids(&failing.stdout)),
        (1, vec!["locks", "wrong"]),
        "{failing:?}"
    );
    assert!(failing.stdout.contains(summary), "{failing:?}");
    let json = house
        .lockwatch(&["status", "--failing", "--json"])
        .await
        .json();
    assert_eq!(json["users"].as_array().unwrap().len(), 2);

    let one = house.lockwatch(&["status", "locks"]).await;
    assert_eq!((one.code, one.stderr.as_str()), (1, ""), "{one:?}");
    for says in [
        "locks (acme)\n",
        "  state  locked_out, since ",
        "  worked ",
        "  tries  0 left; 2 were refused in a row\n",
        "  held   it was rejected as often as the budget allows",
        "one further attempt comes at ",
        "when it is mended: lockwatch retry locks\n",
        "  checks last ",
        "  zone   AE02 at 127.0.0.1\n",
        "  1. The account is locked after failed logins\n",
        "     1) Ask a full administrator of acme",
    ] {
        assert!(one.stdout.contains(says), "{says}: {one:?}");
    }
    let good = house.lockwatch(&["status", LONG, "a-works"]).await;
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("  for    Billing\n"), "{good:?}");
    assert!(!good.stdout.contains("locks"), "{good:?}");
    let json = house.lockwatch(&["status", "fresh", "--json"]).await;
    assert_eq!(
        (json.code, json.json()["users"][0]["id"].as_str()),
        (2, Some("fresh"))
    );

    let wrong = [
        "status",
        "lokcs",
        "A-WORKS",
        "wrong@acme.example",
        "a b",
        "wrong",
    ];
    let wrong = house.lockwatch(&wrong).await;
    assert_eq!((wrong.code, wrong.stdout.as_str()), (64, ""), "{wrong:?}");
    for says in [
        "no user lokcs is configured and enabled; near: locks",
        "no user A-WORKS is configured and enabled; near: a-works",
        "wrong@acme.example is a username; commands want the id, which is wrong\n",
        "\"a b\" is not the id of a user: an id is 1 to 64",
        "`lockwatch status` lists all users",
    ] {
        assert!(wrong.stderr.contains(says), "{says}: {wrong:?}");
    }
    let far = house.lockwatch(&["retry", "qqq"]).await;
    assert!(
        far.stderr
            .contains("; there are: a-works, b-works, fresh, "),
        "{far:?}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn it_fits_the_terminal_and_colours_are_for_terminals_only() {
    let (house, daemon) = house().await;
    let status = |columns, environment: &[_]| on_terminal(&house, columns, environment, "status");
    for columns in [40, 80, 120, 200] {
        let shown = status(columns, &[("NO_COLOR", "1")]);
        assert_eq!(shown.code, 1, "{shown:?}");
        let table = shown
            .stdout
            .lines()
            .take_while(|line| !line.trim().is_empty());
        for line in table {
            let width = console::measure_text_width(line);
            assert!(width <= usize::from(columns), "{columns}: {width}: {line}");
        }
        let head = shown.stdout.lines().next().unwrap().to_owned();
        assert_eq!(
            head.contains("LAST GOOD"),
            columns == 200,
            "{columns}: {head}"
        );
        assert!(
            head.starts_with("USER") && head.contains("REASON") || columns < 80,
            "{head}"
        );
    }
    let piped = house.lockwatch(&["status"]).await;
    assert!(
        piped.stdout.starts_with("USER") && piped.stdout.contains("LEFT\n"),
        "{piped:?}"
    );

    for (environment, expected) in [
        (&[][..], true),
        (&[("NO_COLOR", "1")], false),
        (&[("CLICOLOR", "0")], false),
        (&[("TERM", "dumb")], false),
        (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], true),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
    ] {
        for arguments in [
            "status",
            "status locks",
            "probe a-works",
            "status --help",
            "nonsense",
        ] {
            let shown = on_terminal(&house, 100, environment, arguments);
            assert_eq!(
                coloured(&shown.stdout),
                expected,
                "{arguments} {environment:?}: {shown:?}"
            );
        }
        for arguments in ["status --json", "probe a-works --json"] {
            let shown = on_terminal(&house, 100, environment, arguments);
            assert!(
                !coloured(&shown.stdout),
                "{arguments} {environment:?}: {shown:?}"
            );
        }
    }
    for arguments in [
        &["status"][..],
        &["probe", "a-works"],
        &["status", "--help"],
        &["nonsense"],
    ] {
        let done = house
            .lockwatch_told(arguments, "", &[("TERM", "xterm")])
            .await;
        assert!(
            !coloured(&done.stdout) && !coloured(&done.stderr),
            "{done:?}"
        );
    }
    // What a colour says stands there as a word as well.
    let plain = console::strip_ansi_codes(&status(200, &[]).stdout).into_owned();
    assert!(plain.contains("locked_out (held)"), "{plain}");

    // A reader that goes away is no failure.
    let program = cargo_bin!("lockwatch").display();
    for command in [
        "status",
        "status --json",
        "status locks",
        "probe a-works",
        "--help",
        "completions bash",
    ] {
        let line = format!("{program} {command} | true; echo ${{PIPESTATUS[0]}}");
        let done = Command::new("bash")
            .args(["-c", &line])
            .env("LOCKWATCH_CONFIG", house.config())
            .output()
            .unwrap();
        let code = if command.starts_with("status") {
            "1\n"
        } else {
            "0\n"
        };
        assert_eq!(String::from_utf8(done.stdout).unwrap(), code, "{command}");
        assert_eq!(String::from_utf8(done.stderr).unwrap(), "", "{command}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn before_the_first_check_and_without_users() {
    let mut house = House::of(&["slow"]);
    house.settings.timeout = "10s";
    house.world().with(|world| {
        world.zones.get_mut("AE02").unwrap().reach = lockwatch::demo::Reach::Hang;
    });
    let daemon = house.start().await;
    let status = house.lockwatch(&["status", "slow"]).await;
    assert_eq!(status.code, 2, "{status:?}");
    assert!(status.stdout.contains("  worked never\n"), "{status:?}");
    let table = house.lockwatch(&["status"]).await;
    assert!(table.stdout.contains("1 user: 1 unclear\n"), "{table:?}");
    assert!(table.stdout.contains("never"), "{table:?}");
    daemon.kill().await;

    let nobody = House::of(&[]);
    let daemon = nobody.start().await;
    let status = nobody.lockwatch(&["status"]).await;
    assert_eq!(
        (status.code, status.stdout.as_str()),
        (0, "no user is configured\n"),
        "{status:?}"
    );
    daemon.stop().await;
}
