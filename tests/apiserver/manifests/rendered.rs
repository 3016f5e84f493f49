//! A target of `config/`, rendered by the real kubectl.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::shared::{plane, repository};
use crate::world::World;

/// Where a target is.
pub(crate) fn directory(target: &str) -> PathBuf {
    repository().join("config").join(target)
}

/// The objects of a target.
pub(crate) struct Rendered(Vec<Value>);

impl Rendered {
    /// As `kubectl apply -k` would send them.
    pub(crate) async fn of(target: &str) -> Self {
        Self::of_directory(&directory(target)).await
    }

    /// Of whatever kustomization.
    pub(crate) async fn of_directory(directory: &Path) -> Self {
        let directory = directory.display().to_string();
        let output = plane().await.kubectl(&["kustomize", &directory]).await.unwrap();
        assert!(output.success, "{}", output.stderr);
        Self(serde_saphyr::from_multiple(&output.stdout).unwrap())
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }

    /// Those of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The only one of a kind.
    pub(crate) fn only(&self, kind: &str) -> &Value {
        let mut found = self.of_kind(kind);
        let only = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
        assert!(found.next().is_none(), "there are several of kind {kind}");
        only
    }

    /// Brings the target's admission policy into force, for one namespace only: other tests share the plane.
    pub(crate) async fn enforce(&self, policy: &str, world: &World) {
        let name = format!("{policy}-{}", world.namespace);
        let shipped = json!(format!("{policy}.metricautoscaler.dev"));
        let named = |kind: &str| {
            let mut found = self
                .of_kind(kind)
                .filter(|object| object["metadata"]["name"] == shipped);
            found
                .next()
                .unwrap_or_else(|| panic!("there is no {kind} {shipped}"))
                .clone()
        };
        let mut policy = named("ValidatingAdmissionPolicy");
        policy["metadata"]["name"] = json!(name);
        let mut binding = named("ValidatingAdmissionPolicyBinding");
        binding["metadata"]["name"] = json!(name);
        binding["spec"]["policyName"] = json!(name);
        let labels = json!({"kubernetes.io/metadata.name": world.namespace});
        binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": labels}});
        for object in [policy, binding] {
            world.plane.apply(&object.to_string()).await.unwrap();
        }
    }
}
