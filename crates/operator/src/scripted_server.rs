//! For tests: an API server that answers what it is told to, and goes on with everything else while a watch breaks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{Request, Response};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tower::{BoxError, service_fn};

use crate::clock::Clock;
use crate::gate::{Fence, Gate};

/// What becomes of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It stays open, and nothing happens but what the test tells.
    Silent,
    /// It is refused with this status.
    Refused(u16),
    /// It is cut after so long.
    Cut(Duration),
}

/// See the module. Clones are the same server.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScriptedServer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is answered, by path: 404 if nothing is.
    answers: BTreeMap<String, Result<Value, u16>>,
    /// What becomes of watches, by path: silence if nothing is said.
    watches: BTreeMap<String, Watch>,
    /// Who listens to watches that are open, with the path.
    listeners: Vec<(String, UnboundedSender<Bytes>)>,
    /// Verb and path of each request.
    asked: Vec<String>,
    /// As many as there are open watches, and one.
    open: Arc<()>,
}

impl ScriptedServer {
    /// Answers with an object.
    pub(crate) fn serve(&self, path: &str, object: Value) {
        self.edit(|state| drop(state.answers.insert(path.to_owned(), Ok(object))));
    }

    /// Answers with a list.
    pub(crate) fn serve_list(&self, path: &str, items: &[Value]) {
        self.serve(path, json!({"metadata": {"resourceVersion": "7"}, "items": items}));
    }

    /// Answers that these kinds, by plural and name, are served; with a scale each.
    pub(crate) fn serve_kinds(&self, group_version: &str, kinds: &[(&str, &str)]) {
        let of = |name: String, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": []});
        let both =
            |&(plural, kind): &(&str, &str)| [of(plural.to_owned(), kind), of(format!("{plural}/scale"), "Scale")];
        let resources: Vec<Value> = kinds.iter().flat_map(both).collect();
        let list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
        self.serve(&format!("/apis/{group_version}"), list);
    }

    /// Answers with an error.
    pub(crate) fn refuse(&self, path: &str, status: u16) {
        self.edit(|state| drop(state.answers.insert(path.to_owned(), Err(status))));
    }

    /// Says what becomes of watches that begin from now on.
    pub(crate) fn let_watch(&self, path: &str, watch: Watch) {
        self.edit(|state| state.watches.insert(path.to_owned(), watch));
    }

    /// Tells the open watches of an object: `ADDED`, `MODIFIED` or `DELETED`.
    pub(crate) fn tell(&self, path: &str, event: &str, object: &Value) {
        let line = Bytes::from(format!("{}\n", json!({"type": event, "object": object})));
        self.edit(|state| {
            let listeners = state.listeners.iter().filter(|(listened, _)| listened == path);
            for (_, listener) in listeners {
                // One that has ended hears nothing.
                let _ = listener.send(line.clone());
            }
        });
    }

    /// How often this has been asked: `get` or `watch`, and a path.
    pub(crate) fn asked(&self, what: &str) -> usize {
        self.edit(|state| state.asked.iter().filter(|asked| *asked == what).count())
    }

    /// How many watches are open.
    pub(crate) fn open_watches(&self) -> usize {
        self.edit(|state| Arc::strong_count(&state.open) - 1)
    }

    /// A client for it.
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<kube::client::Body>| {
            std::future::ready(Ok::<_, BoxError>(server.answer(request.uri())))
        });
        Client::new(service, "default")
    }

    /// A clock that goes by the timers of the test, and a gate for reads.
    pub(crate) fn clock_and_gate() -> (Clock, Gate) {
        let clock = Clock::simulated(0);
        let gate = Gate::new(Duration::from_secs(5), Fence::closed(clock.clone()));
        (clock, gate)
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.0.lock().unwrap())
    }

    fn answer(&self, uri: &http::Uri) -> Response<Body> {
        let is_watch = uri.query().is_some_and(|query| query.contains("watch=true"));
        let path = uri.path().to_owned();
        self.edit(|state| {
            let verb = if is_watch { "watch" } else { "get" };
            state.asked.push(format!("{verb} {path}"));
            if !is_watch {
                return match state.answers.get(&path) {
                    Some(Ok(object)) => respond(200, object),
                    Some(Err(status)) => refusal(*status),
                    None => refusal(404),
                };
            }
            match state.watches.get(&path).copied().unwrap_or(Watch::Silent) {
                Watch::Refused(status) => refusal(status),
                Watch::Silent => {
                    let (listener, told) = tokio::sync::mpsc::unbounded_channel();
                    state.listeners.push((path, listener));
                    listening(state.open.clone(), told)
                }
                Watch::Cut(after) => silence(state.open.clone(), tokio::time::sleep(after)),
            }
        })
    }
}

/// An answer that says what the test tells.
fn listening(open: Arc<()>, told: UnboundedReceiver<Bytes>) -> Response<Body> {
    let lines = futures::stream::unfold((told, open), |(mut told, open)| async move {
        let line = told.recv().await?;
        Some((Ok::<_, BoxError>(line), (told, open)))
    });
    Response::new(Body::from_stream(lines))
}

/// An answer that says nothing until it breaks.
fn silence(open: Arc<()>, end: impl Future<Output = ()> + Send + 'static) -> Response<Body> {
    let broken = futures::stream::once(async move {
        end.await;
        drop(open);
        Err::<Bytes, BoxError>("cut".into())
    });
    Response::new(Body::from_stream(broken))
}

fn refusal(status: u16) -> Response<Body> {
    let (reason, message) = match status {
        404 => ("NotFound", "there is no such thing"),
        _ => ("InternalError", "etcd is away"),
    };
    let refusal = json!({"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status});
    respond(status, &refusal)
}

fn respond(status: u16, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status);
    response.body(Body::from(body.to_string())).unwrap()
}
