//! From what is owed to what arrives: mails that certainly never arrived are melted and tell the present, those in doubt keep
//! their bytes, and mails about one incident keep their order.

use std::sync::Mutex;

use lockwatch::{
    config::{Email, Transport},
    diagnose::{Diagnosis, Reason},
    notify::{
        Facts, Kind, Matter, Notice,
        mailer::{Class, Letter, SendError, Sent, Step},
        outbox::{
            deliver::{Carrier, Circumstances, Delivery, deliver},
            freeze::{Froze, Stationery},
        },
    },
    store::{logins::LoginPause, mails::FrozenMail},
};

use super::*;

on_both_engines!(
    very_many_incidents_are_several_mails,
    what_waits_in_thousands_holds_up_nobody,
    what_is_new_does_not_die_with_what_is_old,
    days_without_a_server_are_not_held_against_a_recipient,
    a_refused_sender_is_no_fault_of_the_mail,
    a_clock_that_was_set_back_delays_nothing,
    what_did_not_arrive_is_told_as_it_is_now,
    what_may_have_arrived_keeps_its_bytes_and_its_place,
    a_recipient_that_asks_to_wait_is_not_tried_sooner_for_more_news,
    no_more_than_six_mails_a_day_and_then_one_that_tells_the_present,
    many_users_of_a_tenant_are_one_mail,
    two_users_of_a_tenant_wait_for_nobody,
    what_is_never_taken_is_given_up_after_five_days_and_told,
    a_server_that_takes_nothing_is_tried_for_ever,
    a_recipient_that_is_barred_alone_is_given_up,
    an_operators_mail_that_is_lost_makes_no_further_one,
    a_refused_login_is_remembered_until_one_is_taken,
);

pub const GROUP_WAIT: Duration = Duration::from_secs(30);

pub fn after(seconds: u64) -> Timestamp {
    start() + Duration::from_secs(seconds)
}

pub fn email() -> Email {
    Email {
        from: "lockwatch@msp.example".parse().unwrap(),
        to: vec!["ops@msp.example".parse().unwrap()],
        copy_operator: true,
        remind_every: None,
        group_wait: GROUP_WAIT,
        reopen_within: Duration::from_hours(1),
        unclear_after: Duration::from_hours(1),
        transport: Transport::File {
            directory: "nowhere".into(),
        },
    }
}

/// Freezes everything whose time has come.
pub async fn freeze_all(store: &Store, email: &Email, now: Timestamp) {
    let stationery = Stationery {
        from: &email.from,
        links: None,
        confirm_after: Duration::from_mins(1),
        group_wait: email.group_wait,
    };
    let mut made = Vec::new();
    for _ in 0..100 {
        match stationery.freeze(store, &mut made, now).await.unwrap() {
            Froze::Something => {}
            Froze::Nothing => return,
            Froze::Refused => panic!("nobody else is there"),
        }
    }
    panic!("freezing has no end");
}

/// A mail server as the test wants it, and what it was given: mail id and bytes.
#[derive(Default)]
pub struct Post {
    pub says: Mutex<Option<SendError>>,
    pub given: Mutex<Vec<(String, String)>>,
}

impl Post {
    pub fn refuses(&self, step: Step, class: Class, in_doubt: bool) {
        *self.says.lock().unwrap() = Some(SendError {
            step,
            class,
            text: "the server answered 4".to_owned(),
            in_doubt,
        });
    }

    pub fn works(&self) {
        *self.says.lock().unwrap() = None;
    }

    /// The subjects of the mails given so far, which it forgets.
    fn subjects(&self) -> Vec<String> {
        let given = std::mem::take(&mut *self.given.lock().unwrap());
        given.iter().map(|(_, text)| subject(text)).collect()
    }
}

/// Unfolded, without its prefix.
fn subject(text: &str) -> String {
    let text = text.replace("\r\n ", " ");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Subject: [lockwatch] "));
    line.unwrap().to_owned()
}

impl Carrier for Post {
    async fn carry(&self, letter: &Letter<'_>) -> Result<Sent, SendError> {
        let text = String::from_utf8(letter.bytes.to_vec()).unwrap();
        self.given
            .lock()
            .unwrap()
            .push((letter.id.to_owned(), text));
        match &*self.says.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(Sent {
                detail: "250".to_owned(),
            }),
        }
    }
}

/// Tries everything that is due, once.
async fn send_due(store: &Store, post: &Post, now: Timestamp) -> Vec<Delivery> {
    let due = store.due_mails(now, 100).await.unwrap();
    send(store, post, due, now).await
}

/// Tries these, once each.
async fn send(store: &Store, post: &Post, mails: Vec<FrozenMail>, now: Timestamp) -> Vec<Delivery> {
    let email = email();
    let given = Circumstances {
        email: &email,
        host: "mon1",
        server_failures: 0,
        account: None,
        refused: None,
    };
    let mut ends = Vec::new();
    for mail in mails {
        ends.push(deliver(store, post, mail, &given, || now).await.unwrap());
    }
    ends
}

/// A turn of the incident of `user`, for it@acme.example.
fn turn(user: &str, kind: Kind, turn: u32, now: Timestamp) -> Notice {
    let reason = Reason::LockedOut;
    Notice {
        id: format!("{user}.{turn}"),
        kind,
        recipient: "it@acme.example".to_owned(),
        created: now,
        matter: Matter::Incident(Box::new(Facts {
            user: user.to_owned(),
            username: format!("{user}@acme.example"),
            tenant: "acme".to_owned(),
            integration: None,
            entity: "Companies".to_owned(),
            zone: None,
            incident: format!("incident-of-{user}"),
            turn,
            since: start(),
            first_since: None,
            reopened: 0,
            before: None,
            at: now,
            last_accepted: None,
            diagnosis: Diagnosis::new(reason, Vec::new()),
            found: (kind == Kind::Recovered).then_some(Reason::Ok),
            dropped: false,
            rejections: 2,
            rejections_of_username: 2,
            last_attempt: None,
            held: true,
            next_attempt: None,
            read_at_start: false,
            host: "mon1".to_owned(),
            from_address: None,
        })),
    }
}

/// Owes a notice by the commit of a check.
async fn owe(store: &Store, notice: Notice, now: Timestamp) {
    let user = notice.matter.users()[0].clone();
    let claimed = claim(store, &user, now).await.expect("nobody holds it");
    let mut commit = commit(&claimed, now);
    commit.notices = vec![(notice, now + GROUP_WAIT)];
    assert!(store.commit(commit).await.unwrap());
}

/// Owes many at once, due at their own times.
async fn owe_all(store: &Store, notices: Vec<(Notice, Timestamp)>, now: Timestamp) {
    let claimed = claim(store, "acme", now).await.expect("nobody holds it");
    let mut commit = commit(&claimed, now);
    commit.notices = notices;
    assert!(store.commit(commit).await.unwrap());
}

async fn very_many_incidents_are_several_mails(place: Place) {
    let store = place.with(&["acme"]).await;
    let many = (0..450).map(|n| {
        (
            turn(&format!("u{n}"), Kind::LockedOut, 1, after(0)),
            after(30),
        )
    });
    let mut many: Vec<_> = many.collect();
    let mut other = turn("other", Kind::LockedOut, 1, after(0));
    other.recipient = "ops@msp.example".to_owned();
    many.push((other, after(30)));
    owe_all(&store, many, after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    let post = Post::default();
    post.refuses(Step::Connect, Class::Transient, false);
    assert_eq!(send_due(&store, &post, after(30)).await.len(), 4);
    // What could not leave is told anew with the rest, and that has an end as well.
    owe(
        &store,
        turn("acme", Kind::LockedOut, 1, after(31)),
        after(31),
    )
    .await;
    freeze_all(&store, &email(), after(61)).await;
    post.works();
    send_due(&store, &post, after(61)).await;
    let given = post.given.lock().unwrap().len();
    assert_eq!(given, 8, "three and one, twice");
    assert_eq!(store.waiting().await.unwrap().pending, 0);
}

async fn what_waits_in_thousands_holds_up_nobody(place: Place) {
    let store = place.with(&["acme", "beta", "gamma"]).await;
    fail(&store, &["acme", "beta", "gamma"], after(0), after(1)).await;
    // A tenant is gathered, and another one's end stands behind all of them.
    let many = (0..1100).map(|n| {
        (
            turn(&format!("u{n}"), Kind::LockedOut, 1, after(2)),
            after(32),
        )
    });
    let mut many: Vec<_> = many.collect();
    many.push((turn("u7", Kind::Recovered, 2, after(3)), after(33)));
    let mut other = turn("other", Kind::LockedOut, 1, after(3));
    other.recipient = "ops@msp.example".to_owned();
    many.push((other, after(33)));
    owe_all(&store, many, after(3)).await;
    freeze_all(&store, &email(), after(40)).await;
    let post = Post::default();
    send_due(&store, &post, after(40)).await;
    let subjects = post.subjects();
    assert_eq!(subjects.len(), 1, "the other's: {subjects:?}");
}

async fn what_did_not_arrive_is_told_as_it_is_now(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Connect, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    assert!(matches!(
        send_due(&store, &post, after(30)).await[..],
        [Delivery::ServerDown(_)]
    ));
    owe(
        &store,
        turn("acme", Kind::Recovered, 2, after(600)),
        after(600),
    )
    .await;
    freeze_all(&store, &email(), after(630)).await;
    post.works();
    post.subjects();
    let ends = send_due(&store, &post, after(630)).await;
    let [Delivery::Sent(told)] = &ends[..] else {
        panic!("{ends:?}");
    };
    let kinds: Vec<&str> = told.iter().map(|notice| notice.kind.as_str()).collect();
    assert_eq!(kinds, ["locked_out", "recovered"], "both are settled by it");
    let subjects = post.subjects();
    assert!(
        subjects[0].starts_with("RECOVERED acme (acme)"),
        "{subjects:?}"
    );
    assert_eq!(store.waiting().await.unwrap().pending, 0);
}

async fn what_may_have_arrived_keeps_its_bytes_and_its_place(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Data, Class::Transient, true);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    send_due(&store, &post, after(30)).await;
    owe(
        &store,
        turn("acme", Kind::Recovered, 2, after(31)),
        after(31),
    )
    .await;
    freeze_all(&store, &email(), after(61)).await;
    let first = post.given.lock().unwrap()[0].clone();
    // From here on the server says no, but what it did at first is not known any better.
    post.refuses(Step::Recipient, Class::Transient, false);
    send_due(&store, &post, after(61)).await;
    post.works();
    assert_eq!(
        send_due(&store, &post, after(600)).await.len(),
        1,
        "one after the other"
    );
    assert_eq!(send_due(&store, &post, after(600)).await.len(), 1);
    let given = post.given.lock().unwrap().clone();
    assert_eq!(given.len(), 4);
    assert!(given[..3].iter().all(|mail| *mail == first), "{given:#?}");
    assert!(subject(&given[3].1).starts_with("RECOVERED"));
}

async fn a_recipient_that_asks_to_wait_is_not_tried_sooner_for_more_news(place: Place) {
    let store = place.with(&["acme", "beta"]).await;
    let post = Post::default();
    post.refuses(Step::Recipient, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    for now in [30, 35, 45, 65, 105] {
        assert_eq!(send_due(&store, &post, after(now)).await, [Delivery::Later]);
    }
    // The next try is at 185 s.
    owe(
        &store,
        turn("beta", Kind::LockedOut, 1, after(106)),
        after(106),
    )
    .await;
    freeze_all(&store, &email(), after(136)).await;
    assert_eq!(send_due(&store, &post, after(184)).await, []);
    post.works();
    post.subjects();
    assert_eq!(send_due(&store, &post, after(185)).await.len(), 1);
    let subjects = post.subjects();
    assert!(subjects[0].contains("(+1 more)"), "{subjects:?}");
}

async fn no_more_than_six_mails_a_day_and_then_one_that_tells_the_present(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    let mut subjects = Vec::new();
    for n in 1..=9_u32 {
        let now = after(u64::from(n) * 600);
        let kind = if n % 2 == 0 {
            Kind::Recovered
        } else {
            Kind::LockedOut
        };
        owe(&store, turn("acme", kind, n, now), now).await;
        freeze_all(&store, &email(), now + GROUP_WAIT).await;
        send_due(&store, &post, now + GROUP_WAIT).await;
        let told = post.subjects();
        assert_eq!(told.len(), usize::from(n <= 6), "after turn {n}: {told:?}");
        subjects.extend(told);
    }
    assert!(subjects[5].starts_with("RECOVERED"), "{subjects:?}");
    // The first was frozen half a minute after 10 min.
    let day = after(630) + days(1);
    let early = day - Duration::from_secs(1);
    freeze_all(&store, &email(), early).await;
    assert_eq!(send_due(&store, &post, early).await, []);
    let waiting = store.waiting().await.unwrap();
    assert_eq!(
        (waiting.pending, waiting.next),
        (0, Some(day)),
        "no mail server keeps them"
    );
    freeze_all(&store, &email(), day).await;
    assert_eq!(send_due(&store, &post, day).await.len(), 1);
    let last = post.subjects();
    assert!(last[0].starts_with("LOCKED OUT"), "{last:?}");
    let waiting = store.waiting().await.unwrap();
    assert_eq!(waiting.next, None, "all nine are told");
}

/// One check of each of these that finds it failing since then.
async fn fail(store: &Store, users: &[&str], since: Timestamp, now: Timestamp) {
    use lockwatch::incident::{Phase, Suspicion};
    for user in users {
        let claimed = claim(store, user, now).await.expect("nobody holds it");
        let mut commit = commit(&claimed, now);
        commit.record.state.phase = Phase::Suspected(Suspicion {
            reason: Reason::CredentialRejected,
            since,
        });
        assert!(store.commit(commit).await.unwrap());
    }
}

async fn many_users_of_a_tenant_are_one_mail(place: Place) {
    let users = ["acme", "beta", "gamma", "delta"];
    let store = place.with(&users).await;
    let post = Post::default();
    fail(&store, &users[1..], after(20), after(20)).await;
    owe(
        &store,
        turn("acme", Kind::LockedOut, 1, after(60)),
        after(60),
    )
    .await;
    // All of an interval, and the second looks, are waited for.
    let end = INTERVAL + Duration::from_mins(1) + GROUP_WAIT;
    for (nth, user) in (1_u32..).zip(&users[1..]) {
        let now = after(60 + u64::from(nth) * 90);
        owe(&store, turn(user, Kind::LockedOut, 1, now), now).await;
        freeze_all(&store, &email(), now + GROUP_WAIT).await;
        fail(&store, &[user], after(20), now).await;
        assert_eq!(send_due(&store, &post, now + GROUP_WAIT).await, []);
    }
    freeze_all(&store, &email(), start() + end).await;
    assert_eq!(send_due(&store, &post, start() + end).await.len(), 1);
    let subjects = post.subjects();
    assert!(subjects[0].contains("(+3 more)"), "{subjects:?}");
}

async fn two_users_of_a_tenant_wait_for_nobody(place: Place) {
    let store = place.with(&["acme", "beta", "gamma"]).await;
    fail(&store, &["beta"], after(20), after(20)).await;
    fail(&store, &["acme"], after(0), after(59)).await;
    owe(
        &store,
        turn("acme", Kind::LockedOut, 1, after(60)),
        after(60),
    )
    .await;
    freeze_all(&store, &email(), after(90)).await;
    assert_eq!(send_due(&store, &Post::default(), after(90)).await.len(), 1);
}

async fn what_is_never_taken_is_given_up_after_five_days_and_told(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Recipient, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    assert_eq!(send_due(&store, &post, after(30)).await, [Delivery::Later]);
    // What is told anew does not begin to wait anew.
    owe(&store, turn("acme", Kind::Changed, 2, after(60)), after(60)).await;
    freeze_all(&store, &email(), after(90)).await;
    let almost = after(29) + days(5);
    assert_eq!(send_due(&store, &post, almost).await, [Delivery::Later]);
    let end = send_due(&store, &post, after(3700) + days(5)).await;
    assert!(
        matches!(&end[..], [Delivery::Dead { told, owed: 1 }] if told.len() == 2),
        "{end:?}"
    );
    post.works();
    post.subjects();
    freeze_all(&store, &email(), after(3800) + days(5)).await;
    send_due(&store, &post, after(3800) + days(5)).await;
    let subjects = post.subjects();
    assert_eq!(subjects.len(), 1);
    assert!(
        subjects[0].contains("UNDELIVERABLE: a mail to it@acme.example"),
        "{subjects:?}"
    );
}

async fn what_is_new_does_not_die_with_what_is_old(place: Place) {
    let store = place.with(&["acme", "beta"]).await;
    let post = Post::default();
    post.refuses(Step::Recipient, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    send_due(&store, &post, after(30)).await;
    let late = start() + days(5);
    owe(&store, turn("beta", Kind::LockedOut, 1, late), late).await;
    freeze_all(&store, &email(), late + GROUP_WAIT).await;
    let end = send_due(&store, &post, late + GROUP_WAIT).await;
    assert!(
        matches!(&end[..], [Delivery::Dead { told, .. }] if told.len() == 1 && told[0].user == "acme"),
        "{end:?}"
    );
    post.works();
    post.subjects();
    freeze_all(&store, &email(), late + GROUP_WAIT).await;
    send_due(&store, &post, late + GROUP_WAIT).await;
    let subjects = post.subjects();
    assert!(
        subjects
            .iter()
            .any(|subject| subject.starts_with("LOCKED OUT") && subject.contains("beta")),
        "{subjects:?}"
    );
}

async fn days_without_a_server_are_not_held_against_a_recipient(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Connect, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    for day in 0..7 {
        send_due(&store, &post, after(30) + days(day)).await;
    }
    post.refuses(Step::Recipient, Class::Transient, false);
    let back = after(40) + days(6);
    assert_eq!(send_due(&store, &post, back).await, [Delivery::Later]);
    post.works();
    // As soon as after the first refusal of any mail.
    assert_eq!(
        send_due(&store, &post, back + Duration::from_secs(5))
            .await
            .len(),
        1
    );
}

async fn a_refused_sender_is_no_fault_of_the_mail(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Sender, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    for day in [0, 4, 9] {
        let end = send_due(&store, &post, after(30) + days(day)).await;
        assert!(matches!(end[..], [Delivery::ServerDown(_)]), "{end:?}");
    }
}

async fn a_clock_that_was_set_back_delays_nothing(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    let ahead = start() + days(400);
    post.refuses(Step::Data, Class::Transient, true);
    owe(&store, turn("acme", Kind::LockedOut, 1, ahead), ahead).await;
    freeze_all(&store, &email(), ahead + GROUP_WAIT).await;
    send_due(&store, &post, ahead + GROUP_WAIT).await;
    let mut other = turn("beta", Kind::LockedOut, 1, ahead);
    other.recipient = "ops@msp.example".to_owned();
    owe_all(&store, vec![(other, ahead)], after(0)).await;
    // The clock is right again, and the first mail is still in doubt.
    owe(
        &store,
        turn("acme", Kind::Recovered, 2, after(600)),
        after(600),
    )
    .await;
    freeze_all(&store, &email(), after(630)).await;
    post.works();
    post.subjects();
    for _ in 0..3 {
        send_due(&store, &post, after(630)).await;
    }
    let mut subjects = post.subjects();
    subjects.retain(|subject| !subject.contains("beta"));
    assert_eq!(
        store.waiting().await.unwrap().pending,
        0,
        "the other's has left too"
    );
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        subjects[0].starts_with("LOCKED OUT"),
        "in their order: {subjects:?}"
    );
    assert!(subjects[1].starts_with("RECOVERED"), "{subjects:?}");
}

async fn a_server_that_takes_nothing_is_tried_for_ever(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Connect, Class::Transient, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    for day in [1, 6, 30] {
        let end = send_due(&store, &post, start() + days(day)).await;
        assert!(matches!(end[..], [Delivery::ServerDown(_)]), "{end:?}");
    }
}

async fn a_recipient_that_is_barred_alone_is_given_up(place: Place) {
    let store = place.with(&["acme", "globex"]).await;
    let post = Post::default();
    post.refuses(Step::Recipient, Class::Barred, false);
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    // Nobody's mail is taken: that is not the recipient's.
    for day in [1, 6, 30] {
        let end = send_due(&store, &post, start() + days(day)).await;
        assert_eq!(end, [Delivery::Later]);
    }
    let other = Notice {
        recipient: "it@globex.example".to_owned(),
        ..turn("globex", Kind::LockedOut, 1, start() + days(30))
    };
    let later = start() + days(31);
    owe(&store, other, later).await;
    let later = later + GROUP_WAIT;
    freeze_all(&store, &email(), later).await;
    post.works();
    let mail = store.due_mails(later, 1).await.unwrap();
    assert_eq!(mail[0].recipient, "it@globex.example");
    send(&store, &post, mail, later).await;
    post.refuses(Step::Recipient, Class::Barred, false);
    let end = send_due(&store, &post, start() + days(32)).await;
    assert!(
        matches!(end[..], [Delivery::Dead { owed: 1, .. }]),
        "{end:?}"
    );
    // The notice of it, to the operator.
    assert_eq!(store.waiting().await.unwrap().pending, 1);
}

async fn an_operators_mail_that_is_lost_makes_no_further_one(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    post.refuses(Step::Recipient, Class::Permanent, false);
    let user = UserId::parse("acme").unwrap();
    let facts =
        lockwatch::notify::operator::unanswered(&user, "acme", None, 4, start(), after(60), "mon1");
    let mut other = email();
    other.to.push("boss@msp.example".parse().unwrap());
    let matter = lockwatch::notify::owed::operator_notices(&facts, Some(&other)).remove(0);
    owe(&store, matter, after(0)).await;
    freeze_all(&store, &email(), after(30)).await;
    assert!(matches!(
        send_due(&store, &post, after(30)).await[..],
        [Delivery::Dead { owed: 0, .. }]
    ));
    assert_eq!(store.waiting().await.unwrap().pending, 0);
}

async fn a_refused_login_is_remembered_until_one_is_taken(place: Place) {
    let store = place.with(&["acme"]).await;
    let post = Post::default();
    let email = email();
    let attempt = async |now| {
        let given = Circumstances {
            email: &email,
            host: "mon1",
            server_failures: 0,
            account: Some("account"),
            refused: store.login_pause("account", now).await.unwrap(),
        };
        let mail = store.due_mails(now, 1).await.unwrap().remove(0);
        deliver(&store, &post, mail, &given, || now).await.unwrap();
        // Whoever comes after a crash knows it as well.
        let again = place.open().await;
        assert_eq!(again.login_pause("another", now).await.unwrap(), None);
        again.login_pause("account", now).await.unwrap()
    };
    owe(&store, turn("acme", Kind::LockedOut, 1, after(0)), after(0)).await;
    freeze_all(&store, &email, after(30)).await;
    let pause = |until, failures| Some(LoginPause { until, failures });
    post.refuses(Step::Login, Class::Login, false);
    assert_eq!(attempt(after(60)).await, pause(after(960), 1));
    assert_eq!(attempt(after(960)).await, pause(after(2760), 2));
    // A server that is away says nothing about the login.
    post.refuses(Step::Connect, Class::Transient, false);
    assert_eq!(attempt(after(2760)).await, pause(after(2760), 2));
    post.refuses(Step::Login, Class::Login, false);
    for (failures, hours) in [(3, 1), (4, 2), (5, 4), (6, 4)] {
        let until = after(3000) + Duration::from_hours(hours);
        assert_eq!(attempt(after(3000)).await, pause(until, failures));
    }
    post.works();
    assert_eq!(attempt(after(9000)).await, None);
}
