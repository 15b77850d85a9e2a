//! The story of `lockwatch demo`: which users there are, what is wrong with each, and what happens when. Plain data and
//! a player; it knows nothing of lockwatch itself.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    api_user::{ApiUser, Level, Rights},
    server::WorldHandle,
    world::{Place, Reach, World},
};

/// Who knows a user's integration code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeIs {
    /// lockwatch presents it.
    Known,
    /// `integration_code = "vendor-held"`
    VendorHeld,
    /// The same with `verify_without_code = true`.
    VendorHeldVerified,
}

/// A user as the demo's lockwatch is configured with; the world may know better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DemoUser {
    /// `id`
    pub id: &'static str,
    /// `username`
    pub username: &'static str,
    /// What lockwatch presents.
    pub secret: &'static str,
    /// The code of its tracking identifier.
    pub integration_code: &'static str,
    /// Whether lockwatch is told the code.
    pub code: CodeIs,
    /// `tenant`
    pub tenant: &'static str,
    /// `integration`
    pub integration: &'static str,
    /// `entity`
    pub entity: &'static str,
    /// Made as the demo starts: its `created` is the start.
    pub is_new: bool,
    /// What is the matter with it, for people.
    pub story: &'static str,
}

/// Something that happens to the world.
#[derive(Clone, Copy)]
pub struct Event {
    /// Since the start of the demo.
    pub at: Duration,
    /// For people.
    pub what: &'static str,
    /// The change.
    pub apply: fn(&mut World),
}

const ORDINARY: &str = "s5vy6b@acme.example";
const ROTATED: &str = "d8gk3z@acme.example";
const WRONG_CODE: &str = "t1bq7m@globex.example";
const WITHOUT_RIGHT: &str = "j4ns9f@globex.example";
const LOCKED: &str = "w4kd9s@globex.example";
const RECOVERING: &str = "q7hn2v@hooli.example";
const NEW: &str = "z2mf8c@hooli.example";
const FLAKY_ZONE: &str = "AE17";

const USERS: [DemoUser; 15] = [
    DemoUser {
        id: "acme-email2at",
        username: "k3jx7q@acme.example",
        secret: "demo-secret-01",
        integration_code: "demo-code-01",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "acme-backup",
        username: "p9tr4w@acme.example",
        secret: "demo-secret-02",
        integration_code: "demo-code-02",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Backup alerts",
        entity: "Companies",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "acme-portal",
        username: ORDINARY,
        secret: "demo-secret-03",
        integration_code: "demo-code-03",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Customer portal",
        entity: "Contacts",
        is_new: false,
        story: "was made as an ordinary user: its zone is found, the API refuses it for ever",
    },
    DemoUser {
        id: "acme-billing",
        username: ROTATED,
        secret: "demo-secret-04",
        integration_code: "demo-code-04",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Billing export",
        entity: "Companies",
        is_new: false,
        story: "its secret was generated anew, and lockwatch still has the old one",
    },
    DemoUser {
        id: "globex-rmm",
        username: "h6xc2n@globex.example",
        secret: "demo-secret-05",
        integration_code: "demo-code-05",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "RMM sync",
        entity: "ConfigurationItems",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "globex-email2at",
        username: LOCKED,
        secret: "demo-secret-06",
        integration_code: "demo-code-06",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "another integration presents an old secret until Autotask locks the user",
    },
    DemoUser {
        id: "globex-docs",
        username: WRONG_CODE,
        secret: "demo-secret-07",
        integration_code: "demo-code-07",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Documentation",
        entity: "Companies",
        is_new: false,
        story: "its integration code belongs to another integration",
    },
    DemoUser {
        id: "globex-reports",
        username: WITHOUT_RIGHT,
        secret: "demo-secret-08",
        integration_code: "demo-code-08",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Reports",
        entity: "Contracts",
        is_new: false,
        story: "its security level may not read contracts",
    },
    DemoUser {
        id: "hooli-rmm",
        username: RECOVERING,
        secret: "demo-secret-09",
        integration_code: "demo-code-09",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "RMM sync",
        entity: "Companies",
        is_new: false,
        story: "loses a right and gets it back",
    },
    DemoUser {
        id: "hooli-new",
        username: NEW,
        secret: "demo-secret-10",
        integration_code: "demo-code-10",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: true,
        story: "was made a moment ago and is not active yet",
    },
    DemoUser {
        id: "hooli-quotes",
        username: "r3wl5q@hooli.exmaple",
        secret: "demo-secret-11",
        integration_code: "demo-code-11",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "Quotes",
        entity: "Quotes",
        is_new: false,
        story: "its username has a typing error, so there is no zone",
    },
    DemoUser {
        id: "initech-email2at",
        username: "b7zd4h@initech.example",
        secret: "demo-secret-12",
        integration_code: "demo-code-12",
        code: CodeIs::Known,
        tenant: "initech",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "its zone has an outage; the user is not to blame",
    },
    DemoUser {
        id: "initech-backup",
        username: "n2cp8x@initech.example",
        secret: "demo-secret-13",
        integration_code: "demo-code-13",
        code: CodeIs::Known,
        tenant: "initech",
        integration: "Backup alerts",
        entity: "Companies",
        is_new: false,
        story: "its zone has an outage; the user is not to blame",
    },
    DemoUser {
        id: "hooli-monitoring",
        username: "v6gj2r@hooli.example",
        secret: "demo-secret-14",
        integration_code: "demo-code-14",
        code: CodeIs::VendorHeld,
        tenant: "hooli",
        integration: "Monitoring",
        entity: "Companies",
        is_new: false,
        story: "only the vendor knows its code: its zone is looked up, and nothing else is known",
    },
    DemoUser {
        id: "acme-dispatch",
        username: "f5yt8l@acme.example",
        secret: "demo-secret-15",
        integration_code: "demo-code-15",
        code: CodeIs::VendorHeldVerified,
        tenant: "acme",
        integration: "Dispatch",
        entity: "Companies",
        is_new: false,
        story: "only the vendor knows its code: its secret is checked with a placeholder",
    },
];

/// The world as the demo begins, the users to configure, and what will happen.
#[must_use]
pub fn scenario() -> (World, Vec<DemoUser>, Vec<Event>) {
    let mut world = World::new()
        .zone("AE02", 14)
        .zone("AE05", 5)
        .zone(FLAKY_ZONE, 17)
        .tenant("acme", "AE02")
        .tenant("globex", "AE05")
        .tenant("hooli", "AE05")
        .tenant("initech", FLAKY_ZONE);
    for user in &USERS {
        // Autotask does not know the username with the typing error, but the right one.
        let username = user.username.replace(".exmaple", ".example");
        let known = ApiUser::new(&username, user.secret, user.integration_code, user.tenant);
        world.add(known);
    }
    world.change(ORDINARY, |user| user.level = Level::Ordinary);
    world.change(ROTATED, |user| {
        user.secret = "demo-secret-04-new".to_owned()
    });
    world.change(WRONG_CODE, |user| {
        user.integration_code = "demo-code-07-own".to_owned();
    });
    world.change(WITHOUT_RIGHT, |user| {
        user.set_rights("Contracts", Rights::NONE);
    });
    world.change(NEW, |user| user.activates_at = Some(Timestamp::MAX));
    (world, USERS.to_vec(), events())
}

fn events() -> Vec<Event> {
    let at = |seconds, what, apply| Event {
        at: Duration::from_secs(seconds),
        what,
        apply,
    };
    vec![
        at(
            8,
            "hooli takes the right to read companies away from hooli-rmm",
            |world| {
                world.change(RECOVERING, |user| {
                    user.set_rights("Companies", Rights::NONE);
                });
            },
        ),
        at(
            12,
            "another integration presents an old secret for globex-email2at until it is locked",
            |world| {
                while world.user(LOCKED).is_some_and(|user| !user.locked) {
                    world.someone_else_fails(LOCKED);
                }
            },
        ),
        at(15, "Autotask has activated hooli-new", |world| {
            world.change(NEW, |user| user.activates_at = None);
        }),
        at(18, "zone AE17 goes down", |world| {
            world.set_reach(&Place::Zone(FLAKY_ZONE.to_owned()), Reach::Outage);
        }),
        at(22, "zone AE17 takes no connections any more", |world| {
            world.set_reach(&Place::Zone(FLAKY_ZONE.to_owned()), Reach::Refuse);
        }),
        at(24, "hooli gives hooli-rmm its right back", |world| {
            world.change(RECOVERING, |user| {
                user.set_rights("Companies", Rights::default());
            });
        }),
        at(26, "zone AE17 shows its maintenance page", |world| {
            world.set_reach(&Place::Zone(FLAKY_ZONE.to_owned()), Reach::Maintenance);
        }),
        at(30, "zone AE17 is up again", |world| {
            world.set_reach(&Place::Zone(FLAKY_ZONE.to_owned()), Reach::Up);
        }),
        at(
            35,
            "an administrator unlocks globex-email2at; lockwatch cannot know until it is told: lockwatch retry globex-email2at",
            |world| {
                world.unlock(LOCKED);
            },
        ),
    ]
}

/// Lets the events happen, each at its time after this call, and tells `on_event` after each. Returns after the last
/// one, or when `token` is cancelled.
pub async fn play(
    world: &WorldHandle,
    events: &[Event],
    token: &CancellationToken,
    on_event: impl Fn(&str),
) {
    let begin = Instant::now();
    let all = async {
        for event in events {
            tokio::time::sleep_until(begin + event.at).await;
            world.with(event.apply);
            world.settled().await;
            on_event(event.what);
        }
    };
    token.run_until_cancelled(all).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::http::Request;

    use super::*;
    use crate::demo::Simulator;

    /// What the API says to each user of whom it says anything but 200, in the order of the configuration.
    fn troubles(world: &mut World, users: &[DemoUser]) -> Vec<(&'static str, u16)> {
        let answer = |user: &DemoUser| {
            let zone = world.tenants[user.tenant].zone.clone();
            let request = Request::post(format!("/ATServicesRest/v1.0/{}/query", user.entity))
                .header("UserName", user.username)
                .header("Secret", user.secret)
                .header("ApiIntegrationCode", user.integration_code)
                .body(br#"{"filter":[]}"#.to_vec())
                .unwrap();
            let reply = world.answer(&Place::Zone(zone), &request, Timestamp::UNIX_EPOCH);
            if let Some(flight) = &reply.flight {
                world.land(flight);
            }
            (user.id, reply.answer.status)
        };
        let answers = users.iter().map(answer);
        answers.filter(|(_, status)| *status != 200).collect()
    }

    #[test]
    fn each_user_has_the_trouble_its_story_tells_and_no_other() {
        let (mut world, users, events) = scenario();
        let unlockable = |world: &mut World| {
            // The test asks more often than a careful client would.
            world
                .tenants
                .values_mut()
                .for_each(|tenant| tenant.lock_after = 20);
        };
        let for_ever = [
            ("acme-portal", 401),
            ("acme-billing", 401),
            ("globex-docs", 500),
            ("globex-reports", 500),
            ("hooli-quotes", 401),
        ];
        let with = |more: &[(&'static str, u16)]| {
            let mut all = [&for_ever[..], more].concat();
            all.sort_by_key(|(id, _)| users.iter().position(|user| user.id == *id));
            all
        };
        unlockable(&mut world);
        let new = ("hooli-new", 401);
        assert_eq!(troubles(&mut world, &users), with(&[new]), "at the start");
        let down = [("initech-email2at", 503), ("initech-backup", 503)];
        let locked = ("globex-email2at", 401);
        let right = ("hooli-rmm", 500);
        let phases = [
            vec![right, new],
            vec![right, new, locked],
            vec![right, locked],
            [&[right, locked][..], &down].concat(),
            [&[right, locked][..], &down].concat(),
            [&[locked][..], &down].concat(),
            // The maintenance page has status 200.
            vec![locked],
            vec![locked],
            vec![],
        ];
        assert_eq!(events.len(), phases.len());
        for (event, more) in events.iter().zip(phases) {
            (event.apply)(&mut world);
            assert_eq!(troubles(&mut world, &users), with(&more), "{}", event.what);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_happen_in_order_at_their_times_and_stop_when_told() {
        let (world, _, events) = scenario();
        let simulator = Simulator::start(world).await.unwrap();
        let seen = Mutex::new(Vec::new());
        let begin = Instant::now();
        let note = |what: &str| {
            seen.lock()
                .unwrap()
                .push((begin.elapsed().as_secs(), what.to_owned()));
        };
        let token = CancellationToken::new();
        play(&simulator.world(), &events, &token, note).await;
        let wanted: Vec<_> = events
            .iter()
            .map(|event| (event.at.as_secs(), event.what.to_owned()))
            .collect();
        assert_eq!(*seen.lock().unwrap(), wanted);
        token.cancel();
        let begun = Instant::now();
        play(&simulator.world(), &events, &token, |_| {}).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
