//! Answers: does whoever asks a Prometheus say who they are? What stands before one elsewhere: TLS and a token, or a path and
//! the header of a tenant, as with Mimir.
//!
//! What comes with the right words is passed on to a real Prometheus; all else is refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use crate::certificates::Certificates;
use crate::http::client;
use crate::http_server::{Reply, respond, serve_on, serve_tls_on};
use crate::listener::Listener;

/// What a request has to bring.
#[derive(Debug, Clone)]
pub struct Demand {
    /// A header, in small letters, and its value.
    pub header: (&'static str, String),
    /// What all paths begin with, or nothing.
    pub prefix: &'static str,
}

/// See the module.
#[derive(Debug)]
pub struct Front {
    _listener: Listener,
    passed: Arc<AtomicU64>,
}

impl Front {
    /// Speaks plain HTTP on `address`, and passes on to `upstream`.
    pub fn start(address: SocketAddr, upstream: SocketAddr, demand: Demand) -> io::Result<Self> {
        let passed = Arc::new(AtomicU64::new(0));
        let listener = serve_on(address, guard(upstream, demand, Arc::clone(&passed)))?;
        Ok(Self {
            _listener: listener,
            passed,
        })
    }

    /// The same behind TLS, as `prometheus.example.com`.
    pub fn start_tls(
        address: SocketAddr,
        certificates: &Certificates,
        upstream: SocketAddr,
        demand: Demand,
    ) -> io::Result<Self> {
        let passed = Arc::new(AtomicU64::new(0));
        let tls = certificates.server_config();
        let listener = serve_tls_on(address, tls, guard(upstream, demand, Arc::clone(&passed)))?;
        Ok(Self {
            _listener: listener,
            passed,
        })
    }

    /// How many requests came with the right words.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

fn guard(
    upstream: SocketAddr,
    demand: Demand,
    passed: Arc<AtomicU64>,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static {
    let demand = Arc::new(demand);
    move |request| {
        let (demand, passed) = (Arc::clone(&demand), Arc::clone(&passed));
        Box::pin(async move {
            let (name, value) = &demand.header;
            if request.headers().get(*name).is_none_or(|found| found != value) {
                return respond(StatusCode::UNAUTHORIZED, "text/plain", "who are you?");
            }
            let Some(path) = path(&request).strip_prefix(demand.prefix).map(str::to_owned) else {
                return respond(StatusCode::NOT_FOUND, "text/plain", "there is nothing");
            };
            passed.fetch_add(1, Ordering::Relaxed);
            pass(request, &format!("http://{upstream}{path}")).await
        })
    }
}

/// With the query.
fn path(request: &Request<Incoming>) -> &str {
    request
        .uri()
        .path_and_query()
        .map_or("/", hyper::http::uri::PathAndQuery::as_str)
}

async fn pass(request: Request<Incoming>, url: &str) -> Reply {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Reply::HangUp;
    };
    let mut sent = client(None).request(head.method, url).body(body.to_bytes());
    if let Some(kind) = head.headers.get("content-type") {
        sent = sent.header("content-type", kind);
    }
    match sent.send().await {
        Ok(answer) => {
            let status = answer.status();
            let body = answer.bytes().await.unwrap_or_default();
            respond(status, "application/json", body)
        }
        Err(_) => respond(StatusCode::BAD_GATEWAY, "text/plain", "nobody is there"),
    }
}
