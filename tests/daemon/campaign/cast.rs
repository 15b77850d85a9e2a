//! Who is in a campaign.

use crate::house::{House, secret};

/// Their secrets were never right.
pub const WRONG: [&str; 4] = ["wrong-1", "wrong-2", "wrong-3", "wrong-4"];
/// Their secrets are right, all the time.
pub const WORKS: [&str; 6] = [
    "works-1", "works-2", "works-3", "works-4", "works-5", "works-6",
];
/// Theirs are rolled out: right, mistaken, right again. The mistake is the same each time.
pub const ROLLED: [&str; 4] = ["rolled-1", "rolled-2", "rolled-3", "rolled-4"];
/// For whom somebody asks when all is well again.
pub const ASKED_FOR: &str = WORKS[0];

/// Everybody.
pub fn all() -> Vec<&'static str> {
    WRONG.into_iter().chain(WORKS).chain(ROLLED).collect()
}

/// Gives everybody what the campaign begins with: half of those whose secrets are rolled out begin with the mistake.
pub fn hand_out(house: &House) {
    for id in WRONG {
        mistake(house, id);
    }
    for (nth, id) in ROLLED.iter().enumerate() {
        roll_out(house, id, nth % 2 == 0);
    }
}

/// Writes the right secret, or the mistaken one.
pub fn roll_out(house: &House, id: &str, right: bool) {
    if right {
        house.give(id, &secret(id));
    } else {
        mistake(house, id);
    }
}

fn mistake(house: &House, id: &str) {
    house.give(id, &format!("demo-wrong-secret-of-{id}"));
}
