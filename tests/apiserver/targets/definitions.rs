//! The definition in the cluster may be another than the operator's (R23): one that lets anything pass, or one that
//! lacks a field.

use autoscaler_api::KIND;
use autoscaler_testkit::plane::ControlPlane;
use autoscaler_testkit::wait::eventually;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::gated;
use crate::shared::{definition_file, install};
use crate::world::{DEADLINE, World, assert_contains};

/// The definition as it is released, with something changed in its schema.
async fn install_variant(plane: &ControlPlane, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(definition_file()).unwrap();
    let mut definition: Value = serde_saphyr::from_str(&text).unwrap();
    change(&mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]);
    plane.apply(&definition.to_string()).await.unwrap();
}

/// What the API server says to a status with this field, without storing it.
async fn refuses_status(world: &World, name: &str, field: &str) -> bool {
    let status = json!({"apiVersion": "metricautoscaler.dev/v1alpha1", "kind": KIND, "status": {field: "x"}});
    let parameters = PatchParams::apply("somebody").force().dry_run();
    let (api, patch) = (world.autoscalers(), Patch::Apply(status));
    api.patch_status(name, &parameters, &patch).await.is_err()
}

#[tokio::test]
async fn r23_an_object_that_slipped_past_the_schema_is_named_and_stops_no_other() {
    let (plane, _alone) = gated::plane_alone().await;
    let world = World::on(plane, "lax").await;
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    install_variant(plane, |schema| schema["spec"] = anything).await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    let good = world.default_spec("");
    let bad = [
        ("crossed", good.replace("minReplicas: 1", "minReplicas: 20")),
        ("worded", good.replace("maxReplicas: 10", "maxReplicas: ten")),
        ("nothing", good.replace("averageValue: 100", "averageValue: 0")),
    ];
    for (name, spec) in &bad {
        let manifest = world.autoscaler_manifest(name, "Deployment", name, &format!("{spec}  mode: Active\n"));
        // The API server takes the new schema up a moment after it was applied.
        eventually(&format!("{name} slips past"), DEADLINE, || plane.apply(&manifest)).await;
    }
    let kind_of_later = good.replace("prometheus: {query:", "kafka: {topic:");
    for (name, spec) in [("later", &kind_of_later), ("web", &good)] {
        let spec = format!("{spec}  mode: Active\n");
        world.apply_autoscaler(name, "Deployment", name, &spec).await;
    }
    world.workload("Deployment", "later", 1).await;

    let _operator = world.operator().await;
    world.wait_wanted("Deployment", "web", 3).await;
    for (name, message) in [
        ("crossed", "spec.minReplicas: "),
        ("worded", "spec.maxReplicas: "),
        ("nothing", "spec.metrics[0].target.averageValue: "),
    ] {
        let said = world.wait_condition(name, "Ready", "False", "InvalidSpec").await;
        assert!(said.starts_with(message), "{said}");
    }
    let said = world
        .wait_condition("later", "Ready", "False", "UnknownMetricKind")
        .await;
    assert_contains(&said, "metric load: cannot be read");
    // What is wrong is mended, and nothing else is needed.
    world.edit("crossed", json!({"spec": {"minReplicas": 1}})).await;
    world
        .wait_condition("crossed", "Ready", "False", "TargetNotFound")
        .await;
    install(plane).await;
}

#[tokio::test]
async fn a_definition_without_a_field_of_the_status_is_named_until_it_is_updated() {
    let (plane, _alone) = gated::plane_alone().await;
    let world = World::on(plane, "older").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 3).await;
    world.autoscale("web", "Deployment", "web", "").await;
    install_variant(plane, |schema| {
        let fields = schema["status"]["properties"].as_object_mut().unwrap();
        fields.remove("targetUID").unwrap();
    })
    .await;
    let refused = || refuses_status(&world, "web", "targetUID");
    eventually("the older definition is in force", DEADLINE, refused).await;

    let operator = world.operator().await;
    let message = world
        .wait_condition("web", "Ready", "False", "OutdatedDefinition")
        .await;
    assert_contains(&message, "lacks status.targetUID");
    assert_contains(&message, "apply the one that belongs to this version of the operator");
    world
        .wait_condition("web", "ScalingActive", "False", "OutdatedDefinition")
        .await;
    world.set_load(500.0).await;
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 3);

    install(plane).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    world.wait_wanted("Deployment", "web", 5).await;
}
