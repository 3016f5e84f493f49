//! The operator's own HTTP endpoints: `/metrics`, `/healthz` and `/readyz`. They show; nothing can be changed through them.

mod connections;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::checks::Checks;
use connections::Bounds;

/// The content type of `OpenMetrics` 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is shown.
#[derive(Debug)]
pub(crate) struct Admin {
    /// Behind `/metrics`.
    pub registry: Registry,
    /// Behind `/healthz`: whether a restart would help.
    pub health: Checks,
    /// Behind `/readyz`: whether this replica does its part, as the leader or waiting to be.
    pub ready: Checks,
}

/// Serves until dropped.
pub(crate) async fn serve(listener: TcpListener, admin: Admin) {
    connections::serve(listener, router(admin), Bounds::USUAL).await;
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(async |State(admin): State<Arc<Admin>>| metrics(&admin.registry)),
        )
        .route(
            "/healthz",
            get(async |State(admin): State<Arc<Admin>>| verdict(&admin.health)),
        )
        .route(
            "/readyz",
            get(async |State(admin): State<Arc<Admin>>| verdict(&admin.ready)),
        )
        .with_state(Arc::new(admin))
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn verdict(checks: &Checks) -> Response {
    let failures = checks.failures();
    if failures.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, failures.join("\n") + "\n").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::clock::Clock;
    use crate::metrics::Metrics;

    async fn ask(router: &Router, path: &str) -> (StatusCode, Option<String>, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_and_readiness_say_what_is_wrong() {
        let (health, ready) = (Checks::default(), Checks::default());
        let (_, registry) = Metrics::new(&Clock::start());
        let router = router(Admin {
            registry,
            health: health.clone(),
            ready: ready.clone(),
        });
        let waiting = ready.add("lease", || Err("the Lease cannot be watched".to_owned()));
        let (status, _, body) = ask(&router, "/readyz").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "lease: the Lease cannot be watched\n")
        );
        drop(waiting);
        for path in ["/readyz", "/healthz"] {
            let (status, _, body) = ask(&router, path).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, "ok\n"));
        }
    }

    #[tokio::test]
    async fn metrics_are_served_as_open_metrics() {
        let (_, registry) = Metrics::new(&Clock::start());
        let router = router(Admin {
            registry,
            health: Checks::default(),
            ready: Checks::default(),
        });
        let (status, kind, body) = ask(&router, "/metrics").await;
        assert_eq!((status, kind.as_deref()), (StatusCode::OK, Some(OPEN_METRICS)));
        assert!(
            body.contains("\nmetric_autoscaler_leader 0\n") && body.ends_with("# EOF\n"),
            "{body}"
        );
    }
}
