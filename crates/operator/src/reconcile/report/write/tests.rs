use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use rstest::rstest;
use serde_json::Value;
use tower::{BoxError, service_fn};

use super::*;
use crate::clock::Clock;
use crate::context::simulated::Server;
use crate::gate::Fence;

fn object(uid: &str) -> DynamicObject {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, KIND));
    let mut object = DynamicObject::new("web", &resource)
        .within("default")
        .data(json!({"spec": {}}));
    object.metadata.uid = Some(uid.to_owned());
    object.metadata.resource_version = Some("1".to_owned());
    object
}

fn refusal(code: u16) -> Value {
    json!({"kind": "Status", "status": "Failure", "message": "x", "reason": "x", "code": code})
}

#[rstest]
#[case::it_is_there(200, json!(object("u-1")), false)]
#[case::another_has_its_name(200, json!(object("u-2")), true)]
#[case::it_is_not_there(404, refusal(404), true)]
#[case::nobody_knows(500, refusal(500), false)]
#[tokio::test]
async fn an_autoscaler_is_gone_only_if_it_is_not_found_itself(
    #[case] status: u16,
    #[case] body: Value,
    #[case] gone: bool,
) {
    let service = service_fn(move |request: Request<kube::client::Body>| {
        let path = "/apis/metricautoscaler.dev/v1alpha1/namespaces/default/metricautoscalers/web";
        assert_eq!((request.method().as_str(), request.uri().path()), ("GET", path));
        let response = Response::builder().status(status).body(Body::from(body.to_string()));
        std::future::ready(response.map_err(BoxError::from))
    });
    let client = Client::new(service, "default");
    let gate = Gate::new(Duration::from_secs(5), Fence::closed(Clock::simulated(0)));
    let known = Snapshot::of(&object("u-1")).unwrap();
    assert_eq!(is_gone(&client, &gate, &known).await, gone);
}

fn status(history: &str, desired: i32) -> MetricAutoscalerStatus {
    MetricAutoscalerStatus {
        history: Some(history.to_owned()),
        desired_replicas: Some(desired),
        current_replicas: Some(3),
        ..MetricAutoscalerStatus::default()
    }
}

#[tokio::test(start_paused = true)]
async fn r21_a_status_is_applied_whole_with_the_version_it_belongs_to() {
    let server = Server::default();
    let context = server.context();
    let (mut subject, _newest) = server.create("web", &context.clock);
    for (desired, version) in [(4, "1"), (5, "2"), (5, "3")] {
        let next = status("1 acting", desired);
        assert!(send(&context, &mut subject, &next).await);
        let sent = server.statuses().pop().unwrap();
        assert_eq!(sent["status"], json!(next), "what stays the same is not left out");
        assert_eq!(sent["metadata"]["resourceVersion"], version);
        assert_eq!(server.object("web")["status"], json!(next));
    }
}

#[tokio::test(start_paused = true)]
async fn r21_a_status_that_somebody_else_wrote_is_not_overwritten_unseen() {
    let server = Server::default();
    let context = server.context();
    let (mut subject, _newest) = server.create("web", &context.clock);
    assert!(send(&context, &mut subject, &status("1 acting", 4)).await);
    let theirs = "1 acting u9@1795348000000+";
    server.edit("web", |object| object["status"]["history"] = json!(theirs));

    assert!(!send(&context, &mut subject, &status("1 acting", 5)).await);
    assert_eq!(server.object("web")["status"]["history"], theirs);
    assert!(!subject.written.is_flushed());
    // Only what is decided with the knowledge that memory may not be whole is written over it.
    assert!(subject.history.uncertain_since.is_some());
    let next = status(&subject.history.encode(), 5);
    assert!(send(&context, &mut subject, &next).await);
    assert_eq!(server.object("web")["status"], json!(next));
}

#[tokio::test(start_paused = true)]
async fn r21_where_only_the_version_is_old_the_same_status_is_applied_with_the_present_one() {
    let server = Server::default();
    let context = server.context();
    let (mut subject, _newest) = server.create("web", &context.clock);
    assert!(send(&context, &mut subject, &status("1 acting", 4)).await);
    server.edit("web", |object| object["metadata"]["labels"] = json!({"team": "shop"}));

    let next = status("1 acting", 5);
    assert!(send(&context, &mut subject, &next).await);
    let versions: Vec<Value> = (server.statuses().iter())
        .map(|sent| sent["metadata"]["resourceVersion"].clone())
        .collect();
    assert_eq!(versions, ["1", "2", "3"]);
    assert_eq!(server.object("web")["status"], json!(next));
    assert_eq!(subject.history.uncertain_since, None);
}
