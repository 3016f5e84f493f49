//! Targets, pods and whatever else is read, and the two writes besides a status: the size of a target, and finalizers.

use autoscaler_core::membership::{Effect, Operation, Reply};
use autoscaler_members::{Cluster, Compiled, Found, Questions};
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{NAMESPACE, Server, refuse, respond, stamp};
use crate::membership::{Broker, MaySend};

/// Where nobody has members.
#[derive(Debug)]
pub(super) struct NoMembers;

impl Broker for NoMembers {
    fn look<'a>(
        &'a self,
        _: &'a Compiled,
        _: &'a Cluster,
        _: Option<u32>,
        _: Option<&'a Operation>,
        _: &'a dyn Questions,
    ) -> BoxFuture<'a, Found> {
        unreachable!("nobody has members")
    }

    fn act<'a>(
        &'a self,
        _: &'a Compiled,
        _: &'a Cluster,
        _: &'a Operation,
        _: Effect,
        _: MaySend,
    ) -> BoxFuture<'a, Reply> {
        unreachable!("nobody has members")
    }
}

/// The path of a `StatefulSet`.
pub(crate) fn stateful_set(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{name}")
}

/// The path of the pods.
pub(crate) fn pods() -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/pods")
}

impl Server {
    /// Answers with this.
    pub(crate) fn serve(&self, path: &str, object: Value) {
        self.state.lock().unwrap().served.insert(path.to_owned(), object);
    }

    /// Answers with nothing any more.
    pub(crate) fn unserve(&self, path: &str) {
        self.state.lock().unwrap().served.remove(path);
    }

    /// Somebody writes to it, and changes nothing that matters here.
    pub(crate) fn touch(&self, path: &str) {
        if let Some(object) = self.state.lock().unwrap().served.get_mut(path) {
            stamp(object);
        }
    }

    /// What is answered.
    pub(crate) fn found(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().served.get(path).cloned()
    }

    pub(super) fn served(&self, path: &str) -> Response<Body> {
        match self.found(path) {
            Some(object) => respond(StatusCode::OK, &object),
            None => refuse(StatusCode::NOT_FOUND),
        }
    }

    /// A merge patch with a version, or a JSON patch with tests.
    pub(super) fn patch_scale(&self, path: &str, sent: &Value) -> Response<Body> {
        let of = path.trim_end_matches("/scale");
        let Some(target) = self.found(of) else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let wanted = match sent.as_array() {
            Some(operations) => {
                let holds = |test: &Value| target.pointer(test["path"].as_str().unwrap()) == Some(&test["value"]);
                let mut tests = operations.iter().filter(|operation| operation["op"] == "test");
                if !tests.all(holds) {
                    return refuse(StatusCode::UNPROCESSABLE_ENTITY);
                }
                operations.last().unwrap()["value"].clone()
            }
            None if sent["metadata"]["resourceVersion"] != target["metadata"]["resourceVersion"] => {
                return refuse(StatusCode::CONFLICT);
            }
            None => sent["spec"]["replicas"].clone(),
        };
        let (arrives, answered) = self.arrives(&format!("scale {} > {wanted}", target["spec"]["replicas"]));
        let mut target = target;
        if arrives {
            target["spec"]["replicas"] = wanted.clone();
            stamp(&mut target);
            self.serve(of, target.clone());
        }
        if !answered {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        let scale = json!({"metadata": target["metadata"], "spec": {"replicas": wanted}});
        respond(StatusCode::OK, &scale)
    }

    pub(super) fn patch_finalizers(&self, name: &str, patch: &Value) -> Response<Body> {
        let object = self.object(name);
        if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return refuse(StatusCode::CONFLICT);
        }
        let finalizers = patch["metadata"]["finalizers"].clone();
        let (arrives, answered) = self.arrives(&format!("finalizers {finalizers}"));
        if arrives {
            self.edit(name, |object| object["metadata"]["finalizers"] = finalizers);
        }
        if answered {
            respond(StatusCode::OK, &self.object(name))
        } else {
            refuse(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
