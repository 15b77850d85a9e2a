//! An answer that many ask for at the same time is made once for all of them, and never two at a time: clients that ask and hang
//! up start no more of it. Compressing it is each client's own.

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
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(last) = &*last
            && last.begun >= asked
            && let Some(made) = last.made.upgrade()
        {
            return Some(Bytes::from_owner(Shared(made)));
        }
        let begun = Instant::now();
        // The work has the lock, for it goes on when whoever asked is gone.
        let work = tokio::task::spawn_blocking(move || {
            let made = Arc::new(make()?);
            *last = Some(Last {
                begun,
                made: Arc::downgrade(&made),
            });
            Some(made)
        });
        let made = work.await.ok().flatten()?;
        Some(Bytes::from_owner(Shared(made)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{FutureExt, future::join_all};

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

    #[tokio::test]
    async fn who_hangs_up_does_not_start_another_one() {
        let once = Once::default();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let asker = tokio::spawn({
            let once = once.clone();
            async move {
                let make = move || {
                    begun.send(()).unwrap();
                    wait.recv().ok().map(|()| vec![0])
                };
                once.get(make).await
            }
        });
        begins.await.unwrap();
        asker.abort();
        assert!(asker.await.unwrap_err().is_cancelled());
        // A second one would begin now.
        let second = once.get(|| panic!("made while the first is under way"));
        assert_eq!(second.now_or_never(), None);
        assert!(once.last.try_lock().is_err());
        go.send(()).unwrap();
        let third = once.get(|| Some(vec![3])).await;
        assert_eq!(third.unwrap(), [3][..]);
    }
}
