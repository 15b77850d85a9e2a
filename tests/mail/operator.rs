//! What the operator is told that is no user's incident: whole, as snapshots.

use jiff::Timestamp;
use lockwatch::{
    notify::{
        Kind, Notice,
        merge::Telling,
        message::{self, Mail},
        operator::{OperatorFacts, auth_outage, store_back, store_lost, unanswered},
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

fn outage() -> OperatorFacts {
    let tenants = ["acme".to_owned(), "globex".to_owned()];
    let users = [id("acme-email2at"), id("acme-rmm"), id("globex-email2at")];
    auth_outage("AE02", &tenants, &users, since(), now(), "mon1")
}

fn silence() -> OperatorFacts {
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
    let mail = mail(&outage());
    assert_eq!(mail.kinds, [Kind::AuthOutage]);
    assert_eq!(mail.users, ["acme-email2at", "acme-rmm", "globex-email2at"]);
    assert!(mail.incidents.is_empty());
    insta::assert_snapshot!("auth_outage", read(&mail));
}

#[test]
fn a_user_whose_attempts_have_no_answer() {
    let mail = mail(&silence());
    assert_eq!(mail.users, ["acme-email2at"]);
    insta::assert_snapshot!("unanswered", read(&mail));
}

#[test]
fn many_users_are_counted_and_the_same_matter_has_the_same_id() {
    let users: Vec<UserId> = (0..500).map(|n| id(&format!("user-{n}"))).collect();
    let outage = |users: &[UserId], now| auth_outage("AE02", &[], users, since(), now, "mon1");
    let early = outage(&users[..3], since());
    let late = outage(&users, now());
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
    for facts in [
        store_lost(evil, evil, since(), now(), evil),
        store_back(evil, since(), now(), evil),
        auth_outage(evil, &[evil.to_owned()], &[], since(), now(), evil),
        unanswered(&user, evil, Some(evil), 4, since(), now(), evil),
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
