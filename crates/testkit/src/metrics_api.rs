//! Answers: what numbers does the `HorizontalPodAutoscaler` get to see, and when did it see them?
//!
//! An aggregated API server for `external.metrics.k8s.io/v1beta1` and `custom.metrics.k8s.io/v1beta2`, the versions that the
//! controller's clients ask for (`k8s.io/metrics/pkg/client`), without an adapter and without Prometheus. What a metric is
//! worth is the caller's function; what was answered is kept, with its instant.
//!
//! The API server reaches it through a Service of type `ExternalName`, which its resolver takes without endpoints
//! (`k8s.io/apiserver/pkg/util/proxy`): neither a flag nor a pod network is needed. Callers are not authenticated: the
//! port is on loopback, and numbers are all there is.

mod answer;
mod registration;
mod request;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hyper::StatusCode;

use crate::http_server::{Reply, respond, serve_tls};
use crate::listener::Listener;
use crate::plane::{ControlPlane, PlaneError};

pub use answer::{Answer, Measured};
pub use request::{Asked, Subject};

/// What was answered to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// When the answer was made.
    pub at: SystemTime,
    /// The question.
    pub asked: Asked,
    /// The answer.
    pub answer: Answer,
}

type Source = dyn Fn(&Asked) -> Answer + Send + Sync;

struct State {
    source: Box<Source>,
    served: Mutex<Vec<Served>>,
}

/// The metrics APIs of one plane. Its registration stays in the plane when it is dropped; the numbers do not.
pub struct MetricsApi {
    listener: Listener,
    state: Arc<State>,
}

impl MetricsApi {
    /// Serves both APIs and registers them; returns when the API server says that they are available.
    ///
    /// `source` is called once for each question, from any thread.
    pub async fn start<S>(plane: &ControlPlane, source: S) -> Result<Self, PlaneError>
    where
        S: Fn(&Asked) -> Answer + Send + Sync + 'static,
    {
        let state = Arc::new(State {
            source: Box::new(source),
            served: Mutex::default(),
        });
        let tls = plane.certificates().server_config();
        let answering = Arc::clone(&state);
        let listener = serve_tls(tls, move |request| {
            let reply = answering.reply(request.uri().path(), request.uri().query());
            Box::pin(async move { reply })
        });
        registration::register(plane, listener.address().port()).await?;
        Ok(Self { listener, state })
    }

    /// Everything answered so far, in that order.
    pub fn served(&self) -> Vec<Served> {
        self.state.served().clone()
    }

    /// How many of the answers so far are of a kind.
    pub fn count(&self, is_one: impl Fn(&Served) -> bool) -> usize {
        self.state.served().iter().filter(|served| is_one(served)).count()
    }
}

impl fmt::Debug for MetricsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MetricsApi")
            .field("address", &self.listener.address())
            .finish_non_exhaustive()
    }
}

impl State {
    fn reply(&self, path: &str, query: Option<&str>) -> Reply {
        if let Some(discovery) = request::discovery(path) {
            return json(StatusCode::OK, &discovery);
        }
        let Some(asked) = Asked::parse(path, query) else {
            return json(StatusCode::NOT_FOUND, &answer::status(StatusCode::NOT_FOUND, path));
        };
        let answer = (self.source)(&asked);
        let at = SystemTime::now();
        let (status, body) = answer.render(&asked, at);
        self.served().push(Served { at, asked, answer });
        json(status, &body)
    }

    fn served(&self) -> std::sync::MutexGuard<'_, Vec<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(status: StatusCode, body: &serde_json::Value) -> Reply {
    respond(status, "application/json", body.to_string())
}
