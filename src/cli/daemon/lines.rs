//! An answer that is told line by line, as JSON.

use reqwest::{Response, header};
use serde::de::DeserializeOwned;
use url::Url;

use super::trouble;
use crate::{cli::exit::Failure, web::api::NDJSON};

/// No refusal is longer, in bytes.
const SHORT: usize = 64 * 1024;
/// Nor is a line about a user.
const LINE: usize = 1024 * 1024;
/// Nor is what there is to tell of all users: whoever says more is not lockwatch, and must not fill the memory.
const WHOLE: usize = 256 * 1024 * 1024;

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
            if self.text.len() > LINE {
                return Err(self.of_a_stranger());
            }
            match self.answer.chunk().await.map_err(|_| self.broken())? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None if self.text.is_empty() => return Ok(None),
                None => return Err(self.broken()),
            }
        }
    }

    /// Whether the answer calls itself one of lines.
    pub(super) fn are_announced(&self) -> bool {
        let kind = self.answer.headers().get(header::CONTENT_TYPE);
        kind.is_some_and(|kind| kind == NDJSON)
    }

    /// The whole of the answer.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, Failure> {
        let announced = self.answer.content_length().unwrap_or_default();
        loop {
            if announced > WHOLE as u64 || self.text.len() > WHOLE {
                return Err(self.of_a_stranger());
            }
            let chunk = self.answer.chunk().await;
            match chunk.map_err(|why| trouble::no_answer(&self.from, &why))? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None => return Ok(self.text),
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

    fn of_a_stranger(&self) -> Failure {
        trouble::stranger(&self.from, self.answer.status())
    }
}
