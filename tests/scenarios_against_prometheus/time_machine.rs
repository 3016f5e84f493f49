//! A proxy that asks Prometheus about another time. The operator never sends a `time` (R5), and a client refuses to have
//! one among its parameters; so the time is a part of the address here, and the client under test is the one of
//! production.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::SignedDuration;
use scenario::time;
use tokio::net::TcpListener;

/// The proxy.
pub(crate) struct TimeMachine {
    address: SocketAddr,
}

#[derive(Clone)]
struct Upstream {
    client: reqwest::Client,
    address: SocketAddr,
}

impl TimeMachine {
    /// Starts passing requests on. It ends with the test.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Upstream {
            client: reqwest::Client::new(),
            address: upstream,
        };
        let router = Router::new()
            .route("/at/{milliseconds}/api/v1/query", get(pass_on))
            .with_state(upstream);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address }
    }

    /// The address of a source for which it is always then, by virtual time.
    pub(crate) fn at(&self, time: SignedDuration) -> String {
        let milliseconds = time::timestamp(time).as_millisecond();
        format!("http://{}/at/{milliseconds}", self.address)
    }
}

async fn pass_on(
    State(upstream): State<Upstream>,
    Path(milliseconds): Path<i64>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let query = query.unwrap_or_default();
    let url = format!(
        "http://{}/api/v1/query?{query}&time={seconds}.{rest:03}",
        upstream.address
    );
    let answer = upstream.client.get(url).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        answer.text().await.unwrap(),
    )
}
