use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use rstest::rstest;
use serde_json::Value;
use tower::{BoxError, service_fn};

use super::*;
use crate::clock::Clock;
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
