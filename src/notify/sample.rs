//! A mail of each kind about an invented user, to try out how mails arrive, are read and are sorted by rules. Pure. The
//! words and headers are those of real mails; nothing here is taken from the configuration but the recipient.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Digest, DigestLine, Facts, Kind, Matter, Notice,
    merge::Telling,
    message::instant,
    operator::{self, OperatorFacts, Silence, Unseen},
};
use crate::{
    diagnose::{Cause, Diagnosis, RankedCause, Reason},
    user::UserId,
};

const USER: &str = "sample-user";
const TENANT: &str = "sample";
const ZONE: &str = "SAMPLE01";

/// What a mail of `kind` for `recipient` would tell, had it been made at `now`.
#[must_use]
pub fn sample(kind: Kind, now: Timestamp, recipient: &str, host: &str) -> Vec<Telling> {
    let notice = Notice {
        id: format!("sample.{}", kind.as_str()),
        kind,
        recipient: recipient.to_owned(),
        created: now,
        matter: matter(kind, now, host),
    };
    vec![Telling::alone(notice)]
}

fn matter(kind: Kind, now: Timestamp, host: &str) -> Matter {
    let incident = |facts| Matter::Incident(Box::new(facts));
    let begun = |minutes, reason| facts(reason, ago(now, minutes), now, host);
    let facts = |reason| begun(1, reason);
    match kind {
        Kind::LockedOut => incident(facts(Reason::LockedOut)),
        Kind::Failing => incident(facts(Reason::CredentialRejected)),
        Kind::Changed => incident(Facts {
            turn: 2,
            before: Some(Reason::PermissionDenied),
            ..begun(47, Reason::LockedOut)
        }),
        Kind::Recovered => incident(Facts {
            turn: 2,
            found: Some(Reason::Ok),
            held: false,
            rejections: 0,
            rejections_of_username: 0,
            ..begun(130, Reason::LockedOut)
        }),
        Kind::ZoneUntrusted => incident(facts(Reason::ZoneUntrusted)),
        Kind::SecretUnreadable => incident(facts(Reason::SecretUnreadable)),
        Kind::Reminder => Matter::Digest(digest(now, host)),
        Kind::Store
        | Kind::AuthOutage
        | Kind::Outage
        | Kind::Blind
        | Kind::Unanswered
        | Kind::Undeliverable => Matter::Operator(operators(kind, now, host)),
    }
}

fn ago(now: Timestamp, minutes: i64) -> Timestamp {
    now - SignedDuration::from_mins(minutes)
}

/// Of the shape of a real one, and the same for all samples of a day: a rule that closes a ticket can be tried with a
/// failure and its recovery.
fn incident_id(now: Timestamp) -> String {
    format!("5a3b1e00{}", now.strftime("%Y%m%d"))
}

fn facts(reason: Reason, since: Timestamp, now: Timestamp, host: &str) -> Facts {
    let accepted = ago(since, 5);
    // A fault of the watching side costs no attempts.
    let refused = !reason.is_operators_alone();
    Facts {
        user: USER.to_owned(),
        username: "api-user@sample.example".to_owned(),
        tenant: TENANT.to_owned(),
        integration: Some("Sample integration".to_owned()),
        entity: "Companies".to_owned(),
        zone: Some(ZONE.to_owned()),
        incident: incident_id(now),
        turn: 1,
        since,
        first_since: None,
        reopened: 0,
        before: None,
        at: now,
        last_accepted: (reason != Reason::CredentialRejected).then_some(accepted),
        diagnosis: diagnosis(reason, accepted),
        found: None,
        dropped: false,
        rejections: if refused { 2 } else { 0 },
        rejections_of_username: if refused { 2 } else { 0 },
        last_attempt: refused.then_some(now),
        held: refused,
        next_attempt: match reason {
            Reason::LockedOut => Some(now + SignedDuration::from_hours(24)),
            _ if refused => None,
            _ => Some(now + SignedDuration::from_mins(5)),
        },
        read_at_start: false,
        host: host.to_owned(),
        from_address: refused.then(|| "192.0.2.10".to_owned()),
    }
}

fn diagnosis(reason: Reason, accepted: Timestamp) -> Diagnosis {
    let found = format!("The zone look-up finds the user in {ZONE}.");
    let refused = "The query was answered 401, which Autotask does not explain.".to_owned();
    let (evidence, causes) = match reason {
        Reason::LockedOut => (
            vec![found, refused],
            vec![
                cause(
                    Cause::LockedOut,
                    &[
                        &format!(
                            "This very credential was accepted at {}.",
                            instant(accepted)
                        ),
                        "It has not changed since, and the zone look-up still finds the user.",
                    ],
                ),
                cause(
                    Cause::SecretRegenerated,
                    &["A secret that is generated anew in Autotask takes effect at once."],
                ),
                cause(Cause::Deactivated, &[]),
                cause(
                    Cause::Expired,
                    &["Copies of the built-in API levels can lose their exemption from password expiry."],
                ),
            ],
        ),
        Reason::ZoneUntrusted => (
            vec![
                "The zone look-up names the host api.sample.example, which is not trusted: it is not in \
                 autotask.allowed_hosts."
                    .to_owned(),
            ],
            vec![cause(Cause::UntrustedZone, &[])],
        ),
        Reason::SecretUnreadable => (
            vec![
                found,
                "No attempt was made: the file /etc/lockwatch/secrets/sample-user cannot be read."
                    .to_owned(),
            ],
            vec![cause(Cause::UnreadableSecret, &[])],
        ),
        _ => (
            vec![found, refused],
            vec![
                cause(
                    Cause::OrdinaryUser,
                    &[
                        "This credential was never accepted, though the zone look-up finds the user.",
                    ],
                ),
                cause(Cause::SecurityLevel, &[]),
                cause(Cause::TrackingIdentifier, &[]),
                cause(Cause::WrongSecret, &[]),
                cause(Cause::Deactivated, &[]),
            ],
        ),
    };
    Diagnosis {
        causes,
        ..Diagnosis::new(reason, evidence)
    }
}

fn cause(cause: Cause, speaks_for: &[&str]) -> RankedCause {
    RankedCause {
        cause,
        speaks_for: speaks_for.iter().map(|text| (*text).to_owned()).collect(),
        speaks_against: Vec::new(),
    }
}

fn digest(now: Timestamp, host: &str) -> Digest {
    let line = |user: &str, reason, hours: i64, held| DigestLine {
        incident: if user == USER {
            incident_id(now)
        } else {
            format!("{}f", &incident_id(now)[..15])
        },
        user: user.to_owned(),
        tenant: TENANT.to_owned(),
        integration: Some("Sample integration".to_owned()),
        reason,
        since: ago(now, hours * 60),
        last_accepted: Some(ago(now, hours * 60 + 5)),
        held,
        next_attempt: Some(ago(now, if held { -8 * 60 } else { -4 })),
    };
    let lines = vec![
        line(USER, Reason::LockedOut, 40, true),
        line("sample-other", Reason::PermissionDenied, 26, false),
    ];
    Digest {
        id: "sample.reminder".to_owned(),
        users: lines.iter().map(|line| line.user.clone()).collect(),
        lines,
        at: now,
        every: Duration::from_hours(24),
        host: host.to_owned(),
    }
}

fn operators(kind: Kind, now: Timestamp, host: &str) -> OperatorFacts {
    let users: Vec<UserId> = ["sample-user", "sample-other", "sample-third"]
        .into_iter()
        .filter_map(|id| UserId::parse(id).ok())
        .collect();
    let tenants = [TENANT.to_owned()];
    let since = ago(now, 20);
    match kind {
        Kind::Store => operator::store_lost(
            "the store /var/lib/lockwatch/lockwatch.db cannot be written: its disk is full",
            "Free space on its disk.",
            since,
            now,
            host,
        ),
        Kind::AuthOutage => operator::auth_outage(ZONE, &tenants, &users, since, now, host),
        Kind::Unanswered if let Some(user) = users.first() => operator::unanswered(
            user,
            TENANT,
            Some(ZONE),
            4,
            now,
            now + SignedDuration::from_hours(6),
            host,
        ),
        Kind::Blind => {
            let unseen = |user: &UserId| Unseen {
                user: user.clone(),
                tenant: TENANT.to_owned(),
                since: ago(now, 75),
                why: "no answer in time".to_owned(),
            };
            let unseen: Vec<_> = users.iter().take(1).map(unseen).collect();
            operator::blind(&unseen, now, host)
        }
        Kind::Undeliverable => operator::undeliverable(
            "sample",
            "it@sample.example",
            "failed at step recipient: the server answered 550 5.1.1 no such user here",
            &[("locked_out".to_owned(), USER.to_owned())],
            now,
            host,
        ),
        _ => {
            let silence = Silence {
                reasons: vec![(Reason::Timeout, 2), (Reason::Outage, 1)],
                tenants: tenants.to_vec(),
                users,
                of: 3,
                everywhere: false,
            };
            operator::outage(Some(ZONE), &silence, since, now, host)
        }
    }
}
