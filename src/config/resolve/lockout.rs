//! `[lockout]`: what is risked, and when.

use std::time::Duration;

use toml::Spanned;

use super::take::{self, days, secs};
use crate::config::{
    Lockout, duration,
    file::{self, Maybe, Texts},
    report::{KeyPath, Report},
};

/// `[lockout]`
pub fn lockout(table: Maybe<file::Lockout>, report: &mut Report<'_>) -> Lockout {
    let table = table.map(Spanned::into_inner).unwrap_or_default();
    let key = KeyPath::of("lockout");
    Lockout {
        max_rejections: take::whole(
            table.max_rejections,
            &key.key("max_rejections"),
            report,
            1..=4,
        )
        .unwrap_or(2),
        max_unanswered: take::whole(
            table.max_unanswered,
            &key.key("max_unanswered"),
            report,
            1..=10,
        )
        .unwrap_or(4),
        activation: take::duration(
            table.activation,
            &key.key("activation"),
            report,
            secs(1)..=days(1),
        )
        .unwrap_or(secs(300)),
        confirm_after: take::duration(
            table.confirm_after,
            &key.key("confirm_after"),
            report,
            secs(1)..=secs(3600),
        )
        .unwrap_or(secs(60)),
        retry_held_after: retries(table.retry_held_after, &key.key("retry_held_after"), report),
    }
}

/// `lockout.retry_held_after`: ascending, few, and rather far apart.
fn retries(list: Option<Texts>, key: &KeyPath, report: &mut Report<'_>) -> Vec<Duration> {
    let Some(list) = list else {
        return vec![days(1), days(3)];
    };
    let span = list.span();
    if list.get_ref().len() > 5 {
        report.wrong(&span, key, "holds more than five");
    }
    let steps = take::each(Some(list), key, report, |text| {
        duration::parse(text, &(secs(1)..=days(90))).map_err(|why| why.0)
    });
    let steps = steps.unwrap_or_default();
    if !steps.is_sorted_by(|a, b| a < b) {
        report.wrong(&span, key, "is not in ascending order");
    }
    if steps.first().is_some_and(|first| *first < secs(3600)) {
        report.warn(
            &span,
            key,
            "begins within an hour: each of these attempts may be the one that locks the user again",
        );
    }
    steps
}
