//! Living through a script: starts, bad moments, kills.

use std::{future::pending, time::Duration};

use lockwatch::demo::{Place, Reach};
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use super::{
    cast,
    naive::Naive,
    report::Outcome,
    script::{Deed, Life, Round, Script, Weather},
};
use crate::house::{Daemon, House};

/// Nothing in a round is waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who lives through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The real binary.
    Lockwatch,
    /// See `naive`.
    Naive,
}

impl Side {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lockwatch => "lockwatch",
            Self::Naive => "naive prober",
        }
    }
}

enum Running {
    Lockwatch(Daemon),
    Naive(Naive),
}

impl Running {
    fn start(side: Side, house: &House) -> Self {
        house.write();
        match side {
            Side::Lockwatch => Self::Lockwatch(Daemon::spawn(house, &[])),
            Side::Naive => Self::Naive(Naive::start(house)),
        }
    }

    async fn kill(self) {
        match self {
            Self::Lockwatch(daemon) => daemon.kill().await,
            Self::Naive(naive) => drop(naive),
        }
    }
}

/// From the first start to the last kill.
pub async fn live(script: &Script, house: &mut House, side: Side) -> Outcome {
    let mut outcome = Outcome {
        side: side.name(),
        seed: script.seed,
        starts: 0,
        kills: 0,
        retries: 0,
        users: Vec::new(),
    };
    let zone = Place::Zone("AE02".to_owned());
    for round in &script.rounds {
        let reach = match round.weather {
            Weather::Fair => Reach::Up,
            Weather::Hangs => Reach::Hang,
            Weather::Away => Reach::Outage,
        };
        house.world().with(|world| world.set_reach(&zone, reach));
        roll_out(round, house, false);
        let last = round.lives.len().saturating_sub(1);
        for (nth, life) in round.lives.iter().enumerate() {
            let seen = attempts(house);
            let running = Running::start(side, house);
            if nth == last {
                roll_out(round, house, true);
            }
            let deed = round.deed.filter(|_| nth == last);
            if let Some(Deed::Rename(nth)) = deed {
                house.accounts[nth].id.push('x');
            }
            tokio::select! {
                () = bad_moment(*life, house, seen) => {}
                () = async { act(deed, house, &running, &mut outcome).await; pending().await } => {}
            }
            running.kill().await;
            outcome.starts += 1;
            outcome.kills += 1;
        }
        if let (Some((nth, patience)), Side::Lockwatch) = (round.between, side) {
            let id = house.accounts[nth].id.clone();
            outcome.kills += u32::from(
                timeout(patience, house.lockwatch(&["probe", &id]))
                    .await
                    .is_err(),
            );
        }
    }
    house
        .world()
        .with(|world| world.set_reach(&zone, Reach::Up));
    outcome
}

fn roll_out(round: &Round, house: &House, running: bool) {
    let now = round.roll_outs.iter().filter(|one| one.running == running);
    for one in now {
        cast::roll_out(house, cast::ROLLED[one.whose], one.right);
    }
}

async fn bad_moment(life: Life, house: &House, seen: u32) {
    match life {
        Life::Short(long) => sleep(long).await,
        Life::Attempts(many, long) => {
            let deadline = Instant::now() + PATIENCE;
            while attempts(house) < seen + many && Instant::now() < deadline {
                sleep(Duration::from_millis(2)).await;
            }
            sleep(long).await;
        }
    }
}

/// What can be asked of a daemon. Whoever asks is killed with it.
async fn act(deed: Option<Deed>, house: &House, running: &Running, outcome: &mut Outcome) {
    let Running::Lockwatch(daemon) = running else {
        return;
    };
    let Some(deed) = deed else { return };
    house.until_ready(daemon).await;
    match deed {
        Deed::Rename(_) | Deed::Reload => {
            house.write();
            daemon.signal(Signal::HUP);
        }
        Deed::Probe(nth) => {
            let id = house.accounts[nth].id.clone();
            house.lockwatch(&["probe", &id]).await;
        }
        Deed::Retry => {
            outcome.retries += 1;
            let id = house.account_of(cast::ASKED_FOR).id.clone();
            house.lockwatch(&["retry", &id]).await;
        }
    }
}

fn attempts(house: &House) -> u32 {
    let ids = cast::all();
    ids.iter().map(|id| house.stats(id).attempts).sum()
}
