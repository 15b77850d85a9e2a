//! The token that a request gives, and the one that it must be. That is read once for all who give one within a second: its
//! source may be a program, and anybody can give a wrong token, as often as they like.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::{sync::Mutex, time::sleep};

use crate::config::secret::{SecretError, SecretSource};

/// A token that was changed counts after this.
const KEPT: Duration = Duration::from_secs(1);

/// Reads it, one at a time.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: Arc<Mutex<Option<Last>>>,
}

/// What was read a moment ago; forgotten after another.
#[derive(Debug)]
struct Last {
    /// Another configuration may name another.
    place: Option<String>,
    read: Result<SecretString, SecretError>,
}

impl Reader {
    /// Whether this is the token.
    pub(super) async fn is_right(
        &self,
        given: &SecretString,
        source: &SecretSource,
    ) -> Result<bool, SecretError> {
        let expected = self.read(source).await?;
        let (given, expected) = (given.expose_secret(), expected.expose_secret());
        Ok(given.as_bytes().ct_eq(expected.as_bytes()).into())
    }

    async fn read(&self, source: &SecretSource) -> Result<SecretString, SecretError> {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(last) = &*last
            && last.place == source.place()
        {
            return last.read.clone();
        }
        let (source, forgets) = (source.clone(), Arc::clone(&self.last));
        // Whoever hangs up meanwhile does not let the next one begin anew.
        let reading = tokio::spawn(async move {
            let read = source.read().await;
            *last = Some(Last {
                place: source.place(),
                read: read.clone(),
            });
            tokio::spawn(async move {
                sleep(KEPT).await;
                *forgets.lock().await = None;
            });
            read
        });
        let stopped = |_| Err(SecretError("lockwatch is stopping".to_owned()));
        reading.await.unwrap_or_else(stopped)
    }
}

/// Bearer, or Basic with any name and the token as password.
pub(super) fn given(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().into());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    /// However many ask, and whether or not they wait for it.
    #[tokio::test]
    async fn a_program_runs_once_a_second_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let script = format!("echo >> '{}'; echo demo-token", runs.display());
        let source = SecretSource::Command(["sh", "-c", &script].map(str::to_owned).into());
        let reader = Arc::new(Reader::default());
        let begun = Instant::now();
        let asked: Vec<_> = (0..40)
            .map(|_| {
                let (reader, source) = (Arc::clone(&reader), source.clone());
                tokio::spawn(async move { reader.read(&source).await })
            })
            .collect();
        for (nth, asker) in asked.iter().enumerate() {
            if nth % 2 == 0 {
                tokio::task::yield_now().await;
                asker.abort();
            }
        }
        for asked in join_all(asked).await.into_iter().flatten() {
            assert_eq!(asked.unwrap().expose_secret(), "demo-token");
        }
        let runs = fs::read(runs).unwrap().len();
        let most = 1 + begun.elapsed().as_millis() / KEPT.as_millis();
        assert!(u128::try_from(runs).unwrap() <= most, "{runs}, not {most}");
    }

    #[tokio::test]
    async fn a_change_counts_soon_and_another_source_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            SecretSource::File(path)
        });
        let reader = Reader::default();
        let read = async |source| {
            reader
                .read(source)
                .await
                .unwrap()
                .expose_secret()
                .to_owned()
        };
        assert_eq!(read(&one).await, "one");
        assert_eq!(read(&other).await, "other");
        fs::write(other.file().unwrap(), "changed").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while read(&other).await != "changed" {
            assert!(Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        fs::remove_file(other.file().unwrap()).unwrap();
        while reader.read(&other).await.is_ok() {
            assert!(Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
    }
}
