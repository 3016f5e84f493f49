//! Against a small real HTTP server; tests/prometheus.rs has the real Prometheus.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::http::{answer, client};
use crate::http_server::respond;

const SOON: Duration = Duration::from_secs(10);

fn upstream() -> Listener {
    serve(|_| {
        let body = json!({"status": "success", "data": {"resultType": "vector", "result": []}, "infos": ["real"]});
        Box::pin(async move { respond(hyper::StatusCode::OK, "application/json", body.to_string()) })
    })
}

async fn ask(proxy: &FaultProxy, query: &str) -> Result<String, String> {
    answer(
        client(None)
            .get(format!("{}/api/v1/query", proxy.url()))
            .query(&[("query", query)]),
    )
    .await
}

async fn asked(proxy: &FaultProxy, query: &str) -> Value {
    serde_json::from_str(&ask(proxy, query).await.unwrap()).unwrap()
}

#[tokio::test]
async fn without_a_fault_everything_passes_unchanged_and_is_recorded() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    let direct = answer(client(None).get(format!("http://{}", upstream.address())))
        .await
        .unwrap();
    assert_eq!(ask(&proxy, "sum(rate(a[1m])) > 0").await.unwrap(), direct);

    let form = [("query", "b & c"), ("time", "1")];
    let body: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let post = client(None)
        .post(format!("{}/api/v1/query?limit=2", proxy.url()))
        .body(body);
    let post = post
        .header("content-type", "application/x-www-form-urlencoded")
        .header("X-Scope-OrgID", "tenant");
    assert_eq!(answer(post).await.unwrap(), direct);

    assert_eq!(proxy.queries(), ["sum(rate(a[1m])) > 0", "b & c"]);
    let [get, post] = &proxy.requests()[..] else {
        panic!("two requests: {:?}", proxy.requests())
    };
    assert_eq!(
        (get.method.as_str(), get.path.as_str(), get.parameter("time")),
        ("GET", "/api/v1/query", None)
    );
    assert_eq!(
        (post.parameter("time"), post.parameter("limit")),
        (Some("1"), Some("2"))
    );
    assert_eq!(post.header("x-scope-orgid"), Some("tenant"));
    assert!(get.at <= post.at);
    proxy.forget();
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn a_connection_hangs_breaks_or_is_refused_until_the_fault_is_cleared() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Hang);
    assert!(timeout(Duration::from_millis(100), ask(&proxy, "up")).await.is_err());
    proxy.inject(Fault::HangUp);
    assert!(ask(&proxy, "up").await.is_err());
    proxy.refuse();
    assert!(ask(&proxy, "up").await.is_err());
    assert_eq!(proxy.requests().len(), 2, "a refused connection is no request");
    proxy.clear();
    assert!(ask(&proxy, "up").await.is_ok());
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_a_bad_gateway() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    upstream.close();
    assert!(ask(&proxy, "up").await.unwrap_err().starts_with("502"));
}

#[tokio::test]
async fn a_slow_answer_comes_no_earlier_than_told() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    let (delay, start) = (Duration::from_millis(150), Instant::now());
    proxy.inject(Fault::Slow(delay));
    assert!(timeout(SOON, ask(&proxy, "up")).await.unwrap().is_ok());
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn a_huge_answer_is_as_long_as_told_and_well_formed() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Huge { megabytes: 3 });
    let body = ask(&proxy, "up").await.unwrap();
    assert!(body.len() > 3 << 20);
    assert_eq!(u64::try_from(body.len()).unwrap(), proxy.streamed_bytes());
    assert!(serde_json::from_str::<Value>(&body).is_ok());
}

#[tokio::test]
async fn a_truncated_answer_ends_after_so_many_bytes() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Truncated(20));
    let request = client(None).get(format!("{}/api/v1/query?query=up", proxy.url()));
    let mut cut = request.send().await.unwrap();
    assert_eq!(cut.chunk().await.unwrap().unwrap().len(), 20);
    assert!(cut.chunk().await.is_err());
}

#[tokio::test]
async fn a_client_that_stops_reading_does_not_get_the_rest() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Huge { megabytes: 100 });
    let mut response = client(None)
        .get(format!("{}/api/v1/query", proxy.url()))
        .send()
        .await
        .unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    assert!(proxy.streamed_bytes() < 50 << 20, "{}", proxy.streamed_bytes());
}

#[tokio::test]
async fn an_answer_is_replaced_by_a_page_a_status_or_another_answer() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::html());
    assert!(ask(&proxy, "up").await.unwrap().starts_with("<!doctype html>"));
    proxy.inject(Fault::status(503));
    assert_eq!(ask(&proxy, "up").await.unwrap_err(), "503 Service Unavailable: ");
    proxy.inject(Fault::Answer(json!({"status": "success"})));
    assert_eq!(asked(&proxy, "up").await, json!({"status": "success"}));
}

#[tokio::test]
async fn warnings_and_advice_are_added_to_the_true_answer() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Warnings(vec!["PromQL warning: partial".into()]));
    let answer = asked(&proxy, "up").await;
    assert_eq!(
        (&answer["warnings"], &answer["infos"]),
        (&json!(["PromQL warning: partial"]), &json!(["real"]))
    );
    proxy.inject(Fault::Infos(vec!["PromQL info: not a counter".into()]));
    assert_eq!(
        asked(&proxy, "up").await["infos"],
        json!(["real", "PromQL info: not a counter"])
    );
}

#[tokio::test]
async fn a_fault_can_be_for_some_queries_only_and_the_latest_that_applies_counts() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::status(500));
    proxy.inject_for("load", Fault::status(503));
    assert!(ask(&proxy, "sum(load)").await.unwrap_err().starts_with("503"));
    assert!(ask(&proxy, "up").await.unwrap_err().starts_with("500"));
    proxy.clear();
    assert!(ask(&proxy, "sum(load)").await.is_ok());
}

#[tokio::test]
async fn a_redirect_leads_a_client_that_follows_it_elsewhere() {
    let upstream = upstream();
    let elsewhere = FaultProxy::start(upstream.address());
    let proxy = FaultProxy::start(upstream.address());
    proxy.inject(Fault::Redirect(format!("{}/elsewhere", elsewhere.url())));
    ask(&proxy, "load").await.unwrap();
    assert_eq!(elsewhere.requests()[0].path, "/elsewhere");
}

#[tokio::test]
async fn what_is_held_passes_once_the_gate_is_open() {
    let upstream = upstream();
    let proxy = FaultProxy::start(upstream.address());
    let gate = Gate::closed();
    proxy.inject_for("held", Fault::Held(gate.clone()));
    let held = ask(&proxy, "held");
    tokio::pin!(held);
    assert!(timeout(Duration::from_millis(100), &mut held).await.is_err());
    assert!(ask(&proxy, "other").await.is_ok());
    gate.open();
    assert!(timeout(SOON, held).await.unwrap().is_ok());
    assert!(ask(&proxy, "held").await.is_ok());
}
