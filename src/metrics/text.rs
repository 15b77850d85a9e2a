//! The text of `/metrics`, made in parts of a family, so that ten thousand users cost little memory and hold nobody up.

use std::{ops::Range, sync::Arc};

use prometheus::{Encoder as _, TextEncoder, proto::MetricFamily};

use super::{
    Metrics,
    samples::Samples,
    users::{self, Family},
};
use crate::board::Entry;

/// Users that are projected and encoded at once.
const USERS_OF_A_PART: usize = 100;

impl Metrics {
    /// The whole text, users included, each part made when it is taken: none of them takes long, or much memory.
    ///
    /// A part is an error when it cannot be encoded: a mistake in this room.
    pub fn parts(
        self: Arc<Self>,
        entries: Vec<Arc<Entry>>,
    ) -> impl Iterator<Item = Result<Vec<u8>, prometheus::Error>> {
        let mut last = Last::default();
        Part::of(entries.len()).map(move |part| match part {
            Part::Users(family, users) => last.text(family, &entries[users]),
            Part::Total(family) => last.text(family, &entries),
            Part::Rest => encoded(&self.registry.gather()),
        })
    }
}

/// The samples that were made last, and the family whose head was written last.
#[derive(Default)]
struct Last {
    samples: Samples,
    begun: &'static str,
}

impl Last {
    /// A family's samples of these users, in place of those.
    fn text(
        &mut self,
        family: &'static Family,
        users: &[Arc<Entry>],
    ) -> Result<Vec<u8>, prometheus::Error> {
        let projected = family.project(users, &mut self.samples);
        // A family of nothing (no user fails) is left out, as the encoder demands.
        if projected.get_metric().is_empty() {
            return Ok(Vec::new());
        }
        let mut text = encoded(std::slice::from_ref(projected))?;
        if self.begun == family.name() {
            // HELP and TYPE stand once above all samples.
            let head = text.split_inclusive(|byte| *byte == b'\n').take(2);
            let head = head.map(<[u8]>::len).sum::<usize>();
            text.drain(..head);
        }
        self.begun = family.name();
        Ok(text)
    }
}

fn encoded(families: &[MetricFamily]) -> Result<Vec<u8>, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(families, &mut text)?;
    Ok(text)
}

/// A part of the text.
enum Part {
    /// A family's samples of some users.
    Users(&'static Family, Range<usize>),
    /// A family's samples of all users together.
    Total(&'static Family),
    /// What is no projection of users.
    Rest,
}

impl Part {
    /// The whole text of so many users, in order.
    fn of(users: usize) -> impl Iterator<Item = Self> {
        let families = users::FAMILIES.iter().flat_map(move |family| {
            let parts = (0..users).step_by(USERS_OF_A_PART);
            parts.map(move |first| Self::Users(family, first..users.min(first + USERS_OF_A_PART)))
        });
        let totals = users::TOTALS.iter().map(Self::Total);
        families.chain(totals).chain([Self::Rest])
    }
}
