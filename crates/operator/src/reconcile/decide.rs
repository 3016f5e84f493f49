//! Step 2: the core decides. If it would change the size, the readings are probed and it decides again (R1): no probe,
//! no change.

use autoscaler_api::conditions::reason;
use autoscaler_core::{Decision, Evidence, History, Reading, decide as core_decide};
use autoscaler_promql::{OwnPods, PodNames, ProbeContext};
use futures::future::join_all;
use tokio::time::Instant;

use super::observe::{Blocked, Observed, Seen, contended, query_time};
use crate::context::Context;
use crate::prepared::PreparedMetric;
use crate::subject::Subject;
use crate::target::Shape;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Carry out a decision, which may be to hold.
    Follow(Box<Decided>),
    /// Nothing can be decided.
    Blocked(Box<Blocked>),
}

/// A decision with what it was made of.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The same at any pace, while members of the target are on the way to a size that was decided before (M20).
    pub free: Option<Decision>,
    /// What was observed.
    pub seen: Seen,
}

/// Decides.
pub(crate) async fn decide(context: &Context, subject: &mut Subject, observed: Observed) -> Plan {
    let mut seen = match observed {
        Observed::Seen(seen) => seen,
        Observed::Blocked(blocked) => {
            // Whatever the reason, from here on we do not act: acting again starts the clocks anew (R14), so what others
            // do to the size meanwhile need not be remembered.
            subject.history.acting = false;
            if let Some(target) = &blocked.target {
                subject.history.last_replicas = target.replicas;
            }
            return Plan::Blocked(blocked);
        }
    };
    let policy = &seen.prepared.policy;
    let at_any_pace = subject.membership.goal().map(|_| policy.at_any_pace());
    let free = |seen: &Seen, history: &History| {
        let policy = at_any_pace.as_ref();
        policy.map(|policy| core_decide(policy, &seen.observation, history, seen.now))
    };
    let mut decision = core_decide(policy, &seen.observation, &subject.history, seen.now);
    let mut at_ease = free(&seen, &subject.history);
    if decision.needs_probe || at_ease.as_ref().is_some_and(|free| free.needs_probe) {
        let probed = probe_all(context, &seen, &decision).await;
        for (metric, reading) in seen.observation.readings.iter_mut().zip(probed) {
            metric.reading = reading;
        }
        decision = core_decide(policy, &seen.observation, &subject.history, seen.now);
        at_ease = free(&seen, &subject.history);
    }
    subject.history = decision.history.clone();
    // Somebody has just taken our change back once too often: this evaluation must not be the next round.
    if let Some(contention) = decision.history.changes.contention(seen.now) {
        let message = contended(&seen.target, contention);
        subject.history.acting = false;
        return Plan::Blocked(Box::new(Blocked {
            reason: reason::CONTENDED,
            message,
            target: Some(seen.target),
            now: seen.now,
        }));
    }
    Plan::Follow(Box::new(Decided {
        decision,
        free: at_ease,
        seen: *seen,
    }))
}

async fn probe_all(context: &Context, seen: &Seen, decision: &Decision) -> Vec<Reading> {
    let deadline = Instant::now() + query_time(context, seen.prepared.interval);
    let readings = seen.prepared.metrics.iter().zip(&seen.observation.readings);
    join_all(readings.map(|(metric, read)| probe(context, seen, decision, metric, &read.reading, deadline))).await
}

async fn probe(
    context: &Context,
    seen: &Seen,
    decision: &Decision,
    metric: &PreparedMetric,
    reading: &Reading,
    deadline: Instant,
) -> Reading {
    match (reading, &context.prometheus, &metric.query) {
        (
            Reading::Fresh {
                evidence: Evidence::Unprobed,
                ..
            },
            Some(prometheus),
            Some(query),
        ) => {
            let since = seen.now.saturating_sub(query.look_back()).unwrap_or(seen.now);
            let replicas = seen.observation.replicas;
            let probe = ProbeContext {
                max_sample_age: metric.max_sample_age,
                replicas,
                replicas_before: decision.history.changes.largest_since(since, replicas),
                // Of a metric of every pod those without a series are reckoned one by one.
                own_pods: own_pods(seen).filter(|_| metric.per_pod.is_none()),
                namespace: metric
                    .per_pod
                    .as_ref()
                    .map(|labels| (labels.namespace.clone(), seen.namespace.clone())),
            };
            prometheus.probe(query, reading.clone(), &probe, deadline).await
        }
        _ => reading.clone(),
    }
}

/// The target's own pods, where its kind tells how they are called.
fn own_pods(seen: &Seen) -> Option<OwnPods> {
    let name = &seen.reference.name;
    let names = match seen.target.shape {
        Shape::Deployment => PodNames::of_deployment(name),
        Shape::StatefulSet => PodNames::of_stateful_set(name),
        Shape::ReplicaSet => PodNames::of_replica_set(name),
        Shape::Custom => return None,
    };
    let ready = seen.observation.ready?.min(seen.observation.replicas);
    Some(OwnPods {
        ready,
        namespace: seen.namespace.clone(),
        names,
    })
}
