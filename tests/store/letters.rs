//! What is told of mail: what waits and what keeps it, what will never arrive and why.

use std::collections::BTreeSet;

use lockwatch::{
    notify::{
        Digest, DigestLine, Kind, Matter, Notice, operator::unanswered, owed::operator_notices,
    },
    store::{
        Store,
        letters::{DeadLetter, Kept, OutboxReport},
        mails::Tried,
    },
};

use super::{
    mails::{after, freeze, notice, owe, tried},
    *,
};

on_both_engines!(
    an_empty_outbox_has_nothing_to_tell,
    the_oldest_that_was_tried_says_what_keeps_the_mail,
    a_dead_mail_names_all_that_was_in_it,
    a_notice_that_never_became_a_mail_is_a_dead_letter_too,
    whom_an_operators_mail_is_about_is_told_as_well,
    the_newest_are_told_and_all_of_30_days_are_counted,
);

async fn report(store: &Store, now: Timestamp) -> OutboxReport {
    store.outbox_report(now).await.unwrap()
}

fn dead(why: &str) -> Tried {
    Tried::Dead {
        why: why.to_owned(),
        spare: None,
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn letter(mail: Option<&str>, at: Timestamp, why: &str) -> DeadLetter {
    DeadLetter {
        at,
        recipient: "it@acme.example".to_owned(),
        kinds: set(&["locked_out"]),
        users: set(&["acme"]),
        incidents: set(&["1a2b3c"]),
        why: Some(why.to_owned()),
        mail: mail.map(str::to_owned),
    }
}

async fn an_empty_outbox_has_nothing_to_tell(place: Place) {
    let store = place.with(&["acme"]).await;
    assert_eq!(report(&store, start()).await, OutboxReport::default());
    // What arrived is no news either.
    let one = notice("one", "it@acme.example", start());
    owe(&store, vec![one], None).await;
    assert!(freeze(&store, "mail-1", &["one"], after(30)).await);
    tried(&store, "mail-1", Tried::Sent, after(31)).await;
    assert_eq!(report(&store, after(32)).await, OutboxReport::default());
}

async fn the_oldest_that_was_tried_says_what_keeps_the_mail(place: Place) {
    let store = place.with(&["acme"]).await;
    let notices = ["one", "two", "three", "four"].map(|id| notice(id, "it@acme.example", start()));
    owe(&store, notices.to_vec(), None).await;
    let fresh = OutboxReport {
        pending: 4,
        oldest: Some(start()),
        next: Some(after(30)),
        ..OutboxReport::default()
    };
    assert_eq!(report(&store, after(1)).await, fresh, "nothing was tried");

    for (mail, notice, at) in [("a", "one", 30), ("b", "two", 31), ("c", "three", 32)] {
        assert!(freeze(&store, mail, &[notice], after(at)).await);
    }
    let later = |at, why: &str| Tried::Later {
        at,
        why: why.to_owned(),
        put_off: true,
    };
    // The first never had a turn.
    tried(&store, "c", later(after(60), "451 busy"), after(33)).await;
    tried(&store, "b", later(after(50), "421 first"), after(34)).await;
    tried(&store, "b", later(after(70), "421 try later"), after(50)).await;
    let told = report(&store, after(51)).await;
    let kept = |why: &str, tries| {
        Some(Kept {
            why: why.to_owned(),
            tries,
        })
    };
    assert_eq!(told.kept, kept("421 try later", 2));
    assert_eq!((told.pending, told.oldest), (4, Some(start())));
    assert_eq!(told.next, Some(after(30)));

    // What has left keeps nothing, whatever was said of it before.
    tried(&store, "b", Tried::Sent, after(70)).await;
    assert_eq!(report(&store, after(71)).await.kept, kept("451 busy", 1));
    tried(&store, "c", dead("550"), after(72)).await;
    let told = report(&store, after(73)).await;
    assert_eq!((told.pending, told.kept), (2, None));
}

async fn a_dead_mail_names_all_that_was_in_it(place: Place) {
    let store = place.with(&["acme"]).await;
    let one = notice("one", "it@acme.example", start());
    let mut two = notice("two", "it@acme.example", start());
    two.kind = Kind::Recovered;
    if let Matter::Incident(facts) = &mut two.matter {
        facts.user = "globex".to_owned();
        facts.incident = "4d5e6f".to_owned();
    }
    owe(&store, vec![one, two], None).await;
    assert!(freeze(&store, "mail-1", &["one", "two"], after(30)).await);
    tried(&store, "mail-1", dead("550 no such user"), after(40)).await;
    let both = DeadLetter {
        kinds: set(&["locked_out", "recovered"]),
        users: set(&["acme", "globex"]),
        incidents: set(&["1a2b3c", "4d5e6f"]),
        ..letter(Some("mail-1"), after(40), "550 no such user")
    };
    let told = report(&store, after(41)).await;
    assert_eq!((told.pending, told.letters_total), (0, 1));
    assert_eq!(told.letters, std::slice::from_ref(&both));

    // Not even a mail of which nothing is known any more is passed over.
    let mut sql = place.sql().await;
    sql.run("DELETE FROM notices").await;
    let bare = DeadLetter {
        kinds: set(&[]),
        users: set(&[]),
        incidents: set(&[]),
        ..both
    };
    assert_eq!(report(&store, after(42)).await.letters, [bare]);
}

async fn a_notice_that_never_became_a_mail_is_a_dead_letter_too(place: Place) {
    let store = place.with(&["acme"]).await;
    let no_email = "there is no [email] in the configuration";
    let one = notice("one", "it@acme.example", start());
    owe(&store, vec![one], Some(no_email)).await;
    owe(&store, vec![notice("two", "", after(1))], None).await;
    let three = notice("three", "it@acme.example", after(2));
    owe(&store, vec![three], None).await;
    let unreadable = "it cannot be read";
    let given_up = vec!["three".to_owned()];
    store.give_up(given_up, unreadable).await.unwrap();
    let told = report(&store, after(3)).await;
    let nobody = DeadLetter {
        recipient: String::new(),
        ..letter(None, after(1), "there is no recipient")
    };
    assert_eq!(
        told.letters,
        [
            letter(None, after(2), unreadable),
            nobody,
            letter(None, start(), no_email),
        ]
    );
    assert_eq!((told.pending, told.letters_total), (0, 3));
}

async fn whom_an_operators_mail_is_about_is_told_as_well(place: Place) {
    let store = place.with(&["acme"]).await;
    let mut facts = unanswered(&id("acme"), "acme", None, 4, start(), after(3600), "mon1");
    facts.users = vec!["acme".to_owned(), "globex".to_owned()];
    let held = Notice {
        recipient: "ops@msp.example".to_owned(),
        ..operator_notices(&facts, None).remove(0)
    };
    let line = |incident: &str, user: &str| DigestLine {
        incident: incident.to_owned(),
        user: user.to_owned(),
        tenant: "acme".to_owned(),
        integration: None,
        reason: lockwatch::diagnose::Reason::LockedOut,
        since: start(),
        last_accepted: None,
        held: true,
        next_attempt: None,
    };
    let lines = vec![line("i-1", "initech"), line("i-2", "hooli")];
    let reminder = Notice {
        id: "reminder".to_owned(),
        kind: Kind::Reminder,
        recipient: "ops@msp.example".to_owned(),
        created: start(),
        matter: Matter::Digest(Digest {
            id: "reminder".to_owned(),
            users: lines.iter().map(|line| line.user.clone()).collect(),
            lines,
            at: start(),
            every: days(1),
            host: "mon1".to_owned(),
        }),
    };
    let strange = notice("strange", "ops@msp.example", start());
    let ids = [&held, &reminder, &strange].map(|notice| notice.id.clone());
    owe(&store, vec![held, reminder, strange], None).await;
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    assert!(freeze(&store, "mail-1", &ids, after(30)).await);
    tried(&store, "mail-1", dead("550"), after(40)).await;
    // One that another version wrote is known by its columns at least.
    let mut sql = place.sql().await;
    sql.run("UPDATE notices SET facts = '{\"of\":\"another version\"}', incident_id = '' WHERE id = 'strange'")
        .await;
    let told = report(&store, after(41)).await.letters.remove(0);
    assert_eq!(told.kinds, set(&["locked_out", "reminder", "unanswered"]));
    assert_eq!(told.users, set(&["acme", "globex", "hooli", "initech"]));
    assert_eq!(told.incidents, set(&["i-1", "i-2"]));
}

async fn the_newest_are_told_and_all_of_30_days_are_counted(place: Place) {
    let store = place.with(&["acme"]).await;
    // A mail every second second, and in between a notice without one.
    let names: Vec<String> = (0..60).map(|nth| format!("n-{nth:02}")).collect();
    let notices = (0..60).map(|nth| {
        let recipient = if nth % 2 == 0 { "it@acme.example" } else { "" };
        notice(&names[nth], recipient, after(nth as u64))
    });
    owe(&store, notices.collect(), None).await;
    for nth in (0..60).step_by(2) {
        assert!(freeze(&store, &names[nth], &[&names[nth]], after(0)).await);
        tried(&store, &names[nth], dead("550"), after(nth as u64)).await;
    }
    let told = report(&store, after(60)).await;
    assert_eq!((told.letters.len(), told.letters_total), (50, 60));
    let at: Vec<_> = told.letters.iter().map(|letter| letter.at).collect();
    let newest: Vec<_> = (10..60).rev().map(after).collect();
    assert_eq!(at, newest);
    assert_eq!(told.letters[0].mail, None);
    assert_eq!(told.letters[1].mail.as_deref(), Some("n-58"));

    let now = after(55) + days(30);
    let told = report(&store, now).await;
    assert_eq!(told.letters_total, 4, "what is 30 days old is no news");
    assert_eq!(told.letters.len(), 4);
    let told = report(&store, after(59) + days(30)).await;
    assert_eq!(told, OutboxReport::default());
}
