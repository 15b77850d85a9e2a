//! An answer that many ask for at the same time is made once: a hundred clients cost no more time and memory than two.

use std::sync::{Arc, Weak};

use axum::body::Bytes;
use tokio::{sync::Mutex, time::Instant};

/// One kind of answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Once {
    last: Arc<Mutex<Option<Last>>>,
}

/// The last one that was made.
#[derive(Debug)]
struct Last {
    begun: Instant,
    /// While somebody is still being answered with it.
    made: Weak<Vec<u8>>,
}

/// Lives as long as somebody is being answered with it.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Once {
    /// What `make` makes, on a thread that may compute for a while; or what it made for somebody else, if that was begun after
    /// this was asked for. `None` when it cannot be made.
    pub(super) async fn get(
        &self,
        make: impl FnOnce() -> Option<Vec<u8>> + Send + 'static,
    ) -> Option<Bytes> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(last) = &*last
            && last.begun >= asked
            && let Some(made) = last.made.upgrade()
        {
            return Some(Bytes::from_owner(Shared(made)));
        }
        let begun = Instant::now();
        let made = tokio::task::spawn_blocking(make).await.ok().flatten()?;
        let made = Arc::new(made);
        *last = Some(Last {
            begun,
            made: Arc::downgrade(&made),
        });
        Some(Bytes::from_owner(Shared(made)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn who_waits_shares_and_nobody_gets_what_is_older_than_the_question() {
        let (once, made) = (Once::default(), Arc::new(AtomicUsize::new(0)));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let ask = || {
            let made = Arc::clone(&made);
            once.get(move || {
                let nth = made.fetch_add(1, Ordering::SeqCst);
                Some(vec![u8::try_from(nth).unwrap()])
            })
        };
        // The first is under way while the others ask.
        let first = once.get(move || {
            wait.recv().unwrap();
            Some(vec![100])
        });
        let others = join_all((0..50).map(|_| ask()));
        let release = async { go.send(()).unwrap() };
        let (first, others, ()) = tokio::join!(first, others, release);
        assert_eq!(first.unwrap(), [100][..]);
        assert!(
            others
                .iter()
                .all(|other| other.as_ref().unwrap() == &[0][..])
        );
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert_eq!(ask().await.unwrap(), [1][..], "asked later");
        let none = once.get(|| None).await;
        assert_eq!(none, None);
    }
}
