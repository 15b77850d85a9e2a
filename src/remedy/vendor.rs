//! Users whose integration code only the vendor knows: what lockwatch cannot see of them, and how to see more. Pure.

use crate::user::Known;

use super::{Subject, integration};

/// Sentences for the page and for commands; empty where everything is checked.
#[must_use]
pub fn unseen(known: &Known, ctx: &Subject<'_>) -> Vec<String> {
    match known {
        Known::All { .. } => Vec::new(),
        Known::Secret(_) => vec![
            format!(
                "The integration code and what the user may read are not checked; only {} itself shows that they are right.",
                integration(ctx)
            ),
            "Once an hour the secret is sent with a placeholder for the code. It is not known whether Autotask counts the \
             answer as a failed login; an integration that logs in more often than that would end such a count. If it does \
             not, set verify_without_code = false."
                .to_owned(),
        ],
        Known::Nothing => vec![
            format!(
                "To learn whether the secret is good, set verify_without_code = true for {}. Once an hour the secret is then \
                 sent with a placeholder for the code. It is off by default, because it is not known whether Autotask counts \
                 the answer as a failed login.",
                ctx.user
            ),
            format!(
                "To have everything checked, ask the vendor of {} for the code; few give it out.",
                integration(ctx)
            ),
            format!(
                "To watch the API of {} at all, give lockwatch an API user of its own, with a Custom tracking identifier. It \
                 shows outages and rights of its own, not the state of this user.",
                ctx.tenant
            ),
        ],
    }
}
