use kube::core::{ApiResource, GroupVersionKind};
use rstest::rstest;
use serde_json::json;

use super::*;

fn object(kind: &str, data: Value) -> DynamicObject {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    let mut object = DynamicObject::new("web", &resource).data(data);
    object.metadata.uid = Some("u-1".to_owned());
    object.metadata.resource_version = Some("7".to_owned());
    object.metadata.generation = Some(2);
    object
}

fn view(kind: &str, data: Value) -> TargetView {
    TargetView::of(&object(kind, data), Shape::of("apps", kind)).unwrap()
}

#[rstest]
#[case("Deployment")]
#[case("StatefulSet")]
#[case("ReplicaSet")]
fn a_built_in_kind_without_a_count_has_one_replica_and_none_ready(#[case] kind: &str) {
    let view = view(kind, json!({"spec": {}, "status": {"observedGeneration": 2}}));
    assert_eq!(
        (view.replicas, view.ready),
        (Some(Replicas::new(1)), Some(Replicas::ZERO))
    );
}

#[test]
fn r18_of_a_custom_resource_only_the_scale_is_believed() {
    let data = json!({"spec": {"replicas": 9}, "status": {"replicas": 9}});
    let view = TargetView::of(&object("Broker", data), Shape::of("example.com", "Broker")).unwrap();
    assert_eq!((view.replicas, view.ready, view.rollout), (None, None, None));
}

#[test]
fn a_custom_resource_that_tells_its_ready_replicas_is_believed() {
    let data = json!({"status": {"readyReplicas": 2}});
    let view = TargetView::of(&object("Broker", data), Shape::Custom).unwrap();
    assert_eq!(view.ready, Some(Replicas::new(2)));
}

#[test]
fn r18_a_generation_that_the_controller_has_not_seen_is_a_rollout() {
    let view = view(
        "Deployment",
        json!({"spec": {"replicas": 1}, "status": {"observedGeneration": 1}}),
    );
    assert_eq!(view.rollout, Some(Rollout::GenerationLags));
}

#[test]
fn r18_a_deployment_rolls_out_until_its_progress_deadline() {
    let data = json!({
        "spec": {"replicas": 4, "progressDeadlineSeconds": 60},
        "status": {
            "observedGeneration": 2,
            "updatedReplicas": 1,
            "conditions": [{"type": "Progressing", "lastUpdateTime": "2026-11-22T12:00:00Z"}],
        },
    });
    let until: Timestamp = "2026-11-22T12:01:00Z".parse().unwrap();
    let rollout = Rollout::Updating {
        updated: Replicas::new(1),
        replicas: Replicas::new(4),
        until: Some(until),
    };
    assert_eq!(view("Deployment", data).rollout, Some(rollout));
}

#[rstest]
#[case("ProgressDeadlineExceeded", 60, None)]
#[case("ReplicaSetUpdated", 60, Some("2026-11-22T12:01:00Z"))]
#[case("ReplicaSetUpdated", 2_147_483_647, Some("2026-11-22T13:00:00Z"))] // which means: never
fn r18_a_stuck_rollout_holds_the_size_no_longer_than_its_deadline(
    #[case] reason: &str,
    #[case] seconds: i64,
    #[case] expected: Option<&str>,
) {
    let progressing = json!({"type": "Progressing", "reason": reason, "lastUpdateTime": "2026-11-22T12:00:00Z"});
    let data = json!({
        "spec": {"replicas": 4, "progressDeadlineSeconds": seconds},
        "status": {"observedGeneration": 2, "updatedReplicas": 1, "conditions": [progressing]},
    });
    let until = match view("Deployment", data).rollout {
        Some(Rollout::Updating { until, .. }) => until,
        Some(Rollout::GenerationLags) | None => None,
    };
    assert_eq!(until, expected.map(|time| time.parse().unwrap()));
}

#[test]
fn r18_a_deployment_that_is_recreated_is_not_rolling() {
    let data = json!({
        "spec": {"replicas": 4, "strategy": {"type": "Recreate"}},
        "status": {"observedGeneration": 2, "updatedReplicas": 1},
    });
    assert_eq!(view("Deployment", data).rollout, None);
}

#[rstest]
#[case("one", "two", "RollingUpdate", true)]
#[case("one", "one", "RollingUpdate", false)] // it merely grows
#[case("one", "two", "OnDelete", false)]
fn r18_a_stateful_set_rolls_out_while_it_has_two_revisions(
    #[case] current: &str,
    #[case] update: &str,
    #[case] strategy: &str,
    #[case] rolling: bool,
) {
    let data = json!({
        "spec": {"replicas": 4, "updateStrategy": {"type": strategy}},
        "status": {
            "observedGeneration": 2, "updatedReplicas": 1, "currentRevision": current, "updateRevision": update,
        },
    });
    assert_eq!(view("StatefulSet", data).rollout.is_some(), rolling);
}

#[test]
fn r18_without_a_progress_deadline_the_default_one_counts_from_first_sight() {
    let seen: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let rollout = Rollout::Updating {
        updated: Replicas::ZERO,
        replicas: Replicas::new(1),
        until: None,
    };
    let Rollout::Updating { until, .. } = deadline_of(rollout, seen) else {
        panic!("it became another rollout")
    };
    assert_eq!(until, Some("2026-11-22T12:10:00Z".parse().unwrap()));
}

fn manager(name: &str, operation: &str, fields: &Value, time: &str) -> Value {
    json!({
        "manager": name, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "fieldsV1": fields, "time": time,
    })
}

fn managed(managers: &[Value]) -> TargetView {
    let mut object = object(
        "Deployment",
        json!({"spec": {"replicas": 3}, "status": {"observedGeneration": 2}}),
    );
    object.metadata.managed_fields = Some(serde_json::from_value(json!(managers)).unwrap());
    TargetView::of(&object, Shape::Deployment).unwrap()
}

#[test]
fn r22_an_apply_manager_of_the_count_is_named_and_we_are_not() {
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    let template = json!({"f:spec": {"f:template": {}}});
    let early = "2026-11-22T12:00:00Z";
    assert_eq!(
        managed(&[manager("argocd", "Apply", &replicas, early)])
            .applied_by
            .as_deref(),
        Some("argocd")
    );
    assert_eq!(
        managed(&[manager("argocd", "Apply", &template, early)]).applied_by,
        None
    );
    assert_eq!(
        managed(&[manager("kubectl-edit", "Update", &replicas, early)]).applied_by,
        None
    );
    assert_eq!(
        managed(&[manager(FIELD_MANAGER, "Apply", &replicas, early)]).applied_by,
        None
    );
}

#[test]
fn r22_the_last_other_manager_of_the_count_is_known() {
    let replicas = || json!({"f:spec": {"f:replicas": {}}});
    let view = managed(&[
        manager("kubectl-create", "Update", &replicas(), "2026-11-22T12:00:00Z"),
        manager("kubectl", "Update", &replicas(), "2026-11-22T12:05:00Z"),
        manager(FIELD_MANAGER, "Update", &replicas(), "2026-11-22T12:06:00Z"),
    ]);
    assert_eq!(view.last_set_by.as_deref(), Some("kubectl"));
}

#[test]
fn a_controller_that_owns_the_target_is_known_and_a_mere_owner_is_not() {
    let mut owned = object("ReplicaSet", json!({"spec": {"replicas": 1}}));
    let controlled_by = |controller: bool| json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u-2", "controller": controller}]);
    owned.metadata.owner_references = Some(serde_json::from_value(controlled_by(true)).unwrap());
    let view = TargetView::of(&owned, Shape::ReplicaSet).unwrap();
    assert_eq!(
        view.owner,
        Some(Owner {
            kind: "Deployment".to_owned(),
            name: "web".to_owned()
        })
    );
    owned.metadata.owner_references = Some(serde_json::from_value(controlled_by(false)).unwrap());
    assert_eq!(TargetView::of(&owned, Shape::ReplicaSet).unwrap().owner, None);
}

#[rstest]
#[case("11", Some(5), "10", false)] // the watch was faster than the answer
#[case("9", Some(5), "10", true)]
#[case("10", Some(5), "10", false)]
#[case("10", None, "10", true)] // of a custom resource only an answer tells the count
#[case("not-a-number", Some(5), "10", true)]
fn facts_of_an_older_version_never_replace_newer_ones(
    #[case] known: &str,
    #[case] replicas: Option<u32>,
    #[case] answered: &str,
    #[case] expected: bool,
) {
    let of_version = |version: &str, replicas: Option<u32>| TargetView {
        resource_version: version.to_owned(),
        replicas: replicas.map(Replicas::new),
        ..view("Deployment", json!({}))
    };
    let known = of_version(known, replicas);
    assert_eq!(of_version(answered, Some(3)).supersedes(&known), expected);
}
