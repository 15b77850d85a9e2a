//! Whether a zone answers a request without a credential. After an attempt without a clear answer, every user of the zone
//! wants to know: one request tells all who ask while it is under way, so that a zone that hangs costs one of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as Lock, PoisonError},
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    autotask::client::Client,
    observation::{Unclear, Zone},
    probe::slots::Slots,
};

/// When the last answer came, and what it was.
type Last = Option<(Instant, Result<(), Unclear>)>;

/// The zones that were asked. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<Lock<HashMap<String, Arc<Mutex<Last>>>>>);

impl Gates {
    /// Asks the zone, or waits for the answer to somebody else's question.
    ///
    /// # Errors
    /// What was there instead of an answer.
    pub async fn ask(&self, client: &Client, slots: &Slots, zone: &Zone) -> Result<(), Unclear> {
        let asked = Instant::now();
        let gate = self.of(zone);
        let mut last = gate.lock().await;
        if let Some((at, answer)) = &*last
            && *at >= asked
        {
            return answer.clone();
        }
        let _slot = slots.request(&zone.api).await;
        let answer = client.answers(zone).await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    fn of(&self, zone: &Zone) -> Arc<Mutex<Last>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(zone.api.to_string()).or_default())
    }
}
