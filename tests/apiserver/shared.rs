//! What the tests of this binary share: one control plane, with our definition installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use autoscaler_api::MetricAutoscaler;
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::wait::eventually;
use kube::Api;
use kube::api::ListParams;
use tokio::sync::OnceCell;

/// The control plane, started by whoever asks first. Each test takes a namespace and a client of its own.
pub(crate) async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    PLANE
        .get_or_init(|| async {
            let plane = ControlPlane::start(PlaneOptions::default().with_ready_pods())
                .await
                .unwrap();
            install(&plane).await;
            plane
        })
        .await
}

/// Applies what an installation has once per cluster, as it is released: the definitions, and the operator's roles.
pub(crate) async fn install(plane: &ControlPlane) {
    plane.apply_file(&definition_file()).await.unwrap();
    plane.apply_file(&profile_definition_file()).await.unwrap();
    for role in ["operator_role.yaml", "profile_role.yaml"] {
        plane.apply(&rbac_file(role)).await.unwrap();
    }
    let autoscalers: Api<MetricAutoscaler> = Api::all(plane.client_as_admin());
    let one = ListParams::default().limit(1);
    eventually("the definition is served", Duration::from_secs(30), || {
        autoscalers.list(&one)
    })
    .await;
}

/// The definition as it is released.
pub(crate) fn definition_file() -> PathBuf {
    repository().join("crds/metricautoscaler.dev_metricautoscalers.yaml")
}

/// That of profiles.
pub(crate) fn profile_definition_file() -> PathBuf {
    repository().join("crds/metricautoscaler.dev_membershipprofiles.yaml")
}

/// One file of `config/rbac`.
pub(crate) fn rbac_file(name: &str) -> String {
    std::fs::read_to_string(repository().join("config/rbac").join(name)).unwrap()
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The operator, built next to this test: `make programs` builds it.
pub(crate) fn operator_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let binary = target.join("metric-autoscaler");
    assert!(binary.exists(), "{} is missing: run `make programs`", binary.display());
    binary
}
