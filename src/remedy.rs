//! What to do about each cause: words for a technician with two minutes. Pure. It neither judges (that is `diagnose`) nor
//! lays anything out (that is `notify::message` and the page).
//!
//! Steps come in the order in which they work: ask a full administrator, change Autotask, then the integration, then
//! lockwatch. Menu paths are Autotask's own.

mod refused;
mod vendor;

use crate::diagnose::{Cause, Reason};

pub use vendor::unseen;

/// Whom the steps are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The configured id.
    pub user: &'a str,
    /// The login.
    pub username: &'a str,
    /// The Autotask database.
    pub tenant: &'a str,
    /// What depends on the user, if told.
    pub integration: Option<&'a str>,
    /// The entity that the query probe reads.
    pub entity: &'a str,
    /// The credential is read once, when lockwatch starts.
    pub read_at_start: bool,
}

/// What to do about one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The cause as a short sentence without a full stop.
    pub title: String,
    /// In this order.
    pub steps: Vec<String>,
}

/// What is wrong, in a few words that fit after "FAILING id:".
#[must_use]
pub fn reason_title(reason: Reason) -> &'static str {
    match reason {
        Reason::Ok => "works",
        Reason::Suspected => "failed once, not yet confirmed",
        Reason::UnknownUser => "username not known to Autotask",
        Reason::CredentialRejected => "credential rejected",
        Reason::LockedOut => "refused, most likely locked out",
        Reason::IntegrationCodeInvalid => "integration code refused",
        Reason::PermissionDenied => "permission missing",
        Reason::ApiRefused => "request refused by Autotask",
        Reason::ZoneUntrusted => "zone on a host that is not allowed",
        Reason::SecretUnreadable => "secret cannot be read",
        Reason::Activating => "refused, but new and perhaps not active yet",
        Reason::RateLimited => "too many requests",
        Reason::Maintenance => "Autotask shows a maintenance page",
        Reason::Outage => "Autotask answers with server errors",
        Reason::UnexpectedAnswer => "answer of an unexpected shape",
        Reason::Timeout => "no answer in time",
        Reason::Dns => "host name does not resolve",
        Reason::Connect => "no connection",
        Reason::Tls => "no secure connection",
        Reason::NeverChecked => "not checked yet",
        Reason::AuthOutage => "Autotask refuses many users at once",
        Reason::ZoneOnly => "zone found; the vendor holds the code, so nothing else is known",
        Reason::CodeUnverified => {
            "credential good; the vendor holds the code, so it is not checked"
        }
    }
}

/// What to do about `cause`.
#[must_use]
pub fn remedy(cause: Cause, ctx: &Subject<'_>) -> Remedy {
    let (title, steps) = match cause {
        Cause::OrdinaryUser => refused::ordinary_user(ctx),
        Cause::SecurityLevel => refused::security_level(ctx),
        Cause::TrackingIdentifier => refused::tracking_identifier(ctx),
        Cause::WrongSecret => refused::wrong_secret(ctx),
        Cause::NewSecret => refused::new_secret(ctx),
        Cause::Deactivated => refused::deactivated(ctx),
        Cause::LockedOut => refused::locked_out(ctx),
        Cause::SecretRegenerated => refused::secret_regenerated(ctx),
        Cause::Expired => refused::expired(ctx),
        Cause::UsernameUnknown => username_unknown(ctx),
        Cause::WrongIntegrationCode => wrong_integration_code(ctx),
        Cause::MissingPermission => missing_permission(ctx),
        Cause::ApiRefusal => api_refusal(ctx),
        Cause::UntrustedZone => untrusted_zone(ctx),
        Cause::UnreadableSecret => unreadable_secret(ctx),
    };
    Remedy {
        title: title.to_owned(),
        steps,
    }
}

type Words = (&'static str, Vec<String>);

fn integration<'a>(ctx: &Subject<'a>) -> &'a str {
    ctx.integration.unwrap_or("the integration")
}

/// The way to the API user, the beginning of nearly every remedy.
fn open_user(ctx: &Subject<'_>) -> String {
    ask_to_open_user("Ask", ctx)
}

fn ask_to_open_user(ask: &str, ctx: &Subject<'_>) -> String {
    format!(
        "{ask} a full administrator of {} to open Admin > Resources (Users) and to edit the API user {}",
        ctx.tenant, ctx.username
    )
}

fn retry(ctx: &Subject<'_>) -> String {
    format!("Tell lockwatch: lockwatch retry {}", ctx.user)
}

/// Where a new secret must go. lockwatch is last, so that its green light means that all of them have it.
fn hand_out_secret(ctx: &Subject<'_>) -> Vec<String> {
    vec![
        format!(
            "Enter the new secret in {}, and in every other program that uses this API user.",
            integration(ctx)
        ),
        format!(
            "Put it where lockwatch reads the secret of {}. {}",
            ctx.user,
            if ctx.read_at_start {
                "Restart lockwatch, which reads it only when it starts; it tries the new one once, unless it tried three others within 24 h."
            } else {
                "lockwatch notices the change and tries it once, unless it tried three others within 24 h."
            }
        ),
    ]
}

fn username_unknown(ctx: &Subject<'_>) -> Words {
    (
        "The username is misspelt, or was renamed or deleted",
        vec![
            format!(
                "Ask a full administrator of {} to look for {} in Admin > Resources (Users), inactive users included, and \
                 to compare the key letter by letter.",
                ctx.tenant, ctx.username
            ),
            "If it is gone, make a new one: the arrow beside New > New API User, then Generate Key and Generate Secret."
                .to_owned(),
            format!("Enter the key (and secret) in {}.", integration(ctx)),
            format!(
                "Correct username and secret of {} in lockwatch's configuration.",
                ctx.user
            ),
        ],
    )
}

fn wrong_integration_code(ctx: &Subject<'_>) -> Words {
    (
        "The integration code is not the one of its tracking identifier",
        vec![
            format!(
                "{}, and to read the API Tracking Identifier. With Custom the code is shown there; with an Integration \
                 Vendor only the vendor knows it.",
                open_user(ctx)
            ),
            "If the identifier is another integration's, choose the right one and save.".to_owned(),
            format!(
                "See that {} sends exactly this code; with a vendor's identifier it knows its own.",
                integration(ctx)
            ),
            format!(
                "Put the code where lockwatch reads the integration_code of {}. {}.",
                ctx.user,
                retry(ctx)
            ),
        ],
    )
}

fn missing_permission(ctx: &Subject<'_>) -> Words {
    (
        "Its security level does not let it read what it must",
        vec![
            format!(
                "{}, and to note its Security Level. The credential itself is good.",
                open_user(ctx)
            ),
            format!(
                "In Admin > Resources > Security Levels give that level the right to read {}, or give the user the level \
                 \"API User (system) (API-only)\", which has every right.",
                ctx.entity
            ),
            format!("Let {} run once and see that it works.", integration(ctx)),
            format!(
                "lockwatch sees the change at its next check. If this user is not meant to read {}, set another entity for \
                 {} in its configuration.",
                ctx.entity, ctx.user
            ),
        ],
    )
}

fn api_refusal(ctx: &Subject<'_>) -> Words {
    (
        "Autotask refuses the request for a reason of its own",
        vec![
            format!(
                "Show the texts above to a full administrator of {}; they are Autotask's own words.",
                ctx.tenant
            ),
            "If they mean nothing to anyone, ask Autotask support, with the time and the username."
                .to_owned(),
            format!("See whether {} is refused too.", integration(ctx)),
            "lockwatch sees the change at its next check.".to_owned(),
        ],
    )
}

fn untrusted_zone(ctx: &Subject<'_>) -> Words {
    (
        "The zone look-up names a host that credentials may not go to",
        vec![
            format!(
                "Ask a full administrator of {} whether Autotask announced a move to another host.",
                ctx.tenant
            ),
            "Nothing needs to change in Autotask.".to_owned(),
            format!(
                "See that {} looks its zone up, and does not hold the old host.",
                integration(ctx)
            ),
            "Only if the host is Autotask's: add it to autotask.allowed_hosts in lockwatch's configuration. If it is not, \
             something between lockwatch and Autotask changes answers."
                .to_owned(),
        ],
    )
}

fn unreadable_secret(ctx: &Subject<'_>) -> Words {
    (
        "lockwatch cannot read the secret",
        vec![
            "Nothing is known to be wrong in Autotask or in the integration.".to_owned(),
            format!(
                "On lockwatch's host, as the user it runs as, see that the sources of secret and integration_code of {} \
                 exist, can be read and are not empty.",
                ctx.user
            ),
            "Run lockwatch validate there. lockwatch reads the source again at its next check."
                .to_owned(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Cause; 15] = [
        Cause::OrdinaryUser,
        Cause::SecurityLevel,
        Cause::TrackingIdentifier,
        Cause::WrongSecret,
        Cause::NewSecret,
        Cause::Deactivated,
        Cause::LockedOut,
        Cause::SecretRegenerated,
        Cause::Expired,
        Cause::UsernameUnknown,
        Cause::WrongIntegrationCode,
        Cause::MissingPermission,
        Cause::ApiRefusal,
        Cause::UntrustedZone,
        Cause::UnreadableSecret,
    ];

    fn ctx() -> Subject<'static> {
        Subject {
            user: "acme-email2at",
            username: "k3jx7q@acme.example",
            tenant: "acme",
            integration: None,
            entity: "Companies",
            read_at_start: false,
        }
    }

    #[test]
    fn every_cause_has_a_title_of_its_own_and_ends_with_lockwatch() {
        let mut titles = Vec::new();
        for cause in EVERY {
            let Remedy { title, steps } = remedy(cause, &ctx());
            assert!(!titles.contains(&title), "{cause:?}: {title}");
            titles.push(title);
            assert!((3..=5).contains(&steps.len()), "{cause:?}: {}", steps.len());
            for step in &steps {
                assert!(
                    step.ends_with(['.', '?']) || step.contains("lockwatch retry"),
                    "{cause:?}: {step}"
                );
            }
            let last = steps.last().unwrap();
            assert!(last.contains("lockwatch"), "{cause:?}: {last}");
        }
    }

    #[test]
    fn a_locked_account_is_unlocked_by_an_administrator_before_anyone_tells_lockwatch() {
        let steps = remedy(Cause::LockedOut, &ctx()).steps.join("\n");
        let order = [
            "full administrator of acme",
            "k3jx7q@acme.example",
            "IP address",
            "Security tab clear Locked",
            "the integration",
            "lockwatch retry acme-email2at",
        ];
        let mut from = 0;
        for words in order {
            let found = steps[from..].find(words);
            assert!(
                found.is_some(),
                "{words:?} is missing or out of order in\n{steps}"
            );
            from += found.unwrap();
        }
    }

    #[test]
    fn the_integration_is_named_where_it_is_known() {
        let named = Subject {
            integration: Some("Email2AT"),
            ..ctx()
        };
        for cause in EVERY {
            let steps = remedy(cause, &named).steps.join("\n");
            assert!(
                steps.contains("Email2AT") || cause == Cause::UnreadableSecret,
                "{cause:?}: {steps}"
            );
        }
    }

    #[test]
    fn where_the_secret_is_read_at_the_start_a_new_one_wants_a_restart() {
        let steps = |read_at_start| {
            let subject = Subject {
                read_at_start,
                ..ctx()
            };
            remedy(Cause::WrongSecret, &subject).steps.join("\n")
        };
        assert!(steps(true).contains("Restart lockwatch"), "{}", steps(true));
        assert!(!steps(false).contains("Restart"), "{}", steps(false));
    }
}
