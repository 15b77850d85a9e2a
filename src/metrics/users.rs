//! Metric families of users and zones, projected from the board. Pure: entries in, one family out.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use prometheus::proto::MetricFamily;

use super::samples::Samples;
use crate::{
    board::{Entry, STATES},
    record::ProbeRecord,
    user::Known,
};

/// One family: its name, its HELP, and how its samples come from the board.
pub struct Family {
    name: &'static str,
    help: &'static str,
    samples: fn(&[Arc<Entry>], &mut Samples),
}

impl Family {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The family for these users, with its samples in place of what was there.
    pub fn project<'a>(
        &self,
        entries: &[Arc<Entry>],
        samples: &'a mut Samples,
    ) -> &'a MetricFamily {
        samples.begin(self.name, self.help);
        (self.samples)(entries, samples);
        samples.family()
    }
}

/// Those that have samples of each user by itself, so that they can be made of some users after the others.
pub static FAMILIES: [Family; 15] = [
    Family {
        name: "autotask_user_up",
        help: "1 healthy, 0 failing or locked out; the last known value while unclear; absent while zone_only, for then it is not known. Probing runs on lockwatch's own schedule, not at scrape time, because every scrape would spend attempts.",
        samples: |entries, out| each(entries, out, |entry| entry.record.state.up.map(number)),
    },
    Family {
        name: "autotask_user_state",
        help: "The state that is 1 is the user's; the others are 0.",
        samples: |entries, out| {
            for entry in entries {
                for state in STATES {
                    let labels = [("user", entry.user.id.as_str()), ("state", state)];
                    out.push(&labels, number(entry.state() == state));
                }
            }
        },
    },
    Family {
        name: "autotask_user_info",
        help: "Always 1; what is known of the user. The username itself is not shown, only a keyed hash.",
        samples: |entries, out| {
            for entry in entries {
                let zone = entry.record.zone.as_ref();
                let labels = [
                    ("user", entry.user.id.as_str()),
                    ("tenant", &entry.user.tenant),
                    (
                        "integration",
                        entry.user.integration.as_deref().unwrap_or_default(),
                    ),
                    ("autotask_zone", zone.map_or("", |zone| &zone.name)),
                    ("username_hash", &entry.username_hash),
                ];
                out.push(&labels, 1.0);
            }
        },
    },
    Family {
        name: "autotask_user_failure",
        help: "1 while an incident is open, with its reason; absent otherwise.",
        samples: |entries, out| {
            for entry in entries {
                if let Some(incident) = entry.record.state.incident() {
                    let reason = incident.diagnosis.reason.as_str();
                    let labels = [("user", entry.user.id.as_str()), ("reason", reason)];
                    out.push(&labels, 1.0);
                }
            }
        },
    },
    Family {
        name: "autotask_user_failing_since_timestamp_seconds",
        help: "While an incident is open: when its failure was first seen; absent otherwise.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                let incident = entry.record.state.incident()?;
                Some(seconds(Some(incident.since)))
            })
        },
    },
    Family {
        name: "autotask_user_reason",
        help: "Always 1, with the reason of the user's state, be it failing or not.",
        samples: |entries, out| {
            for entry in entries {
                let reason = entry.record.state.reason.as_str();
                let labels = [("user", entry.user.id.as_str()), ("reason", reason)];
                out.push(&labels, 1.0);
            }
        },
    },
    Family {
        name: "autotask_user_rejections",
        help: "Rejections in a row of the present credential, by lockwatch's own attempts.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                presented(entry).then(|| f64::from(entry.record.budget.rejections))
            })
        },
    },
    Family {
        name: "autotask_user_attempts_left",
        help: "Rejections that may still be risked before the credential is held.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                presented(entry).then(|| f64::from(entry.record.budget.attempts_left))
            })
        },
    },
    Family {
        name: "autotask_user_held",
        help: "1 while the credential is held: it is not presented again until it changes, an operator retries, or the hold is over.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                presented(entry).then(|| number(entry.record.budget.held.is_some()))
            })
        },
    },
    Family {
        name: "autotask_user_last_check_timestamp_seconds",
        help: "When the user was last checked; 0 never.",
        samples: |entries, out| each(entries, out, |entry| Some(seconds(entry.record.last_check))),
    },
    Family {
        name: "autotask_user_last_accepted_timestamp_seconds",
        help: "When the user's query was last accepted; 0 never.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                Some(seconds(entry.record.last_accepted))
            })
        },
    },
    Family {
        name: "autotask_user_next_check_timestamp_seconds",
        help: "When the user is checked next.",
        samples: |entries, out| each(entries, out, |entry| Some(seconds(Some(entry.due)))),
    },
    Family {
        name: "autotask_user_credential_changed_timestamp_seconds",
        help: "When a credential of the user was first presented in place of another; 0 never.",
        samples: |entries, out| {
            each(entries, out, |entry| {
                presented(entry).then(|| seconds(entry.record.budget.changed_at))
            })
        },
    },
    Family {
        name: "autotask_probe_success",
        help: "Whether the user's last probe found what it asks for: zone found; query accepted, or with a placeholder for the code only the code refused.",
        samples: |entries, out| {
            probes(entries, out, |probe| {
                number(probe.is_some_and(|probe| probe.success))
            })
        },
    },
    Family {
        name: "autotask_probe_duration_seconds",
        help: "Time the user's last probe took; 0 before the first.",
        samples: |entries, out| {
            probes(entries, out, |probe| {
                probe.map_or(0.0, |probe| probe.took.as_secs_f64())
            })
        },
    },
];

/// Those that have samples of all users together.
pub static TOTALS: [Family; 3] = [
    Family {
        name: "autotask_zone_reachable",
        help: "0 when the last query of every user of the zone had no answer, or only an outage for one; else 1.",
        samples: zones,
    },
    Family {
        name: "lockwatch_users",
        help: "Users that are watched.",
        samples: |entries, out| {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52 users")]
            out.push(&[], entries.len() as f64);
        },
    },
    Family {
        name: "lockwatch_incidents_open",
        help: "Incidents that are open.",
        samples: |entries, out| {
            let open = entries
                .iter()
                .filter(|entry| entry.record.state.incident().is_some())
                .count();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52 users")]
            out.push(&[], open as f64);
        },
    },
];

fn each(entries: &[Arc<Entry>], out: &mut Samples, value: fn(&Entry) -> Option<f64>) {
    for entry in entries {
        if let Some(value) = value(entry) {
            out.push(&[("user", entry.user.id.as_str())], value);
        }
    }
}

fn probes(entries: &[Arc<Entry>], out: &mut Samples, value: fn(Option<&ProbeRecord>) -> f64) {
    for entry in entries {
        for (probe, record) in [
            ("zone", &entry.record.zone_probe),
            ("query", &entry.record.query_probe),
        ] {
            if probe == "query" && !presented(entry) {
                continue;
            }
            let labels = [("user", entry.user.id.as_str()), ("probe", probe)];
            out.push(&labels, value(record.as_ref()));
        }
    }
}

/// Whether the user's credential is ever presented. Where it is not, there is nothing to count, and 0 would be a lie.
fn presented(entry: &Entry) -> bool {
    !matches!(entry.user.known, Known::Nothing)
}

fn zones(entries: &[Arc<Entry>], out: &mut Samples) {
    let mut reachable: BTreeMap<&str, bool> = BTreeMap::new();
    for entry in entries {
        let (Some(zone), Some(query)) = (&entry.record.zone, &entry.record.query_probe) else {
            continue;
        };
        let answered = !matches!(
            query.outcome.as_str(),
            "timeout" | "dns" | "connect" | "tls" | "outage"
        );
        *reachable.entry(&zone.name).or_default() |= answered;
    }
    for (zone, answered) in reachable {
        out.push(&[("autotask_zone", zone)], number(answered));
    }
}

fn number(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

/// Prometheus counts seconds; what never happened is 0.
fn seconds(at: Option<Timestamp>) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit into 52 bits"
    )]
    at.map_or(0.0, |at| at.as_millisecond() as f64 / 1000.0)
}
