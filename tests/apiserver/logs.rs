//! What the operator writes into its log: one line for each act, that a machine can read, without anybody's secrets.

use std::fs;

use serde_json::Value;
use tokio::process::Command;

use crate::shared::operator_binary;
use crate::world::{World, assert_contains};

/// The lines of an operator's log, each of which is one JSON object with one message.
fn lines(world: &World, operator: &str) -> Vec<Value> {
    let text = fs::read_to_string(world.directory.join(format!("{operator}.log"))).unwrap();
    let line = |line: &str| {
        assert_eq!(line.matches(r#""message":"#).count(), 1, "{line}");
        serde_json::from_str(line).unwrap()
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn every_act_is_one_line_of_json_without_a_token_or_a_query() {
    let world = World::new("logs").await;
    let token = world.directory.join("source-token");
    fs::write(&token, "dG9wIHNlY3JldA").unwrap();
    let token = token.display().to_string();
    world.workload("Deployment", "web", 1).await;
    world.workload("Deployment", "api", 1).await;
    world.set_load(300.0).await;
    let flags = ["--log-format", "json", "--prometheus-bearer-token-file", &token];
    let _operator = world.operator_with("json", &flags).await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.autoscale("lost", "Deployment", "nowhere", "").await;
    let broken = World::spec_of("broken", "query: 'sum(rate(load[1m]'");
    world.apply_autoscaler("broken", "Deployment", "api", &broken).await;
    world.wait_replicas("Deployment", "web", 3).await;
    world.wait_condition("lost", "Ready", "False", "TargetNotFound").await;
    world.wait_condition("broken", "Ready", "False", "QueryRefused").await;

    let lines = lines(&world, "json");
    let scaled: Vec<&Value> = lines.iter().filter(|line| line["message"] == "scaled").collect();
    assert_eq!(scaled.len(), 1, "{scaled:#?}");
    assert_eq!((&scaled[0]["name"], &scaled[0]["to"]), (&"web".into(), &"3".into()));
    let told = |line: &&Value| line["name"] == "lost" && line["condition"] == "Ready" && line["level"] == "WARN";
    let told: Vec<&Value> = lines.iter().filter(told).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["message"], "condition changed");
    assert!(told[0]["detail"].as_str().unwrap().contains("nowhere"), "{}", told[0]);
    let text = lines.iter().map(Value::to_string).collect::<String>();
    for secret in ["dG9wIHNlY3JldA", "sum(", "rate(load"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

/// As in our image, which holds one file.
#[tokio::test]
async fn where_there_are_no_certificate_authorities_a_source_with_https_asks_for_a_file() {
    let world = World::new("no-authorities").await;
    let kubeconfig = world.directory.join("operator.kubeconfig");
    world.plane.write_kubeconfig(&kubeconfig, "none").unwrap();
    let nothing = world.directory.join("nothing.pem");
    fs::write(&nothing, "").unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    let arguments = [
        "--prometheus-url",
        "https://prometheus.example.com",
        "--kubeconfig",
        &kubeconfig,
    ];
    let mut operator = Command::new(operator_binary());
    operator
        .args(arguments)
        .env("SSL_CERT_FILE", &nothing)
        .env("SSL_CERT_DIR", &world.directory);
    let output = operator.output().await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_contains(
        &said,
        "failed to set the source of metrics up: failed to find the system's certificate authorities",
    );
    assert_contains(&said, "give a file with those of the source");
}
