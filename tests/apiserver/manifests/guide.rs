//! The overlays that `docs/guide/install.md` shows do what it says.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::shared::{plane, repository};

/// Every block of YAML that is a whole kustomization.
fn overlays() -> Vec<String> {
    let page = fs::read_to_string(repository().join("docs/guide/install.md")).unwrap();
    let blocks = page.split("```yaml\n# mine/kustomization.yaml\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0.to_owned())
        .collect()
}

/// kustomize takes bases by relative paths only, and the overlay is written far from here.
pub(super) fn path_between(from: &Path, to: &Path) -> String {
    let up = "../".repeat(from.canonicalize().unwrap().components().count() - 1);
    let down = to.canonicalize().unwrap();
    format!("{up}{}", down.strip_prefix("/").unwrap().display())
}

async fn rendered(number: usize, overlay: &str) -> Vec<Value> {
    let plane = plane().await;
    let directory = plane.directory().join(format!("overlay-{number}"));
    fs::create_dir_all(&directory).unwrap();
    let base = path_between(&directory, &repository().join("config"));
    let overlay = overlay.replace("../config", &base);
    fs::write(directory.join("kustomization.yaml"), overlay).unwrap();
    let output = plane
        .kubectl(&["kustomize", &directory.display().to_string()])
        .await
        .unwrap();
    assert!(output.success, "{}", output.stderr);
    serde_saphyr::from_multiple(&output.stdout).unwrap()
}

/// Where the one rule leads that has the ports of API servers.
fn to_the_api_server(objects: &[Value]) -> Value {
    let rules = objects
        .iter()
        .filter_map(|object| object["spec"]["egress"].as_array())
        .flatten();
    let mut found = rules.filter(|rule| rule["ports"][1]["port"] == 6443);
    found.next().unwrap()["to"].clone()
}

/// What may be repeated has one per line, in a variable too.
#[tokio::test]
async fn a_literal_with_two_parameters_keeps_its_lines() {
    let page = fs::read_to_string(repository().join("docs/guide/install.md")).unwrap();
    let addition = page
        .split("# mine/kustomization.yaml, added to the literals\n")
        .nth(1)
        .unwrap();
    let addition = addition.split_once("```").unwrap().0;
    let objects = rendered(20, &(overlays()[2].clone() + addition)).await;
    let source = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    assert_eq!(
        source["data"]["PROMETHEUS_QUERY_PARAMETER"],
        "dedup=true\npartial_response=false"
    );
}

#[tokio::test]
async fn every_overlay_of_the_guide_changes_what_it_says_and_nothing_else() {
    let overlays = overlays();
    assert_eq!(overlays.len(), 5);
    let mut sources = Vec::new();
    for (number, overlay) in overlays.iter().enumerate() {
        let objects = rendered(number, overlay).await;
        let only = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
        let (deployment, source) = (only("Deployment"), only("ConfigMap"));
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(
            container["envFrom"][0]["configMapRef"]["name"],
            source["metadata"]["name"]
        );
        sources.push(source["data"].clone());
        assert_eq!(container["image"], "registry.example.com/metric-autoscaler:0.1.0");
        let namespace = if number == 4 { "shop" } else { "metric-autoscaler" };
        assert_eq!(deployment["metadata"]["namespace"], namespace);
        let policies = objects
            .iter()
            .filter(|object| object["kind"] == "ValidatingAdmissionPolicy");
        assert_eq!(policies.count(), usize::from(number == 3), "only strictly");
        if number == 3 {
            let egress = json!([{"ipBlock": {"cidr": "192.0.2.10/32"}}]);
            assert_eq!(to_the_api_server(&objects), egress, "not everywhere");
        }
        if number == 1 {
            let mounts = container["volumeMounts"].as_array().unwrap();
            let names: Vec<&Value> = mounts.iter().map(|mount| &mount["name"]).collect();
            assert_eq!(names, ["prometheus", "api-access"]);
            assert_eq!(pod["volumes"][0]["secret"]["secretName"], "prometheus-credentials");
        }
    }
    let plain = json!({"PROMETHEUS_URL": "http://prometheus.monitoring.svc:9090"});
    let expected = json!([
        plain,
        {
            "PROMETHEUS_BEARER_TOKEN_FILE": "/etc/prometheus/token", "PROMETHEUS_CA_FILE": "/etc/prometheus/ca.crt",
            "PROMETHEUS_URL": "https://prometheus.example.com",
        },
        {
            "PROMETHEUS_HEADER": "X-Scope-OrgID=tenant",
            "PROMETHEUS_URL": "http://mimir-query-frontend.mimir.svc:8080/prometheus",
        },
        plain,
        plain,
    ]);
    assert_eq!(json!(sources), expected);
}
