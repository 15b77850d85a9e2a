//! What of everything owed to one recipient becomes one mail, and what waits.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that something is wrong"
)]

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use lockwatch::{
    diagnose::{Diagnosis, Reason},
    notify::{
        Digest, DigestLine, Facts, Kind, Matter, Notice,
        merge::{Gathering, Given, Mailed, Plan, plan},
        operator::store_lost,
        owed::operator_notices,
    },
};

fn at(minutes: u64) -> Timestamp {
    let start: Timestamp = "2026-11-21T14:00:00Z".parse().unwrap();
    start + Duration::from_mins(minutes)
}

/// `acme-1.2`: turn 2 of the incident of user `acme-1`, of tenant `acme`, made `turn` minutes after it began.
fn turn(id: &str, kind: Kind) -> Notice {
    let (user, turn) = id.split_once('.').unwrap();
    let turn: u32 = turn.parse().unwrap();
    let reason = Reason::CredentialRejected;
    Notice {
        id: id.to_owned(),
        kind,
        recipient: "it@acme.example".to_owned(),
        created: at(turn.into()),
        matter: Matter::Incident(Box::new(Facts {
            user: user.to_owned(),
            username: format!("{user}@acme.example"),
            tenant: user.split('-').next().unwrap().to_owned(),
            integration: None,
            entity: "Companies".to_owned(),
            zone: None,
            incident: user.to_owned(),
            turn,
            since: at(0),
            first_since: None,
            reopened: 0,
            before: None,
            at: at(turn.into()),
            last_accepted: None,
            diagnosis: Diagnosis::new(reason, Vec::new()),
            found: None,
            dropped: false,
            rejections: 2,
            rejections_of_username: 2,
            last_attempt: None,
            held: false,
            next_attempt: None,
            read_at_start: false,
            host: "mon1".to_owned(),
            from_address: None,
        })),
    }
}

fn reminder(incidents: &[&str]) -> Notice {
    let line = |incident: &&str| DigestLine {
        incident: (*incident).to_owned(),
        user: (*incident).to_owned(),
        tenant: "acme".to_owned(),
        integration: None,
        reason: Reason::LockedOut,
        since: at(0),
        last_accepted: None,
        held: true,
        next_attempt: None,
    };
    let digest = Digest {
        id: "reminder".to_owned(),
        lines: incidents.iter().map(line).collect(),
        users: incidents.iter().map(ToString::to_string).collect(),
        at: at(1),
        every: Duration::from_hours(24),
        host: "mon1".to_owned(),
    };
    Notice {
        id: "reminder".to_owned(),
        kind: Kind::Reminder,
        recipient: "it@acme.example".to_owned(),
        created: at(1),
        matter: Matter::Digest(digest),
    }
}

fn matter() -> Notice {
    let facts = store_lost("full", "Make room.", at(0), at(1), "mon1");
    Notice {
        id: "store".to_owned(),
        ..operator_notices(&facts, None).remove(0)
    }
}

/// `told: a.2(1 merged); later: b.1 until 14:06; void: …`
fn shown(plan: &Plan) -> String {
    let mut parts = Vec::new();
    let mut told: Vec<String> = plan
        .tellings
        .iter()
        .map(|telling| {
            let merged = match telling.merged.len() {
                0 => String::new(),
                n => format!(" with {n}"),
            };
            let last = telling.last_until.map_or(String::new(), |until| {
                format!(" last until {}", until.strftime("%d %R"))
            });
            let lines = match &telling.notice.matter {
                Matter::Digest(digest) => format!(" of {}", digest.users.join("+")),
                _ => String::new(),
            };
            format!("{}{lines}{merged}{last}", telling.notice.id)
        })
        .collect();
    told.sort();
    let mut settled = plan.settled.clone();
    settled.sort();
    parts.push(told.join(", "));
    parts.push(settled.join(" "));
    let mut later: Vec<String> = plan
        .later
        .iter()
        .map(|(id, until)| format!("{id} until {}", until.strftime("%d %R")))
        .collect();
    later.extend(
        plan.held_back
            .iter()
            .map(|(id, until)| format!("{id} held back until {}", until.strftime("%d %R"))),
    );
    later.sort();
    parts.push(later.join(", "));
    parts.push(plan.void.join(" "));
    parts.join(" | ")
}

fn planned(owed: Vec<Notice>, given: &Given) -> String {
    shown(&plan(owed, given, at(5)))
}

#[test]
fn notices_of_one_incident_are_merged_into_the_last() {
    let opened = turn("acme-1.1", Kind::Failing);
    let changed = turn("acme-1.2", Kind::Changed);
    let over = turn("acme-1.3", Kind::Recovered);
    let other = turn("acme-2.1", Kind::Failing);
    let given = Given::default();
    assert_eq!(planned(vec![], &given), " |  |  | ");
    assert_eq!(
        planned(vec![opened.clone()], &given),
        "acme-1.1 | acme-1.1 |  | "
    );
    // In whatever order they come.
    assert_eq!(
        planned(vec![changed.clone(), other.clone(), opened.clone()], &given),
        "acme-1.2 with 1, acme-2.1 | acme-1.1 acme-1.2 acme-2.1 |  | "
    );
    let plan = plan(vec![over, opened, changed], &given, at(5));
    assert_eq!(
        plan.tellings[0].merged,
        [(Kind::Failing, at(1)), (Kind::Changed, at(2))]
    );
}

#[test]
fn an_incident_has_six_mails_a_day() {
    let given = |mails| Given {
        mailed: HashMap::from([(
            "acme-1".to_owned(),
            Mailed {
                mails,
                oldest: at(1),
            },
        )]),
        ..Given::default()
    };
    let owed = || {
        vec![
            turn("acme-1.7", Kind::LockedOut),
            turn("acme-1.8", Kind::Recovered),
            turn("acme-2.1", Kind::Failing),
            matter(),
        ]
    };
    let free = "acme-1.8 with 1, acme-2.1, store | acme-1.7 acme-1.8 acme-2.1 store |  | ";
    assert_eq!(planned(owed(), &given(4)), free);
    assert_eq!(
        planned(owed(), &given(5)),
        free.replace("with 1", "with 1 last until 22 14:01")
    );
    assert_eq!(
        planned(owed(), &given(6)),
        "acme-2.1, store | acme-2.1 store | acme-1.7 held back until 22 14:01, acme-1.8 held back until 22 14:01 | ",
        "others do not wait for it"
    );
}

#[test]
fn many_of_a_tenant_are_gathered_and_whoever_recovered_is_not_waited_for() {
    let gathering = |first, wait| Given {
        gathering: HashMap::from([(
            "acme".to_owned(),
            Gathering {
                first,
                wait: Duration::from_mins(wait),
            },
        )]),
        ..Given::default()
    };
    let owed = || {
        vec![
            turn("acme-1.1", Kind::Failing),
            turn("acme-2.1", Kind::LockedOut),
            turn("acme-3.1", Kind::Failing),
            turn("acme-3.2", Kind::Recovered),
            turn("beta-1.1", Kind::Failing),
        ]
    };
    assert_eq!(
        planned(owed(), &gathering(at(0), 7)),
        "acme-3.2 with 1, beta-1.1 | acme-3.1 acme-3.2 beta-1.1 | acme-1.1 until 21 14:07, acme-2.1 until 21 14:07 | "
    );
    let all = "acme-1.1, acme-2.1, acme-3.2 with 1, beta-1.1 | acme-1.1 acme-2.1 acme-3.1 acme-3.2 beta-1.1 |  | ";
    assert_eq!(planned(owed(), &gathering(at(0), 5)), all, "long enough");
    // However long others go on to fail, the first that is owed is not put off again.
    assert_eq!(planned(owed(), &gathering(at(4), 5)), all);
}

#[test]
fn a_reminder_leaves_out_what_has_words_of_its_own() {
    let given = Given::default();
    let over = turn("acme-1.2", Kind::Recovered);
    assert_eq!(
        planned(vec![reminder(&["acme-1", "acme-2"]), over.clone()], &given),
        "acme-1.2, reminder of acme-2 | acme-1.2 reminder |  | "
    );
    assert_eq!(
        planned(vec![reminder(&["acme-1"]), over.clone()], &given),
        "acme-1.2 | acme-1.2 |  | reminder"
    );
    let known = Given {
        over: ["acme-1".to_owned()].into(),
        ..Given::default()
    };
    assert_eq!(
        planned(vec![reminder(&["acme-1", "acme-2"])], &known),
        "reminder of acme-2 | reminder |  | ",
        "what was over before"
    );
    let full = Given {
        mailed: HashMap::from([(
            "acme-1".to_owned(),
            Mailed {
                mails: 6,
                oldest: at(1),
            },
        )]),
        ..Given::default()
    };
    assert_eq!(
        planned(vec![reminder(&["acme-1"]), over], &full),
        "reminder of acme-1 | reminder | acme-1.2 held back until 22 14:01 | ",
        "what waits is still open, as far as is known here"
    );
}

#[test]
fn a_mail_has_an_end() {
    let owed: Vec<_> = (0..450)
        .map(|n| turn(&format!("acme-{n}.1"), Kind::Failing))
        .collect();
    let plan = plan(owed, &Given::default(), at(5));
    assert_eq!(plan.tellings.len(), 200);
    assert_eq!(plan.settled.len(), 200);
    assert_eq!(plan.later.len(), 250);
    assert!(plan.later.iter().all(|(_, until)| *until == at(5)));
}
