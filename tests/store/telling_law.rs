//! What is told, whatever happens: users fail, change and recover in any order, the mail server takes, refuses, hangs up or
//! leaves in doubt, lockwatch is killed in the middle of a mail. Everything goes through the real rooms: `incident`, `owed`,
//! the store, `merge`, `deliver`.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use lockwatch::{
    board::Entry,
    config::Email,
    diagnose::{Diagnosis, Reason},
    incident::{self, Circumstances, Event},
    notify::{
        Kind, Notice,
        mailer::{Class, Letter, SendError, Sent, Step},
        outbox::deliver::{self, Carrier, deliver},
        owed::notices,
    },
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    telling::{GROUP_WAIT, email, freeze_all},
    *,
};

const USERS: [&str; 3] = ["acme-a", "acme-b", "beta-c"];

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A check of a user finds this.
    Finds(usize, Reason),
    /// A user fails and works again, so many times, and each is told.
    Flaps(usize, u32),
    /// Time goes by.
    Goes(Duration),
    /// The mail server behaves so from now on.
    Server(Server),
    /// The outbox has a look.
    Post,
    /// The same, and lockwatch is killed while the first mail is on its way.
    Killed,
}

/// How the mail server behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    Takes,
    Away,
    PutsOff,
    TakesWithoutAWord,
    HangsUp,
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(vec![
        Reason::Ok,
        Reason::Ok,
        Reason::LockedOut,
        Reason::CredentialRejected,
        Reason::PermissionDenied,
        Reason::SecretUnreadable,
        Reason::ZoneOnly,
        Reason::Timeout,
    ])
}

fn happening() -> impl Strategy<Value = Happening> {
    let server = prop::sample::select(vec![
        Server::Takes,
        Server::Takes,
        Server::Away,
        Server::PutsOff,
        Server::TakesWithoutAWord,
        Server::HangsUp,
    ]);
    prop_oneof![
        8 => (0..USERS.len(), reason()).prop_map(|(user, reason)| Happening::Finds(user, reason)),
        1 => (0..USERS.len(), 1..7_u32).prop_map(|(user, times)| Happening::Flaps(user, times)),
        3 => (1..90_u64).prop_map(|s| Happening::Goes(Duration::from_secs(s))),
        2 => (2..300_u64).prop_map(|m| Happening::Goes(Duration::from_mins(m))),
        2 => server.prop_map(Happening::Server),
        6 => Just(Happening::Post),
        1 => Just(Happening::Killed),
    ]
}

/// A mailbox for each recipient, and the way there.
struct Way {
    server: Mutex<Server>,
    /// Mail id and bytes, in the order in which they arrived.
    arrived: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Carrier for Way {
    async fn carry(&self, letter: &Letter<'_>) -> Result<Sent, SendError> {
        let server = *self.server.lock().unwrap();
        if matches!(server, Server::Takes | Server::TakesWithoutAWord) {
            let copy = (letter.id.to_owned(), letter.bytes.to_vec());
            self.arrived.lock().unwrap().push(copy);
        }
        let (step, in_doubt) = match server {
            Server::Takes => {
                let detail = "250".to_owned();
                return Ok(Sent { detail });
            }
            Server::Away => (Step::Connect, false),
            Server::PutsOff => (Step::Recipient, false),
            Server::TakesWithoutAWord | Server::HangsUp => (Step::Data, true),
        };
        Err(SendError {
            step,
            class: Class::Transient,
            text: String::new(),
            in_doubt,
        })
    }
}

/// What a mail said when it was frozen.
#[derive(Clone, Debug)]
struct Frozen {
    recipient: String,
    at: i64,
    /// By notice id: incident and turn.
    notices: BTreeMap<String, (String, u32)>,
}

/// What was counted over all stories.
#[derive(Debug, Default)]
struct Sums {
    notices: usize,
    mails: usize,
    copies: usize,
    melted: usize,
    merged: usize,
    kills: usize,
    reopened: usize,
    changed: usize,
}

struct World {
    place: Place,
    store: Store,
    email: Email,
    now: Timestamp,
    way: Way,
    owed: BTreeMap<String, Notice>,
    frozen: BTreeMap<String, Frozen>,
    fresh: u32,
}

impl World {
    async fn new(place: Place) -> Self {
        let store = place.open().await;
        let users = USERS.map(|text| Wanted {
            tenant: text.split('-').next().unwrap().to_owned(),
            ..wanted(text, start())
        });
        store.sync(users.to_vec(), LIMITS, start()).await.unwrap();
        Self {
            place,
            store,
            email: email(),
            now: start(),
            way: Way {
                server: Mutex::new(Server::Takes),
                arrived: Mutex::default(),
            },
            owed: BTreeMap::new(),
            frozen: BTreeMap::new(),
            fresh: 0,
        }
    }

    async fn finds(&mut self, user: &str, reason: Reason, sums: &mut Sums) {
        let claimed = claim(&self.store, user, self.now)
            .await
            .expect("nobody else is there");
        self.fresh += 1;
        let fresh = format!("incident-{}", self.fresh);
        let given = Circumstances {
            now: self.now,
            confirm_after: Duration::from_mins(1),
            reopen_within: self.email.reopen_within,
            fresh_id: &fresh,
        };
        let seen = Diagnosis {
            verdict: reason.verdict(),
            reason,
            certain: self.fresh.is_multiple_of(2),
            last_word: false,
            remembered: false,
            evidence: Vec::new(),
            causes: Vec::new(),
        };
        let step = incident::step(&claimed.record.state, Some(&seen), &given);
        sums.reopened += usize::from(matches!(step.event, Some(Event::Reopened(_))));
        sums.changed += usize::from(matches!(step.event, Some(Event::Changed { .. })));
        let mut commit = commit(&claimed, self.now);
        commit.record.state = step.state;
        let entry = Entry {
            user: std::sync::Arc::new(users::user(user)),
            username_hash: String::new(),
            record: commit.record.clone(),
            recent: Recent::default(),
            due: self.now,
            first_seen: start(),
        };
        let told = step
            .event
            .iter()
            .flat_map(|event| notices(event, &entry, None, Some(&self.email), "mon1", self.now));
        commit.notices = told.map(|notice| (notice, self.now + GROUP_WAIT)).collect();
        commit.event.clone_from(&step.event);
        assert!(
            commit.notices.is_empty() || reason != Reason::Timeout,
            "unclear is told to nobody"
        );
        for (notice, _) in &commit.notices {
            assert!(
                self.owed
                    .insert(notice.id.clone(), notice.clone())
                    .is_none(),
                "{} is owed twice",
                notice.id
            );
        }
        assert!(self.store.commit(commit).await.unwrap());
    }

    /// Freezes what is due and notes what each mail holds.
    async fn freeze(&mut self, sums: &mut Sums) {
        freeze_all(&self.store, &self.email, self.now).await;
        let mut sql = self.place.sql().await;
        let rows = sql
            .texts(
                "SELECT mails.id, notices.id, mails.recipient, CAST(mails.created_at AS TEXT) FROM notices \
                 JOIN mails ON mails.id = notices.mail_id",
            )
            .await;
        let mut waiting = BTreeSet::new();
        for row in rows {
            let [mail, notice, recipient, at] =
                <[_; 4]>::try_from(row).unwrap().map(Option::unwrap);
            waiting.insert(mail.clone());
            let owed = &self.owed[&notice];
            let turn = match &owed.matter {
                lockwatch::notify::Matter::Incident(facts) => facts.turn,
                _ => 0,
            };
            let held = self.frozen.entry(mail).or_insert_with(|| Frozen {
                recipient,
                at: at.parse().unwrap(),
                notices: BTreeMap::new(),
            });
            held.notices
                .insert(notice, (owed.matter.incident().to_owned(), turn));
        }
        sums.melted = sums.melted.max(self.frozen.len() - waiting.len());
    }

    async fn post(&mut self, killed: bool, sums: &mut Sums) {
        self.freeze(sums).await;
        for mail in self.store.due_mails(self.now, 100).await.unwrap() {
            if killed {
                // The end of this try is never written.
                assert!(self.store.trying(mail.id.clone()).await.unwrap());
                let letter = Letter {
                    id: &mail.id,
                    date: mail.created,
                    to: &mail.recipient,
                    bytes: &mail.bytes,
                };
                let _ = self.way.carry(&letter).await;
                self.store.close().await;
                self.store = self.place.open().await;
                sums.kills += 1;
                return;
            }
            let given = deliver::Circumstances {
                email: &self.email,
                host: "mon1",
                server_failures: 0,
                account: None,
                refused: None,
            };
            deliver(&self.store, &self.way, mail, &given, || self.now)
                .await
                .unwrap();
        }
    }

    async fn happens(&mut self, what: Happening, sums: &mut Sums) {
        match what {
            Happening::Finds(user, reason) => self.finds(USERS[user], reason, sums).await,
            Happening::Flaps(user, times) => {
                for reason in [Reason::LockedOut, Reason::Ok].repeat(times as usize) {
                    self.finds(USERS[user], reason, sums).await;
                    self.now += Duration::from_mins(2);
                    self.finds(USERS[user], reason, sums).await;
                    self.now += GROUP_WAIT;
                    self.post(false, sums).await;
                }
            }
            Happening::Goes(time) => self.now += time,
            Happening::Server(server) => *self.way.server.lock().unwrap() = server,
            Happening::Post => self.post(false, sums).await,
            Happening::Killed => self.post(true, sums).await,
        }
    }

    /// The server works and time goes by until nothing waits.
    async fn settles(&mut self, sums: &mut Sums) {
        *self.way.server.lock().unwrap() = Server::Takes;
        for _ in 0..200 {
            self.post(false, sums).await;
            if self.store.waiting().await.unwrap().next.is_none() {
                return;
            }
            self.now += Duration::from_hours(1);
        }
        panic!("the outbox does not empty");
    }

    /// The laws.
    fn holds(&self, sums: &mut Sums) {
        let arrived = self.way.arrived.lock().unwrap();
        let mut bytes: BTreeMap<&str, &[u8]> = BTreeMap::new();
        let mut told_in: BTreeMap<&str, &str> = BTreeMap::new();
        let mut last: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for (mail, copy) in arrived.iter() {
            assert_eq!(
                *bytes.entry(mail).or_insert(copy),
                copy,
                "every copy has the same bytes"
            );
            let frozen = &self.frozen[mail];
            let mut present: BTreeMap<&str, u32> = BTreeMap::new();
            for (notice, (incident, turn)) in &frozen.notices {
                let first = *told_in.entry(notice).or_insert(mail);
                assert_eq!(first, mail, "{notice} is mailed under two ids");
                let turns = present.entry(incident).or_default();
                *turns = (*turns).max(*turn);
            }
            for (incident, turn) in present {
                let before = last.entry((&frozen.recipient, incident)).or_default();
                assert!(
                    *before <= turn,
                    "{incident}: turn {turn} is told after {before}"
                );
                *before = turn;
            }
        }
        for (id, notice) in &self.owed {
            assert!(told_in.contains_key(id.as_str()), "{id} was never told");
            let key = (notice.recipient.as_str(), notice.matter.incident());
            let lockwatch::notify::Matter::Incident(facts) = &notice.matter else {
                continue;
            };
            assert!(last[&key] >= facts.turn, "{id}: the last word is older");
            if notice.kind == Kind::Recovered && last[&key] == facts.turn {
                let mail = &bytes[told_in[id.as_str()]];
                let text = String::from_utf8(mail.to_vec()).unwrap();
                assert!(
                    text.contains("RECOVERED") || text.contains("CLOSED"),
                    "{text}"
                );
            }
        }
        self.holds_a_day(&bytes);
        sums.notices += self.owed.len();
        sums.mails += bytes.len();
        sums.copies += arrived.len();
        sums.merged += told_in.len() - bytes.len().min(told_in.len());
    }

    /// No incident fills a mailbox.
    fn holds_a_day(&self, arrived: &BTreeMap<&str, &[u8]>) {
        let mut mails: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
        for mail in arrived.keys() {
            let frozen = &self.frozen[*mail];
            let incidents: BTreeSet<&str> = frozen
                .notices
                .values()
                .map(|(incident, _)| incident.as_str())
                .collect();
            for incident in incidents {
                mails
                    .entry((&frozen.recipient, incident))
                    .or_default()
                    .push(frozen.at);
            }
        }
        for ((_, incident), mut times) in mails {
            times.sort_unstable();
            for day in times.windows(7) {
                let hours = (day[6] - day[0]) / 3_600_000;
                assert!(hours >= 24, "{incident}: seven mails within {hours} h");
            }
        }
    }
}

async fn lives(place: Place, story: Vec<Happening>, sums: &RefCell<Sums>) {
    let mut world = World::new(place).await;
    let mut counted = Sums::default();
    for what in story {
        world.happens(what, &mut counted).await;
    }
    world.settles(&mut counted).await;
    world.holds(&mut counted);
    world.store.close().await;
    let mut sums = sums.borrow_mut();
    sums.notices += counted.notices;
    sums.mails += counted.mails;
    sums.copies += counted.copies;
    sums.melted += counted.melted;
    sums.merged += counted.merged;
    sums.kills += counted.kills;
    sums.reopened += counted.reopened;
    sums.changed += counted.changed;
}

fn law(cases: u32, place: impl AsyncFn() -> Place) -> Sums {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_time: 30_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let sums = RefCell::new(Sums::default());
    let stories = prop::collection::vec(happening(), 20..90);
    let result = runner.run(&stories, |story| {
        runtime.block_on(async { lives(place().await, story, &sums).await });
        Ok(())
    });
    result.unwrap_or_else(|broken| panic!("{broken}"));
    let sums = sums.into_inner();
    #[expect(clippy::print_stdout, reason = "to be read with --nocapture")]
    {
        println!("{cases} stories: {sums:?}");
    }
    sums
}

#[test]
fn on_sqlite() {
    let sums = law(60, async || Place::file());
    assert!(sums.melted > 0 && sums.merged > 0 && sums.kills > 0 && sums.copies > sums.mails);
    assert!(sums.reopened > 0 && sums.changed > 0);
}

#[test]
fn on_postgres() {
    let sums = law(12, Place::database);
    assert!(sums.mails > 0);
}
