//! Whose pods are whose, and how long they are watched, on a server that says what a test lets it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::scripted_server::{ScriptedServer, Watch};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pods(server: &ScriptedServer) -> Pods {
    let (clock, gate) = ScriptedServer::clock_and_gate();
    Pods::new(server.client(), gate, clock, CancellationToken::new())
}

/// A pod with this label `app`, and its controller, if it has one.
fn pod(name: &str, app: &str, controller: Option<(&str, &str)>) -> Value {
    let owners: Vec<Value> = controller.map(reference).into_iter().collect();
    json!({
        "metadata": {
            "name": name, "namespace": "default", "labels": {"app": app}, "resourceVersion": "7", "ownerReferences": owners,
        },
        "status": {"phase": "Running"},
    })
}

/// A reference to an object that is called like its UID.
fn reference((kind, uid): (&str, &str)) -> Value {
    let group = match kind {
        "ConfigMap" => "v1",
        "Broker" => "example.com/v1",
        _ => "apps/v1",
    };
    json!({"apiVersion": group, "kind": kind, "name": uid, "uid": uid, "controller": true})
}

fn path(kind: &str, name: &str) -> String {
    format!("/apis/apps/v1/namespaces/default/{}s/{name}", kind.to_lowercase())
}

/// Lets the server know an object, and who controls it.
fn serve(server: &ScriptedServer, (kind, uid): (&str, &str), controller: Option<(&str, &str)>) {
    let owners: Vec<Value> = controller.map(reference).into_iter().collect();
    let object = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": uid, "namespace": "default", "uid": uid, "ownerReferences": owners},
    });
    server.serve(&path(kind, uid), object);
}

async fn owned(pods: &Pods, target: &mut TargetPods, replicas: u32) -> Result<BTreeSet<String>, PodsError> {
    let owned = pods.owned(target, Replicas::new(replicas)).await?;
    Ok(owned.into_iter().map(|pod| pod.name).collect())
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn r24_the_targets_of_a_namespace_share_one_watch_which_ends_with_the_last() {
    let server = ScriptedServer::default();
    server.serve_list(
        PODS,
        &[
            pod("a-0", "a", Some(("StatefulSet", "a"))),
            pod("b-0", "b", Some(("StatefulSet", "b"))),
        ],
    );
    server.serve_list("/api/v1/namespaces/other/pods", &[]);
    let pods = pods(&server);
    let mut one = pods.of_target("default", "a", "app=a").unwrap();
    let mut other = pods.of_target("default", "b", "app=b").unwrap();
    assert_eq!(owned(&pods, &mut one, 1).await.unwrap(), names(&["a-0"]));
    assert_eq!(owned(&pods, &mut other, 1).await.unwrap(), names(&["b-0"]));
    let mut elsewhere = pods.of_target("other", "c", "app=c").unwrap();
    assert_eq!(owned(&pods, &mut elsewhere, 1).await.unwrap(), names(&[]));
    pass(1).await;
    let lists = || server.asked(&format!("get {PODS}"));
    let watches = || server.asked(&format!("watch {PODS}"));
    assert_eq!((lists(), watches(), server.open_watches()), (1, 1, 2));

    drop(one);
    pass(1).await;
    assert_eq!(server.open_watches(), 2);
    assert_eq!(owned(&pods, &mut other, 1).await.unwrap(), names(&["b-0"]));
    drop(other);
    pass(1).await;
    assert_eq!((lists(), watches(), server.open_watches()), (1, 1, 1));

    let mut again = pods.of_target("default", "a", "app=a").unwrap();
    assert_eq!(owned(&pods, &mut again, 1).await.unwrap(), names(&["a-0"]));
    assert_eq!(lists(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_watches_of_a_term_end_with_it() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[]);
    let (clock, gate) = ScriptedServer::clock_and_gate();
    let end = CancellationToken::new();
    let pods = Pods::new(server.client(), gate, clock, end.clone());
    let mut target = pods.of_target("default", "a", "app=a").unwrap();
    owned(&pods, &mut target, 1).await.unwrap();
    pass(1).await;
    assert_eq!(server.open_watches(), 1);
    end.cancel();
    pass(1).await;
    assert_eq!(server.open_watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn r10_a_pod_is_own_by_a_chain_of_controllers_whatever_its_labels() {
    let server = ScriptedServer::default();
    server.serve_list(
        PODS,
        &[
            pod("direct", "web", Some(("Broker", "target"))),
            pod("of-its-set", "web", Some(("StatefulSet", "set"))),
            pod("of-its-deployment", "web", Some(("ReplicaSet", "rs"))),
            pod("of-anothers-deployment", "web", Some(("ReplicaSet", "other-rs"))),
            pod("of-something-else", "web", Some(("ConfigMap", "map"))),
            pod("of-nobody", "web", None),
            pod("of-what-is-gone", "web", Some(("ReplicaSet", "gone"))),
            pod("with-other-labels", "db", Some(("StatefulSet", "set"))),
        ],
    );
    serve(&server, ("StatefulSet", "set"), Some(("Broker", "target")));
    serve(&server, ("ReplicaSet", "rs"), Some(("Deployment", "deployment")));
    serve(&server, ("Deployment", "deployment"), Some(("Broker", "target")));
    serve(&server, ("ReplicaSet", "other-rs"), Some(("Deployment", "other")));
    serve(&server, ("Deployment", "other"), None);
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    assert_eq!(
        owned(&pods, &mut target, 3).await.unwrap(),
        names(&["direct", "of-its-set", "of-its-deployment"])
    );
}

#[tokio::test(start_paused = true)]
async fn r10_what_a_target_adopts_is_its_own_within_a_minute() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("web-x", "web", Some(("ReplicaSet", "rs")))]);
    serve(&server, ("ReplicaSet", "rs"), None);
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    assert!(owned(&pods, &mut target, 1).await.is_err());
    serve(&server, ("ReplicaSet", "rs"), Some(("Deployment", "target")));
    pass(61).await;
    assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["web-x"]));
}

#[tokio::test(start_paused = true)]
async fn r24_whose_a_strangers_pods_are_is_asked_again_only_while_the_target_lacks_some() {
    let server = ScriptedServer::default();
    server.serve_list(
        PODS,
        &[
            pod("own", "web", Some(("StatefulSet", "target"))),
            pod("strange", "web", Some(("ReplicaSet", "rs"))),
        ],
    );
    serve(&server, ("ReplicaSet", "rs"), None);
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    let asked = || server.asked(&format!("get {}", path("ReplicaSet", "rs")));
    for _ in 0..4 {
        assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["own"]));
        assert_eq!(asked(), 1);
        pass(61).await;
    }
    owned(&pods, &mut target, 2).await.unwrap();
    assert_eq!(asked(), 2);
    pass(30).await;
    owned(&pods, &mut target, 2).await.unwrap();
    assert_eq!(asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn r10_what_a_target_releases_is_not_its_own_once_something_else_takes_its_place() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("old-x", "web", Some(("ReplicaSet", "old")))]);
    serve(&server, ("ReplicaSet", "old"), Some(("Deployment", "target")));
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    let asked = || server.asked(&format!("get {}", path("ReplicaSet", "old")));
    for _ in 0..4 {
        assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["old-x"]));
        assert_eq!(asked(), 1);
        pass(61).await;
    }
    serve(&server, ("ReplicaSet", "old"), None);
    serve(&server, ("ReplicaSet", "new"), Some(("Deployment", "target")));
    server.tell(PODS, "ADDED", &pod("new-x", "web", Some(("ReplicaSet", "new"))));
    pass(1).await;
    assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["new-x"]));
    assert_eq!(asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_found_but_not_owned_are_told_with_an_example() {
    let server = ScriptedServer::default();
    server.serve_list(
        PODS,
        &[
            pod("web-b", "web", Some(("ConfigMap", "web"))),
            pod("web-a", "web", None),
        ],
    );
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    let error = owned(&pods, &mut target, 2).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 pods match the selector, none is owned by the target, neither directly nor through ReplicaSets, \
         StatefulSets or Deployments: web-a is controlled by nobody"
    );
    let mut none = pods.of_target("default", "target", "app=absent").unwrap();
    assert_eq!(owned(&pods, &mut none, 2).await.unwrap(), names(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_pods_that_keeps_failing_is_told_with_its_cause() {
    let server = ScriptedServer::default();
    server.refuse(PODS, 500);
    let pods = pods(&server);
    let mut target = pods.of_target("default", "target", "app=web").unwrap();
    let error = owned(&pods, &mut target, 1).await.unwrap_err().to_string();
    assert!(
        error.starts_with("waiting for the first list of pods; it has been failing for "),
        "{error}"
    );
    assert!(error.ends_with(": HTTP 500: etcd is away"), "{error}");

    server.let_watch(PODS, Watch::Refused(500));
    server.serve_list(PODS, &[pod("web-0", "web", Some(("StatefulSet", "target")))]);
    pass(40).await;
    assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["web-0"]));
    pass(120).await;
    let error = owned(&pods, &mut target, 1).await.unwrap_err().to_string();
    assert!(
        error.starts_with("it is not known any more which pods there are: the watch of them is broken; it has been"),
        "{error}"
    );

    server.let_watch(PODS, Watch::Silent);
    pass(130).await;
    assert_eq!(owned(&pods, &mut target, 1).await.unwrap(), names(&["web-0"]));
}

#[tokio::test]
async fn a_selector_that_cannot_be_read_is_told_with_its_cause() {
    let error = pods(&ScriptedServer::default())
        .of_target("default", "target", "app in (web")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#""app in (web", the selector in the scale of the target, cannot be read: its parentheses do not match"#
    );
}

#[tokio::test]
async fn a_selector_of_any_length_is_told_briefly() {
    let pods = pods(&ScriptedServer::default());
    let long = "x".repeat(40_000);
    for selector in [
        format!("app in ({long}"),
        format!("app={long}!"),
        format!("{long} {long}"),
    ] {
        let error = pods.of_target("default", "target", &selector).unwrap_err().to_string();
        assert!(error.len() < 1_000, "{error}");
    }
}
