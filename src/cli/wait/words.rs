//! What is new about a user that is waited for, in words. Takes what was seen before and now, and decides nothing else.

use std::time::Duration;

use jiff::Timestamp;

use crate::web::view::UserView;

/// Whether the wait for a user is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It works, or all that may be tried has been.
    Works,
    /// It was judged not to work.
    Broken,
    /// Not decided.
    Open,
}

pub(super) fn stand(user: &UserView) -> Stand {
    match user.state.as_str() {
        "healthy" | "zone_only" => Stand::Works,
        "failing" | "locked_out" => Stand::Broken,
        _ => Stand::Open,
    }
}

/// When the user's credential may be presented next, as far as is known.
pub(super) fn next_attempt(user: &UserView) -> Timestamp {
    let activated = user.activating_until.unwrap_or(user.next_check);
    user.next_check.max(activated)
}

/// What `user` shows that `before` did not.
pub(super) fn news(
    before: Option<&UserView>,
    user: &UserView,
    now: Timestamp,
    look_up_every: Duration,
) -> Vec<String> {
    let mut lines = Vec::new();
    if before.is_none_or(|before| before.zone != user.zone)
        && let Some(zone) = &user.zone
    {
        let host = user.zone_host.as_deref().unwrap_or("?");
        lines.push(format!("zone found: {zone} at {host}"));
    }
    if before.is_none_or(|before| shown(before) != shown(user)) {
        lines.push(sentence(user, now, look_up_every));
    }
    lines
}

/// What a line is worth. The next check is not among it: that moves with every check.
fn shown(user: &UserView) -> (&str, &str, bool, bool, Option<Timestamp>) {
    let UserView {
        state,
        reason,
        zone,
        held,
        activating_until,
        ..
    } = user;
    (state, reason, zone.is_some(), *held, *activating_until)
}

fn sentence(user: &UserView, now: Timestamp, look_up_every: Duration) -> String {
    let next = moment(next_attempt(user), now);
    let reason = &user.reason;
    match user.state.as_str() {
        "healthy" => "works".to_owned(),
        "zone_only" => {
            "the zone is found; nothing more may be tried with a code that only the vendor knows"
                .to_owned()
        }
        "failing" | "locked_out" => format!("{}: {reason}", user.state.replace('_', " ")),
        "activating" if user.zone.is_none() => format!(
            "the zone look-up does not know the username yet; it is asked every {}",
            in_words(look_up_every)
        ),
        "activating" if user.not_attempted.is_none() => {
            format!("attempt refused; the user is new: next attempt at {next}")
        }
        "activating" => format!("the user is new: no attempt before {next}"),
        _ if reason == "suspected" => {
            format!("a failure was seen once; the second look is at {next}")
        }
        state => match &user.held_why {
            Some(why) => format!("{state}: {reason}; the credential is held: {why}"),
            None => format!("{state}: {reason}; next check at {next}"),
        },
    }
}

/// A time, and how far off it is.
pub(in crate::cli) fn moment(at: Timestamp, now: Timestamp) -> String {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let shape = if left < Duration::from_mins(2) {
        "%T UTC"
    } else {
        "%R UTC"
    };
    format!("{} (in {})", at.strftime(shape), in_words(left))
}

/// A span as people say it.
pub(in crate::cli) fn in_words(span: Duration) -> String {
    let seconds = span.as_millis().div_ceil(1000);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::cli::wait) const NOW: &str = "2026-11-21T14:01:00Z";

    /// A user with what matters here.
    pub(in crate::cli::wait) fn user(shows: Value) -> UserView {
        let mut all = json!({
            "id": "fresh", "tenant": "acme", "integration": null, "labels": {}, "state": "unclear", "reason": "never_checked",
            "since": NOW, "up": null, "last_check": null, "last_accepted": null, "next_check": "2026-11-21T14:03:00Z",
            "zone": "AE02", "zone_host": "webservices14.autotask.net", "rejections": 0, "attempts_left": 2, "held": false,
            "held_why": null, "held_until": null, "not_attempted": null, "evidence": [], "incident": null,
            "known": "all", "unseen": [], "last_verified": null,
        });
        for (key, value) in shows.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    fn told(before: Option<&UserView>, user: &UserView) -> Vec<String> {
        news(before, user, NOW.parse().unwrap(), Duration::from_secs(10))
    }

    #[test]
    fn each_change_is_told_once() {
        let unknown = user(
            json!({ "state": "activating", "reason": "activating", "zone": null,
            "not_attempted": "no zone", "activating_until": "2026-11-21T14:05:00Z" }),
        );
        let refused = user(json!({ "state": "activating", "reason": "activating",
            "activating_until": "2026-11-21T14:05:00Z" }));
        let waiting = user(
            json!({ "state": "activating", "reason": "activating", "not_attempted": "too new",
            "next_check": "2026-11-21T14:05:00Z", "activating_until": "2026-11-21T14:05:00Z" }),
        );
        let suspected =
            user(json!({ "reason": "suspected", "next_check": "2026-11-21T14:01:45Z" }));
        let works = user(json!({ "state": "healthy", "reason": "ok" }));
        let found = "zone found: AE02 at webservices14.autotask.net";
        assert_eq!(
            told(None, &unknown),
            ["the zone look-up does not know the username yet; it is asked every 10 s"]
        );
        assert_eq!(
            told(Some(&unknown), &refused),
            [
                found,
                "attempt refused; the user is new: next attempt at 14:05 UTC (in 4 min)"
            ]
        );
        assert_eq!(told(Some(&refused), &waiting), [""; 0]);
        assert_eq!(
            told(None, &waiting),
            [
                found,
                "the user is new: no attempt before 14:05 UTC (in 4 min)"
            ]
        );
        assert_eq!(
            told(Some(&waiting), &suspected),
            ["a failure was seen once; the second look is at 14:01:45 UTC (in 45 s)"]
        );
        assert_eq!(told(Some(&suspected), &works), ["works"]);
        let mut later = works.clone();
        later.next_check += Duration::from_mins(5);
        assert_eq!(told(Some(&works), &later), [""; 0]);
    }

    #[test]
    fn only_a_judgement_ends_the_wait() {
        for (state, expected) in [
            ("healthy", Stand::Works),
            ("zone_only", Stand::Works),
            ("failing", Stand::Broken),
            ("locked_out", Stand::Broken),
            ("unclear", Stand::Open),
            ("activating", Stand::Open),
            ("paused", Stand::Open),
        ] {
            assert_eq!(stand(&user(json!({ "state": state }))), expected, "{state}");
        }
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (seconds, said) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (241, "5 min"),
            (7200, "2 h"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), said);
        }
    }
}
