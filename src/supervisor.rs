//! Tells the service manager (systemd, by its notification socket) how the daemon does: ready, reloading, stopping, one
//! line for `systemctl status`, and that the scheduler comes round. Where no manager listens nothing happens.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    board::{Board, Entry},
    store::keeper::Keeper,
    telemetry::chain,
    web::view::ReloadRefused,
};

/// The status line is looked at so often.
const STATUS: Duration = Duration::from_secs(5);

/// Speaks for the daemon until it stops.
#[derive(Debug)]
pub struct Supervisor {
    /// Who does how.
    pub board: Arc<Board>,
    /// The changed configuration that was not taken.
    pub refused: watch::Receiver<Option<ReloadRefused>>,
    /// Whether there is a store.
    pub store: Keeper,
    /// Changes whenever the scheduler came round: the only thing that feeds the watchdog.
    pub turns: watch::Receiver<Option<Instant>>,
    /// The end.
    pub stopping: CancellationToken,
}

impl Supervisor {
    /// Runs until stopping. Says READY after the scheduler's first turn, with or without a store: a daemon that waits for
    /// its store does what it can, and is not to be killed for it.
    pub async fn run(self) {
        let status = || {
            let usable = self.store.trouble().is_none();
            status(&self.board.all(), usable, self.refused.borrow().is_some())
        };
        let mut voice = Voice::new(sd_notify::watchdog_enabled(), &status, &tell);
        let mut turns = self.turns.clone();
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = voice.follow(&mut turns) => self.stopping.cancelled().await,
        }
        tell(&[
            NotifyState::Stopping,
            NotifyState::Status("stopping: no attempt starts any more"),
        ]);
    }
}

/// What is said when.
struct Voice<'a> {
    /// How long the manager lets the scheduler be silent, when it watches.
    period: Option<Duration>,
    status: &'a (dyn Fn() -> String + Sync),
    tell: &'a (dyn Fn(&[NotifyState<'_>]) + Sync),
    /// The last status, and when it was looked at.
    said: String,
    looked: Option<Instant>,
    fed: Option<Instant>,
}

impl<'a> Voice<'a> {
    fn new(
        period: Option<Duration>,
        status: &'a (dyn Fn() -> String + Sync),
        tell: &'a (dyn Fn(&[NotifyState<'_>]) + Sync),
    ) -> Self {
        Self {
            period,
            status,
            tell,
            said: String::new(),
            looked: None,
            fed: None,
        }
    }

    /// Speaks after turns of the scheduler, and only then; ends with it.
    async fn follow(&mut self, turns: &mut watch::Receiver<Option<Instant>>) {
        let mut ready = false;
        while turns.changed().await.is_ok() {
            if !ready {
                ready = true;
                (self.tell)(&[NotifyState::Ready]);
            }
            self.turned(Instant::now());
        }
    }

    fn turned(&mut self, now: Instant) {
        let is_time = |last: Option<Instant>, pause| last.is_none_or(|last| now - last >= pause);
        // Four times as often as it must be, so that one datagram may be late.
        if let Some(period) = self.period
            && is_time(self.fed, period / 4)
        {
            self.fed = Some(now);
            (self.tell)(&[NotifyState::Watchdog]);
        }
        if is_time(self.looked, STATUS) {
            self.looked = Some(now);
            let status = (self.status)();
            if status != self.said {
                (self.tell)(&[NotifyState::Status(&status)]);
                self.said = status;
            }
        }
    }
}

/// One line for people, the worst first.
fn status(entries: &[Arc<Entry>], store_usable: bool, reload_refused: bool) -> String {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.state()).or_insert(0_usize) += 1;
    }
    let worst_first = [
        ("locked_out", "locked out"),
        ("failing", "failing"),
        ("unclear", "unclear"),
        ("activating", "activating"),
        ("zone_only", "zone only"),
        ("healthy", "healthy"),
    ];
    let counted: Vec<String> = worst_first
        .iter()
        .filter_map(|(state, words)| Some(format!("{} {words}", counts.get(state)?)))
        .collect();
    let users = entries.len();
    let mut line = format!("{users} user{}", if users == 1 { "" } else { "s" });
    if !counted.is_empty() {
        line = format!("{line}: {}", counted.join(", "));
    }
    if !store_usable {
        line.push_str("; the store cannot be used, no attempt is made");
    }
    if reload_refused {
        line.push_str("; a changed configuration was refused, the old one is in force");
    }
    line
}

/// A reload that somebody asked for. The manager waits for its end, whatever that is; the status line tells whether it was
/// taken.
#[derive(Debug)]
pub struct Reloading(());

impl Reloading {
    /// It begins.
    #[must_use]
    pub fn begin() -> Self {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(cause) => complain(&cause),
        }
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        tell(&[NotifyState::Ready]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        complain(&cause);
    }
}

fn complain(cause: &io::Error) {
    tracing::warn!(cause = chain(cause), "failed to tell the service manager");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::{sleep, timeout};

    use super::*;

    /// What is told in a minute, when the scheduler turns twice a second until it is stuck.
    async fn told(period: Option<Duration>, stuck_after: Duration) -> Vec<(u64, String)> {
        let (turns, mut turns_seen) = watch::channel(None);
        let begin = Instant::now();
        let told = Mutex::new(Vec::new());
        let tell = |states: &[NotifyState<'_>]| {
            let text = states.iter().map(ToString::to_string).collect::<String>();
            told.lock().unwrap().push((begin.elapsed().as_secs(), text));
        };
        let mut voice = Voice::new(period, &|| "2 users".to_owned(), &tell);
        let scheduler = async {
            while begin.elapsed() < stuck_after {
                sleep(Duration::from_millis(500)).await;
                turns.send_replace(Some(Instant::now()));
            }
            std::future::pending::<()>().await;
        };
        let minute = async { tokio::join!(voice.follow(&mut turns_seen), scheduler) };
        timeout(Duration::from_mins(1), minute).await.unwrap_err();
        told.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn only_turns_of_the_scheduler_feed_the_watchdog() {
        let fed = |told: &[(u64, String)]| -> Vec<u64> {
            let fed = told.iter().filter(|(_, text)| text.contains("WATCHDOG=1"));
            fed.map(|(at, _)| *at).collect()
        };
        let period = Some(Duration::from_secs(20));
        let healthy = told(period, Duration::from_mins(2)).await;
        assert_eq!(healthy[0].1.trim(), "READY=1");
        assert_eq!(fed(&healthy), (0..12).map(|n| n * 5).collect::<Vec<u64>>());
        let stuck = told(period, Duration::from_secs(12)).await;
        assert_eq!(fed(&stuck), [0, 5, 10]);
        let never = told(period, Duration::ZERO).await;
        assert_eq!(never, [], "neither ready nor alive");
        let unwatched = told(None, Duration::from_mins(2)).await;
        assert_eq!(
            unwatched.len(),
            2,
            "READY and the status, once: {unwatched:?}"
        );
    }
}
