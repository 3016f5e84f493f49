//! What the image is, and what `kubectl apply -k` of the guide's overlay makes of real nodes.

use std::collections::BTreeSet;
use std::process::Command;

use autoscaler_testkit::wait::eventually;

use serde_json::{Value, json};

use crate::installation::{DEADLINE, built};
use crate::operator::NAMESPACE;
use crate::scene::scene;

/// What an archive of `make image` says of the image, by the chain of its digests (OCI image-layout).
#[test]
fn the_image_is_one_program_and_its_licence_for_a_user_by_number() {
    let manifest = &index(&in_image("index.json"))["manifests"][0]["digest"];
    let manifest = index(&in_image(&blob(manifest)));
    let image = index(&in_image(&blob(&manifest["config"]["digest"])));
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    let archive = built("dist/image.tar").display().to_string();
    let layer = blob(&layers[0]["digest"]);
    let files = shell(&format!(
        "tar --extract --to-stdout --file {archive} {layer} | tar --list --gzip"
    ));
    assert_eq!(files.lines().collect::<Vec<_>>(), ["LICENSE", "metric-autoscaler"]);
    assert!(built("dist/image.tar").metadata().unwrap().len() <= 25 << 20);

    let config = &image["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/metric-autoscaler"]));
    let labels = &config["Labels"];
    let label = |name: &str| labels[format!("org.opencontainers.image.{name}")].as_str().unwrap();
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    // A commit, and whether something was not committed.
    assert_eq!(label("revision").trim_end_matches("-dirty").len(), 40);
}

fn in_image(file: &str) -> String {
    let archive = built("dist/image.tar").display().to_string();
    shell(&format!("tar --extract --to-stdout --file {archive} {file}"))
}

fn blob(digest: &Value) -> String {
    format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"))
}

fn index(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn shell(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_two_replicas_run_on_two_nodes_and_prometheus_scrapes_both() {
    scene("shipped", async |scene| {
        let installation = scene.installation;
        // Anew, since a test before this one may have emptied a node.
        installation.restart_operator().await;
        installation.install().await;
        eventually("two replicas are left, on two nodes", DEADLINE, || async {
            let pods = installation
                .pods(NAMESPACE, "app.kubernetes.io/name=metric-autoscaler")
                .await;
            let nodes: BTreeSet<&String> = pods.iter().map(|pod| &pod.node).collect();
            if (pods.len(), nodes.len()) == (2, 2) {
                Ok(())
            } else {
                Err(format!("{pods:?}"))
            }
        })
        .await;
        // By the guide's own scrape job.
        installation
            .wait_answer("count(metric_autoscaler_leader)", |replicas| replicas >= 2.0)
            .await;
        installation
            .wait_answer("sum(metric_autoscaler_leader)", |leaders| (leaders - 1.0).abs() < 1e-9)
            .await;
    })
    .await;
}
