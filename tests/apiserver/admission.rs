//! What the API server takes and what it refuses, in the words that a user reads.

mod behavior;
mod fields;
mod kubectl;
mod profiles;
mod quantities;

use autoscaler_api::{GROUP, KIND, VERSION};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::shared;

/// The note that the server adds when a field has the wrong shape; it tells a user nothing.
const INCOMPLETE: &str = "some validation rules were not checked because the object was invalid; correct the existing \
                          errors to complete validation";

/// The least that is accepted, with one field set. The path counts from `spec`, lists by number.
fn autoscaler_with(path: &str, value: Value) -> Value {
    let mut autoscaler = autoscaler();
    let place = path
        .split('.')
        .fold(&mut autoscaler["spec"], |at, step| match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        });
    *place = value;
    autoscaler
}

/// The least that is accepted.
fn autoscaler() -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 10,
            "metrics": [metric("rate")],
        },
    })
}

fn metric(name: &str) -> Value {
    json!({"name": name, "prometheus": {"query": "sum(rate(m[1m]))"}, "target": {"averageValue": 100}})
}

/// What the server would store, or its reasons for refusing, one per field: `path: what is wrong`.
async fn submit(object: &Value) -> Result<Value, Vec<String>> {
    let (api, object) = resource(object).await;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match api.create(&dry_run, &object).await {
        Ok(stored) => Ok(serde_json::to_value(stored).unwrap()),
        Err(kube::Error::Api(status)) => Err(reasons(&status)),
        Err(error) => panic!("no answer: {error}"),
    }
}

/// The reasons in a refusal, without the note about rules not checked.
fn reasons(status: &kube::core::Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let reasons: Vec<String> = causes
        .filter(|cause| !cause.message.ends_with(INCOMPLETE))
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect();
    if reasons.is_empty() {
        vec![status.message.clone()]
    } else {
        reasons
    }
}

async fn resource(object: &Value) -> (Api<DynamicObject>, DynamicObject) {
    let (group, version) = object["apiVersion"]
        .as_str()
        .and_then(|name| name.split_once('/'))
        .unwrap();
    let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
    let client = shared::plane().await.client_as_admin();
    let resource = ApiResource::from_gvk(&kind);
    let api = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    (api, serde_json::from_value(object.clone()).unwrap())
}
