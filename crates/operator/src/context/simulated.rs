//! For tests: an API server that keeps autoscalers and one kind of target in memory, and a context that writes to it.

mod faults;
mod workloads;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoscaler_api::{GROUP, KIND, VERSION};
use autoscaler_core::Continuity;
use axum::body::Body;
use futures::FutureExt;
use http::{Request, Response, StatusCode};
use kube::Client;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, service_fn};

pub(crate) use faults::Cut;
use faults::Faults;
use workloads::NoMembers;
pub(crate) use workloads::{pods, stateful_set};

use super::{Context, Settings};
use crate::args::MaxMode;
use crate::clock::Clock;
use crate::events::Events;
use crate::gate::{Fence, Gate};
use crate::membership::{Broker, Profiles};
use crate::metrics::Metrics;
use crate::pods::Pods;
use crate::rivals::Rivals;
use crate::snapshot::Snapshot;
use crate::subject::Subject;
use crate::target::Targets;

const NAMESPACE: &str = "default";

/// The server. Clones share its state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Value>,
    statuses: Vec<Value>,
    /// What is answered besides, by path.
    served: BTreeMap<String, Value>,
    /// What was done, in order.
    done: Vec<String>,
    faults: Faults,
    clock: Option<Clock>,
}

impl Server {
    /// What one replica of the operator has that leads. It must be called within a runtime.
    pub(crate) fn context(&self) -> Context {
        self.context_with(Arc::new(NoMembers), 1)
    }

    /// The same in this term, with these members.
    pub(crate) fn context_with(&self, members: Arc<dyn Broker>, epoch: u64) -> Context {
        const LONG: Duration = Duration::from_hours(24);
        let (client, clock) = (self.client(), self.clock());
        let fence = Fence::closed(clock.clone());
        fence.open_until(clock.boot().plus(LONG));
        let gate = Gate::new(Duration::from_secs(5), fence);
        // Nothing is watched.
        let watches = CancellationToken::new();
        watches.cancel();
        let targets = Targets::new(client.clone(), gate.clone(), clock.clone(), None, watches.clone());
        let pods = Pods::new(client.clone(), gate.clone(), clock.clone(), watches.clone());
        Context {
            settings: Arc::new(Settings {
                min_interval: Duration::from_secs(5),
                query_timeout: Duration::from_secs(5),
                max_mode: MaxMode::Active,
                namespace: None,
                credentials_dir: None,
                cluster_domain: "cluster.local".to_owned(),
            }),
            prometheus: None,
            targets: Arc::new(targets),
            pods: Arc::new(pods),
            rivals: Rivals::watch(&client, &gate, None, &watches),
            metrics: Arc::new(Metrics::new(&clock).0),
            members,
            profiles: Profiles::only_built_in(),
            epoch,
            events: Arc::new(Events::new(client.clone(), &gate, clock.clone(), "test".to_owned())),
            client,
            gate,
            clock,
        }
    }

    /// A new autoscaler, and what its watch comes from.
    pub(crate) fn create(&self, name: &str, clock: &Clock) -> (Subject, watch::Sender<Arc<Snapshot>>) {
        self.put(name, "Deployment", &json!({}));
        self.take_up(name, clock)
    }

    /// One clock, whoever leads.
    fn clock(&self) -> Clock {
        let mut state = self.state.lock().unwrap();
        state.clock.get_or_insert_with(|| Clock::simulated(0)).clone()
    }

    /// What a replica has that leads no more.
    pub(crate) fn deposed(&self, members: Arc<dyn Broker>) -> Context {
        let context = self.context_with(members, 1);
        let gate = Gate::new(Duration::from_secs(5), Fence::closed(context.clock.clone()));
        Context { gate, ..context }
    }

    /// Keeps a new autoscaler, with more in its spec.
    pub(crate) fn put(&self, name: &str, kind: &str, more: &Value) {
        let metric = json!({"name": "load", "prometheus": {"query": "sum(load)"}, "target": {"averageValue": 100}});
        let mut object = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": KIND,
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-of-{name}"), "resourceVersion": "1"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
                "maxReplicas": 10, "intervalSeconds": 15, "metrics": [metric],
            },
        });
        for (field, value) in more.as_object().unwrap() {
            object["spec"][field] = value.clone();
        }
        self.state.lock().unwrap().objects.insert(name.to_owned(), object);
    }

    /// Takes an autoscaler up as it is kept, as a leader does that has just begun.
    pub(crate) fn take_up(&self, name: &str, clock: &Clock) -> (Subject, watch::Sender<Arc<Snapshot>>) {
        let typed: DynamicObject = serde_json::from_value(self.object(name)).unwrap();
        let (newest, receiver) = watch::channel(Arc::new(Snapshot::of(&typed).unwrap()));
        let subject = Subject::resume(receiver, Duration::from_secs(5), Continuity::Unbroken, clock);
        (subject, newest)
    }

    /// An autoscaler as it is kept.
    pub(crate) fn object(&self, name: &str) -> Value {
        self.state.lock().unwrap().objects[name].clone()
    }

    /// What was sent for a status, whether or not it was accepted.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        self.state.lock().unwrap().statuses.clone()
    }

    /// Changes an autoscaler as somebody else does.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        let object = state.objects.get_mut(name).unwrap();
        edit(object);
        stamp(object);
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<kube::client::Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                Ok::<_, BoxError>(server.answer(parts.method.as_str(), parts.uri.path(), &body))
            }
            .boxed()
        });
        Client::new(service, NAMESPACE)
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Response<Body> {
        if let Some(refused) = self.fault(method, path, body) {
            return refused;
        }
        let autoscalers = format!("/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/metricautoscalers/");
        let place: Vec<&str> = path.strip_prefix(&autoscalers).unwrap_or_default().split('/').collect();
        match (method, &*place) {
            ("GET", [name]) if !name.is_empty() => {
                let object = self.state.lock().unwrap().objects.get(*name).cloned();
                object.map_or_else(
                    || refuse(StatusCode::NOT_FOUND),
                    |object| respond(StatusCode::OK, &object),
                )
            }
            ("PATCH", [name, "status"]) => self.apply_status(name, &serde_json::from_slice(body).unwrap()),
            ("PATCH", [name]) if !name.is_empty() => {
                self.patch_finalizers(name, &serde_json::from_slice(body).unwrap())
            }
            ("PATCH", _) if path.ends_with("/scale") => self.patch_scale(path, &serde_json::from_slice(body).unwrap()),
            ("POST", _) if path.ends_with("/events") => {
                respond(StatusCode::CREATED, &serde_json::from_slice(body).unwrap())
            }
            ("GET", _) => self.served(path),
            _ => refuse(StatusCode::NOT_FOUND),
        }
    }

    /// As in a server-side apply by the only manager: what is left out is deleted, and a version, if one is named, has to
    /// be the present one.
    fn apply_status(&self, name: &str, sent: &Value) -> Response<Body> {
        let phase = sent["status"]["operation"]["record"].as_str().unwrap_or("none");
        let (arrives, answered) = self.arrives(&format!("status {phase}"));
        if !arrives {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        let mut state = self.state.lock().unwrap();
        state.statuses.push(sent.clone());
        let Some(object) = state.objects.get_mut(name) else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let version = &sent["metadata"]["resourceVersion"];
        if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
            return refuse(StatusCode::CONFLICT);
        }
        object["status"] = sent["status"].clone();
        stamp(object);
        if !answered {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        respond(StatusCode::OK, object)
    }
}

/// Another version.
fn stamp(object: &mut Value) {
    let version = &mut object["metadata"]["resourceVersion"];
    let number: u64 = version.as_str().unwrap().parse().unwrap();
    *version = json!((number + 1).to_string());
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status);
    response.body(Body::from(body.to_string())).unwrap()
}

fn refuse(status: StatusCode) -> Response<Body> {
    let reason = if status == StatusCode::NOT_FOUND {
        "NotFound"
    } else {
        "x"
    };
    let body =
        json!({"kind": "Status", "status": "Failure", "reason": reason, "message": "x", "code": status.as_u16()});
    respond(status, &body)
}
