//! A kind whose watch breaks, on a server that goes on answering everything else.

use std::sync::{Arc, Mutex};

use autoscaler_api::ScaleTargetRef;
use autoscaler_core::Replicas;
use axum::body::{Body, Bytes};
use http::{Request, Response};
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use super::*;
use crate::clock::Clock;
use crate::gate::Fence;
use crate::target::{TargetView, Targets};

/// What the server answers to lists and to watches: 200, or an error.
#[derive(Debug, Clone)]
struct Server(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    list: u16,
    watch: u16,
    replicas: u32,
    reads: usize,
}

impl Server {
    fn new(list: u16, watch: u16) -> Self {
        let (replicas, reads) = (2, 0);
        Self(Arc::new(Mutex::new(State {
            list,
            watch,
            replicas,
            reads,
        })))
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.0.lock().unwrap())
    }

    fn targets(&self) -> Targets {
        let server = self.clone();
        let service = service_fn(move |request: Request<kube::client::Body>| {
            std::future::ready(Ok::<_, BoxError>(server.answer(request.uri())))
        });
        let clock = Clock::simulated(0);
        let gate = Gate::new(Duration::from_secs(5), Fence::closed(clock.clone()));
        let client = Client::new(service, "default");
        Targets::new(client, gate, clock, None, CancellationToken::new())
    }

    fn answer(&self, uri: &http::Uri) -> Response<Body> {
        let is_watch = uri.query().is_some_and(|query| query.contains("watch=true"));
        let mut state = self.0.lock().unwrap();
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default", "uid": "u-1", "resourceVersion": "7"},
            "spec": {"replicas": state.replicas},
        });
        match uri.path() {
            "/apis/apps/v1" => respond(200, &kinds()),
            "/apis/apps/v1/deployments" if is_watch && state.watch == 200 => {
                Response::new(Body::from_stream(futures::stream::pending::<Result<Bytes, BoxError>>()))
            }
            "/apis/apps/v1/deployments" if is_watch => respond(state.watch, &Value::Null),
            "/apis/apps/v1/deployments" => respond(
                state.list,
                &json!({"metadata": {"resourceVersion": "7"}, "items": [deployment]}),
            ),
            "/apis/apps/v1/namespaces/default/deployments/web" => {
                state.reads += 1;
                respond(200, &deployment)
            }
            other => panic!("{other} is not expected"),
        }
    }
}

fn kinds() -> Value {
    let of = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": []});
    json!({
        "kind": "APIResourceList", "groupVersion": "apps/v1",
        "resources": [of("deployments", "Deployment"), of("deployments/scale", "Scale")],
    })
}

fn respond(status: u16, body: &Value) -> Response<Body> {
    let refusal =
        json!({"kind": "Status", "status": "Failure", "message": "etcd is away", "reason": "x", "code": status});
    let body = if status == 200 { body } else { &refusal };
    let response = Response::builder().status(status);
    response.body(Body::from(body.to_string())).unwrap()
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
    let server = Server::new(200, 500);
    let targets = server.targets();
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
    // Somebody scales it, and no watch says so.
    server.edit(|state| state.replicas = 5);
    pass(30).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
    assert_eq!(server.edit(|state| state.reads), 0);
    pass(90).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(5)));
    // A watch that works says nothing while nothing changes, and nothing is asked for any more.
    server.edit(|state| state.watch = 200);
    pass(130).await;
    let before = server.edit(|state| state.reads);
    seen(&targets).await.unwrap();
    assert_eq!(server.edit(|state| state.reads), before);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_the_first_list_away_is_told() {
    let server = Server::new(500, 200);
    let targets = server.targets();
    pass(1).await;
    let error = seen(&targets).await.unwrap_err().to_string();
    assert!(
        error.starts_with("waiting for the first list of Deployment; it has been failing for "),
        "{error}"
    );
    assert!(error.ends_with(" s: HTTP 500: etcd is away"), "{error}");
    server.edit(|state| state.list = 200);
    pass(40).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_for_a_while_is_relied_on_again_once_it_is_not() {
    let server = Server::new(200, 403);
    let targets = server.targets();
    let _ = seen(&targets).await;
    pass(40).await;
    let refused = seen(&targets).await.unwrap_err();
    assert!(matches!(refused, TargetError::Forbidden(_)), "{refused}");
    server.edit(|state| state.watch = 200);
    pass(130).await;
    assert_eq!(replicas(&targets).await, Some(Replicas::new(2)));
}
