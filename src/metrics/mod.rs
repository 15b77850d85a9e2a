//! `/metrics`: families of users are projected from the board (`users`, pure), the rest are counters that live here. `text`
//! encodes both. The registry is our own.

pub mod samples;
mod text;
pub mod users;

use jiff::Timestamp;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry,
    process_collector::ProcessCollector,
};

use crate::{
    notify::Kind,
    observation::{Probed, QueryFinding, ZoneFinding},
    store::mails::Waiting,
};

const UNCLEAR_OUTCOMES: [&str; 8] = [
    "timeout",
    "dns",
    "connect",
    "tls",
    "outage",
    "maintenance",
    "rate_limited",
    "unexpected_answer",
];
const ZONE_OUTCOMES: [&str; 3] = ["found", "unknown_user", "zone_untrusted"];
const QUERY_OUTCOMES: [&str; 6] = [
    "accepted",
    "rejected",
    "locked",
    "integration_code_invalid",
    "permission_denied",
    "api_refused",
];
/// What can become of a notice.
pub const NOTICE_OUTCOMES: [&str; 4] = ["owed", "sent", "undeliverable", "not_configured"];
const SECONDS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0];
const LAG: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Counters and gauges that are not projections of the board.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    probes: IntCounterVec,
    latency: HistogramVec,
    lag: Histogram,
    notices: IntCounterVec,
    store_usable: IntGauge,
    outbox_pending: IntGauge,
    outbox_oldest: IntGauge,
    outbox_dead: IntGauge,
    reload_ok: IntGauge,
    reload_at: IntGauge,
    last_turn: IntGauge,
    config_hash: GaugeVec,
    /// Checks that run now.
    pub in_flight: IntGauge,
}

impl Metrics {
    /// Every series present from the first scrape.
    ///
    /// # Errors
    /// When two metrics share a name: a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let probes = IntCounterVec::new(
            Opts::new(
                "autotask_probes_total",
                "Probes made, by outcome. They run on lockwatch's own schedule, not at scrape time: each query probe spends one attempt.",
            ),
            &["probe", "outcome"],
        )?;
        let latency = HistogramVec::new(
            HistogramOpts::new(
                "autotask_probe_latency_seconds",
                "Time a probe took, for all users.",
            )
            .buckets(SECONDS.into()),
            &["probe"],
        )?;
        let lag = Histogram::with_opts(
            HistogramOpts::new(
                "lockwatch_schedule_lag_seconds",
                "How late a check began after it was due.",
            )
            .buckets(LAG.into()),
        )?;
        let notices = IntCounterVec::new(
            Opts::new(
                "lockwatch_notices_total",
                "Notices by kind: owed when made; then sent, undeliverable, or not_configured without [email].",
            ),
            &["kind", "outcome"],
        )?;
        let config_hash = GaugeVec::new(
            Opts::new(
                "lockwatch_config_hash",
                "Always 1; the label is the SHA-256 over the files of the running configuration.",
            ),
            &["sha256"],
        )?;
        let build = GaugeVec::new(
            Opts::new("lockwatch_build_info", "Always 1; what runs here."),
            &["version", "revision", "rustc"],
        )?;
        let own: [Box<dyn prometheus::core::Collector>; 6] = [
            Box::new(probes.clone()),
            Box::new(latency.clone()),
            Box::new(lag.clone()),
            Box::new(notices.clone()),
            Box::new(config_hash.clone()),
            Box::new(build.clone()),
        ];
        for collector in own {
            registry.register(collector)?;
        }
        build
            .with_label_values(&[
                env!("CARGO_PKG_VERSION"),
                env!("LOCKWATCH_REVISION"),
                env!("LOCKWATCH_RUSTC"),
            ])
            .set(1.0);
        for (probe, outcomes) in [("zone", &ZONE_OUTCOMES[..]), ("query", &QUERY_OUTCOMES[..])] {
            latency.with_label_values(&[probe]);
            for outcome in outcomes.iter().chain(&UNCLEAR_OUTCOMES) {
                probes.with_label_values(&[probe, outcome]);
            }
        }
        for kind in Kind::ALL {
            for outcome in NOTICE_OUTCOMES {
                notices.with_label_values(&[kind.as_str(), outcome]);
            }
        }
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self {
            in_flight: gauge("lockwatch_checks_in_flight", "Checks that run now.")?,
            store_usable: gauge(
                "lockwatch_store_usable",
                "1 while the store can be used, else 0: then no attempt is made, and only zones are looked up.",
            )?,
            outbox_pending: gauge(
                "lockwatch_outbox_pending",
                "Notices and mails that have not been sent yet.",
            )?,
            outbox_oldest: gauge(
                "lockwatch_outbox_oldest_timestamp_seconds",
                "When the oldest of them was made; 0 when there is none.",
            )?,
            outbox_dead: gauge(
                "lockwatch_outbox_dead",
                "Mails, and notices of which none was made, that will never arrive, of the last 30 days.",
            )?,
            reload_ok: gauge(
                "lockwatch_config_last_reload_successful",
                "1 when the last reading of the configuration was good, else 0.",
            )?,
            reload_at: gauge(
                "lockwatch_config_last_reload_success_timestamp_seconds",
                "When the running configuration was read.",
            )?,
            last_turn: gauge(
                "lockwatch_schedule_last_turn_timestamp_seconds",
                "When the scheduler last looked for users that are due; twice a second when all is well. 0 before the first time.",
            )?,
            registry,
            probes,
            latency,
            lag,
            notices,
            config_hash,
        })
    }

    /// Counts a zone probe.
    pub fn zone_probed(&self, probed: &Probed<ZoneFinding>) {
        self.probed("zone", probed.finding.as_str(), probed.took.as_secs_f64());
    }

    /// Counts a query probe.
    pub fn query_probed(&self, probed: &Probed<QueryFinding>) {
        self.probed("query", probed.finding.as_str(), probed.took.as_secs_f64());
    }

    fn probed(&self, probe: &str, outcome: &str, seconds: f64) {
        self.probes.with_label_values(&[probe, outcome]).inc();
        self.latency.with_label_values(&[probe]).observe(seconds);
    }

    /// How late a check began, in seconds.
    pub fn began(&self, late: f64) {
        self.lag.observe(late.max(0.0));
    }

    /// The scheduler came round.
    pub fn turned(&self, at: Timestamp) {
        self.last_turn.set(at.as_second());
    }

    /// Counts a notice; `outcome` is one of [`NOTICE_OUTCOMES`].
    pub fn noticed(&self, kind: &str, outcome: &str) {
        self.notices.with_label_values(&[kind, outcome]).inc();
    }

    /// Whether the store can be used.
    pub fn store_usable(&self, usable: bool) {
        self.store_usable.set(i64::from(usable));
    }

    /// What waits in the outbox.
    pub fn outbox(&self, waiting: &Waiting) {
        self.outbox_pending
            .set(i64::try_from(waiting.pending).unwrap_or(i64::MAX));
        self.outbox_oldest
            .set(waiting.oldest.map_or(0, Timestamp::as_second));
    }

    /// How many letters will never arrive.
    pub fn dead_letters(&self, total: u64) {
        self.outbox_dead
            .set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    /// How many notices and mails waited when the outbox last looked.
    #[must_use]
    pub fn outbox_waiting(&self) -> u64 {
        self.outbox_pending.get().unsigned_abs()
    }

    /// A configuration is in force.
    pub fn reloaded(&self, sha256: &str, at: Timestamp) {
        self.config_hash.reset();
        self.config_hash.with_label_values(&[sha256]).set(1.0);
        self.reload_ok.set(1);
        self.reload_at.set(at.as_second());
    }

    /// A configuration was refused; the old one is in force.
    pub fn reload_refused(&self) {
        self.reload_ok.set(0);
    }
}
