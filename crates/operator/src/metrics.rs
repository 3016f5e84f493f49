//! The operator's own metrics: one struct, registered once. Says nothing of a user's queries, and names objects only in
//! gauges that vanish with them.

mod labels;
mod objects;
mod process;
pub(crate) mod reference;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::Decision;
use autoscaler_core::membership::{Ended, Operation};
use autoscaler_promql::{Observer, Outcome, RequestKind};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use self::labels::{ByDecision, ByKind, ByOperation, ByOutcome, ByQuery, ByRequest, ByVerb};
pub(crate) use self::labels::{EvaluationOutcome, EventOutcome, ScaleWriteOutcome};
pub(crate) use self::objects::{ConditionGauge, Gauges, ObjectName, OperationGauge, ReadingGauges};
use self::objects::{Live, Objects};
use self::process::Process;
use crate::clock::Clock;
use crate::gate::CallError;

/// Of every name but those that all programs have.
const PREFIX: &str = "metric_autoscaler";

/// Seconds, from a fast answer of a near server to the longest deadline there is.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// Records what happens. Clones share the numbers.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    evaluations: Family<ByOutcome, Counter>,
    evaluation_lateness: Histogram,
    evaluation_duration: Histogram,
    queries: Family<ByQuery, Counter>,
    query_duration: Histograms<ByKind>,
    queries_shared: Family<ByKind, Counter>,
    decisions: Family<ByDecision, Counter>,
    scale_writes: Family<ByOutcome, Counter>,
    status_writes: Family<ByOutcome, Counter>,
    events: Family<ByOutcome, Counter>,
    operations: Family<ByOperation, Counter>,
    operation_stalls: Counter,
    proof_to_patch: Histogram,
    leader: Gauge,
    api_requests: Family<ByRequest, Counter>,
    api_request_duration: Histograms<ByVerb>,
    objects: Arc<Objects>,
}

impl Metrics {
    /// The metrics, and the registry that shows them. The skew is read from the clock at each scrape.
    pub(crate) fn new(clock: &Clock) -> (Self, Registry) {
        let metrics = Self {
            evaluations: by_outcome(EvaluationOutcome::ALL.map(EvaluationOutcome::as_str)),
            evaluation_lateness: histogram(),
            evaluation_duration: histogram(),
            queries: Family::default(),
            query_duration: Family::new_with_constructor(histogram),
            queries_shared: Family::default(),
            decisions: from_zero(ByDecision::unlimited()),
            scale_writes: by_outcome(ScaleWriteOutcome::ALL.map(ScaleWriteOutcome::as_str)),
            status_writes: Family::default(),
            events: by_outcome(EventOutcome::ALL.map(EventOutcome::as_str)),
            operations: from_zero([ByOperation::done()]),
            operation_stalls: Counter::default(),
            proof_to_patch: histogram(),
            leader: Gauge::default(),
            api_requests: Family::default(),
            api_request_duration: Family::new_with_constructor(histogram),
            objects: Arc::default(),
        };
        let registry = metrics.registry(clock);
        (metrics, registry)
    }

    /// One evaluation of one autoscaler has ended, so long after it was due.
    pub(crate) fn evaluated(&self, outcome: EvaluationOutcome, lateness: Duration, took: Duration) {
        count(&self.evaluations, outcome.as_str());
        self.evaluation_lateness.observe(lateness.as_secs_f64());
        self.evaluation_duration.observe(took.as_secs_f64());
    }

    /// A decision was made, whether or not anything is written because of it.
    pub(crate) fn decided(&self, decision: &Decision) {
        self.decisions.get_or_create(&ByDecision::of(decision)).inc();
    }

    /// A change of size was tried.
    pub(crate) fn scale_write(&self, outcome: ScaleWriteOutcome) {
        count(&self.scale_writes, outcome.as_str());
    }

    /// A status was written, or could not be.
    pub(crate) fn status_written<T>(&self, result: &Result<T, CallError>) {
        count(
            &self.status_writes,
            result.as_ref().map_or_else(CallError::category, |_| "written"),
        );
    }

    /// There was an event to be sent.
    pub(crate) fn event(&self, outcome: EventOutcome) {
        count(&self.events, outcome.as_str());
    }

    /// An operation on a member has ended.
    pub(crate) fn operation_ended(&self, operation: &Operation, ended: Ended) {
        self.operations.get_or_create(&ByOperation::of(operation, ended)).inc();
    }

    /// An operation is found stuck that was not before.
    pub(crate) fn operation_stalled(&self) {
        self.operation_stalls.inc();
    }

    /// The replicas were lowered so long after the look began that proved a member gone.
    pub(crate) fn proof_to_patch(&self, took: Duration) {
        self.proof_to_patch.observe(took.as_secs_f64());
    }

    /// What one autoscaler shows until the next evaluation, and the operation on a member that it has under way.
    pub(crate) fn show(&self, object: ObjectName, uid: &str, gauges: Gauges, operation: Option<OperationGauge>) {
        self.objects.show(object, uid, gauges, operation);
    }

    /// What a look at the members between two evaluations has changed of it.
    pub(crate) fn show_look(
        &self,
        object: &ObjectName,
        conditions: Vec<ConditionGauge>,
        operation: Option<OperationGauge>,
    ) {
        self.objects.show_look(object, conditions, operation);
    }

    /// An autoscaler is gone: so are all series that name it, unless another one has taken its name.
    pub(crate) fn forget(&self, object: &ObjectName, uid: &str) {
        self.objects.forget(object, uid);
    }

    /// This replica has begun to lead, or has stopped. One that does not lead shows no autoscalers.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
        if !leads {
            self.objects.clear();
        }
    }

    /// A request to the API server got an answer with this status code, or none.
    pub(crate) fn api_request(&self, verb: &'static str, resource: &str, code: Option<u16>, took: Duration) {
        let code = code.map_or_else(|| "none".into(), |code| code.to_string());
        let resource = resource.to_owned();
        self.api_requests
            .get_or_create(&ByRequest { verb, resource, code })
            .inc();
        self.api_request_duration
            .get_or_create(&ByVerb { verb })
            .observe(took.as_secs_f64());
    }

    fn registry(&self, clock: &Clock) -> Registry {
        let mut all = Registry::default();
        all.register_collector(Box::new(Process::new(clock.clone())));
        let registry = all.sub_registry_with_prefix(PREFIX);
        self.register_evaluations(registry);
        self.register_queries(registry);
        self.register_writes(registry);
        self.register_operations(registry);
        registry.register("leader", "Whether this replica is the leader", self.leader.clone());
        registry.register(
            "build",
            "What this binary was built from",
            Info::new([
                ("version", env!("CARGO_PKG_VERSION")),
                ("commit", option_env!("METRIC_AUTOSCALER_COMMIT").unwrap_or("unknown")),
            ]),
        );
        registry.register_collector(Box::new(Live::new(self.objects.clone(), clock.clone())));
        all
    }

    fn register_evaluations(&self, registry: &mut Registry) {
        registry.register(
            "evaluations",
            "Evaluations of autoscalers, by how they ended",
            self.evaluations.clone(),
        );
        registry.register_with_unit(
            "evaluation_lateness",
            "Time from when an evaluation was due to its beginning",
            Unit::Seconds,
            self.evaluation_lateness.clone(),
        );
        registry.register_with_unit(
            "evaluation_duration",
            "Time from the beginning of an evaluation to its end",
            Unit::Seconds,
            self.evaluation_duration.clone(),
        );
        registry.register(
            "decisions",
            "Decisions, by the direction of the change and the limit that had the last word",
            self.decisions.clone(),
        );
    }

    fn register_operations(&self, registry: &mut Registry) {
        registry.register(
            "operations",
            "Operations on members of clusters that have ended, by kind, outcome and cause",
            self.operations.clone(),
        );
        registry.register(
            "operation_stalls",
            "How often an operation was found stuck, in a phase that cannot be taken back",
            self.operation_stalls.clone(),
        );
        registry.register_with_unit(
            "operation_proof_to_patch",
            "Time from the beginning of the look that proved a member gone to the answer of the patch that removed its pod",
            Unit::Seconds,
            self.proof_to_patch.clone(),
        );
    }

    fn register_queries(&self, registry: &mut Registry) {
        registry.register(
            "queries",
            "Requests to the source that have ended, by kind and outcome",
            self.queries.clone(),
        );
        registry.register_with_unit(
            "query_duration",
            "Time that requests to the source took",
            Unit::Seconds,
            self.query_duration.clone(),
        );
        registry.register(
            "queries_shared",
            "Questions that were answered by the request of another autoscaler",
            self.queries_shared.clone(),
        );
    }

    fn register_writes(&self, registry: &mut Registry) {
        registry.register(
            "scale_writes",
            "Attempts to change the size of a target",
            self.scale_writes.clone(),
        );
        registry.register(
            "status_writes",
            "Attempts to write the status of an autoscaler",
            self.status_writes.clone(),
        );
        registry.register("events", "Events to be shown, sent or not", self.events.clone());
        registry.register(
            "api_requests",
            "Requests to the API server; code is none where no answer came",
            self.api_requests.clone(),
        );
        registry.register_with_unit(
            "api_request_duration",
            "Time to the head of the API server's answer",
            Unit::Seconds,
            self.api_request_duration.clone(),
        );
    }
}

impl Observer for Metrics {
    fn finished(&self, kind: RequestKind, outcome: Outcome, took: Duration) {
        let (kind, outcome) = (kind.as_str(), outcome.as_str());
        self.queries.get_or_create(&ByQuery { kind, outcome }).inc();
        self.query_duration
            .get_or_create(&ByKind { kind })
            .observe(took.as_secs_f64());
    }

    fn shared(&self, kind: RequestKind) {
        self.queries_shared.get_or_create(&ByKind { kind: kind.as_str() }).inc();
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

/// Counters that stand at zero from the start: a rate sees their first step.
fn from_zero<Labels>(all: impl IntoIterator<Item = Labels>) -> Family<Labels, Counter>
where
    Labels: Clone + Hash + Eq,
{
    let family = Family::default();
    for labels in all {
        let _zero = family.get_or_create(&labels);
    }
    family
}

fn by_outcome<const N: usize>(outcomes: [&'static str; N]) -> Family<ByOutcome, Counter> {
    from_zero(outcomes.map(|outcome| ByOutcome { outcome }))
}

fn count(family: &Family<ByOutcome, Counter>, outcome: &'static str) {
    family.get_or_create(&ByOutcome { outcome }).inc();
}

#[cfg(test)]
mod tests;
