//! How many requests are in flight: a limit over all, half of it for one host, and one at a time for those that share an
//! integration code. It knows nothing of schedules; who waits here waits in line.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// The limits. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots {
    total: Arc<Semaphore>,
    per_host: usize,
    hosts: Lines,
    groups: Lines,
}

/// The leave for one request in flight; dropping it gives the slot back.
#[derive(Debug)]
pub struct RequestSlot {
    _total: OwnedSemaphorePermit,
    _host: Place,
}

/// The leave for one attempt of a group of users that share an integration code.
#[derive(Debug)]
pub struct GroupSlot {
    _group: Place,
}

impl Slots {
    /// `max_in_flight` requests in all (at least one), at most half of them for one host.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        let total = max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            total: Arc::new(Semaphore::new(total)),
            per_host: (total / 2).max(1),
            hosts: Lines::default(),
            groups: Lines::default(),
        }
    }

    /// Waits for leave to send one request to the host of `url`. Who waits for a busy host keeps no one else waiting.
    pub async fn request(&self, url: &Url) -> RequestSlot {
        let host = self.hosts.wait(host_key(url), self.per_host).await;
        RequestSlot {
            _total: acquire(Arc::clone(&self.total)).await,
            _host: host,
        }
    }

    /// Waits until no other attempt of the group is in flight. Take it before the request's slot, never after.
    pub async fn code_group(&self, group: &str) -> GroupSlot {
        GroupSlot {
            _group: self.groups.wait(group.to_owned(), 1).await,
        }
    }
}

/// Host and port: two ports of one machine are two servers.
fn host_key(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

/// One line per key. A line exists while someone stands in it, so that the map holds no more than is in use.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<HashMap<String, Weak<Semaphore>>>>);

/// A place at the front of a line.
#[derive(Debug)]
struct Place {
    // Dropped in this order: the line is empty before it is looked at.
    _permit: OwnedSemaphorePermit,
    _tidy: Tidy,
}

/// Removes a line that nobody stands in any more.
#[derive(Debug)]
struct Tidy {
    lines: Lines,
    key: String,
}

impl Lines {
    async fn wait(&self, key: String, width: usize) -> Place {
        // Made before the wait: a waiter that gives up tidies up as well.
        let tidy = Tidy {
            lines: self.clone(),
            key,
        };
        let permit = acquire(self.line(&tidy.key, width)).await;
        Place {
            _permit: permit,
            _tidy: tidy,
        }
    }

    fn line(&self, key: &str, width: usize) -> Arc<Semaphore> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(key).and_then(Weak::upgrade) {
            return line;
        }
        let line = Arc::new(Semaphore::new(width));
        lines.insert(key.to_owned(), Arc::downgrade(&line));
        line
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines
            .get(&self.key)
            .is_some_and(|line| line.strong_count() == 0)
        {
            lines.remove(&self.key);
        }
    }
}

#[expect(clippy::expect_used, reason = "these semaphores are never closed")]
async fn acquire(semaphore: Arc<Semaphore>) -> OwnedSemaphorePermit {
    semaphore.acquire_owned().await.expect("open semaphore")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn lines(slots: &Slots) -> usize {
        let count = |lines: &Lines| lines.0.lock().unwrap().len();
        count(&slots.hosts) + count(&slots.groups)
    }

    #[test]
    fn a_hanging_host_leaves_half_of_the_slots_to_others() {
        let slots = Slots::new(4);
        let (slow, fast) = (
            url("https://a.autotask.net/"),
            url("https://b.autotask.net/"),
        );
        let held: Vec<_> = (0..2)
            .map(|_| slots.request(&slow).now_or_never().unwrap())
            .collect();
        let mut waiting = Box::pin(slots.request(&slow));
        assert!(waiting.as_mut().now_or_never().is_none());
        let others: Vec<_> = (0..2)
            .map(|_| slots.request(&fast).now_or_never().unwrap())
            .collect();
        assert!(
            slots
                .request(&url("https://c.autotask.net/"))
                .now_or_never()
                .is_none()
        );
        drop(others);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[test]
    fn ten_thousand_that_wait_for_a_hanging_host_keep_nobody_else_waiting() {
        let slots = Slots::new(64);
        let hanging = url("https://a.autotask.net/");
        let mut waiting: Vec<_> = (0..10_000)
            .map(|_| Box::pin(slots.request(&hanging)))
            .collect();
        // They hold what they got, and the others stand in line.
        let held: Vec<_> = waiting
            .iter_mut()
            .filter_map(|wait| wait.as_mut().now_or_never())
            .collect();
        assert_eq!(held.len(), 32);
        for n in 0..10_000 {
            let other = url(&format!("https://b{}.autotask.net/", n % 3));
            assert!(slots.request(&other).now_or_never().is_some(), "{n}");
        }
        drop((held, waiting));
        assert_eq!(lines(&slots), 0);
    }

    #[test]
    fn one_slot_in_all_still_lets_one_through() {
        for max in [0, 1] {
            let slots = Slots::new(max);
            let held = slots.request(&url("http://127.0.0.1:1/")).now_or_never();
            assert!(held.is_some());
            assert!(
                slots
                    .request(&url("http://127.0.0.1:2/"))
                    .now_or_never()
                    .is_none()
            );
        }
    }

    #[test]
    fn attempts_that_share_a_code_go_one_after_the_other() {
        let slots = Slots::new(4);
        let first = slots.code_group("acme/1").now_or_never().unwrap();
        assert!(slots.code_group("acme/1").now_or_never().is_none());
        assert!(slots.code_group("acme/2").now_or_never().is_some());
        drop(first);
        assert!(slots.code_group("acme/1").now_or_never().is_some());
    }

    #[test]
    fn lines_that_nobody_stands_in_are_forgotten() {
        let slots = Slots::new(2);
        for n in 0..100 {
            let _ = slots.code_group(&format!("tenant-{n}")).now_or_never();
            let _ = slots
                .request(&url(&format!("http://127.0.0.1:{}/", 1000 + n)))
                .now_or_never();
        }
        assert_eq!(lines(&slots), 0);
        let held = slots.code_group("acme").now_or_never().unwrap();
        let mut gives_up = Box::pin(slots.code_group("acme"));
        assert!(gives_up.as_mut().now_or_never().is_none());
        drop(held);
        assert_eq!(lines(&slots), 1);
        drop(gives_up);
        assert_eq!(lines(&slots), 0);
    }
}
