//! Which pods are kept, and how many lists that takes, on a server that says what a test lets it.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::pods::selector::parse;
use crate::scripted_server::ScriptedServer;

const PODS: &str = "/api/v1/namespaces/default/pods";

fn namespace(server: &ScriptedServer) -> Arc<Namespace> {
    Arc::new(Namespace::new("default", server.client(), CancellationToken::new()))
}

fn follow(namespace: &Arc<Namespace>, selector: &str) -> Follower {
    namespace.clone().follow(selector, parse(selector).unwrap())
}

fn pod(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app}, "resourceVersion": "8"},
    })
}

async fn found(follower: &Follower) -> BTreeSet<String> {
    let found = follower.find().await.unwrap();
    found.into_iter().map(|kept| kept.pod.name).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn lists(server: &ScriptedServer) -> usize {
    server.asked(&format!("get {PODS}"))
}

/// How many pods are kept by the watch that is read.
fn kept(namespace: &Namespace) -> usize {
    namespace.edit(|state| state.current.as_ref().unwrap().size())
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn r10_of_a_namespace_only_the_pods_that_are_looked_for_are_kept() {
    let server = ScriptedServer::default();
    let others = (0..500).map(|number| pod(&format!("job-{number}"), "job"));
    let pods: Vec<Value> = others
        .chain(["web-0", "web-1", "web-2"].map(|name| pod(name, "web")))
        .collect();
    server.serve_list(PODS, &pods);
    let namespace = namespace(&server);
    let web = follow(&namespace, "app=web");
    assert_eq!(found(&web).await, names(&["web-0", "web-1", "web-2"]));
    assert_eq!(kept(&namespace), 3);
}

#[tokio::test(start_paused = true)]
async fn r10_a_pod_whose_labels_change_is_kept_from_then_on_or_no_longer() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "job")]);
    let namespace = namespace(&server);
    let web = follow(&namespace, "app=web");
    assert_eq!(found(&web).await, names(&["a"]));
    pass(1).await;
    server.tell(PODS, "MODIFIED", &pod("b", "web"));
    server.tell(PODS, "MODIFIED", &pod("a", "job"));
    server.tell(PODS, "ADDED", &pod("c", "job"));
    pass(1).await;
    assert_eq!((found(&web).await, kept(&namespace)), (names(&["b"]), 1));
    server.tell(PODS, "DELETED", &pod("b", "web"));
    pass(1).await;
    assert_eq!((found(&web).await, kept(&namespace)), (names(&[]), 0));
    assert_eq!(lists(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn r24_a_thousand_targets_make_at_most_three_lists_and_then_share_one_watch() {
    let server = ScriptedServer::default();
    let pods: Vec<Value> = (0..5)
        .map(|number| pod(&format!("pod-{number}"), &format!("app-{number}")))
        .collect();
    server.serve_list(PODS, &pods);
    let namespace = namespace(&server);
    // The evaluations of the first second of a term.
    let begin = |number: u64| {
        let namespace = namespace.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(number * 7 % 1_000)).await;
            let follower = follow(&namespace, &format!("app=app-{number}"));
            let found = found(&follower).await.len();
            assert_eq!(found, usize::from(number < 5), "pods of {number}");
            follower
        }
    };
    let followers = join_all((0..1_000).map(begin)).await;
    for _ in 0..20 {
        pass(15).await;
        for (number, follower) in followers.iter().enumerate() {
            assert_eq!(found(follower).await.len(), usize::from(number < 5));
        }
    }
    assert!((2..=3).contains(&lists(&server)), "{} lists", lists(&server));
    assert_eq!((server.open_watches(), kept(&namespace)), (1, 5));
    drop((followers, namespace));
    pass(1).await;
    assert_eq!(server.open_watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn r24_targets_with_the_same_selector_need_one_list() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("a", "web")]);
    let namespace = namespace(&server);
    let mut followers = Vec::new();
    for _ in 0..3 {
        let follower = follow(&namespace, "app=web");
        assert_eq!(found(&follower).await, names(&["a"]));
        followers.push(follower);
    }
    assert_eq!((lists(&server), server.open_watches()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn r24_newcomers_wait_for_a_list_that_is_under_way_and_then_share_the_next() {
    let server = ScriptedServer::default();
    server.refuse(PODS, 500);
    let namespace = namespace(&server);
    let first = follow(&namespace, "app=first");
    assert!(matches!(first.find().await, Err(PodsError::NotListed(Some(_)))));
    let (late, later) = (follow(&namespace, "app=late"), follow(&namespace, "app=later"));
    assert!(matches!(late.find().await, Err(PodsError::NotListed(Some(_)))));

    server.serve_list(PODS, &[pod("a", "late"), pod("b", "later"), pod("c", "first")]);
    let before = lists(&server);
    pass(40).await;
    let (one, other) = tokio::join!(found(&late), found(&later));
    assert_eq!((one, other), (names(&["a"]), names(&["b"])));
    assert_eq!(found(&first).await, names(&["c"]));
    assert_eq!(lists(&server) - before, 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_without_pods_because_somebody_else_came() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "db")]);
    let namespace = namespace(&server);
    let web = follow(&namespace, "app=web");
    assert_eq!(found(&web).await, names(&["a"]));
    pass(10).await;
    server.refuse(PODS, 500);
    let db = follow(&namespace, "app=db");
    for _ in 0..8 {
        assert!(matches!(db.find().await, Err(PodsError::NotListed(_))));
        assert_eq!(found(&web).await, names(&["a"]));
        pass(15).await;
    }
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "db"), pod("c", "web")]);
    pass(40).await;
    assert_eq!(found(&db).await, names(&["b"]));
    assert_eq!(found(&web).await, names(&["a", "c"]));
    pass(1).await;
    assert_eq!(server.open_watches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_that_leaves_before_its_list_leaves_nothing_behind() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "db")]);
    let namespace = namespace(&server);
    let web = follow(&namespace, "app=web");
    assert_eq!(found(&web).await, names(&["a"]));
    pass(10).await;
    server.refuse(PODS, 500);
    let db = follow(&namespace, "app=db");
    drop(db.find().await.unwrap_err());
    drop(db);
    assert_eq!(found(&web).await, names(&["a"]));
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "db")]);
    for _ in 0..20 {
        pass(15).await;
        assert_eq!(found(&web).await, names(&["a"]));
    }
    assert_eq!((kept(&namespace), server.open_watches()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn r10_the_pods_of_one_that_has_gone_are_let_go_after_a_minute_or_two() {
    let server = ScriptedServer::default();
    server.serve_list(PODS, &[pod("a", "web"), pod("b", "db")]);
    let namespace = namespace(&server);
    let (web, db) = (follow(&namespace, "app=web"), follow(&namespace, "app=db"));
    assert_eq!(found(&web).await, names(&["a"]));
    assert_eq!(found(&db).await, names(&["b"]));
    assert_eq!((lists(&server), kept(&namespace)), (1, 2));
    drop(db);
    for _ in 0..3 {
        pass(15).await;
        assert_eq!((found(&web).await, kept(&namespace)), (names(&["a"]), 2));
    }
    for _ in 0..20 {
        pass(15).await;
        assert_eq!(found(&web).await, names(&["a"]));
    }
    assert_eq!((lists(&server), kept(&namespace), server.open_watches()), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_may_not_list_is_not_begun_again_by_every_newcomer() {
    let server = ScriptedServer::default();
    server.refuse(PODS, 403);
    let namespace = namespace(&server);
    let mut followers = Vec::new();
    for number in 0..20 {
        let follower = follow(&namespace, &format!("app={number}"));
        assert!(matches!(follower.find().await, Err(PodsError::Forbidden(_))));
        followers.push(follower);
        pass(1).await;
    }
    assert!(lists(&server) <= 8, "{} lists", lists(&server));
    server.serve_list(PODS, &[pod("a", "19")]);
    pass(40).await;
    assert_eq!(found(&followers[19]).await, names(&["a"]));
}
