//! Notices become mails, each in one mail at most, and a mail's bytes never change.

use lockwatch::{
    diagnose::{Diagnosis, Reason},
    notify::{Facts, Kind, Matter, Notice, operator::unanswered, owed::operator_notices},
    store::{
        Store,
        freezing::Freeze,
        mails::{Ended, FrozenMail, SentNotice, ToldIn, Tried, Waiting},
    },
};

use super::*;

on_both_engines!(
    notices_of_one_recipient_gather_until_the_first_has_waited_enough,
    what_cannot_be_sent_is_kept_but_never_owed,
    an_operators_matter_is_told_once_and_its_users_are_checked_all_the_same,
    a_notice_is_in_one_mail_for_ever,
    a_notice_that_cannot_be_read_holds_up_no_other,
    what_is_in_a_mail_is_not_given_up,
    two_processes_freeze_a_notice_once,
    every_try_sends_the_same_bytes_until_one_ends_it,
    what_waits_is_counted,
    what_was_told_is_forgotten_after_90_days_and_what_waits_never,
);

const GROUP_WAIT: Duration = Duration::from_secs(30);

pub(super) fn notice(id: &str, recipient: &str, created: Timestamp) -> Notice {
    let reason = Reason::LockedOut;
    Notice {
        id: id.to_owned(),
        kind: Kind::LockedOut,
        recipient: recipient.to_owned(),
        created,
        matter: Matter::Incident(Box::new(Facts {
            user: "acme".to_owned(),
            username: "acme@acme.example".to_owned(),
            tenant: "acme.example".to_owned(),
            integration: None,
            entity: "Companies".to_owned(),
            zone: None,
            incident: "1a2b3c".to_owned(),
            turn: 1,
            first_since: None,
            reopened: 0,
            before: None,
            dropped: false,
            since: created,
            at: created,
            last_accepted: None,
            diagnosis: Diagnosis::new(reason, Vec::new()),
            found: None,
            rejections: 2,
            rejections_of_username: 2,
            last_attempt: None,
            held: true,
            next_attempt: None,
            read_at_start: false,
            host: "watch.msp.example".to_owned(),
            from_address: None,
        })),
    }
}

/// Owes these notices, each with its own time to gather, through a check's commit.
pub(super) async fn owe(store: &Store, notices: Vec<Notice>, unsendable: Option<&'static str>) {
    let now = notices[0].created;
    let claimed = claim(store, "acme", now).await.expect("nobody holds it");
    let mut commit = commit(&claimed, now);
    commit.notices = notices
        .into_iter()
        .map(|notice| {
            let due = notice.created + GROUP_WAIT;
            (notice, due)
        })
        .collect();
    commit.unsendable = unsendable;
    assert!(store.commit(commit).await.unwrap());
}

async fn owed(store: &Store, now: Timestamp) -> Vec<String> {
    let notices = store.owed(now, &[]).await.unwrap();
    assert!(notices.unreadable.is_empty(), "{notices:?}");
    notices
        .notices
        .into_iter()
        .map(|notice| notice.id)
        .collect()
}

fn mail(id: &str, created: Timestamp) -> FrozenMail {
    FrozenMail {
        id: id.to_owned(),
        message_id: format!("<{id}@watch.msp.example>"),
        recipient: "it@acme.example".to_owned(),
        bytes: format!("Subject: {id}\r\n\r\nwhole\r\n").into_bytes(),
        created,
        owed_since: created,
        next_try: created,
        tries: 0,
        put_off_since: None,
        put_offs: 0,
    }
}

/// One try that ended so.
pub(super) async fn tried(store: &Store, id: &str, tried: Tried, now: Timestamp) {
    assert!(store.trying(id.to_owned()).await.unwrap());
    let ended = Ended {
        mail: id.to_owned(),
        tried,
        in_doubt: false,
        notices: Vec::new(),
        login: None,
        now,
    };
    store.tried(ended).await.unwrap();
}

pub(super) async fn freeze(store: &Store, id: &str, notices: &[&str], now: Timestamp) -> bool {
    let freeze = Freeze {
        mail: Some(mail(id, now)),
        notices: notices.iter().map(|id| (*id).to_owned()).collect(),
        ..Freeze::default()
    };
    store.freeze(freeze).await.unwrap()
}

pub(super) fn after(seconds: u64) -> Timestamp {
    start() + Duration::from_secs(seconds)
}

async fn notices_of_one_recipient_gather_until_the_first_has_waited_enough(place: Place) {
    let store = place.with(&["acme"]).await;
    owe(
        &store,
        vec![notice("one", "it@acme.example", start())],
        None,
    )
    .await;
    owe(
        &store,
        vec![notice("two", "it@acme.example", after(20))],
        None,
    )
    .await;
    owe(
        &store,
        vec![notice("three", "ops@msp.example", after(25))],
        None,
    )
    .await;
    assert!(owed(&store, after(29)).await.is_empty());
    assert_eq!(owed(&store, after(30)).await, ["one", "two"]);
    assert!(freeze(&store, "mail-1", &["one", "two"], after(30)).await);
    assert!(owed(&store, after(54)).await.is_empty());
    assert_eq!(owed(&store, after(55)).await, ["three"]);
    let kept = &store.owed(after(55), &[]).await.unwrap().notices[0];
    assert_eq!(kept, &notice("three", "ops@msp.example", after(25)));
}

async fn what_cannot_be_sent_is_kept_but_never_owed(place: Place) {
    let store = place.with(&["acme"]).await;
    let why = Some("there is no [email] in the configuration");
    owe(&store, vec![notice("one", "it@acme.example", start())], why).await;
    owe(&store, vec![notice("two", "", start())], None).await;
    assert!(owed(&store, start() + days(1)).await.is_empty());
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
    assert!(!freeze(&store, "mail-1", &["one"], after(30)).await);
}

async fn an_operators_matter_is_told_once_and_its_users_are_checked_all_the_same(place: Place) {
    let store = place.with(&["acme"]).await;
    let ends = after(3600);
    let user = UserId::parse("acme").unwrap();
    let facts = unanswered(&user, "acme", None, 4, after(0), ends, "mon1");
    let matter = |created| Notice {
        created,
        ..operator_notices(&facts, None).remove(0)
    };
    let twice = [after(0), after(1)].map(|at| Notice {
        recipient: "ops@msp.example".to_owned(),
        ..matter(at)
    });
    let [first, second] = twice;
    let other = notice("n1", "ops@msp.example", after(0));
    owe(&store, vec![first.clone(), other], None).await;
    // The same again, with its check's result, which must not be lost over it.
    owe(&store, vec![second], None).await;
    let owed = store.owed(after(60), &[]).await.unwrap().notices;
    assert_eq!(owed.len(), 2, "{owed:?}");
    assert!(owed.contains(&first), "{owed:?}");
    let ids: Vec<_> = owed.iter().map(|notice| notice.id.as_str()).collect();
    assert!(freeze(&store, "m1", &ids, after(60)).await);
    owe(&store, vec![first], None).await;
    assert!(owed_nothing(&store).await, "told once, for good");
    store.close().await;
}

async fn owed_nothing(store: &Store) -> bool {
    owed(store, after(600)).await.is_empty()
}

async fn a_notice_is_in_one_mail_for_ever(place: Place) {
    let store = place.with(&["acme"]).await;
    let notices = ["one", "two"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    assert!(freeze(&store, "mail-1", &["one"], after(30)).await);
    assert!(
        !freeze(&store, "mail-2", &["one"], after(30)).await,
        "again"
    );
    assert!(
        !freeze(&store, "mail-3", &["two", "one"], after(30)).await,
        "with another"
    );
    assert!(!freeze(&store, "mail-4", &["unheard of"], after(30)).await);
    let mails = store.due_mails(after(30), 9).await.unwrap();
    assert_eq!(mails, [mail("mail-1", after(30))]);
    tried(&store, "mail-1", Tried::Sent, after(31)).await;
    assert_eq!(
        owed(&store, after(30)).await,
        ["two"],
        "nothing of a refused mail is kept"
    );
    assert!(
        !freeze(&store, "mail-5", &["one"], after(32)).await,
        "when it was sent"
    );
}

async fn a_notice_that_cannot_be_read_holds_up_no_other(place: Place) {
    let store = place.with(&["acme"]).await;
    let notices = ["one", "two"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    let mut sql = place.sql().await;
    sql.run("UPDATE notices SET facts = '{\"of\":\"another version\"}' WHERE id = 'one'")
        .await;
    let owed_now = store.owed(after(30), &[]).await.unwrap();
    assert_eq!(owed_now.unreadable, ["one"]);
    assert_eq!(
        owed_now.notices,
        [notice("two", "it@acme.example", start())]
    );
    let why = "another version of lockwatch wrote it";
    store.give_up(owed_now.unreadable, why).await.unwrap();
    assert_eq!(owed(&store, after(30)).await, ["two"]);
    assert_eq!(store.waiting().await.unwrap().pending, 1);
}

async fn what_is_in_a_mail_is_not_given_up(place: Place) {
    let store = place.with(&["acme"]).await;
    owe(
        &store,
        vec![notice("one", "it@acme.example", start())],
        None,
    )
    .await;
    assert!(freeze(&store, "mail-1", &["one"], after(30)).await);
    let one = vec!["one".to_owned()];
    store.give_up(one, "too late").await.unwrap();
    let mut sql = place.sql().await;
    let why = sql.texts("SELECT unsendable FROM notices").await;
    assert_eq!(why, [[None]], "it is on its way");
}

async fn two_processes_freeze_a_notice_once(place: Place) {
    let first = place.with(&["acme"]).await;
    let second = place.open().await;
    let names: Vec<String> = (0..30).map(|n| format!("n-{n}")).collect();
    let notices = names
        .iter()
        .map(|id| notice(id, "it@acme.example", start()));
    owe(&first, notices.collect(), None).await;
    let freezing = names.iter().flat_map(|id| {
        [&first, &second].map(|store| {
            let store = store.clone();
            let freeze = Freeze {
                mail: Some(mail(&lockwatch::store::fresh_id(), after(30))),
                notices: vec![id.clone()],
                ..Freeze::default()
            };
            tokio::spawn(async move { store.freeze(freeze).await.unwrap() })
        })
    });
    let mut frozen = 0;
    for task in freezing.collect::<Vec<_>>() {
        frozen += usize::from(task.await.unwrap());
    }
    assert_eq!(frozen, names.len());
    let mails = first.due_mails(after(30), 99).await.unwrap();
    assert_eq!(mails.len(), names.len());
}

async fn every_try_sends_the_same_bytes_until_one_ends_it(place: Place) {
    let store = place.with(&["acme"]).await;
    let notices = ["one", "two", "three"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    for (id, notice) in [("sent", "one"), ("dead", "two"), ("later", "three")] {
        assert!(freeze(&store, id, &[notice], after(30)).await);
    }
    let tried = async |id: &str, end: Tried, now| tried(&store, id, end, now).await;
    let later = |at| Tried::Later {
        at,
        why: "451 try again later".to_owned(),
        put_off: true,
    };
    let dead = Tried::Dead {
        why: "550 no such user".to_owned(),
        spare: None,
    };
    assert_eq!(store.due_mails(after(30), 9).await.unwrap().len(), 3);
    assert_eq!(store.due_mails(after(30), 2).await.unwrap().len(), 2);
    tried("sent", Tried::Sent, after(31)).await;
    tried("dead", dead, after(31)).await;
    tried("later", later(after(40)), after(31)).await;
    assert!(store.due_mails(after(39), 9).await.unwrap().is_empty());
    tried("later", later(after(60)), after(40)).await;

    let other = place.open().await;
    let due = other.due_mails(start() + days(1), 9).await.unwrap();
    let same = FrozenMail {
        tries: 2,
        put_offs: 2,
        put_off_since: Some(after(31)),
        next_try: after(60),
        ..mail("later", after(30))
    };
    assert_eq!(due, [same]);
    let told = ToldIn {
        kind: "locked_out".to_owned(),
        user: "acme".to_owned(),
        created: start(),
    };
    assert_eq!(store.told_in("later").await.unwrap(), [told]);
    let sent = SentNotice {
        at: after(31),
        recipient: "it@acme.example".to_owned(),
        kind: "locked_out".to_owned(),
        user: "acme".to_owned(),
    };
    assert_eq!(store.sent_after(after(30)).await.unwrap(), [sent]);
    assert_eq!(store.sent_after(after(31)).await.unwrap(), []);
}

async fn what_waits_is_counted(place: Place) {
    let store = place.with(&["acme"]).await;
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
    let notices = ["one", "two", "three"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    let waits = |pending, oldest, next| Waiting {
        pending,
        oldest: Some(oldest),
        next: Some(next),
    };
    assert_eq!(store.waiting().await.unwrap(), waits(3, start(), after(30)));
    assert!(freeze(&store, "mail-1", &["one", "two"], after(31)).await);
    assert_eq!(store.waiting().await.unwrap(), waits(2, start(), after(30)));
    assert!(freeze(&store, "mail-2", &["three"], after(32)).await);
    assert_eq!(
        store.waiting().await.unwrap(),
        waits(2, after(31), after(31))
    );
    tried(&store, "mail-1", Tried::Sent, after(33)).await;
    let later = Tried::Later {
        at: after(50),
        why: "451".to_owned(),
        put_off: true,
    };
    tried(&store, "mail-2", later, after(33)).await;
    assert_eq!(
        store.waiting().await.unwrap(),
        waits(1, after(32), after(50))
    );
    let dead = Tried::Dead {
        why: "550".to_owned(),
        spare: None,
    };
    tried(&store, "mail-2", dead, after(50)).await;
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
}

async fn what_was_told_is_forgotten_after_90_days_and_what_waits_never(place: Place) {
    let store = place.with(&["acme"]).await;
    let notices = ["sent", "dead", "waits"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    let unsendable = notice("unsendable", "", start());
    owe(&store, vec![unsendable], None).await;
    for id in ["sent", "dead"] {
        assert!(freeze(&store, id, &[id], start()).await);
    }
    let dead = Tried::Dead {
        why: "550".to_owned(),
        spare: None,
    };
    tried(&store, "sent", Tried::Sent, start()).await;
    tried(&store, "dead", dead, start()).await;
    for (day, left) in [(89, "4"), (91, "1")] {
        let now = start() + days(day);
        store
            .sync(vec![wanted("acme", now)], LIMITS, now)
            .await
            .unwrap();
        place.all_was_seen().await;
        store.sweep(now).await.unwrap();
        let mut sql = place.sql().await;
        let kept = sql
            .texts("SELECT CAST(COUNT(*) AS TEXT) FROM notices")
            .await;
        assert_eq!(kept, [[Some(left.to_owned())]], "on day {day}");
    }
    assert_eq!(owed(&store, start() + days(91)).await, ["waits"]);
}
