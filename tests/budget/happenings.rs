//! Anything that can happen to users and to lockwatch, often enough in the order that hurts.

use std::time::Duration;

use lockwatch::attempt::{Asker, Limits, Outcome};
use proptest::{collection::vec, prelude::*};

use crate::model::CREDENTIALS;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Somebody asks for an attempt; if it is granted, it ends like this.
    Ask(Ask),
    /// Replicas that see different credentials check one after the other, so often, so far apart; or somebody insists.
    Checks {
        user: usize,
        asker: Asker,
        credentials: [usize; 2],
        end: End,
        times: u32,
        every: Duration,
    },
    /// Time goes by while lockwatch runs.
    Goes(Duration),
    /// The clock is set forward.
    Jump(Duration),
    /// The clock is set back.
    Back(Duration),
    /// Nothing runs for so long.
    Down(Duration),
    /// The answer to one of the attempts that were made last arrives at last, if it was kept waiting.
    Arrives(usize),
    /// The look-up names this zone.
    Zone(usize),
    /// The look-up does not answer.
    Away,
    /// Whether the zones answer requests without a credential.
    Speaks(bool),
    /// Whether the user's incident says that it is locked out.
    LockedOut(bool),
    /// Whether Autotask refuses whatever it would accept.
    Refuses(bool),
    /// The configuration is read again.
    Reload(Reload),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) user: usize,
    pub(crate) credential: usize,
    pub(crate) asker: Asker,
    pub(crate) end: End,
}

/// What became of the users in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// Nothing.
    Same,
    /// They have other ids.
    Renamed,
    /// They are gone, or disabled: for the store it is the same.
    Removed,
}

/// What Autotask does with an attempt, and what becomes of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// At once.
    AtOnce,
    /// Perhaps later.
    Late,
    /// lockwatch dies before it comes.
    Crash,
    /// The connection breaks: lockwatch knows that it has no answer.
    Lost,
}

/// How fast a story goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Minutes and hours.
    Brisk,
    /// Days and weeks.
    Weeks,
}

/// What a story is told with.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) limits: Limits,
    pub(crate) interval: Duration,
}

fn end() -> impl Strategy<Value = End> {
    let outcome = prop_oneof![
        12 => Just(Outcome::Rejected),
        2 => Just(Outcome::RejectedElsewhere),
        2 => Just(Outcome::Accepted),
        1 => Just(Outcome::RefusedOtherwise { proves_credential: true }),
        1 => Just(Outcome::RefusedOtherwise { proves_credential: false }),
        1 => Just(Outcome::CodeRefused),
        1 => Just(Outcome::AnsweredUnclearly),
        1 => Just(Outcome::NotSent),
    ];
    let told = prop_oneof![
        6 => Just(Told::AtOnce),
        2 => Just(Told::Late),
        2 => Just(Told::Crash),
        3 => Just(Told::Lost),
    ];
    (outcome, told).prop_map(|(outcome, told)| End { outcome, told })
}

fn asker() -> impl Strategy<Value = Asker> {
    prop_oneof![
        16 => Just(Asker::Schedule),
        2 => Just(Asker::WithoutCode),
        1 => Just(Asker::Operator { force: false }),
        1 => Just(Asker::Operator { force: true }),
        1 => Just(Asker::OneOff),
    ]
}

/// Most is done with the first one.
fn credential() -> impl Strategy<Value = usize> {
    (0..CREDENTIALS * 2).prop_map(|credential| credential.saturating_sub(CREDENTIALS))
}

fn time(pace: Pace) -> BoxedStrategy<Duration> {
    let brisk = prop_oneof![
        6 => (1..60_u64).prop_map(Duration::from_secs),
        3 => (1..120_u64).prop_map(Duration::from_mins),
        1 => (2..30_u64).prop_map(Duration::from_hours),
    ];
    match pace {
        Pace::Brisk => brisk.boxed(),
        Pace::Weeks => prop_oneof![
            2 => brisk,
            2 => (20..80_u64).prop_map(Duration::from_hours),
            1 => (2..9_u64).prop_map(|days| Duration::from_hours(24 * days)),
        ]
        .boxed(),
    }
}

/// What happens to one user, beside another that works.
pub(crate) fn to_one(pace: Pace) -> impl Strategy<Value = Happening> {
    let ask = (credential(), asker(), end()).prop_map(|(credential, asker, end)| Ask {
        user: 0,
        credential,
        asker,
        end,
    });
    let insists = prop_oneof![
        4 => Just(Asker::Schedule),
        1 => Just(Asker::Operator { force: true }),
        1 => Just(Asker::OneOff),
    ];
    let two = (credential(), credential());
    let checks = (two, insists, end(), 2..9_u32, 1..40_u64);
    let checks = checks.prop_map(
        |((one, other), asker, end, times, every)| Happening::Checks {
            user: 0,
            asker,
            credentials: [one, other],
            end,
            times,
            every: Duration::from_mins(every),
        },
    );
    let other = Ask {
        user: 1,
        credential: 0,
        asker: Asker::Schedule,
        end: End {
            outcome: Outcome::Accepted,
            told: Told::AtOnce,
        },
    };
    let reload = prop_oneof![
        Just(Reload::Same),
        Just(Reload::Renamed),
        Just(Reload::Removed)
    ];
    prop_oneof![
        36 => ask.prop_map(Happening::Ask),
        4 => checks,
        18 => time(pace).prop_map(Happening::Goes),
        3 => time(Pace::Weeks).prop_map(Happening::Jump),
        2 => (1..40_u64).prop_map(|by| Happening::Back(Duration::from_secs(by))),
        1 => (1..40_u64).prop_map(|by| Happening::Back(Duration::from_mins(by))),
        2 => time(Pace::Weeks).prop_map(Happening::Down),
        5 => (0..3_usize).prop_map(Happening::Arrives),
        4 => (0..3_usize).prop_map(Happening::Zone),
        1 => Just(Happening::Away),
        1 => Just(Happening::Speaks(false)),
        3 => Just(Happening::Speaks(true)),
        3 => any::<bool>().prop_map(Happening::LockedOut),
        3 => Just(Happening::Ask(other)),
        2 => reload.prop_map(Happening::Reload),
    ]
}

/// The story of one user.
pub(crate) fn of_one(pace: Pace, length: usize) -> impl Strategy<Value = Vec<Happening>> {
    vec(to_one(pace), 1..length)
}

/// What happens to several users of two tenants whom Autotask refuses now and then, all of them.
pub(crate) const USERS: usize = 6;

fn to_many(pace: Pace) -> impl Strategy<Value = Happening> {
    let good = End {
        outcome: Outcome::Accepted,
        told: Told::AtOnce,
    };
    let late = End {
        told: Told::Late,
        ..good
    };
    // They stay in their zone.
    let stay = |mut end: End| {
        if end.outcome == Outcome::RejectedElsewhere {
            end.outcome = Outcome::Rejected;
        }
        end
    };
    let ends = prop_oneof![12 => Just(good), 1 => Just(late), 2 => end().prop_map(stay)];
    let credential = prop_oneof![8 => Just(0_usize), 1 => 0..CREDENTIALS];
    let asker = prop_oneof![20 => Just(Asker::Schedule), 1 => asker()];
    let ask = (0..USERS, credential, asker, ends).prop_map(|(user, credential, asker, end)| Ask {
        user,
        credential,
        asker,
        end,
    });
    let goes = prop_oneof![
        6 => (1..60_u64).prop_map(Duration::from_secs),
        2 => (1..20_u64).prop_map(Duration::from_mins),
        1 => (20..90_u64).prop_map(Duration::from_mins),
    ];
    let goes = match pace {
        Pace::Brisk => goes.boxed(),
        Pace::Weeks => prop_oneof![
            3 => goes,
            1 => (2..30_u64).prop_map(Duration::from_hours),
        ]
        .boxed(),
    };
    prop_oneof![
        24 => ask.prop_map(Happening::Ask),
        8 => goes.prop_map(Happening::Goes),
        4 => prop_oneof![2 => Just(true), 1 => Just(false)].prop_map(Happening::Refuses),
        1 => time(Pace::Brisk).prop_map(Happening::Jump),
        1 => (1..40_u64).prop_map(|by| Happening::Back(Duration::from_secs(by))),
        2 => (0..3_usize).prop_map(Happening::Arrives),
        1 => any::<bool>().prop_map(Happening::LockedOut),
    ]
}

/// The story of several users; all worked when it begins.
pub(crate) fn of_many(pace: Pace, length: usize) -> impl Strategy<Value = Vec<Happening>> {
    let works = |user| {
        Happening::Ask(Ask {
            user,
            credential: 0,
            asker: Asker::Schedule,
            end: End {
                outcome: Outcome::Accepted,
                told: Told::AtOnce,
            },
        })
    };
    vec(to_many(pace), 1..length).prop_map(move |story| {
        let mut all: Vec<Happening> = (0..USERS).map(works).collect();
        all.push(Happening::Goes(Duration::from_mins(1)));
        all.extend(story);
        all
    })
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let steps = prop_oneof![
        Just(Vec::new()),
        Just(vec![24, 72]),
        Just(vec![24, 72]),
        Just(vec![2]),
    ];
    let interval = prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_secs(30)),
        Just(Duration::from_mins(5))
    ];
    (1..=4_u32, 1..=5_u32, steps, interval).prop_map(
        |(max_rejections, max_unanswered, steps, interval)| Setting {
            limits: Limits {
                max_rejections,
                max_unanswered,
                retry_held_after: steps.into_iter().map(Duration::from_hours).collect(),
                flight: Duration::from_secs(15),
            },
            interval,
        },
    )
}
