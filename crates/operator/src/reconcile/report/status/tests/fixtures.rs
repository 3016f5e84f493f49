//! One autoscaler, its target, and one evaluation of it.

use super::*;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_348_800 + seconds).unwrap()
}

/// An autoscaler with a target of 100 per replica on `load`, 1 to 10 replicas, and `more` in its spec.
pub(super) fn subject(more: &Value) -> Subject {
    let mut spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1, "maxReplicas": 10, "intervalSeconds": 15, "mode": "Active",
        "metrics": [{"name": "load", "prometheus": {"query": "sum(load)"}, "target": {"averageValue": 100}}],
    });
    let fields = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(fields);
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "metricautoscaler.dev",
        "v1alpha1",
        "MetricAutoscaler",
    ));
    let mut object = DynamicObject::new("web", &resource)
        .within("default")
        .data(json!({ "spec": spec }));
    object.metadata.uid = Some("u-1".to_owned());
    object.metadata.resource_version = Some("1".to_owned());
    object.metadata.generation = Some(1);
    let (_, receiver) = watch::channel(std::sync::Arc::new(Snapshot::of(&object).unwrap()));
    let mut subject = Subject::resume(
        receiver,
        Duration::from_secs(5),
        Continuity::Unbroken,
        &Clock::simulated(0),
    );
    subject.history.last_replicas = Some(Replicas::new(3));
    subject.history.acting = true;
    subject
}

pub(super) fn fresh(value: &str) -> Reading {
    Reading::Fresh {
        value: value.parse::<Quantity>().unwrap(),
        evidence: Evidence::Probed,
    }
}

pub(super) fn target() -> TargetView {
    TargetView {
        shape: Shape::Deployment,
        uid: "t-1".to_owned(),
        resource_version: "1".to_owned(),
        replicas: Some(Replicas::new(3)),
        selector: None,
        ready: Some(Replicas::new(3)),
        rollout: None,
        owner: None,
        applied_by: None,
        last_set_by: Some("kubectl".to_owned()),
        terminating: false,
    }
}

/// One evaluation of a target with three replicas.
pub(super) fn decided(subject: &mut Subject, reading: Reading, now: Timestamp) -> Box<Decided> {
    decided_on(subject, [("load", reading)], now)
}

pub(super) fn decided_on<const N: usize>(
    subject: &mut Subject,
    readings: [(&str, Reading); N],
    now: Timestamp,
) -> Box<Decided> {
    let prepared = subject.prepared.clone().unwrap();
    let mode = subject.mode(MaxMode::Active);
    let standing = if mode == EffectiveMode::Active {
        Standing::Acts
    } else {
        Standing::Reports
    };
    let observation = Observation {
        replicas: Replicas::new(3),
        ready: Some(Replicas::new(3)),
        pods: None,
        rollout: None,
        readings: readings
            .map(|(name, reading)| MetricReading::one(name, reading))
            .to_vec(),
        clock_skew: None,
        standing,
    };
    let decision = decide(&prepared.policy, &observation, &subject.history, now);
    subject.history = decision.history.clone();
    let reference = subject.snapshot.spec().unwrap().scale_target_ref.clone();
    let namespace = "default".to_owned();
    let seen = Seen {
        observation,
        target: target(),
        reference,
        namespace,
        prepared,
        mode,
        now,
    };
    Box::new(Decided {
        decision,
        free: None,
        seen,
    })
}

pub(super) fn held(decided: Box<Decided>) -> Acted {
    let effect = Effect::Held;
    Acted::Decided { decided, effect }
}

pub(super) fn reason_of(status: &MetricAutoscalerStatus, condition: &str) -> (String, String) {
    let found = status.conditions.iter().find(|found| found.type_ == condition).unwrap();
    (found.status.clone(), found.reason.clone())
}

pub(super) fn pair(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}
