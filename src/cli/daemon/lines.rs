//! An answer that is told line by line, as JSON.

use reqwest::Response;
use serde::de::DeserializeOwned;
use url::Url;

use super::super::exit::Failure;

/// No refusal is longer, in bytes.
const SHORT: usize = 64 * 1024;

/// What has come and was not read yet.
pub(super) struct Lines {
    answer: Response,
    from: Url,
    text: Vec<u8>,
}

impl Lines {
    pub(super) fn of(answer: Response, from: Url) -> Self {
        Self {
            answer,
            from,
            text: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                let line = serde_json::from_slice(&line).map_err(|_| self.broken())?;
                return Ok(Some(line));
            }
            match self.answer.chunk().await.map_err(|_| self.broken())? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None if self.text.is_empty() => return Ok(None),
                None => return Err(self.broken()),
            }
        }
    }

    /// The whole of a short answer, without its line break; of a long one as much as is worth a look.
    pub(super) async fn text(mut self) -> Result<String, Failure> {
        while self.text.len() < SHORT {
            match self.answer.chunk().await.map_err(|_| self.broken())? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(String::from_utf8_lossy(&self.text).trim_end().to_owned())
    }

    /// It ended before it said everything.
    pub(super) fn broken(&self) -> Failure {
        Failure::internal(format!("{} ended its answer early", self.from))
    }
}
