//! An example of `examples/`, applied as its README says: its program runs in pods, Prometheus scrapes it by the example's own
//! scrape configuration, and the load of its `load.yaml` makes it scale up.
//!
//! Replaced are the images, for there is no registry: this machine's Python for `python`, and busybox's web server for
//! `nginx`, of which the example wants only that it runs. The two numbers of the load stay at one place of the sinusoid.

use std::fs;

use crate::installation::repository;
use crate::scene::{Scene, scene};

const OVERLAY: &str = "resources: [workload.yaml, autoscaler.yaml]
namespace: NAMESPACE
images:
- {name: python, newName: localhost/python, newTag: '1'}
- {name: nginx, newName: localhost/busybox, newTag: '1'}
";

#[tokio::test]
async fn the_sinusoid_runs_in_pods_and_is_followed_up() {
    scene("example", async |scene| {
        let directory = scene.installation.cluster.directory().join("example");
        fs::create_dir_all(&directory).unwrap();
        for file in ["workload.yaml", "autoscaler.yaml"] {
            fs::write(directory.join(file), own(scene, &read(file))).unwrap();
        }
        fs::write(
            directory.join("kustomization.yaml"),
            OVERLAY.replace("NAMESPACE", &scene.namespace),
        )
        .unwrap();
        scene.installation.apply_directory(&directory).await;
        for deployment in ["metrics-app", "nginx"] {
            scene
                .installation
                .cluster
                .wait_rollout(&scene.namespace, &format!("deployment/{deployment}"))
                .await
                .unwrap();
        }
        assert_eq!(
            wanted(scene, "metrics-app").await,
            2,
            "without load.yaml the number is 0"
        );

        let load = read("load.yaml").replace(r#"amplitude: "15""#, r#"amplitude: "0""#);
        let load = load.replace(r#"middle: "20""#, r#"middle: "35""#);
        let load = load.replace("metadata:\n", &format!("metadata:\n  namespace: {}\n", scene.namespace));
        scene.installation.apply(&load).await;
        // 35 for each pod, where 20 is the target: the average asks for ever more, to the maximum.
        for deployment in ["metrics-app", "nginx"] {
            wait_available(scene, deployment, 5).await;
        }
        let sizes = scene.sizes("metrics-app");
        assert!(sizes.is_sorted() && sizes.last() == Some(&5), "{sizes:?}");
    })
    .await;
}

async fn wanted(scene: &Scene, deployment: &str) -> u64 {
    scene.get("deployment", deployment).await["spec"]["replicas"]
        .as_u64()
        .unwrap()
}

async fn wait_available(scene: &Scene, deployment: &str, replicas: u32) {
    let condition = format!("--for=jsonpath={{.status.availableReplicas}}={replicas}");
    let deployment = format!("deployment/{deployment}");
    scene
        .installation
        .kubectl(&[
            "wait",
            &condition,
            &deployment,
            "--namespace",
            &scene.namespace,
            "--timeout=300s",
        ])
        .await;
}

/// The README of the examples: the queries name the namespace.
fn own(scene: &Scene, text: &str) -> String {
    text.replace(r#"namespace="default""#, &format!("namespace=\"{}\"", scene.namespace))
}

fn read(file: &str) -> String {
    fs::read_to_string(repository().join("examples/fake-load").join(file)).unwrap()
}
