//! Why, and what to do: the likeliest cause with its steps first, the others at the end. What was said of one user of a
//! tenant is not said again of the next. Pure.

use crate::{
    diagnose::{Cause, Reason},
    notify::Facts,
    remedy::{self, Subject},
};

use super::{
    layout::Block,
    phrase::{lines, one_line},
};

/// What was said in a mail already.
#[derive(Default)]
pub(super) struct Said {
    advice: Vec<Advice>,
}

struct Advice {
    user: String,
    tenant: String,
    reason: Reason,
    causes: Vec<Cause>,
}

impl Said {
    /// Notes that the steps for this user are in the mail.
    pub(super) fn note(&mut self, facts: &Facts) {
        self.advice.push(Advice {
            user: one_line(&facts.user),
            tenant: facts.tenant.clone(),
            reason: facts.diagnosis.reason,
            causes: causes(facts),
        });
    }

    /// A sentence in place of causes and steps, where they are the same as of another user of the tenant.
    pub(super) fn as_before(&self, facts: &Facts) -> Option<String> {
        let like = self
            .like(facts)
            .find(|advice| advice.tenant == facts.tenant)?;
        Some(format!("What to do: as for {} above.", like.user))
    }

    /// The same where the other user may be of another tenant.
    pub(super) fn as_elsewhere(&self, facts: &Facts) -> Option<String> {
        self.as_before(facts).or_else(|| {
            let like = self.like(facts).next()?;
            let tenant = one_line(&facts.tenant);
            Some(format!(
                "What to do: as for {} above, with an administrator of {tenant}.",
                like.user
            ))
        })
    }

    fn like<'a>(&'a self, facts: &Facts) -> impl Iterator<Item = &'a Advice> {
        let (reason, causes) = (facts.diagnosis.reason, causes(facts));
        self.advice
            .iter()
            .filter(move |advice| advice.reason == reason && advice.causes == causes)
    }
}

fn causes(facts: &Facts) -> Vec<Cause> {
    let ranked = facts.diagnosis.causes.iter();
    ranked.map(|ranked| ranked.cause).collect()
}

/// The likeliest cause with its steps, and the names of the others.
pub(super) fn likeliest(facts: &Facts) -> Vec<Block> {
    let mut all = all(facts).into_iter();
    let Some(first) = all.next() else {
        return Vec::new();
    };
    let others: Vec<String> = (2..)
        .zip(all)
        .map(|(rank, cause)| format!("{rank}. {}", cause.title))
        .collect();
    // Only what was seen or said is more than likely.
    let diagnosis = &facts.diagnosis;
    let lead = if diagnosis.certain || diagnosis.reason.is_operators_alone() {
        "What is wrong"
    } else {
        "Most likely"
    };
    let mut blocks = vec![first.steps(&format!("{lead}:"))];
    if !others.is_empty() {
        blocks.push(Block::Says(format!(
            "If it is not that (steps further below): {}.",
            others.join("; ")
        )));
    }
    blocks
}

/// The other causes with their steps.
pub(super) fn others(facts: &Facts) -> Vec<Block> {
    let others = all(facts).into_iter().skip(1);
    (2..)
        .zip(others)
        .map(|(rank, cause)| cause.steps(&format!("{rank}.")))
        .collect()
}

struct Advised {
    title: String,
    why: Vec<String>,
    steps: Vec<String>,
}

impl Advised {
    fn steps(self, lead: &str) -> Block {
        Block::Steps {
            title: format!("{lead} {}", self.title),
            why: self.why,
            steps: self.steps,
        }
    }
}

fn all(facts: &Facts) -> Vec<Advised> {
    let subject = Subject {
        user: &facts.user,
        username: &facts.username,
        tenant: &facts.tenant,
        integration: facts.integration.as_deref(),
        entity: &facts.entity,
        read_at_start: facts.read_at_start,
    };
    let ranked = facts.diagnosis.causes.iter();
    ranked
        .map(|ranked| {
            let remedy = remedy::remedy(ranked.cause, &subject);
            let speaks = |lead: &str, texts: &[String]| -> Vec<String> {
                texts
                    .iter()
                    .map(|text| format!("{lead}: {}", one_line(text)))
                    .collect()
            };
            let mut why = speaks("For", &ranked.speaks_for);
            why.extend(speaks("Against", &ranked.speaks_against));
            Advised {
                title: one_line(&remedy.title),
                why,
                steps: lines(&remedy.steps),
            }
        })
        .collect()
}
