//! Mails about many users: short where they can be, and never too large.

use lockwatch::{
    diagnose::{Cause, Reason},
    notify::{Facts, Kind, Notice},
};

use crate::words::{compose, diagnosis, facts, links, locked_out, notice, ranked, recovered};

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
