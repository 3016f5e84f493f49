//! The workloads: any kind with a scale subresource, watched once per kind, read live before a write.
//!
//! At rest a target costs no request: its kind is watched, and of each object only a few numbers are kept.

mod kind;
mod scale;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use kube::Client;
use kube::core::GroupVersionKind;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use kind::{Kind, KindError};
pub use scale::{ScaleOutcome, write_scale};
pub use view::{FIELD_MANAGER, Owner, Shape, TargetView, deadline_of};

use crate::clock::{BootTime, Clock};
use crate::gate::{CallError, Gate};

/// How long a kind that could not be discovered is not asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Why a target cannot be scaled.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is no such object.
    #[error("{kind} {name} does not exist")]
    NotFound {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The API server serves no such kind.
    #[error("the API server serves no kind {kind} in {api_version}")]
    UnknownKind {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// The kind has no scale subresource.
    #[error("{kind} in {api_version} has no scale subresource")]
    NoScale {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// The operator has no right to it.
    #[error("the operator may not {verb} {resource}: {hint}")]
    Forbidden {
        /// The verbs that are missing.
        verb: &'static str,
        /// The resource, as RBAC names it.
        resource: String,
        /// What to apply.
        hint: String,
    },
    /// The API server did not answer; the next evaluation tries again.
    #[error("{source}")]
    Unreachable {
        /// What came back.
        #[from]
        source: CallError,
    },
    /// The watch of the kind has not delivered its first list yet.
    #[error("waiting for the first list of {kind}")]
    NotSynced {
        /// As given.
        kind: String,
    },
}

/// All kinds that some autoscaler points at.
pub struct Targets {
    client: Client,
    gate: Gate,
    clock: Clock,
    namespace: Option<String>,
    stop: CancellationToken,
    kinds: Mutex<BTreeMap<(String, String), Slot>>,
}

/// What is known of one kind, once somebody has asked.
type Slot = Arc<Mutex<Option<Entry>>>;

#[derive(Debug)]
enum Entry {
    Watched(Arc<Kind>),
    Refused { error: KindError, until: BootTime },
}

impl fmt::Debug for Targets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Targets")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Targets {
    /// No kinds yet; each is discovered when an autoscaler first points at it.
    pub fn new(client: Client, gate: Gate, clock: Clock, namespace: Option<String>, stop: CancellationToken) -> Self {
        Self {
            client,
            gate,
            clock,
            namespace,
            stop,
            kinds: Mutex::default(),
        }
    }

    /// The kind that a reference points at, discovered and watched.
    async fn kind(&self, reference: &ScaleTargetRef) -> Result<Arc<Kind>, TargetError> {
        let kind = self.discovered(reference).await?;
        kind.usable().await.map(|()| kind)
    }

    /// Discovery happens under the lock of its kind: a thousand autoscalers of one kind ask once, and an API that hangs
    /// keeps only those of its own kinds waiting.
    async fn discovered(&self, reference: &ScaleTargetRef) -> Result<Arc<Kind>, KindError> {
        let key = (reference.api_version.clone(), reference.kind.clone());
        let slot = self.kinds.lock().await.entry(key).or_default().clone();
        let mut entry = slot.lock().await;
        match &*entry {
            Some(Entry::Watched(kind)) => return Ok(kind.clone()),
            Some(Entry::Refused { error, until }) if self.clock.boot() < *until => return Err(error.clone()),
            Some(Entry::Refused { .. }) | None => {}
        }
        let wanted = group_version_kind(reference);
        match Kind::discover(&self.client, &self.gate, &wanted).await {
            Ok(kind) => {
                let kind = Arc::new(kind);
                kind.clone()
                    .watch(&self.client, self.namespace.as_deref(), self.stop.clone());
                *entry = Some(Entry::Watched(kind.clone()));
                Ok(kind)
            }
            Err(error) => {
                let until = self.clock.boot().plus(ASK_AGAIN);
                *entry = Some(Entry::Refused {
                    error: error.clone(),
                    until,
                });
                Err(error)
            }
        }
    }

    /// The object as the watch last saw it.
    pub async fn watched(&self, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let kind = self.kind(reference).await?;
        let Some(view) = kind.views.get(namespace, &reference.name) else {
            return Err(not_found(reference));
        };
        if view.replicas.is_some() {
            return Ok(view);
        }
        // A custom resource: only its scale tells the count. Asked once per version of the object.
        self.read(&kind, reference, namespace).await
    }

    /// The object as it is now, in one consistent answer (R20).
    pub async fn live(&self, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let kind = self.kind(reference).await?;
        self.read(&kind, reference, namespace).await
    }

    async fn read(&self, kind: &Kind, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let view = scale::read_live(&self.client, &self.gate, kind, namespace, &reference.name).await?;
        let view = view.ok_or_else(|| not_found(reference))?;
        kind.views.put(namespace, &reference.name, view.clone());
        Ok(view)
    }

    /// Writes the count, if the object is still the one decided on.
    pub async fn scale(
        &self,
        reference: &ScaleTargetRef,
        namespace: &str,
        decided_on: &TargetView,
        to: autoscaler_core::Replicas,
    ) -> Result<ScaleOutcome, TargetError> {
        let kind = self.kind(reference).await?;
        let outcome = write_scale(
            &self.client,
            &self.gate,
            &kind,
            namespace,
            &reference.name,
            decided_on,
            to,
        )
        .await?;
        if let ScaleOutcome::Written { resource_version } = &outcome {
            let view = TargetView {
                replicas: Some(to),
                resource_version: resource_version.clone(),
                ..decided_on.clone()
            };
            kind.views.put(namespace, &reference.name, view);
        }
        Ok(outcome)
    }
}

fn not_found(reference: &ScaleTargetRef) -> TargetError {
    TargetError::NotFound {
        kind: reference.kind.clone(),
        name: reference.name.clone(),
    }
}

fn group_version_kind(reference: &ScaleTargetRef) -> GroupVersionKind {
    let (group, version) = reference
        .api_version
        .split_once('/')
        .unwrap_or(("", &reference.api_version));
    GroupVersionKind::gvk(group, version, &reference.kind)
}
