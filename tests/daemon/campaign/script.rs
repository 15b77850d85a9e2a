//! What happens in a campaign, drawn from a seed: the same for whoever has to live through it.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{DELAY, cast};

/// One campaign.
#[derive(Debug)]
pub struct Script {
    /// Its seed.
    pub seed: u64,
    /// What happens, in order.
    pub rounds: Vec<Round>,
}

/// From one peaceful moment to the next.
#[derive(Debug)]
pub struct Round {
    /// How the zone is meanwhile.
    pub weather: Weather,
    /// Secrets that are rolled out: whose, which, and when.
    pub roll_outs: Vec<RollOut>,
    /// One start and one kill each.
    pub lives: Vec<Life>,
    /// What somebody does in the last of the lives, where it can be done.
    pub deed: Option<Deed>,
    /// Whose check is asked for, by a command that works on the store itself and is killed as well, and after what time.
    pub between: Option<(usize, Duration)>,
}

/// How the zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// It answers.
    Fair,
    /// It judges and does not answer.
    Hangs,
    /// It says 503.
    Away,
}

/// A file is written anew.
#[derive(Debug)]
pub struct RollOut {
    /// Whose, of [`cast::ROLLED`].
    pub whose: usize,
    /// Whether with the right secret, or with the mistaken one.
    pub right: bool,
    /// While it runs, or while it does not.
    pub running: bool,
}

/// When a start is followed by its kill.
#[derive(Clone, Copy, Debug)]
pub enum Life {
    /// After this long, whatever has become of it.
    Short(Duration),
    /// So long after so many attempts were seen.
    Attempts(u32, Duration),
}

/// What somebody does while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// A user, of [`cast::all`], is called otherwise from now on.
    Rename(usize),
    /// The configuration is read again.
    Reload,
    /// A check of a user, of [`cast::all`], is asked for.
    Probe(usize),
    /// An attempt is asked for, for somebody whose secret is right.
    Retry,
}

impl Script {
    /// The script of `seed`, with an outage in the middle.
    pub fn new(seed: u64, rounds: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let weather = |nth: usize| match nth {
            _ if nth == rounds / 2 => Weather::Hangs,
            _ if nth == rounds / 2 + 1 => Weather::Away,
            _ => Weather::Fair,
        };
        let rounds = (0..rounds).map(|nth| Round::draw(&mut random, weather(nth)));
        Self {
            seed,
            rounds: rounds.collect(),
        }
    }
}

impl Round {
    fn draw(random: &mut StdRng, weather: Weather) -> Self {
        let everybody = cast::all().len();
        let mut roll_outs = Vec::new();
        for whose in 0..cast::ROLLED.len() {
            if random.random_ratio(1, 3) {
                roll_outs.push(RollOut {
                    whose,
                    right: random.random_ratio(1, 2),
                    running: random.random_ratio(1, 2),
                });
            }
        }
        let short =
            |random: &mut StdRng| Life::Short(Duration::from_millis(random.random_range(0..400)));
        let lives = match random.random_range(0..6) {
            // As systemd restarts what does not stay up.
            0 => (0..random.random_range(3..6))
                .map(|_| short(random))
                .collect(),
            1 => vec![short(random)],
            _ => {
                let bad_moment = random.random_range(Duration::ZERO..2 * DELAY);
                vec![Life::Attempts(random.random_range(1..10), bad_moment)]
            }
        };
        let deed = match random.random_range(0..6) {
            0 => Some(Deed::Rename(random.random_range(0..everybody))),
            1 => Some(Deed::Reload),
            2 | 3 => Some(Deed::Probe(random.random_range(0..everybody))),
            4 => Some(Deed::Retry),
            _ => None,
        };
        let between = random.random_ratio(1, 5).then(|| {
            let patience = Duration::from_millis(random.random_range(100..800));
            (random.random_range(0..everybody), patience)
        });
        Self {
            weather,
            roll_outs,
            lives,
            deed,
            between,
        }
    }
}
