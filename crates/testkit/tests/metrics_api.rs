//! Metrics are served through the real aggregator, in the words that Kubernetes' clients understand.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use autoscaler_testkit::metrics_api::{Answer, Measured, MetricsApi, Subject};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use reqwest::StatusCode;
use serde_json::Value;

async fn get(plane: &ControlPlane, path: &str) -> Result<Value, String> {
    let output = plane
        .kubectl(&["get", "--raw", &format!("/apis/{path}")])
        .await
        .unwrap();
    if output.success {
        Ok(serde_json::from_str(&output.stdout).unwrap())
    } else {
        Err(output.stderr)
    }
}

#[tokio::test]
async fn what_is_served_arrives_and_is_kept() {
    let plane = ControlPlane::start(PlaneOptions::default()).await.unwrap();
    let metrics = MetricsApi::start(&plane, |asked| match (&asked.subject, asked.metric.as_str()) {
        (Subject::External, "queue") => Answer::value("1500m"),
        (Subject::Object { name, .. }, "hits") if name == "web" => Answer::value("7"),
        (Subject::Pods { selector }, "hits") if selector == "app=web" => Answer::Values(vec![Measured {
            name: "web-0".to_owned(),
            quantity: "3".to_owned(),
        }]),
        _ => Answer::Failure(StatusCode::NOT_FOUND),
    });
    let metrics = metrics.await.unwrap();

    let external = "external.metrics.k8s.io/v1beta1/namespaces/shop";
    let custom = "custom.metrics.k8s.io/v1beta2/namespaces/shop";
    let queue = get(&plane, &format!("{external}/queue")).await.unwrap();
    assert_eq!(queue["items"][0]["value"], "1500m");
    let hits = get(&plane, &format!("{custom}/deployments.apps/web/hits"))
        .await
        .unwrap();
    assert_eq!(hits["items"][0]["describedObject"]["name"], "web");
    let pods = get(&plane, &format!("{custom}/pods/*/hits?labelSelector=app%3Dweb"))
        .await
        .unwrap();
    assert_eq!(pods["items"][0]["describedObject"]["name"], "web-0");
    let refused = get(&plane, &format!("{external}/unknown")).await.unwrap_err();
    assert!(refused.contains("nothing for unknown"), "{refused}");

    let served = metrics.served();
    let asked: Vec<&str> = served.iter().map(|served| served.asked.metric.as_str()).collect();
    assert_eq!(asked, ["queue", "hits", "hits", "unknown"]);
    assert!(served.windows(2).all(|pair| pair[0].at <= pair[1].at));
}
