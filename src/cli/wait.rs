//! `probe --wait`: follows users until they work. It makes no attempt that the schedule would not make: it asks for one
//! check, and then reads what the daemon's own checks bring; where no daemon runs, it makes those checks in its place. Only a
//! zone that is not known yet is asked for more often, because a look-up costs nothing.

mod teller;
mod words;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    exit::{Exit, Failure},
    interrupt,
    probe::Prober,
    tried::Tried,
};
use crate::{clock, user::UserId, web::view::UserView};
pub(super) use teller::Teller;
use words::{Stand, news, stand};
pub(super) use words::{in_words, moment};

/// An unknown zone is asked for so often, or once within the time of activation where that is shorter.
const LOOK_UP_EVERY: Duration = Duration::from_secs(10);
/// The daemon's view is read so often.
const READ_EVERY: Duration = Duration::from_secs(1);
/// A daemon that does not answer is tried for so long: it may be starting anew.
const AWAY: Duration = Duration::from_mins(2);

/// One user that is waited for.
struct Awaited {
    id: UserId,
    last: Option<UserView>,
    checked: Instant,
}

/// What to do about a user now.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Check,
    Read,
    Nothing,
}

/// How often a zone that is not known yet is asked for.
pub(super) fn look_up_every(activation: Duration) -> Duration {
    activation.clamp(READ_EVERY, LOOK_UP_EVERY)
}

/// Waits until all work, one is judged not to, or somebody ends it.
pub(super) async fn wait(
    prober: &Prober,
    ids: Vec<UserId>,
    force: bool,
    look_up_every: Duration,
    teller: &Teller,
) -> Result<Exit, Failure> {
    let end = prober.end();
    interrupt::listen(end.clone())?;
    let mut awaited: Vec<_> = ids.into_iter().map(Awaited::new).collect();
    let mut away = Away::default();
    loop {
        for user in &mut awaited {
            let looked = user.look(prober, force, look_up_every, teller, &end).await;
            if end.is_cancelled() {
                teller.ended(prober.goes_on());
                return Ok(Exit::Interrupted);
            }
            match looked {
                Ok(()) => away.back(teller),
                Err(failure) => away.gone(failure, teller)?,
            }
            if user.stand() == Stand::Broken {
                user.tell_result(teller);
                return Ok(Exit::Failing);
            }
        }
        let waited_for: Vec<_> = awaited.iter().filter(|user| user.waits()).collect();
        if waited_for.is_empty() {
            awaited.iter().for_each(|user| user.tell_result(teller));
            return Ok(Exit::Ok);
        }
        let names: Vec<_> = waited_for.iter().map(|user| user.id.as_str()).collect();
        let next = waited_for.iter().filter_map(|user| user.next()).min();
        teller.countdown(&names.join(", "), next);
        tokio::select! {
            () = end.cancelled() => {}
            () = sleep(READ_EVERY) => {}
        }
    }
}

impl Awaited {
    fn new(id: UserId) -> Self {
        Self {
            id,
            last: None,
            checked: Instant::now(),
        }
    }

    fn stand(&self) -> Stand {
        self.last.as_ref().map_or(Stand::Open, stand)
    }

    fn waits(&self) -> bool {
        self.stand() == Stand::Open
    }

    fn next(&self) -> Option<Timestamp> {
        self.last.as_ref().map(words::next_attempt)
    }

    fn what_now(&self, now: Timestamp, look_up_every: Duration, here: bool) -> Look {
        let Some(last) = &self.last else {
            return Look::Check;
        };
        // A second look at a failure comes when the schedule wants it, and not sooner: the zone may be known by then.
        let zone_wanted = last.zone.is_none() && last.reason != "suspected";
        if !self.waits() {
            Look::Nothing
        } else if zone_wanted && self.checked.elapsed() >= look_up_every {
            Look::Check
        } else if !here {
            Look::Read
        } else if now >= last.next_check {
            Look::Check
        } else {
            Look::Nothing
        }
    }

    /// One look, and what is new in it.
    async fn look(
        &mut self,
        prober: &Prober,
        force: bool,
        look_up_every: Duration,
        teller: &Teller,
        end: &CancellationToken,
    ) -> Result<(), Failure> {
        let here = matches!(prober, Prober::Here(..));
        let look = self.what_now(clock::now(), look_up_every, here);
        let force = force && self.last.is_none();
        let mut tried = Tried::default();
        let looked = async {
            let on_step = |step| tried.note(&step);
            match look {
                Look::Nothing => Ok(None),
                Look::Check => prober.check(&self.id, force, on_step).await.map(Some),
                Look::Read => prober.read(&self.id).await.map(Some),
            }
        };
        let view = if here {
            // An attempt of ours may be on its way: that is waited for, and none begins once the end was asked for.
            looked.await
        } else {
            tokio::select! {
                () = end.cancelled() => Ok(None),
                view = looked => view,
            }
        };
        if look == Look::Check {
            self.checked = Instant::now();
        }
        let Some(view) = view? else {
            return Ok(());
        };
        if let Some(why) = tried.in_vain(&view).filter(|_| force) {
            return Err(Failure::usage(why));
        }
        for line in news(self.last.as_ref(), &view, clock::now(), look_up_every) {
            teller.line(&view, &line);
        }
        self.last = Some(view);
        Ok(())
    }

    fn tell_result(&self, teller: &Teller) {
        if let Some(view) = &self.last {
            teller.result(&view.id, view);
        }
    }
}

/// Since when nobody answers.
#[derive(Default)]
struct Away(Option<Instant>);

impl Away {
    fn back(&mut self, teller: &Teller) {
        if self.0.take().is_some() {
            teller.note("answered again");
        }
    }

    /// # Errors
    /// `failure`, when it will not pass, or has not passed for too long.
    fn gone(&mut self, failure: Failure, teller: &Teller) -> Result<(), Failure> {
        if !matches!(failure.exit, Exit::NoDaemon | Exit::Internal) {
            return Err(failure);
        }
        let since = *self.0.get_or_insert_with(|| {
            let patience = in_words(AWAY);
            teller.note(&format!("{} (trying for {patience})", failure.message));
            Instant::now()
        });
        if since.elapsed() < AWAY {
            Ok(())
        } else {
            Err(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::time::advance;

    use super::{
        words::tests::{NOW, user},
        *,
    };

    fn looks(shows: Value, here: bool) -> [Look; 2] {
        let mut awaited = Awaited::new(UserId::parse("fresh").unwrap());
        awaited.last = Some(user(shows));
        let now: Timestamp = NOW.parse().unwrap();
        let due: Timestamp = "2026-11-21T14:03:00Z".parse().unwrap();
        [now, due].map(|at| awaited.what_now(at, LOOK_UP_EVERY, here))
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_is_asked_for_no_sooner_than_the_schedule_wants_it() {
        let refused = || json!({ "state": "activating", "reason": "activating" });
        assert_eq!(looks(refused(), false), [Look::Read, Look::Read]);
        assert_eq!(looks(refused(), true), [Look::Nothing, Look::Check]);
        let works = || json!({ "state": "healthy", "reason": "ok" });
        assert_eq!(looks(works(), false), [Look::Nothing, Look::Nothing]);
        assert_eq!(looks(works(), true), [Look::Nothing, Look::Nothing]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_zone_is_asked_for_more_often() {
        let mut awaited = Awaited::new(UserId::parse("fresh").unwrap());
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(awaited.what_now(now, LOOK_UP_EVERY, false), Look::Check);
        awaited.last = Some(user(json!({ "state": "activating", "zone": null })));
        assert_eq!(awaited.what_now(now, LOOK_UP_EVERY, false), Look::Read);
        assert_eq!(awaited.what_now(now, LOOK_UP_EVERY, true), Look::Nothing);
        advance(LOOK_UP_EVERY).await;
        assert_eq!(awaited.what_now(now, LOOK_UP_EVERY, false), Look::Check);
        awaited.last = Some(user(json!({ "reason": "suspected", "zone": null })));
        assert_eq!(awaited.what_now(now, LOOK_UP_EVERY, false), Look::Read);
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_stays_away_ends_the_wait() {
        let teller = Teller::new(true);
        let gone = || Failure::new(Exit::NoDaemon, "nobody answers");
        let mut away = Away::default();
        assert!(away.gone(gone(), &teller).is_ok());
        advance(AWAY - Duration::from_secs(1)).await;
        assert!(away.gone(gone(), &teller).is_ok());
        away.back(&teller);
        assert!(away.gone(gone(), &teller).is_ok());
        advance(AWAY).await;
        assert_eq!(away.gone(gone(), &teller).unwrap_err().exit, Exit::NoDaemon);
        // What will not pass by itself ends it at once.
        let refused = Failure::usage("no user with this id is configured");
        assert!(Away::default().gone(refused, &teller).is_err());
    }
}
