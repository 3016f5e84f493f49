//! Leases as an API server keeps them, in memory, behind a network per client that can be slow or hold things back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{FutureExt, StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tower::{BoxError, service_fn};

pub(super) const NAMESPACE: &str = "operator";
pub(super) const NAME: &str = "metric-autoscaler";

/// One direction of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Things arrive after that time.
    Open(Duration),
    /// Things arrive when it opens again.
    Held,
}

pub(super) const FAST: Way = Way::Open(Duration::from_millis(3));

/// The network between one client and the server.
#[derive(Debug, Clone)]
pub(super) struct Network {
    there: Arc<watch::Sender<Way>>,
    back: Arc<watch::Sender<Way>>,
}

impl Network {
    pub(super) fn new() -> Self {
        let way = || Arc::new(watch::Sender::new(FAST));
        Self {
            there: way(),
            back: way(),
        }
    }

    pub(super) fn set(&self, there: Way, back: Way) {
        self.there.send_replace(there);
        self.back.send_replace(back);
    }
}

async fn travel(way: &watch::Sender<Way>) {
    let mut way = way.subscribe();
    let open = way.wait_for(|way| *way != Way::Held).await.map(|way| *way);
    if let Ok(Way::Open(delay)) = open {
        tokio::time::sleep(delay).await;
    }
}

/// The server. Clones share its state.
#[derive(Clone, Default)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
    version: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    events: Vec<(u64, Value)>,
    requests: Vec<String>,
    watches: usize,
    /// Watches that began before that many others are silent.
    silent_watches: usize,
}

impl Server {
    pub(super) fn lease(&self) -> Option<Lease> {
        self.state.lock().unwrap().lease.clone()
    }

    /// What was asked since this was last called: `PUT`, `POST`, `GET`, `LIST`, `WATCH`.
    pub(super) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// Makes the watches of this moment silent: open, but nothing comes.
    pub(super) fn silence_watches(&self) {
        let mut state = self.state.lock().unwrap();
        state.silent_watches = state.watches;
    }

    /// Changes the lease as a person would, without asking for its version. Without a lease, nothing happens.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Lease)) {
        let lease = self.lease();
        if let Some(mut lease) = lease {
            edit(&mut lease);
            self.store(lease, "MODIFIED");
        }
    }

    pub(super) fn create(&self, lease: Lease) {
        self.store(lease, "ADDED");
    }

    pub(super) fn delete(&self) {
        let mut state = self.state.lock().unwrap();
        if let Some(lease) = state.lease.take() {
            self.publish(&mut state, "DELETED", lease);
        }
    }

    /// A client behind that network.
    pub(super) fn client(&self, network: &Network) -> Client {
        let (server, network) = (self.clone(), network.clone());
        let service = service_fn(move |request: Request<kube::client::Body>| {
            let (server, network) = (server.clone(), network.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let (answer, answered) = oneshot::channel();
                // A request that is on its way arrives, whether or not anybody still waits for its answer.
                tokio::spawn(async move {
                    travel(&network.there).await;
                    let response = server.answer(&parts.method, &parts.uri, &body, &network);
                    travel(&network.back).await;
                    let _ = answer.send(response);
                });
                answered.await.map_err(BoxError::from)
            }
            .boxed()
        });
        Client::new(service, NAMESPACE)
    }

    fn answer(&self, method: &Method, uri: &http::Uri, body: &[u8], network: &Network) -> Response<Body> {
        let query = uri.query().unwrap_or_default();
        let is_watch = query.contains("watch=true");
        let named = uri.path().ends_with(NAME);
        let kind = match (method.as_str(), named) {
            ("GET", false) if is_watch => "WATCH",
            ("GET", false) => "LIST",
            (method, _) => method,
        };
        self.state.lock().unwrap().requests.push(kind.to_owned());
        match kind {
            "WATCH" => self.watch(query, network),
            "LIST" => {
                let items: Vec<_> = self.lease().into_iter().collect();
                let version = self.version.borrow().to_string();
                respond(
                    StatusCode::OK,
                    &json!({"metadata": {"resourceVersion": version}, "items": items}),
                )
            }
            "GET" => self.lease().map_or_else(
                || refuse(StatusCode::NOT_FOUND, "NotFound"),
                |lease| respond(StatusCode::OK, &json!(lease)),
            ),
            "POST" => self.post(serde_json::from_slice(body).unwrap()),
            "PUT" => self.put(serde_json::from_slice(body).unwrap()),
            other => panic!("{other} is not expected"),
        }
    }

    fn post(&self, lease: Lease) -> Response<Body> {
        if self.lease().is_some() {
            return refuse(StatusCode::CONFLICT, "AlreadyExists");
        }
        respond(StatusCode::CREATED, &json!(self.store(lease, "ADDED")))
    }

    fn put(&self, lease: Lease) -> Response<Body> {
        let Some(present) = self.lease() else {
            return refuse(StatusCode::NOT_FOUND, "NotFound");
        };
        let identity = |lease: &Lease| (lease.metadata.uid.clone(), lease.metadata.resource_version.clone());
        if identity(&present) != identity(&lease) {
            return refuse(StatusCode::CONFLICT, "Conflict");
        }
        respond(StatusCode::OK, &json!(self.store(lease, "MODIFIED")))
    }

    fn store(&self, mut lease: Lease, event: &str) -> Lease {
        let mut state = self.state.lock().unwrap();
        let next = *self.version.borrow() + 1;
        lease.metadata.resource_version = Some(next.to_string());
        lease.metadata.uid.get_or_insert_with(|| format!("uid-{next}"));
        state.lease = Some(lease.clone());
        self.publish(&mut state, event, lease.clone());
        lease
    }

    fn publish(&self, state: &mut State, event: &str, mut lease: Lease) {
        let next = *self.version.borrow() + 1;
        lease.metadata.resource_version = Some(next.to_string());
        state.events.push((next, json!({"type": event, "object": lease})));
        self.version.send_replace(next);
    }

    fn watch(&self, query: &str, network: &Network) -> Response<Body> {
        let version = query
            .split('&')
            .find_map(|part| part.strip_prefix("resourceVersion="))
            .unwrap();
        let from: u64 = version.parse().unwrap();
        let (server, network) = (self.clone(), network.clone());
        let number = {
            let mut state = self.state.lock().unwrap();
            state.watches += 1;
            state.watches
        };
        let events = stream::unfold(from, move |seen| {
            let (server, network) = (server.clone(), network.clone());
            async move {
                let mut versions = server.version.subscribe();
                versions.wait_for(|version| *version > seen).await.ok()?;
                if server.is_silent(number) {
                    std::future::pending::<()>().await;
                }
                let (version, event) = server.event_after(seen);
                travel(&network.back).await;
                Some((Ok::<_, BoxError>(Bytes::from(format!("{event}\n"))), version))
            }
        });
        Response::new(Body::from_stream(events.boxed()))
    }

    fn is_silent(&self, watch: usize) -> bool {
        watch <= self.state.lock().unwrap().silent_watches
    }

    fn event_after(&self, seen: u64) -> (u64, Value) {
        let state = self.state.lock().unwrap();
        let event = state.events.iter().find(|(version, _)| *version > seen);
        event.cloned().expect("the version grows with the events")
    }
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status);
    response.body(Body::from(body.to_string())).unwrap()
}

fn refuse(status: StatusCode, reason: &str) -> Response<Body> {
    let body =
        json!({"kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": status.as_u16()});
    respond(status, &body)
}
