//! What the operator is told that is no user's incident: whole, as snapshots.

use jiff::Timestamp;
use lockwatch::{
    diagnose::Reason,
    notify::{
        Kind, Notice,
        merge::Telling,
        message::{self, Mail},
        operator::{
            Ended, OperatorFacts, Silence, Unseen, auth_outage, auth_outage_over, blind, outage,
            outage_over, store_back, store_lost, unanswered, undeliverable,
        },
        owed::operator_notices,
    },
    user::UserId,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn since() -> Timestamp {
    at("2026-11-22T14:05:12Z")
}

fn now() -> Timestamp {
    at("2026-11-22T14:25:00Z")
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn notice(facts: &OperatorFacts) -> Notice {
    operator_notices(facts, None).remove(0)
}

fn mail(facts: &OperatorFacts) -> Mail {
    message::compose(&[Telling::alone(notice(facts))], None)
}

fn read(mail: &Mail) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text)
}

fn lost() -> OperatorFacts {
    let why = "the store /var/lib/lockwatch/lockwatch.db cannot be written: its disk is full";
    store_lost(why, "Free space on its disk.", since(), now(), "mon1")
}

fn refused() -> OperatorFacts {
    let tenants = ["acme".to_owned(), "globex".to_owned()];
    let users = [id("acme-email2at"), id("acme-rmm"), id("globex-email2at")];
    auth_outage("AE02", &tenants, &users, since(), now(), "mon1")
}

fn unheard() -> OperatorFacts {
    let user = id("acme-email2at");
    let ends = at("2026-11-22T20:05:12Z");
    unanswered(&user, "acme", Some("AE02"), 4, since(), ends, "mon1")
}

#[test]
fn a_store_that_cannot_be_used() {
    insta::assert_snapshot!("store_lost", read(&mail(&lost())));
}

#[test]
fn a_store_that_works_again() {
    let facts = store_back("the store was full", since(), now(), "mon1");
    insta::assert_snapshot!("store_back", read(&mail(&facts)));
}

#[test]
fn a_zone_that_refuses_everybody() {
    let mail = mail(&refused());
    assert_eq!(mail.kinds, [Kind::AuthOutage]);
    assert_eq!(mail.users, ["acme-email2at", "acme-rmm", "globex-email2at"]);
    assert!(mail.incidents.is_empty());
    insta::assert_snapshot!("auth_outage", read(&mail));
}

#[test]
fn a_user_whose_attempts_have_no_answer() {
    let mail = mail(&unheard());
    assert_eq!(mail.users, ["acme-email2at"]);
    insta::assert_snapshot!("unanswered", read(&mail));
}

#[test]
fn how_a_zone_that_refused_everybody_ended() {
    let some = Ended {
        accepted: vec![id("globex-email2at")],
        judged: vec![id("acme-email2at"), id("acme-rmm")],
        unclear: vec![id("acme-psa")],
    };
    let all = Ended {
        accepted: vec![id("acme-email2at"), id("acme-rmm"), id("globex-email2at")],
        ..Ended::default()
    };
    for (name, ended) in [("auth_outage_over", all), ("auth_outage_judged", some)] {
        let mail = mail(&auth_outage_over(
            "AE02",
            &ended,
            since(),
            since(),
            now(),
            "mon1",
        ));
        assert_eq!(mail.kinds, [Kind::AuthOutage]);
        insta::assert_snapshot!(name, read(&mail));
    }
}

fn silence(everywhere: bool) -> Silence {
    Silence {
        reasons: vec![(Reason::Timeout, 2), (Reason::Connect, 1)],
        tenants: vec!["acme".to_owned(), "globex".to_owned()],
        users: vec![id("acme-email2at"), id("acme-rmm"), id("globex-email2at")],
        of: 4,
        everywhere,
    }
}

#[test]
fn a_zone_of_which_nothing_clear_is_heard() {
    let mail = mail(&outage(
        Some("AE02"),
        &silence(false),
        since(),
        now(),
        "mon1",
    ));
    assert_eq!(mail.kinds, [Kind::Outage]);
    assert_eq!(mail.users, ["acme-email2at", "acme-rmm", "globex-email2at"]);
    insta::assert_snapshot!("outage", read(&mail));
}

#[test]
fn nothing_is_reached_at_all() {
    let facts = outage(None, &silence(true), since(), now(), "mon1");
    insta::assert_snapshot!("outage_everywhere", read(&mail(&facts)));
}

#[test]
fn a_zone_that_is_heard_again() {
    let users = silence(false).users;
    let over = |now| {
        outage_over(
            Some("AE02"),
            &users,
            &users[2..],
            since(),
            since(),
            now,
            "mon1",
        )
    };
    insta::assert_snapshot!("outage_over", read(&mail(&over(now()))));
    let title = |now| over(now).title;
    assert!(title(since()).ends_with("after less than a minute"));
    assert!(title(at("2026-11-24T16:06:00Z")).ends_with("after 2 d 2 h 1 min"));
}

#[test]
fn a_mail_that_was_put_off_until_it_was_given_up_is_not_said_to_be_refused() {
    let told = [("failing".to_owned(), "acme-rmm".to_owned())];
    let said = |why: &str| {
        let facts = undeliverable("m1", "it@acme.example", why, &told, now(), "mon1");
        mail(&facts).text
    };
    let refused = said("failed at step recipient: the server answered 550 5.1.1 unknown");
    let refuses = "The mail server refuses this mail for good, so it is not tried again. Whoever";
    assert!(refused.contains(refuses), "{refused}");
    assert!(refused.contains("why it refuses the mail"), "{refused}");
    let put_off = said(
        "given up after 5 days; at last: failed at step recipient: the server answered 451 later",
    );
    assert!(!put_off.contains("refuses"), "{put_off}");
    assert!(
        put_off.contains("put this mail off until lockwatch gave it up"),
        "{put_off}"
    );
    assert!(put_off.contains("why it put the mail off"), "{put_off}");
}

fn unseen(user: &str, why: &str) -> Unseen {
    Unseen {
        user: id(user),
        tenant: "acme".to_owned(),
        since: since(),
        why: why.to_owned(),
    }
}

#[test]
fn users_of_which_nothing_is_known() {
    let wait = "Autotask asked to wait (Retry-After); next possible at 2026-11-22 18:00:00 UTC";
    let users = [
        unseen("acme-email2at", wait),
        unseen("acme-rmm", "no answer in time"),
    ];
    let mail = mail(&blind(&users, now(), "mon1"));
    assert_eq!(mail.kinds, [Kind::Blind]);
    insta::assert_snapshot!("blind", read(&mail));
    let one = blind(&users[..1], now(), "mon1");
    assert_eq!(
        one.title,
        "BLIND: nothing definitive is known of acme-email2at (acme)"
    );
}

#[test]
fn the_beginning_and_the_end_of_a_matter_are_two_notices() {
    let told = |zone| outage(Some(zone), &silence(false), since(), now(), "mon1").id;
    assert_ne!(told("AE02"), told("AE05"));
    let over = outage_over(Some("AE02"), &[], &[], since(), now(), now(), "mon1").id;
    assert_ne!(told("AE02"), over);
    let ended = Ended::default();
    let over = auth_outage_over("AE02", &ended, since(), now(), now(), "mon1").id;
    assert_ne!(refused().id, over);
}

#[test]
fn many_users_are_counted_and_the_same_matter_has_the_same_id() {
    let users: Vec<UserId> = (0..500).map(|n| id(&format!("user-{n}"))).collect();
    let refused = |users: &[UserId], now| auth_outage("AE02", &[], users, since(), now, "mon1");
    let early = refused(&users[..3], since());
    let late = refused(&users, now());
    assert_eq!(notice(&early).id, notice(&late).id);
    let text = mail(&late).text;
    assert!(text.contains("and 480 more"), "{text}");
    assert!(text.contains("credentials of 500"), "{text}");
    let elsewhere = auth_outage("AE05", &[], &users, since(), now(), "mon1");
    assert_ne!(elsewhere.id, late.id);
    assert_ne!(lost().id, store_back("", since(), now(), "mon1").id);
}

#[test]
fn nothing_told_can_break_out() {
    let evil = "<b>\r\nBcc: x\u{0}\u{85}";
    let user = id("acme-email2at");
    let evil_silence = Silence {
        tenants: vec![evil.to_owned()],
        ..silence(true)
    };
    let evil_unseen = Unseen {
        tenant: evil.to_owned(),
        ..unseen("acme-email2at", evil)
    };
    for facts in [
        store_lost(evil, evil, since(), now(), evil),
        store_back(evil, since(), now(), evil),
        auth_outage(evil, &[evil.to_owned()], &[], since(), now(), evil),
        auth_outage_over(evil, &Ended::default(), since(), since(), now(), evil),
        unanswered(&user, evil, Some(evil), 4, since(), now(), evil),
        outage(Some(evil), &evil_silence, since(), now(), evil),
        outage_over(Some(evil), &[], &[], since(), since(), now(), evil),
        blind(&[evil_unseen], now(), evil),
    ] {
        let mail = mail(&facts);
        assert!(
            !mail.subject.contains(char::is_control),
            "{:?}",
            mail.subject
        );
        assert!(!mail.html.contains("<b>"), "{}", mail.html);
        assert!(!mail.text.contains("\nBcc"), "{}", mail.text);
    }
}
