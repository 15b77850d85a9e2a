//! What happens often is told at once, and then once a minute, with how often it was.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const TOLD_EVERY: Duration = Duration::from_mins(1);

/// One thing that may happen often.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    times: u64,
    told: Option<Instant>,
}

impl Seldom {
    /// It happened. How often since it was told last, when it is time to tell it.
    pub(super) fn due(&self) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.times += 1;
        let now = Instant::now();
        if untold.told.is_some_and(|told| now - told < TOLD_EVERY) {
            return None;
        }
        untold.told = Some(now);
        Some(std::mem::take(&mut untold.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_once_and_then_once_a_minute() {
        let seldom = Seldom::default();
        assert_eq!(seldom.due(), Some(1));
        assert_eq!(seldom.due(), None);
        tokio::time::advance(TOLD_EVERY - Duration::from_millis(1)).await;
        assert_eq!(seldom.due(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(seldom.due(), Some(3));
    }
}
