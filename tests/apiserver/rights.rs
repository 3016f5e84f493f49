//! What the operator may do: what it needs, and nothing that it does not.

use std::time::Instant;

use autoscaler_api::{GROUP, MetricAutoscalerStatus};
use autoscaler_testkit::audit::Mark;
use autoscaler_testkit::tcp_proxy::TcpProxy;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::access::rights_in_file;
use crate::gated;
use crate::membership::profiles;
use crate::operator::Operator;
use crate::per_pod;
use crate::shared::rbac_file;
use crate::world::{DEADLINE, World, assert_contains};
use crate::writers::install_keda;
use autoscaler_testkit::rights::Right;

const KINDS: [&str; 3] = ["Deployment", "ReplicaSet", "StatefulSet"];

#[tokio::test]
async fn every_right_is_used_and_none_is_missing() {
    let world = World::new("rights").await;
    install_keda(world.plane).await;
    let rights = installed_rights();
    // Roles take effect a moment after they are applied: what is refused before that tells nothing.
    world.wait_for_rights(&rights).await;

    let mark = world.mark();
    let operator = world.operator().await;
    scale_every_kind(&world).await;
    follow_pods(&world).await;
    profiles::answered(&world).await;
    write_over_a_stale_version(&world).await;
    lose_the_lease(&world, &operator).await;

    let requests = world.all_requests_since(mark).await;
    let refused: Vec<_> = requests.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let is_used = |right: &Right| requests.iter().any(|request| right.allows(request));
    let unused: Vec<_> = rights.iter().filter(|right| !is_used(right)).collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

/// Of the operator where it is installed for all namespaces.
fn installed_rights() -> Vec<Right> {
    ["operator_role.yaml", "profile_role.yaml", "leader_role.yaml"]
        .map(rights_in_file)
        .concat()
}

async fn scale_every_kind(world: &World) {
    world.set_load(300.0).await;
    for kind in KINDS {
        let name = kind.to_lowercase();
        world.create_workload(kind, &name, 1).await;
        world.autoscale(&name, kind, &name, "").await;
    }
    for kind in KINDS {
        let name = kind.to_lowercase();
        world.wait_wanted(kind, &name, 3).await;
        world.wait_condition(&name, "Ready", "True", "ValidMetricFound").await;
    }
}

async fn follow_pods(world: &World) {
    world.workload("StatefulSet", "web", 1).await;
    per_pod::set(world, "web-0", 200.0).await;
    per_pod::autoscale(world, "StatefulSet", "web", "").await;
    world.wait_wanted("StatefulSet", "web", 2).await;
}

/// Somebody else writes the autoscaler, so the version that the operator knows is no longer the newest.
async fn write_over_a_stale_version(world: &World) {
    let annotation = Patch::Merge(json!({"metadata": {"annotations": {"somebody": "else"}}}));
    let parameters = PatchParams::default();
    world
        .autoscalers()
        .patch("deployment", &parameters, &annotation)
        .await
        .unwrap();
    world.set_load(200.0).await;
    world
        .wait_status("deployment", "the shrink is reported", |status| {
            (status.last_replicas == Some(2)).then_some(())
        })
        .await;
}

/// Somebody deletes the Lease under the leader.
async fn lose_the_lease(world: &World, operator: &Operator) {
    let leases: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
    leases
        .delete("metric-autoscaler", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the lease is held again", DEADLINE, || async {
        let lease = leases.get_opt("metric-autoscaler").await.unwrap()?;
        lease.spec?.holder_identity.filter(|holder| !holder.is_empty())
    })
    .await;
    operator.wait_ready().await;
    operator.wait_evaluations(3).await;
}

#[tokio::test]
async fn where_keda_is_not_installed_nothing_is_refused() {
    let (plane, _definition) = gated::plane().await;
    let world = World::on(plane, "no-keda").await;
    let rights = installed_rights();
    world.wait_for_rights(&rights).await;
    let mark = world.mark();
    let _operator = world.operator().await;
    scale_every_kind(&world).await;
    assert_eq!(
        keda_and_refusals(&world, mark).await,
        [("/apis/keda.sh/v1alpha1".to_owned(), 404)]
    );
}

/// `config/namespaced`: the rules of the `ClusterRole`, as a Role.
#[tokio::test]
async fn in_one_namespace_a_role_is_enough() {
    let world = World::new("one-namespace").await;
    install_keda(world.plane).await;
    world.make_do_with_a_role().await;
    let mark = world.mark();
    let _operator = world.operator_with("operator", &["--built-in-profiles-only"]).await;
    scale_every_kind(&world).await;
    follow_pods(&world).await;
    let requests = world.all_requests_since(mark).await;
    let refused: Vec<_> = requests.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// What was asked about KEDA, and whatever was refused.
async fn keda_and_refusals(world: &World, mark: Mark) -> Vec<(String, u16)> {
    let requests = world.requests_since(mark).await;
    let told = requests
        .into_iter()
        .filter(|request| request.uri.contains("keda.sh") || request.code == 403);
    told.map(|request| (request.uri, request.code)).collect()
}

#[tokio::test]
async fn a_right_that_is_missing_for_one_kind_stops_that_kind_alone() {
    let world = World::new("one-kind").await;
    let _operator = world.operator().await;
    scale_every_kind(&world).await;
    let deployments = [Right::new("apps", "deployments/scale", "patch")];
    world.take_rights(&deployments).await;
    world.set_load(500.0).await;
    world.wait_wanted("StatefulSet", "statefulset", 5).await;
    world.wait_wanted("ReplicaSet", "replicaset", 5).await;
    let message = world
        .wait_condition("deployment", "AbleToScale", "False", "Forbidden")
        .await;
    assert_contains(
        &message,
        r#"the operator cannot patch resource "deployments/scale" in API group "apps"; this role"#,
    );
    assert_contains(
        &message,
        r#"{"apiGroups":["apps"],"resources":["deployments/scale"],"verbs":["get","patch"]}"#,
    );
    assert_eq!(world.replicas("Deployment", "deployment").await, 3);

    world.restore_rights(&deployments).await;
    world.wait_wanted("Deployment", "deployment", 5).await;
}

#[tokio::test]
async fn roles_that_are_applied_again_are_left_as_they_are() {
    let world = World::new("again").await;
    let said = world.plane.apply(&rbac_file("operator_role.yaml")).await.unwrap();
    for line in said.lines() {
        assert!(
            line.ends_with(" unchanged"),
            "for a moment nobody has any right: {said}"
        );
    }
}

#[tokio::test]
async fn without_the_right_to_write_a_status_everything_is_told_once_all_the_same() {
    let world = World::new("mute").await;
    world
        .take_rights(&[Right::new(GROUP, "metricautoscalers/status", "patch")])
        .await;
    let operator = world.operator().await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    let began = Instant::now();
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_wanted("Deployment", "web", 3).await;
    operator.wait_evaluations(4).await;
    for reason in ["ValidMetricFound", "SuccessfulRescale"] {
        let events = world.events("web", reason).await;
        assert_eq!(events.len(), 1, "{events:#?}");
    }
    assert_eq!(world.status("web").await, MetricAutoscalerStatus::default());
    // What is refused is asked for ever more seldom: at the start, and after 1, 2, 4, 8 and so many more seconds.
    operator.wait_evaluations(8).await;
    let refused = operator
        .metric("metric_autoscaler_status_writes_total", "forbidden")
        .await;
    let allowed = f64::from(began.elapsed().as_secs_f32()).log2().ceil() + 2.0;
    assert!((1.0..=allowed).contains(&refused), "{refused} of {allowed}");
}

#[tokio::test]
async fn an_autoscaler_that_is_deleted_unseen_scales_nothing_any_more() {
    let world = World::new("unseen").await;
    world.set_load(200.0).await;
    let network = TcpProxy::start(world.plane.api_server_address());
    let operator = world.start_operator_via(network.address(), "operator", &[]).await;
    operator.wait_ready().await;
    for name in ["web", "other"] {
        world.workload("Deployment", name, 2).await;
        world.autoscale(name, "Deployment", name, "").await;
        world.wait_condition(name, "Ready", "True", "ValidMetricFound").await;
    }
    // The watch of autoscalers ends, and cannot be begun again.
    world
        .take_rights(&[Right::new(GROUP, "metricautoscalers", "watch")])
        .await;
    network.sever();
    world
        .autoscalers()
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    world.set_load(300.0).await;
    eventually(
        "the operator hears of it when it writes the status",
        DEADLINE,
        || async {
            let not_found = operator.metric("metric_autoscaler_status_writes_total", "not_found");
            not_found.await > 0.0
        },
    )
    .await;

    let mark = world.mark();
    world.set_load(500.0).await;
    world.wait_wanted("Deployment", "other", 5).await;
    operator.wait_evaluations(3).await;
    let scaled = world.scale_writes_since(mark).await;
    assert!(scaled.iter().all(|request| request.name == "other"), "{scaled:?}");
}
