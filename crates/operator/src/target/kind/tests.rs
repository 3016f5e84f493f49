//! A kind whose watch breaks, on a server that goes on answering everything else.

use autoscaler_api::ScaleTargetRef;
use autoscaler_core::Replicas;
use serde_json::json;

use super::*;
use crate::scripted_server::{ScriptedServer, Watch};
use crate::target::{TargetView, Targets};

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

/// A server with one Deployment, and a watch of its kind that fares as said.
fn server(watch: Watch) -> ScriptedServer {
    let server = ScriptedServer::default();
    server.serve_kinds("apps/v1", &[("deployments", "Deployment")]);
    server.let_watch(DEPLOYMENTS, watch);
    scale(&server, 2);
    server
}

fn scale(server: &ScriptedServer, replicas: u32) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "uid": "u-1", "resourceVersion": "7"},
        "spec": {"replicas": replicas},
    });
    server.serve_list(DEPLOYMENTS, std::slice::from_ref(&deployment));
    server.serve(WEB, deployment);
}

fn targets(server: &ScriptedServer) -> Targets {
    let (clock, gate) = ScriptedServer::clock_and_gate();
    Targets::new(server.client(), gate, clock, None, CancellationToken::new())
}

/// How often the one Deployment has been read.
fn reads(server: &ScriptedServer) -> usize {
    server.asked(&format!("get {WEB}"))
}

async fn seen(targets: &Targets) -> Result<TargetView, TargetError> {
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let reference: ScaleTargetRef = serde_json::from_value(reference).unwrap();
    targets.watched(&reference, "default").await
}

async fn replicas(targets: &Targets) -> Option<Replicas> {
    seen(targets).await.unwrap().replicas
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_is_asked_for_while_the_watch_of_its_kind_keeps_failing() {
    let server = server(Watch::Refused(500));
    let targets = targets(&server);
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
    // Somebody scales it, and no watch says so.
    scale(&server, 5);
    pass(8).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
    assert_eq!(reads(&server), 0);
    pass(112).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(5)));
    // A watch that works says nothing while nothing changes, and nothing is asked for any more.
    server.let_watch(DEPLOYMENTS, Watch::Silent);
    pass(130).await;
    let before = reads(&server);
    seen(&targets).await.unwrap();
    assert_eq!(reads(&server), before);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_the_first_list_away_is_told() {
    let server = server(Watch::Silent);
    server.refuse(DEPLOYMENTS, 500);
    let targets = targets(&server);
    pass(1).await;
    let error = seen(&targets).await.unwrap_err().to_string();
    assert!(
        error.starts_with("waiting for the first list of Deployment; it has been failing for "),
        "{error}"
    );
    assert!(error.ends_with(" s: HTTP 500: etcd is away"), "{error}");
    scale(&server, 2);
    pass(40).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_for_a_while_is_relied_on_again_once_it_is_not() {
    let server = server(Watch::Refused(403));
    let targets = targets(&server);
    let _ = seen(&targets).await;
    pass(40).await;
    let refused = seen(&targets).await.unwrap_err();
    assert!(matches!(refused, TargetError::Forbidden(_)), "{refused}");
    server.let_watch(DEPLOYMENTS, Watch::Silent);
    pass(130).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_cut_now_and_then_but_can_be_begun_again_is_relied_on() {
    let server = server(Watch::Cut(Duration::from_secs(45)));
    let targets = targets(&server);
    for _ in 0..10 {
        assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
        pass(60).await;
    }
    assert_eq!(reads(&server), 0);
    let watches = server.asked(&format!("watch {DEPLOYMENTS}"));
    assert!(watches > 5, "it was cut {watches} times");
}
