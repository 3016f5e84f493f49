//! `docs/guide/install.md`, word for word: every block of it, in its order, typed by whoever reads it, and at the end workloads
//! that scale. What the reader has of their own (a Prometheus that wants a token, Mimir, the Prometheus Operator's kinds) is
//! made here under the names that the guide has for it.

use std::net::{Ipv4Addr, SocketAddr};

use autoscaler_testkit::front::{Demand, Front};
use autoscaler_testkit::node::PROGRAM_ADDRESS;
use autoscaler_testkit::wait::eventually;
use serde_json::json;

use crate::installation::{DEADLINE, GUIDE};
use crate::page::{Content, blocks, section};
use crate::scene::{OPERATOR, Scene, last_scene};

const TOKEN: &str = "of-the-reader";

/// Kinds of the Prometheus Operator and services of others.
const OTHERS: &str = include_str!("manifests/others.yaml");

#[tokio::test]
async fn whoever_follows_the_guide_word_for_word_ends_with_workloads_that_scale() {
    assert_eq!(sections(), FOLLOWED, "a section that nobody follows");
    last_scene("guide", async |scene| {
        let first = write_a_first_autoscaler(scene).await;
        scene.followed(2).await;
        watch(scene).await;
        say_who_asks(scene).await;
        name_a_tenant(scene).await;
        be_strict(scene).await;
        scale_other_kinds(scene).await;
        go_back(scene).await;
        scene.nothing_was_forbidden();
        // It has had its time: the rate is that of a whole minute.
        first.wait_ready("Deployment", "web", 3).await;
        uninstall(scene).await;
        assert_eq!(first.sizes("web").last(), Some(&3));
        scene
            .installation
            .kubectl(&["delete", "deployment", "web", "--namespace=default"])
            .await;
        in_one_namespace(scene).await;
    })
    .await;
}

/// Where the page has blocks. The first three are followed by whoever installs ([`crate::installation`]).
const FOLLOWED: [&str; 11] = [
    "1. The image",
    "2. What is yours",
    "3. Apply it",
    "4. Watch it",
    "A Prometheus that wants to know who asks",
    "Thanos, Mimir, VictoriaMetrics",
    "More strictly",
    "Other kinds of target",
    "Upgrade",
    "Uninstall, in this order",
    "One namespace only",
];

fn sections() -> Vec<String> {
    let mut headings: Vec<String> = blocks(GUIDE).into_iter().map(|block| block.heading).collect();
    headings.dedup();
    headings
}

async fn follow(scene: &Scene, heading: &str) -> String {
    scene.installation.reader.follow(&section(GUIDE, heading)).await
}

/// That of the README, to which the guide sends its reader.
async fn write_a_first_autoscaler(scene: &Scene) -> Scene {
    let first = scene.of("default");
    let requests = r#"http_requests_total{namespace="default",app="web"}"#;
    scene.installation.exporter.set_rate(requests, 130.0);
    first.workload("Deployment", "web", 1).await;
    let blocks = section("README.md", "Your first autoscaler");
    let commands =
        |block: &&Content| matches!(block, Content::Commands(text) if text.starts_with("kubectl apply -f -"));
    let autoscaler = blocks.iter().find(commands).cloned().unwrap();
    scene.installation.reader.follow(&[autoscaler]).await;
    first
}

async fn watch(scene: &Scene) {
    scene.installation.apply(OTHERS).await;
    let established = [
        "--for=condition=Established",
        "--timeout=300s",
        "customresourcedefinition/servicemonitors.monitoring.coreos.com",
        "customresourcedefinition/prometheusrules.monitoring.coreos.com",
    ];
    scene
        .installation
        .kubectl(&[&["wait"], &established[..]].concat())
        .await;
    let mut blocks = section(GUIDE, "4. Watch it");
    // Without the Prometheus Operator: there from the start.
    blocks.retain(|block| !matches!(block, Content::File { name, .. } if name == "prometheus.yml"));
    scene.installation.reader.follow(&blocks).await;
    let label = "--selector=release=kube-prometheus-stack";
    let get = [
        "get",
        "servicemonitors,prometheusrules",
        label,
        "--all-namespaces",
        "--output=name",
    ];
    let found = scene.installation.kubectl(&get).await;
    assert_eq!(found.lines().count(), 2, "{found}");
}

/// TLS, and a token.
async fn say_who_asks(scene: &Scene) {
    let plane = &scene.installation.cluster.plane;
    let demand = Demand {
        header: ("authorization", format!("Bearer {TOKEN}")),
        prefix: "",
    };
    let upstream = scene.installation.prometheus_address().await;
    let front = Front::start_tls(beside_the_nodes(443), plane.certificates(), upstream, demand).unwrap();
    let authority = plane.certificates().authority_pem();
    let reader = &scene.installation.reader;
    reader.write("token", false, &format!("{TOKEN}\n")).await;
    reader.write("ca.crt", false, authority).await;
    follow(scene, "A Prometheus that wants to know who asks").await;
    scene.grow_to(3).await;
    assert!(front.passed() > 0);
}

async fn name_a_tenant(scene: &Scene) {
    let demand = Demand {
        header: ("x-scope-orgid", "tenant".to_owned()),
        prefix: "/prometheus",
    };
    let upstream = scene.installation.prometheus_address().await;
    // As in the EndpointSlice of the manifest.
    let front = Front::start(beside_the_nodes(18_080), upstream, demand).unwrap();
    follow(scene, "Thanos, Mimir, VictoriaMetrics").await;
    scene.grow_to(4).await;
    assert!(front.passed() > 0);
}

fn beside_the_nodes(port: u16) -> SocketAddr {
    (PROGRAM_ADDRESS.parse::<Ipv4Addr>().unwrap(), port).into()
}

async fn be_strict(scene: &Scene) {
    follow(scene, "More strictly").await;
    scene.grow_to(5).await;
    let policies = scene
        .installation
        .kubectl(&[
            "get",
            "networkpolicies",
            "--namespace=metric-autoscaler",
            "--output=name",
        ])
        .await;
    assert_eq!(policies.lines().count(), 3, "{policies}");
}

async fn scale_other_kinds(scene: &Scene) {
    follow(scene, "Other kinds of target").await;
    scene
        .installation
        .reader
        .run("kubectl apply -f mine/brokers.yaml")
        .await;
    // `kubectl auth can-i` knows only kinds that are served.
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": OPERATOR, "resourceAttributes": {
            "group": "example.com", "resource": "brokers", "subresource": "scale", "verb": "patch", "namespace": "default",
        }},
    });
    let create = ["create", "--filename=-", "--output=jsonpath={.status.allowed}"];
    // What is aggregated comes a moment later.
    eventually("the operator may scale brokers", DEADLINE, || async {
        let plane = &scene.installation.cluster.plane;
        let output = plane.kubectl_with_input(&create, &review.to_string()).await.unwrap();
        (output.stdout == "true")
            .then_some(())
            .ok_or(output.stdout + &output.stderr)
    })
    .await;
    scene
        .installation
        .reader
        .run("kubectl delete -f mine/brokers.yaml")
        .await;
}

/// To an older Deployment (here the same one) and from `config/strict` to `config/default`; what is left of `mine` is applied again
/// by whoever wants it.
async fn go_back(scene: &Scene) {
    follow(scene, "Upgrade").await;
    let kinds = "networkpolicies,validatingadmissionpolicies,validatingadmissionpolicybindings";
    let left = ["get", kinds, "--namespace=metric-autoscaler", "--output=name"];
    let left = scene.installation.kubectl(&left).await;
    let is_ours = |name: &&str| name.contains("metric-autoscaler") || name.contains("who-may-autoscale");
    let left: Vec<&str> = left.lines().filter(is_ours).collect();
    assert_eq!(left, ["networkpolicy.networking.k8s.io/metric-autoscaler-ingress"]);
    scene.installation.reader.run("kubectl apply -k mine").await;
    let rollout = "kubectl -n metric-autoscaler rollout status deployment/metric-autoscaler";
    scene.installation.reader.run(rollout).await;
}

/// The workloads keep the size they have, and nothing of ours is left.
async fn uninstall(scene: &Scene) {
    follow(scene, "Uninstall, in this order").await;
    scene.wait_ready("StatefulSet", "web", 5).await;
    assert_eq!(scene.sizes("web"), [2, 3, 4, 5]);
    let kinds = "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions,validatingadmissionpolicies,\
                 validatingadmissionpolicybindings";
    let left = scene.installation.kubectl(&["get", kinds, "--output=name"]).await;
    let is_ours = |name: &&str| name.contains("metric-autoscaler") || name.contains("metricautoscaler.dev");
    assert_eq!(left.lines().filter(is_ours).collect::<Vec<_>>(), Vec::<&str>::new());
}

async fn in_one_namespace(scene: &Scene) {
    let installation = scene.installation;
    installation.kubectl(&["create", "namespace", "shop"]).await;
    let mut blocks = section(GUIDE, "One namespace only");
    let removal = blocks.pop().unwrap();
    installation.reader.follow(&blocks).await;
    let shop = scene.of_its_own("shop");
    shop.load(300.0).await;
    shop.workload("StatefulSet", "web", 1).await;
    shop.autoscale("StatefulSet", "web").await;
    shop.wait_ready("StatefulSet", "web", 3).await;
    shop.nothing_was_forbidden();
    installation.reader.follow(&[removal]).await;
    let left = [
        "get",
        "roles,rolebindings,deployments,networkpolicies",
        "--namespace=shop",
        "--output=name",
    ];
    assert_eq!(installation.kubectl(&left).await, "");
    installation
        .kubectl(&["delete", "namespace", "shop", "--wait=false"])
        .await;
}
