//! A server that answers as it is told, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures::future::{BoxFuture, FutureExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Of the URL and of the form.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: SocketAddr,
}

type Handler = Arc<dyn Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync>;

#[derive(Clone)]
struct Shared {
    handler: Handler,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: JoinHandle<()>,
}

impl Fake {
    /// Serves until it is dropped.
    pub(crate) async fn start<F>(handler: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let seen = Arc::default();
        let shared = Shared {
            handler: Arc::new(move |request| handler(request).boxed()),
            seen: Arc::clone(&seen),
        };
        let router = Router::new().fallback(serve).with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, seen, server }
    }

    /// Answers every request alike.
    pub(crate) async fn answering(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::start(move |_| std::future::ready(answer(status, body.clone()))).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The texts asked so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| seen.parameters["query"].clone())
            .collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(State(shared): State<Shared>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut parameters = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    if parts.method == Method::POST {
        parameters.extend(pairs(&body));
    }
    let path = parts.uri.path().to_owned();
    let seen = Seen {
        method: parts.method,
        path,
        parameters,
        headers: parts.headers,
        peer,
    };
    shared.seen.lock().unwrap().push(seen.clone());
    (shared.handler)(seen).await
}

fn pairs(encoded: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

pub(crate) fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// An answer with one number.
pub(crate) fn number(value: &str) -> String {
    vector(&format!(r#"{{"metric":{{}},"value":[1795348773.5,"{value}"]}}"#))
}

pub(crate) fn vector(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
}

/// The answer to a probe, row by row.
pub(crate) fn rows(rows: &[(&str, f64)]) -> String {
    let series: Vec<String> = rows
        .iter()
        .map(|(row, value)| format!(r#"{{"metric":{{"probe":"{row}"}},"value":[1795348773.5,"{value}"]}}"#))
        .collect();
    vector(&series.join(","))
}
