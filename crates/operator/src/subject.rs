//! One autoscaler as the operator holds it: its newest version, what is prepared of its spec, and its memory.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::parse::Parsed;
use autoscaler_api::{
    Metric, MetricAutoscaler, MetricAutoscalerStatus, Mode, SpecError, WhenMissing, WhenNan, convert,
};
use autoscaler_core::history::Stored;
use autoscaler_core::observation::allowed_skew;
use autoscaler_core::{Continuity, History, Policy, Replicas, Seconds};
use autoscaler_promql::PlannedQuery;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::core::DynamicObject;
use tokio::sync::watch;

use crate::args::MaxMode;
use crate::reconcile::report::Refused;

/// One version of an autoscaler, as the watch delivered it.
#[derive(Debug)]
pub struct Snapshot {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Identity.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Version of the object.
    pub resource_version: String,
    /// When it was created.
    pub created: Timestamp,
    /// It is being deleted.
    pub terminating: bool,
    /// Spec and status, or what is wrong with the spec.
    pub parsed: Result<Parsed, SpecError>,
}

impl Snapshot {
    /// Parses an object leniently. None for an object without identity, which no API server sends.
    pub fn of(object: &DynamicObject) -> Option<Self> {
        let metadata = &object.metadata;
        Some(Self {
            namespace: metadata.namespace.clone()?,
            name: metadata.name.clone()?,
            uid: metadata.uid.clone()?,
            generation: metadata.generation.unwrap_or_default(),
            resource_version: metadata.resource_version.clone()?,
            created: object.creation_timestamp().map_or(Timestamp::MAX, |time| time.0),
            terminating: metadata.deletion_timestamp.is_some(),
            parsed: autoscaler_api::parse::parse(object),
        })
    }

    /// The autoscaler, if its spec could be read.
    pub fn autoscaler(&self) -> Option<&MetricAutoscaler> {
        self.parsed.as_ref().ok().map(|parsed| &parsed.autoscaler)
    }

    /// What the status says.
    pub fn status(&self) -> Option<&MetricAutoscalerStatus> {
        self.autoscaler()?.status.as_ref()
    }
}

/// What may be done, after the operator's own `--max-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectiveMode {
    /// Decide and scale.
    Active,
    /// Decide and report.
    DryRun,
    /// Neither.
    Paused,
}

impl EffectiveMode {
    /// The more cautious of what the object and the installation allow.
    pub fn of(mode: Mode, most: MaxMode) -> Self {
        match (mode, most) {
            (Mode::Paused, _) | (_, MaxMode::Paused) => Self::Paused,
            (Mode::DryRun, _) | (_, MaxMode::DryRun) => Self::DryRun,
            (Mode::Active, MaxMode::Active) => Self::Active,
        }
    }
}

/// What a spec comes down to, prepared once per generation.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// For the core.
    pub policy: Policy,
    /// For Prometheus, in the order of the spec.
    pub metrics: Vec<PreparedMetric>,
    /// How often it is evaluated, after the operator's own minimum.
    pub interval: Duration,
    /// The interval asked for is shorter than the operator allows.
    pub clamped: bool,
}

/// One metric, ready to be asked for.
#[derive(Debug, Clone)]
pub struct PreparedMetric {
    /// Its name.
    pub name: String,
    /// Its query; none for a kind that this version does not know.
    pub query: Option<PlannedQuery>,
    /// The largest age of a sample.
    pub max_sample_age: SignedDuration,
}

impl Prepared {
    /// Prepares a spec.
    pub fn of(autoscaler: &MetricAutoscaler, min_interval: Duration) -> Result<Self, SpecError> {
        let spec = &autoscaler.spec;
        let metrics: Vec<PreparedMetric> = spec.metrics.iter().map(PreparedMetric::of).collect();
        let look_back = |metric: &Metric| {
            let prepared = metrics.iter().find(|prepared| prepared.name == metric.name);
            prepared
                .and_then(|prepared| prepared.query.as_ref())
                .map_or(Seconds::ZERO, PlannedQuery::look_back_seconds)
        };
        let mut policy = convert::policy(spec, look_back)?;
        let wanted = Duration::from_secs(u64::from(policy.interval.get()));
        let interval = wanted.max(min_interval);
        policy.interval = Seconds::new(u32::try_from(interval.as_secs().max(1)).unwrap_or(u32::MAX));
        Ok(Self {
            policy,
            metrics,
            interval,
            clamped: interval > wanted,
        })
    }
}

impl PreparedMetric {
    fn of(metric: &Metric) -> Self {
        let Some(prometheus) = &metric.prometheus else {
            return Self {
                name: metric.name.clone(),
                query: None,
                max_sample_age: SignedDuration::ZERO,
            };
        };
        let planned = PlannedQuery::new(&prometheus.query, prometheus.look_back());
        let wants_proof = metric.when_missing == Some(WhenMissing::Zero) || metric.when_nan == Some(WhenNan::Zero);
        let query = if wants_proof {
            planned.with_proof_of_absence()
        } else {
            planned
        };
        let max_sample_age = prometheus.max_sample_age(query.look_back_seconds()).duration();
        Self {
            name: metric.name.clone(),
            query: Some(query),
            max_sample_age,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Subject {
    /// Its newest version.
    pub snapshot: Arc<Snapshot>,
    /// What is prepared of its spec.
    pub prepared: Result<Prepared, SpecError>,
    /// What it remembers, for the target with `target_uid`.
    pub history: History,
    /// The target that the memory belongs to.
    pub target_uid: Option<String>,
    /// The status that the API server last accepted.
    pub written: MetricAutoscalerStatus,
    /// The version of the object that it was accepted at.
    pub resource_version: String,
    /// The last status has been accepted.
    pub flushed: bool,
    /// The conditions as they were last told in log and events.
    pub told: Vec<Condition>,
    /// The history in a status whose fate nobody told us.
    pub unanswered: Option<String>,
    /// A status that the definition installed has no room for.
    pub refused: Option<Refused>,
    /// When the present rollout of the target was first seen.
    pub rollout_since: Option<Timestamp>,
    /// Evaluations in a row that panicked.
    pub panics: u32,
    min_interval: Duration,
    newest: watch::Receiver<Arc<Snapshot>>,
}

impl Subject {
    /// Takes an autoscaler up: at its creation, or at the start of a term with what its status remembers.
    pub fn resume(
        mut newest: watch::Receiver<Arc<Snapshot>>,
        min_interval: Duration,
        continuity: Continuity,
        now: Timestamp,
    ) -> Self {
        let snapshot = newest.borrow_and_update().clone();
        let written = snapshot.status().cloned().unwrap_or_default();
        let lost = snapshot
            .parsed
            .as_ref()
            .is_ok_and(|parsed| parsed.status_error.is_some());
        let stored = match &written.history {
            _ if lost => Stored::Lost,
            Some(text) => Stored::Memory {
                text,
                last_replicas: written.last_replicas.map(Replicas::from),
            },
            None => Stored::Nothing,
        };
        let prepared = prepare(&snapshot, min_interval);
        Self {
            history: History::resume(stored, continuity, now, skew_allowed(&prepared)),
            prepared,
            target_uid: written.target_uid.clone(),
            told: written.conditions.clone(),
            resource_version: snapshot.resource_version.clone(),
            written,
            flushed: true,
            unanswered: None,
            refused: None,
            rollout_since: None,
            panics: 0,
            min_interval,
            newest,
            snapshot,
        }
    }

    /// Waits for a newer version that asks for an evaluation: our own writes of status do not. None if the autoscaler
    /// is gone.
    pub async fn edited(&mut self) -> Option<()> {
        loop {
            self.newest.changed().await.ok()?;
            if self.catch_up() {
                return Some(());
            }
        }
    }

    /// Whether the spec was edited since it was last taken up: what is decided now would be on the old one.
    pub fn is_outdated(&self) -> bool {
        self.newest.borrow().generation != self.snapshot.generation
    }

    /// Takes the newest version up. Returns whether it asks for an evaluation.
    pub fn catch_up(&mut self) -> bool {
        let snapshot = self.newest.borrow_and_update().clone();
        let changed = snapshot.generation != self.snapshot.generation
            || snapshot.terminating != self.snapshot.terminating
            || snapshot.parsed.is_ok() != self.snapshot.parsed.is_ok();
        if changed {
            self.prepared = prepare(&snapshot, self.min_interval);
        }
        if snapshot.generation != self.snapshot.generation {
            // Somebody else wrote the object: its version is newer than the one that our last write returned.
            self.resource_version.clone_from(&snapshot.resource_version);
        }
        self.snapshot = snapshot;
        changed
    }

    /// Memory belongs to one target: another UID under the same name starts afresh.
    pub fn belongs_to(&mut self, uid: &str) {
        if self.target_uid.as_deref() != Some(uid) {
            if self.target_uid.is_some() {
                self.history = History::default();
            }
            self.target_uid = Some(uid.to_owned());
        }
    }

    /// Somebody else wrote the status, which is what we remember by. What we hold is the best there is, but it may not be
    /// all (R16).
    pub fn distrust_memory(&mut self, present: &Snapshot, now: Timestamp) {
        let held = self.history.encode();
        let stored = Stored::Memory {
            text: &held,
            last_replicas: self.history.last_replicas,
        };
        self.history = History::resume(stored, Continuity::Broken, now, skew_allowed(&self.prepared));
        self.written = present.status().cloned().unwrap_or_default();
    }

    /// How often it is evaluated.
    pub fn interval(&self) -> Duration {
        const UNUSABLE: Duration = Duration::from_mins(1);
        self.prepared.as_ref().map_or(UNUSABLE, |prepared| prepared.interval)
    }

    /// What may be done.
    pub fn mode(&self, most: MaxMode) -> EffectiveMode {
        let mode = self
            .snapshot
            .autoscaler()
            .map_or(Mode::Paused, |autoscaler| autoscaler.spec.mode);
        EffectiveMode::of(mode, most)
    }
}

/// How far a stored time may be ahead of our clock (R17).
fn skew_allowed(prepared: &Result<Prepared, SpecError>) -> SignedDuration {
    let interval = prepared
        .as_ref()
        .map_or(Seconds::ZERO, |prepared| prepared.policy.interval);
    allowed_skew(interval)
}

fn prepare(snapshot: &Snapshot, min_interval: Duration) -> Result<Prepared, SpecError> {
    match &snapshot.parsed {
        Ok(parsed) => Prepared::of(&parsed.autoscaler, min_interval),
        Err(error) => Err(error.clone()),
    }
}
