use autoscaler_promql::{PlanError, PlannedQuery};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// An autoscaler with this status. The channel is closed, as if it were gone, which nothing here asks about.
fn subject(status: &Value, continuity: Continuity, clock: &Clock) -> Subject {
    let kind = GroupVersionKind::gvk("metricautoscaler.dev", "v1alpha1", "MetricAutoscaler");
    let resource = ApiResource::from_gvk(&kind);
    let metric = json!({"name": "load", "prometheus": {"query": "sum(load)"}, "target": {"averageValue": 100}});
    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10, "intervalSeconds": 15, "metrics": [metric],
    });
    let object = DynamicObject::new("web", &resource).within("default");
    let mut object = object.data(json!({"spec": spec, "status": status}));
    object.metadata.uid = Some("u-1".to_owned());
    object.metadata.resource_version = Some("1".to_owned());
    let (_, receiver) = watch::channel(Arc::new(Snapshot::of(&object).unwrap()));
    Subject::resume(receiver, Duration::from_secs(5), continuity, clock)
}

fn stored(newest: Timestamp) -> Value {
    json!({"history": format!("1 acting c2>3@{}o", newest.as_millisecond()), "lastReplicas": 3})
}

/// What a clock that is `ahead` of the API server's says, and the time there.
fn clock_ahead(ahead: SignedDuration) -> (Clock, Timestamp) {
    let clock = Clock::simulated(0);
    let server = clock.now() - ahead;
    clock.note_server_date(server);
    (clock, server)
}

#[tokio::test(start_paused = true)]
async fn r17_what_a_skewed_leader_stores_is_in_the_time_of_the_api_server() {
    for ahead in [HOUR, -HOUR] {
        let (clock, server) = clock_ahead(ahead);
        assert_eq!(subject(&Value::Null, Continuity::Unbroken, &clock).now(&clock), server);
    }
    let (clock, _) = clock_ahead(SignedDuration::from_secs(15));
    let mut allowed = subject(&Value::Null, Continuity::Unbroken, &clock);
    assert_eq!(allowed.now(&clock), clock.now());
}

#[tokio::test(start_paused = true)]
async fn r17_time_never_goes_backwards_by_what_is_allowed_and_does_not_stand_still_for_more() {
    let (clock, server) = clock_ahead(SignedDuration::ZERO);
    let mut subject = subject(&stored(server), Continuity::Unbroken, &clock);
    assert_eq!((subject.now(&clock), subject.written.is_flushed()), (server, true));
    // The API server's clock is set back, by more than our clocks may be apart but less than has passed since.
    tokio::time::advance(Duration::from_secs(30)).await;
    let before = subject.now(&clock);
    tokio::time::advance(Duration::from_secs(10)).await;
    clock.note_server_date(before - SignedDuration::from_secs(7));
    assert_eq!(subject.now(&clock), before);
    assert_eq!(subject.history.uncertain_since, None);
    // By an hour: what is remembered is of the future, and nobody knows how far.
    let earlier = before - HOUR;
    clock.note_server_date(earlier);
    assert_eq!(subject.now(&clock), earlier);
    assert_eq!(subject.history.uncertain_since, Some(earlier));
    assert_eq!(subject.history.not_before(earlier), earlier);
    assert!(!subject.written.is_flushed());
}

#[tokio::test(start_paused = true)]
async fn r16_what_an_interruption_left_open_is_owed_from_the_start() {
    let (clock, server) = clock_ahead(SignedDuration::ZERO);
    let flushed = |status: &Value, continuity| subject(status, continuity, &clock).written.is_flushed();
    assert!(!flushed(&stored(server), Continuity::Broken));
    assert!(flushed(&stored(server), Continuity::Unbroken));
    assert!(flushed(&Value::Null, Continuity::Broken));
    let of_the_future = stored(server + HOUR);
    assert!(!flushed(&of_the_future, Continuity::Unbroken));
}

#[tokio::test(start_paused = true)]
async fn r1_a_query_that_could_not_be_planned_for_want_of_a_thread_is_planned_again() {
    let (clock, _) = clock_ahead(SignedDuration::ZERO);
    let mut subject = subject(&Value::Null, Continuity::Unbroken, &clock);
    let unfinished = PlannedQuery::with_plan("sum(load)", Err(PlanError::NotPlanned), None);
    subject.prepared.as_mut().unwrap().metrics[0].query = Some(unfinished);
    assert!(!subject.catch_up(), "nothing was edited");
    let prepared = subject.prepared.as_ref().unwrap();
    assert!(prepared.metrics[0].query.as_ref().unwrap().plan().is_ok());
}
