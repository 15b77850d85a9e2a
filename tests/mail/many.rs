//! Mails about many users: short where they can be, and never too large.

use lockwatch::{
    diagnose::{Cause, Reason},
    notify::{
        Facts, Kind, Notice,
        operator::{unanswered, undeliverable},
        owed::operator_notices,
    },
    user::UserId,
};

use crate::words::{at, compose, diagnosis, facts, links, locked_out, notice, ranked, recovered};

fn of(user: &str, tenant: &str, like: Facts) -> Facts {
    Facts {
        user: user.into(),
        tenant: tenant.into(),
        incident: format!("01hq-{user}"),
        username: format!("{user}@{tenant}.example"),
        ..like
    }
}

fn lines(text: &str, line: &str) -> usize {
    text.lines().filter(|found| *found == line).count()
}

#[test]
fn the_next_user_of_a_tenant_with_the_same_causes_is_referred_to_the_first() {
    let notices = [
        notice(Kind::LockedOut, of("acme-a", "acme", locked_out())),
        notice(Kind::LockedOut, of("acme-b", "acme", locked_out())),
        notice(Kind::LockedOut, of("beta-c", "beta", locked_out())),
    ];
    let mail = compose(&notices, Some(&links()));
    assert_eq!(lines(&mail.text, "What to do: as for acme-a above."), 1);
    let likeliest = "Most likely: The account is locked after failed logins";
    assert_eq!(
        lines(&mail.text, likeliest),
        2,
        "another tenant has its own"
    );
    for user in ["acme-a", "acme-b", "beta-c"] {
        assert_eq!(lines(&mail.text, &format!("    lockwatch retry {user}")), 1);
        assert!(mail.text.contains(&format!("Username: {user}@")));
    }
    insta::assert_snapshot!("several_alike", mail.text);
}

/// Two hundred users of as many tenants, with causes that differ where they can.
fn two_hundred() -> Vec<Notice> {
    let evidence = [
        "The zone look-up finds the user.",
        "The query was answered 401.",
    ];
    let variants = [
        vec![
            Cause::LockedOut,
            Cause::SecretRegenerated,
            Cause::Deactivated,
            Cause::Expired,
        ],
        vec![
            Cause::OrdinaryUser,
            Cause::SecurityLevel,
            Cause::TrackingIdentifier,
            Cause::WrongSecret,
        ],
        vec![Cause::NewSecret, Cause::LockedOut, Cause::Deactivated],
        vec![Cause::MissingPermission],
        vec![Cause::UsernameUnknown],
    ];
    let reasons = [
        Reason::LockedOut,
        Reason::CredentialRejected,
        Reason::CredentialRejected,
        Reason::PermissionDenied,
        Reason::UnknownUser,
    ];
    (0..200)
        .map(|n| {
            let which = n % variants.len();
            let causes = variants[which]
                .iter()
                .map(|cause| ranked(*cause, &evidence, &[]));
            let diagnosis = diagnosis(reasons[which], &evidence, causes.collect());
            let facts = facts("x", diagnosis);
            let (user, tenant) = (
                format!("customer-{n}-email2at"),
                format!("customer-{n}.example"),
            );
            notice(Kind::of_opening(reasons[which]), of(&user, &tenant, facts))
        })
        .collect()
}

#[test]
fn two_hundred_users_are_a_mail_that_can_be_read() {
    let notices = two_hundred();
    let mail = compose(&notices, Some(&links()));
    let size = mail.text.len() + mail.html.len();
    assert!(
        size < 300_000,
        "{size} bytes, of them {} of text",
        mail.text.len()
    );
    for notice in &notices {
        let user = &notice.matter.users()[0];
        assert_eq!(lines(&mail.text, &format!("    lockwatch retry {user}")), 1);
        assert!(
            mail.html
                .contains(&format!("<pre>lockwatch retry {user}</pre>"))
        );
    }
    // The list comes first, one line each.
    let list = mail.text.lines().skip(1).take(200);
    assert!(list.into_iter().all(|line| line.starts_with("- ")));
    assert!(mail.text.starts_with("200 matters, worst first:\n"));
    // Each kind of advice is there, and who is told in short is referred to one of them.
    for title in [
        "The account is locked",
        "It is an ordinary user",
        "The new secret",
        "Its security level does not",
        "The username",
    ] {
        assert!(mail.text.contains(&format!(" {title}")), "{title}");
    }
    let referred = mail.text.matches("What to do: as for customer-").count();
    assert_eq!(
        referred,
        200 - 5 - 4,
        "five at length, then one of each other advice"
    );

    let over: Vec<Notice> = (0..200)
        .map(|n| {
            notice(
                Kind::Recovered,
                of(&format!("user-{n}"), &format!("t{n}"), recovered()),
            )
        })
        .collect();
    let mail = compose(&over, Some(&links()));
    assert!(mail.text.len() + mail.html.len() < 150_000);
    assert!(
        mail.text
            .contains("user-199 (t199): works again after 2 h 10 min")
    );
}

#[test]
fn what_is_unlike_everything_before_is_told_at_length_however_late() {
    let mut notices: Vec<Notice> = (0..30)
        .map(|n| {
            notice(
                Kind::LockedOut,
                of(&format!("user-{n}"), &format!("t{n}"), locked_out()),
            )
        })
        .collect();
    let causes = vec![ranked(Cause::MissingPermission, &[], &[])];
    let odd = facts("odd", diagnosis(Reason::PermissionDenied, &[], causes));
    notices.push(notice(Kind::Failing, odd));
    let text = compose(&notices, None).text;
    assert!(
        text.contains("\nMost likely: Its security level does not let it read what it must\n"),
        "{text}"
    );
    assert_eq!(text.matches("What to do: as for user-").count(), 25);
    assert!(text.contains(", with an administrator of t"));
}

#[test]
fn a_thousand_matters_of_the_operators_are_a_mail_that_can_be_read() {
    let since = at("2026-11-22T14:05:12Z");
    let ends = at("2026-11-22T20:05:12Z");
    let mut notices: Vec<Notice> = (0..1000)
        .flat_map(|n| {
            let user = UserId::parse(&format!("customer-{n:03}-email2at")).unwrap();
            let tenant = format!("customer-{n:03}.example");
            let facts = unanswered(&user, &tenant, Some("AE02"), 4, since, ends, "mon1");
            operator_notices(&facts, None)
        })
        .collect();
    let lost = undeliverable("m1", "it@acme.example", "550 unknown", &[], since, "mon1");
    notices.extend(operator_notices(&lost, None));
    let mail = compose(&notices, Some(&links()));
    let size = mail.text.len() + mail.html.len();
    assert!(
        size < 300_000,
        "{size} bytes, of them {} of text",
        mail.text.len()
    );
    let at_length = "attempts in a row to log in as customer-";
    assert_eq!(mail.text.matches(at_length).count(), 5);
    assert!(
        mail.text.contains("refuses this mail for good"),
        "unlike the others"
    );
    let title = |n: usize| {
        format!(
            "- HELD customer-{n:03}-email2at (customer-{n:03}.example): 4 attempts without an answer"
        )
    };
    let command = |n: usize| format!("    lockwatch retry customer-{n:03}-email2at");
    // Each is named at the top, and the next after those at length once more with its command.
    assert_eq!(
        (lines(&mail.text, &title(4)), lines(&mail.text, &command(4))),
        (1, 0)
    );
    for n in [5, 204] {
        assert_eq!(
            (lines(&mail.text, &title(n)), lines(&mail.text, &command(n))),
            (2, 1),
            "{n}"
        );
        assert!(
            mail.html
                .contains(&format!("<pre>{}</pre>", command(n).trim()))
        );
    }
    assert_eq!(
        (
            lines(&mail.text, &title(205)),
            lines(&mail.text, &command(205))
        ),
        (1, 0)
    );
    assert!(
        mail.text
            .contains("\nAnd 795 more, which the list at the top of this mail names.\n")
    );

    // As many as are told at length.
    let text = compose(&notices[..5], None).text;
    assert!(!text.contains("In short"), "{text}");
    let text = compose(&notices[..7], None).text;
    let short = text.split("In short: ").nth(1).unwrap();
    insta::assert_snapshot!(short, @r"
    2 matters like those above

    What to do is the same as above. To try one of them once at once, run its command as root on the host of lockwatch.

    - HELD customer-005-email2at (customer-005.example): 4 attempts without an answer
        lockwatch retry customer-005-email2at
    - HELD customer-006-email2at (customer-006.example): 4 attempts without an answer
        lockwatch retry customer-006-email2at

    Sent by lockwatch on mon1.
    ");
}
