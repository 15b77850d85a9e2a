//! What a campaign came to, as the simulated Autotask counted it, and the tables that are printed of it.

use std::fmt;

use comfy_table::{Table, presets};
use lockwatch::demo::Stats;

use super::cast;
use crate::house::House;

/// Of one side of a campaign.
pub struct Outcome {
    /// Who was the prober.
    pub side: &'static str,
    /// Of the script.
    pub seed: u64,
    /// Starts, the last one among them.
    pub starts: u32,
    /// `kill -9`
    pub kills: u32,
    /// Attempts that somebody asked for, whatever was held.
    pub retries: u32,
    /// What became of everybody.
    pub users: Vec<(&'static str, Stats)>,
}

impl Outcome {
    /// Reads what Autotask counted.
    pub fn count(&mut self, house: &House) {
        self.users = cast::all()
            .iter()
            .map(|id| (*id, house.stats(id)))
            .collect();
    }

    /// A sum over everybody.
    pub fn sum(&self, of: fn(&Stats) -> u32) -> u32 {
        self.users.iter().map(|(_, stats)| of(stats)).sum()
    }

    /// Of one user.
    pub fn stats(&self, id: &str) -> Stats {
        let (_, stats) = self.users.iter().find(|(user, _)| *user == id).unwrap();
        *stats
    }

    /// The longest row of rejections of anybody, those among them that nobody was told of.
    pub fn worst(&self) -> u32 {
        let rows = self
            .users
            .iter()
            .map(|(_, stats)| stats.max_rejections_in_row);
        rows.max().unwrap_or(0)
    }

    fn row(&self) -> Vec<String> {
        let numbers = [
            self.kills,
            self.starts,
            self.sum(|stats| stats.attempts),
            self.sum(|stats| stats.accepted),
            self.sum(|stats| stats.rejections),
            self.sum(|stats| stats.lost),
            self.retries,
            self.worst(),
            self.sum(|stats| stats.lockouts),
        ];
        let named = [self.side.to_owned(), self.seed.to_string()];
        named
            .into_iter()
            .chain(numbers.map(|number| number.to_string()))
            .collect()
    }
}

/// A line for each side of each campaign, and a line for each user with the worst of all campaigns.
pub struct Tables<'a>(pub &'a [Outcome]);

impl fmt::Display for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sums = table(&[
            "prober",
            "seed",
            "kills",
            "starts",
            "attempts",
            "accepted",
            "rejected",
            "lost",
            "retries",
            "worst row",
            "locks",
        ]);
        for outcome in self.0 {
            sums.add_row(outcome.row());
        }
        let mut sides: Vec<&str> = self.0.iter().map(|outcome| outcome.side).collect();
        sides.sort_unstable();
        sides.dedup();
        let heads = sides
            .iter()
            .flat_map(|side| [format!("{side}: worst row"), format!("{side}: locks")]);
        let heads: Vec<String> = ["user".to_owned()].into_iter().chain(heads).collect();
        let mut users = table(&heads.iter().map(String::as_str).collect::<Vec<_>>());
        for id in cast::all() {
            let mut row = vec![id.to_owned()];
            for side in &sides {
                let of = self.0.iter().filter(|outcome| outcome.side == *side);
                let stats: Vec<Stats> = of.map(|outcome| outcome.stats(id)).collect();
                let worst = stats.iter().map(|stats| stats.max_rejections_in_row).max();
                let locks: u32 = stats.iter().map(|stats| stats.lockouts).sum();
                row.push(worst.unwrap_or(0).to_string());
                row.push(locks.to_string());
            }
            users.add_row(row);
        }
        write!(f, "{sums}\n\n{users}")
    }
}

fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(heads);
    table
}
