//! Autotask refuses everybody: no user's fault is seen in it, and hardly anybody spends an attempt. One user alone is judged as
//! ever.

use std::time::Duration;

use lockwatch::demo::Logins;
use tokio::time::Instant;

use crate::house::{Daemon, House, eventually, username};

const ACME: [&str; 3] = ["acme-1", "acme-2", "acme-3"];
const GLOBEX: [&str; 2] = ["globex-1", "globex-2"];

/// Both tenants live in `AE02`; Autotask locks after three.
async fn two_tenants() -> (House, Daemon) {
    let ids: Vec<&str> = ACME.into_iter().chain(GLOBEX).collect();
    let mut house = House::of(&ids);
    for id in GLOBEX {
        house.administer(id, |user| user.tenant = "globex".to_owned());
        house.account(id).tenant = "globex";
    }
    house.world().with(|world| {
        world.move_tenant("globex", "AE02");
        for tenant in world.tenants.values_mut() {
            tenant.lock_after = 3;
        }
    });
    house.settings.email += "unclear_after = \"4s\"\n";
    let daemon = house.start().await;
    for id in ids {
        house.until_state(id, "healthy", "ok").await;
    }
    (house, daemon)
}

fn rejections(house: &House, ids: &[&str]) -> u32 {
    ids.iter().map(|id| house.stats(id).rejections).sum()
}

/// Nobody that a user belongs to has heard of anything, and the operator so often, of the storm.
fn no_user_is_mailed(house: &House, times: usize) {
    let mails = house.filed();
    assert!(mails.len() <= times, "{mails:#?}");
    for mail in mails {
        assert_eq!(
            (mail.header("To"), mail.header("X-Lockwatch-Kind")),
            ("ops@msp.example".to_owned(), "auth_outage".to_owned())
        );
    }
}

/// Waits until it is known, and then for what should not happen.
async fn it_is_seen(house: &House, refused: &[&str]) {
    let outage = async |id: &str| house.user(id).await["reason"] == "auth_outage";
    eventually(
        || "no auth_outage".to_owned(),
        async || {
            for id in refused {
                if house.stats(id).rejections > 0 && !outage(id).await {
                    return None;
                }
            }
            (rejections(house, refused) >= 2).then_some(())
        },
    )
    .await;
    for id in refused {
        house.watch_checks(id, 3).await;
    }
    let spent = rejections(house, refused);
    for id in refused {
        house.watch_checks(id, 4).await;
    }
    assert_eq!(
        rejections(house, refused),
        spent,
        "attempts are spent in the storm"
    );
    // Each at most once before it was known, and one canary.
    assert!(
        spent <= u32::try_from(refused.len()).unwrap() + 1,
        "{spent}"
    );
    for id in refused {
        let stats = house.stats(id);
        assert_eq!(stats.lockouts, 0, "{id}");
        let user = house.user(id).await;
        if stats.rejections > 0 {
            assert_eq!(
                (&user["state"], &user["reason"]),
                (&"unclear".into(), &"auth_outage".into()),
                "{id}"
            );
        }
        assert!(user["incident"].is_null(), "{id}: {user:#}");
        let up = format!("autotask_user_up{{user=\"{id}\"}}");
        assert_eq!(house.metric(&up).await, Some(1.0), "{id}");
    }
    let told = eventually(
        || "the operator is not told".to_owned(),
        async || {
            let mails = house.filed().into_iter();
            let mut told = mails.filter(|mail| mail.header("X-Lockwatch-Kind") == "auth_outage");
            told.next()
        },
    )
    .await;
    assert!(told.text.contains("acme"), "{told:?}");
    no_user_is_mailed(house, 1);
}

/// The operator is told that it is over, once, and nobody else of anything.
async fn its_end_is_told(house: &House, watched: &str) {
    let over = eventually(
        || format!("the end is not told: {:#?}", house.filed()),
        async || {
            let mut mails = house.filed().into_iter();
            mails.find(|mail| mail.header("Subject").contains("OVER: the auth outage"))
        },
    )
    .await;
    assert!(over.text.contains("accepts them again"), "{over:?}");
    house.watch_checks(watched, 3).await;
    no_user_is_mailed(house, 2);
}

#[tokio::test]
async fn a_zone_that_refuses_two_tenants_is_to_blame_itself() {
    let (house, daemon) = two_tenants().await;
    let all: Vec<&str> = ACME.into_iter().chain(GLOBEX).collect();
    let logins = |logins| {
        house
            .world()
            .with(|world| world.zones.get_mut("AE02").unwrap().logins = logins);
    };
    logins(Logins::RefusedAndCounted);
    it_is_seen(&house, &all).await;

    // The canary comes again in an hour; somebody asks before.
    logins(Logins::Judged);
    let spent = rejections(&house, &all);
    let done = house.lockwatch(&["retry", ACME[0]]).await;
    assert_eq!(done.code, 0, "{done:?}");
    for id in &all {
        house.until_state(id, "healthy", "ok").await;
        assert_eq!(house.user(id).await["held"], false, "{id}");
    }
    assert_eq!(rejections(&house, &all), spent);
    its_end_is_told(&house, ACME[0]).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_tenant_of_which_three_are_refused_is_not_blamed_at_once() {
    let (house, daemon) = two_tenants().await;
    let logins = |logins| {
        house
            .world()
            .with(|world| world.tenants.get_mut("acme").unwrap().logins = logins);
    };
    logins(Logins::RefusedAndCounted);
    it_is_seen(&house, &ACME).await;
    for id in GLOBEX {
        assert_eq!(house.user(id).await["state"], "healthy", "{id}");
    }
    logins(Logins::Judged);
    let done = house.lockwatch(&["retry", ACME[0]]).await;
    assert_eq!(done.code, 0, "{done:?}");
    for id in ACME {
        house.until_state(id, "healthy", "ok").await;
    }
    its_end_is_told(&house, ACME[0]).await;
    daemon.stop().await;
}

#[tokio::test]
async fn one_locked_user_among_healthy_ones_is_told_promptly() {
    let (house, daemon) = two_tenants().await;
    house.world().with(|world| {
        for _ in 0..3 {
            world.someone_else_fails(&username(ACME[1]));
        }
    });
    let locked = Instant::now();
    house.until_state(ACME[1], "locked_out", "locked_out").await;
    house
        .mailed("locked_out", ACME[1], "acme-2@acme.example")
        .await;
    // A confirmation after a second, and a moment to look at others; never the time that is waited for them at most.
    assert!(
        locked.elapsed() < Duration::from_secs(12),
        "{:?}",
        locked.elapsed()
    );
    assert_eq!(house.stats(ACME[1]).rejections, 2);
    for id in [ACME[0], ACME[2], GLOBEX[0], GLOBEX[1]] {
        assert_eq!(house.user(id).await["state"], "healthy", "{id}");
    }
    daemon.stop().await;
}
