//! The law of the budget, on the pure rules: whatever the order of asking, answers, crashes, changed credentials and
//! clocks, one credential is not rejected more often in a row than its budget and what operators asked for, attempts
//! without a known answer stay within theirs, and the ledgers never know of fewer rejections than Autotask counts.

use lockwatch::attempt::Asker;
use proptest::prelude::*;

use crate::{
    model::{CREDENTIALS, End, Happening, Told, Truth, happenings, limits},
    story::Books,
};

const NAMES: [&str; CREDENTIALS] = ["a", "b", "c", "d", "e", "f"];

fn ask(books: &mut Books, truth: &mut Truth, credential: usize, asker: Asker, end: End) {
    let at = books.now;
    let Ok(id) = books.ask(asker, NAMES[credential]) else {
        return;
    };
    truth.sent(&id, credential, asker, end.outcome, at);
    let outcome = match end.told {
        Told::AtOnce => end.outcome,
        Told::Lost => lockwatch::attempt::Outcome::Unanswered,
        Told::Late | Told::Crash => return,
    };
    books.end(NAMES[credential], &id, outcome);
    truth.told(&id, outcome, at);
}

fn arrives(books: &mut Books, truth: &mut Truth, ago: usize) {
    let Some(late) = truth.made.iter().rev().nth(ago).cloned() else {
        return;
    };
    books.end(NAMES[late.credential], &late.id, late.outcome);
    truth.told(&late.id, late.outcome, books.now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_lockout_by_us(limits in limits(), happenings in happenings(120)) {
        let mut books = Books::after(limits, "");
        let mut truth = Truth::new(limits);
        for happening in happenings {
            match happening {
                Happening::Ask { credential, asker, end } => {
                    ask(&mut books, &mut truth, credential, asker, end);
                }
                Happening::Forward(by) => books.now += by,
                Happening::Back(by) => {
                    books.now -= by;
                    truth.was_set_back(by);
                }
                Happening::Arrives(ago) => arrives(&mut books, &mut truth, ago),
                Happening::Reload => {}
            }
            truth.check(|credential| books.ledgers(NAMES[credential]));
        }
    }
}
