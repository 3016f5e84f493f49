//! From the version before this one to this one, and back. Nothing is scaled for it but what the load asks for, and
//! whoever leads, of either version, goes on where the other one was.
//!
//! There is no release yet: the version before is the commit that the Makefile names, built and installed from its own files.

use autoscaler_testkit::wait::eventually;

use crate::installation::{DEADLINE, PREVIOUS, repository};
use crate::scene::{Scene, scene};

#[tokio::test]
async fn an_upgrade_and_the_way_back_scale_only_what_the_load_asks_for() {
    scene("versions", async |scene| {
        install_previous(scene).await;
        // Objects of the version before, with a status and a memory that it has written.
        scene.followed(3).await;
        let status = scene.get("metricautoscaler", "web").await["status"].clone();

        // The new one comes up as a standby while the old one leads, and then leads itself.
        scene.load_unseen(500.0);
        scene.installation.install().await;
        led_by(scene, false).await;
        scene.wait_ready("StatefulSet", "web", 5).await;
        scene.load(400.0).await;
        scene.wait_ready("StatefulSet", "web", 4).await;
        let upgraded = scene.get("metricautoscaler", "web").await["status"].clone();
        assert_eq!(upgraded["targetUID"], status["targetUID"]);

        // And back: what the new one has written is read by the old one.
        scene.load_unseen(600.0);
        install_previous(scene).await;
        led_by(scene, true).await;
        scene.wait_ready("StatefulSet", "web", 6).await;
        scene.load(200.0).await;
        scene.wait_ready("StatefulSet", "web", 2).await;
        scene.wait_condition("web", "Ready", "True").await;
        assert_eq!(scene.sizes("web"), [3, 5, 4, 6, 2]);
        scene.installation.install().await;
        led_by(scene, false).await;
    })
    .await;
}

/// `kubectl apply -k` of that version's own directory, with its image.
async fn install_previous(scene: &Scene) {
    let overlay = scene.installation.cluster.directory().join("previous");
    let source = repository().join("dist/previous/source");
    std::fs::create_dir_all(&overlay).unwrap();
    for directory in ["config", "crds"] {
        let (from, to) = (source.join(directory), overlay.join(directory));
        let copied = std::process::Command::new("cp")
            .arg("--recursive")
            .arg("--no-target-directory")
            .arg(from)
            .arg(to)
            .status();
        assert!(copied.unwrap().success());
    }
    let (name, tag) = PREVIOUS.rsplit_once(':').unwrap();
    let kustomization = format!(
        "resources: [config/default]\nimages:\n- {{name: metric-autoscaler, newName: {name}, newTag: {tag}}}\n"
    );
    std::fs::write(overlay.join("kustomization.yaml"), kustomization).unwrap();
    scene.installation.apply_directory(&overlay).await;
    scene.installation.wait_rolled_out().await;
    led_by(scene, true).await;
}

/// Waits until a pod of that version leads.
async fn led_by(scene: &Scene, previous: bool) {
    eventually(&format!("the version before leads: {previous}"), DEADLINE, || async {
        let leader = scene.installation.leader().await;
        if (leader.image == PREVIOUS) == previous {
            Ok(())
        } else {
            Err(format!("{leader:?}"))
        }
    })
    .await;
}
