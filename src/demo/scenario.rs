//! The story of `lockwatch demo`: what is wrong with each user (`cast`), and what happens when. Plain data and a player; it
//! knows nothing of lockwatch itself.

mod cast;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::cast::{LOCKED, NEW, ORDINARY, RECOVERING, ROTATED, USERS, WITHOUT_RIGHT, WRONG_CODE};
use super::{
    api_user::{ApiUser, Level, Rights},
    server::WorldHandle,
    world::{Place, Reach, World},
};
pub use cast::{CodeIs, DemoUser};

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

const FLAKY_ZONE: &str = "AE17";

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
