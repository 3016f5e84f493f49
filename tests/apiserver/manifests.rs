//! What `config/` installs is accepted by a real API server, comes up, and is as hardened as it should be.

pub(crate) mod dashboard;
pub(crate) mod guard;
mod guide;
mod hardening;
mod installer;
mod monitoring;
mod people;
mod policy;
mod rendered;

use std::collections::BTreeSet;
use std::fs;

use autoscaler_testkit::wait::eventually;
use serde_json::Value;

use crate::examples::service_monitors_are_served;
use crate::shared::{plane, repository};
use crate::world::DEADLINE;
pub(crate) use rendered::Rendered;
use rendered::directory;

/// What can be given to `kubectl apply -k`.
const TARGETS: [&str; 9] = [
    "crd",
    "default",
    "guard",
    "manager",
    "monitoring",
    "namespaced",
    "network",
    "rbac",
    "strict",
];

#[test]
fn every_directory_of_config_is_a_target_that_is_tested() {
    let entries = fs::read_dir(repository().join("config")).unwrap();
    let directories = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir());
    let names: BTreeSet<String> = directories
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    // Profiles are refused until their definition is served: a test of their own renders them.
    let tested = TARGETS.into_iter().chain(["profiles"]).map(str::to_owned);
    assert_eq!(names, tested.collect());
}

#[tokio::test]
async fn every_target_is_accepted_and_the_default_one_comes_up_under_the_restricted_standard() {
    let plane = plane().await;
    let namespace = directory("default").join("namespace.yaml");
    plane.apply_file(&namespace).await.unwrap();
    service_monitors_are_served().await;
    prometheus_rules_are_served().await;
    for target in TARGETS {
        let directory = directory(target).display().to_string();
        let arguments = ["apply", "--dry-run=server", "--kustomize", &directory];
        let output = plane.kubectl(&arguments).await.unwrap();
        // A warning is one of Pod Security too: the namespace asks for them.
        assert_eq!((output.success, output.stderr.as_str()), (true, ""), "{target}");
    }

    let default = directory("default").display().to_string();
    // What belongs to no namespace is applied by other tests too, maybe at this moment.
    eventually("the default is applied", DEADLINE, || async {
        let output = plane.kubectl(&["apply", "--kustomize", &default]).await.unwrap();
        output.success.then_some(()).ok_or(output.stderr)
    })
    .await;
    let get = [
        "get",
        "deployment",
        "metric-autoscaler",
        "--namespace=metric-autoscaler",
        "--output=json",
    ];
    eventually("two replicas are available", DEADLINE, || async {
        let output = plane.kubectl(&get).await.unwrap();
        let deployment: Value = serde_json::from_str(&output.stdout).unwrap();
        let available = deployment["status"]["availableReplicas"] == 2;
        available.then_some(()).ok_or(deployment["status"].to_string())
    })
    .await;
}

async fn prometheus_rules_are_served() {
    let plane = plane().await;
    plane
        .apply(include_str!("manifests/prometheus-rule.yaml"))
        .await
        .unwrap();
    let list = ["get", "prometheusrules", "--all-namespaces"];
    eventually("PrometheusRules are served", DEADLINE, || async {
        let output = plane.kubectl(&list).await.unwrap();
        output.success.then_some(()).ok_or(output.stderr)
    })
    .await;
}
