//! The webhook: says yes to a patch, as soon as the door of its namespace is open. Everything else is left to the API
//! server's own rules.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use autoscaler_testkit::fault_proxy::Gate;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The door of each namespace, and whether anybody has called there.
type Doors = Arc<Mutex<HashMap<String, (Gate, bool)>>>;

pub(super) struct Authorizer {
    doors: Doors,
    url: String,
}

impl Authorizer {
    /// On a thread of its own: it outlives the runtime of any single test.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let doors = Doors::default();
        let router = Router::new().route("/", post(answer)).with_state(doors.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { doors, url }
    }

    /// What makes an API server ask here about whoever has no right of his own.
    pub(super) fn arguments(&self) -> [String; 4] {
        let kubeconfig = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authorizer-{}.yaml", std::process::id()));
        let (user, cluster) = (json!({"name": "api-server", "user": {}}), json!({"server": self.url}));
        let content = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "door", "users": [user],
            "clusters": [{"name": "door", "cluster": cluster}],
            "contexts": [{"name": "door", "context": {"cluster": "door", "user": "api-server"}}],
        });
        std::fs::write(&kubeconfig, content.to_string()).unwrap();
        [
            "--authorization-mode=Webhook".to_owned(),
            "--authorization-webhook-version=v1".to_owned(),
            // Every write is to be asked about.
            "--authorization-webhook-cache-authorized-ttl=1ms".to_owned(),
            format!("--authorization-webhook-config-file={}", kubeconfig.display()),
        ]
    }

    pub(super) fn close(&self, namespace: &str) {
        let closed = (Gate::closed(), false);
        self.doors.lock().unwrap().insert(namespace.to_owned(), closed);
    }

    pub(super) fn open(&self, namespace: &str) {
        self.doors.lock().unwrap()[namespace].0.open();
    }

    pub(super) fn has_callers(&self, namespace: &str) -> bool {
        self.doors.lock().unwrap()[namespace].1
    }
}

/// Answers a `SubjectAccessReview`.
async fn answer(State(doors): State<Doors>, Json(review): Json<Value>) -> Json<Value> {
    let attributes = &review["spec"]["resourceAttributes"];
    let is_write = attributes["verb"] == "patch";
    let door = attributes["namespace"].as_str().filter(|_| is_write);
    let door = door.and_then(|namespace| {
        let mut doors = doors.lock().unwrap();
        let (gate, called) = doors.get_mut(namespace)?;
        *called = true;
        Some(gate.clone())
    });
    if let Some(gate) = &door {
        gate.pass().await;
    }
    Json(json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "status": {"allowed": door.is_some()},
    }))
}
