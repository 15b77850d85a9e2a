//! What no single check can tell: an outage of a zone, users of which nothing is known, and reminders of what is still open.

use lockwatch::demo::{Place, Reach, Rights};
use tokio::time::Instant;

use crate::house::{House, Mail, eventually};

const OPS: &str = "ops@msp.example";

fn of_kind(house: &House, kind: &str) -> Vec<Mail> {
    let mails = house.filed().into_iter();
    mails
        .filter(|mail| {
            mail.header("X-Lockwatch-Kind")
                .split(", ")
                .any(|one| one == kind)
        })
        .collect()
}

async fn told(house: &House, kind: &str, words: &str) -> Mail {
    eventually(
        || format!("no {kind} mail says {words:?}: {:#?}", house.filed()),
        async || {
            let mut mails = of_kind(house, kind).into_iter();
            mails.find(|mail| mail.text.replace('\n', " ").contains(words))
        },
    )
    .await
}

/// How often it was noted that something is owed.
async fn owed(house: &House, kind: &str) -> f64 {
    let series = format!("lockwatch_notices_total{{kind=\"{kind}\",outcome=\"owed\"}}");
    house.metric(&series).await.unwrap()
}

#[tokio::test]
async fn an_outage_is_told_once_and_so_is_its_end_and_no_user_is_mailed() {
    let users = ["one", "two", "three", "four"];
    let mut house = House::of(&users);
    house.settings.email += "unclear_after = \"4s\"\n";
    let daemon = house.start().await;
    for id in users {
        house.until_state(id, "healthy", "ok").await;
    }
    let zone = Place::Zone("AE02".to_owned());
    let reach = |reach| house.world().with(|world| world.set_reach(&zone, reach));
    reach(Reach::Outage);
    let mail = told(&house, "outage", "OUTAGE of zone AE02").await;
    assert_eq!(mail.header("To"), OPS);
    assert!(
        mail.text.contains("Autotask answers with server errors"),
        "{mail:?}"
    );
    for id in users {
        house.watch_checks(id, 3).await;
        assert_eq!(house.user(id).await["incident"], serde_json::Value::Null);
    }
    assert_eq!(of_kind(&house, "outage").len(), 1, "once");

    // Nor again by the next process.
    daemon.stop().await;
    let daemon = house.start().await;
    for id in users {
        house.watch_checks(id, 3).await;
    }
    assert_eq!(of_kind(&house, "outage").len(), 1, "{:#?}", house.filed());

    reach(Reach::Up);
    let mail = told(&house, "outage", "OVER: the outage of zone AE02").await;
    assert_eq!(mail.header("To"), OPS);
    for id in users {
        house.until_state(id, "healthy", "ok").await;
        house.watch_checks(id, 3).await;
    }
    assert_eq!(
        owed(&house, "outage").await,
        1.0,
        "this process told the end"
    );
    let mails = house.filed();
    assert_eq!(mails.len(), 2, "nothing else is told: {mails:#?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_user_of_which_nothing_is_known_is_told_to_the_operator() {
    let mut house = House::of(&["one", "two", "silent"]);
    house.settings.email += "unclear_after = \"4s\"\n";
    house.administer("silent", |user| user.tenant = "globex".to_owned());
    house.account("silent").tenant = "globex";
    let daemon = house.start().await;
    house.until_state("silent", "healthy", "ok").await;
    // Somebody else uses the tenant's whole quota up.
    house
        .world()
        .with(|world| world.tenants.get_mut("globex").unwrap().limit = 0);
    house.until_state("silent", "unclear", "rate_limited").await;
    let mail = told(&house, "blind", "silent (globex)").await;
    assert!(mail.text.contains("too many requests"), "{mail:?}");
    assert_eq!(mail.header("To"), OPS);
    assert_eq!(mail.header("X-Lockwatch-User"), "silent");
    house.watch_checks("silent", 8).await;
    let mails = house.filed();
    assert_eq!(mails.len(), 1, "once a day, and nothing else: {mails:#?}");
    assert_eq!(owed(&house, "blind").await, 1.0);
    daemon.stop().await;
}

#[tokio::test]
async fn everybody_is_reminded_of_what_is_still_open_until_it_is_over() {
    let mut house = House::of(&["works", "first", "second"]);
    house.settings.email += "remind_every = \"3s\"\n";
    for id in ["first", "second"] {
        house.account(id).more = "integration = \"RMM\"".to_owned();
        house.administer(id, |user| user.set_rights("Companies", Rights::NONE));
    }
    let begun = Instant::now();
    let daemon = house.start().await;
    for id in ["first", "second"] {
        house.mailed("failing", id, OPS).await;
    }
    // Whoever has one sees one, and the operator both.
    let reminders = |to: &str, users: &str| {
        let mails = of_kind(&house, "reminder").into_iter();
        let mine = mails.filter(|mail| mail.header("To") == to);
        mine.filter(|mail| mail.header("X-Lockwatch-User") == users)
            .count()
    };
    let everybody = [
        (OPS, "first, second"),
        ("first@acme.example", "first"),
        ("second@acme.example", "second"),
    ];
    eventually(
        || format!("not everybody is reminded: {:#?}", house.filed()),
        async || {
            everybody
                .iter()
                .all(|(to, users)| reminders(to, users) > 0)
                .then_some(())
        },
    )
    .await;
    for id in ["first", "second"] {
        house.watch_checks(id, 3).await;
    }
    let most = begun.elapsed().as_secs() / 3;
    for (to, users) in everybody {
        let count = reminders(to, users);
        assert!(
            count as u64 <= most,
            "{count} mails to {to} in {most} times the wait"
        );
    }

    for id in ["first", "second"] {
        house.administer(id, |user| user.set_rights("Companies", Rights::default()));
        house.until_state(id, "healthy", "ok").await;
        house.mailed("recovered", id, OPS).await;
    }
    eventually(
        || "the outbox does not empty".to_owned(),
        async || (house.metric("lockwatch_outbox_pending").await == Some(0.0)).then_some(()),
    )
    .await;
    let before = of_kind(&house, "reminder").len();
    // Longer than a reminder takes.
    house.watch_checks("works", 5).await;
    assert_eq!(of_kind(&house, "reminder").len(), before, "nothing is open");
    daemon.stop().await;
}
