//! The workloads: any kind with a scale subresource, watched once per kind, read live before a write.
//!
//! At rest a target costs no request: its kind is watched, and of each object only a few numbers are kept.

mod kind;
mod right;
mod scale;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_core::Replicas;
use kube::Client;
use kube::core::GroupVersionKind;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) use kind::{Kind, KindError};
pub(crate) use right::MissingRight;
pub(crate) use scale::{ScaleOutcome, write_scale};
pub(crate) use view::{FIELD_MANAGER, Shape, TargetView, deadline_of};

use crate::clock::{BootTime, Clock};
use crate::gate::{CallError, Gate};
use crate::mirror::Trouble;

/// How long a kind that could not be discovered is not asked for again: doubled with every refusal.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// At most so long; a refused kind that nobody has asked for since then is forgotten.
const ASK_SELDOM: Duration = Duration::from_mins(10);

/// Kinds that are discovered at once: an API that hangs takes places away from other kinds, but not from writes.
const DISCOVERIES: usize = 2;

/// Why a target cannot be scaled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
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
    /// Objects of the kind are in no namespace.
    #[error("{kind} in {api_version} is not namespaced, so no MetricAutoscaler can point at one")]
    NotNamespaced {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// The operator has no right to it.
    #[error("{0}")]
    Forbidden(MissingRight),
    /// A call did not succeed; the next evaluation tries again.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A write was sent, and may have been carried out all the same.
    #[error(transparent)]
    Unanswered(CallError),
    /// A write was answered well, and the count is what it was.
    #[error("{wanted} replicas were written, and admission control made {stored} of them, as many as there were")]
    Undone {
        /// What was written.
        wanted: Replicas,
        /// What was stored.
        stored: Replicas,
    },
    /// The API server did not say what the kind is.
    #[error("failed to learn what kind {kind} is: {category}")]
    Undiscovered {
        /// As given.
        kind: String,
        /// What went wrong.
        category: &'static str,
    },
    /// The object changed between every two questions about it.
    #[error("{kind} kept changing while its scale was read")]
    Unsettled {
        /// As given.
        kind: String,
    },
    /// The watch of the kind has not delivered its first list yet.
    #[error("waiting for the first list of {kind}{}", .trouble.as_ref().map_or(String::new(), |it| format!("; {it}")))]
    NotSynced {
        /// As given.
        kind: String,
        /// Why it has not, if that is known.
        trouble: Option<Trouble>,
    },
}

/// All kinds that some autoscaler points at.
pub(crate) struct Targets {
    client: Client,
    gate: Gate,
    discovery: Gate,
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
    Refused {
        error: KindError,
        pause: Duration,
        until: BootTime,
    },
}

impl Entry {
    /// Refused once more, or for the first time.
    fn refused(before: Option<&Self>, error: KindError, now: BootTime) -> Self {
        let pause = match before {
            Some(Self::Refused { pause, .. }) => pause.saturating_mul(2).min(ASK_SELDOM),
            Some(Self::Watched(_)) | None => ASK_AGAIN,
        };
        let until = now.plus(pause);
        Self::Refused { error, pause, until }
    }

    /// Refused, and nobody has asked for a long time.
    fn is_forgotten(&self, now: BootTime) -> bool {
        matches!(self, Self::Refused { until, .. } if now.since(*until) >= ASK_SELDOM)
    }
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
    pub(crate) fn new(
        client: Client,
        gate: Gate,
        clock: Clock,
        namespace: Option<String>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            client,
            discovery: gate.with_own_places(DISCOVERIES),
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
        let slot = self.slot(reference).await;
        let mut entry = slot.lock().await;
        match &*entry {
            Some(Entry::Watched(kind)) => return Ok(kind.clone()),
            Some(Entry::Refused { error, until, .. }) if self.clock.boot() < *until => return Err(error.clone()),
            Some(Entry::Refused { .. }) | None => {}
        }
        let (group, version) = reference.group_version();
        let wanted = GroupVersionKind::gvk(group, version, &reference.kind);
        match Kind::discover(&self.client, &self.discovery, &wanted).await {
            Ok(kind) => {
                let kind = Arc::new(kind);
                kind.clone()
                    .watch(&self.client, self.namespace.as_deref(), self.stop.clone());
                *entry = Some(Entry::Watched(kind.clone()));
                Ok(kind)
            }
            Err(error) => {
                *entry = Some(Entry::refused(entry.as_ref(), error.clone(), self.clock.boot()));
                Err(error)
            }
        }
    }

    async fn slot(&self, reference: &ScaleTargetRef) -> Slot {
        let key = (reference.api_version.clone(), reference.kind.clone());
        let mut kinds = self.kinds.lock().await;
        if let Some(slot) = kinds.get(&key) {
            return slot.clone();
        }
        let now = self.clock.boot();
        let is_forgotten = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.is_forgotten(now));
        kinds.retain(|_, slot| !slot.try_lock().is_ok_and(|entry| is_forgotten(&entry)));
        kinds.entry(key).or_default().clone()
    }

    /// The object as the watch last saw it; asked for, while the watch keeps failing and would not know.
    pub(crate) async fn watched(&self, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let kind = self.kind(reference).await?;
        if kind.views.trouble().is_some_and(|trouble| trouble.is_lasting()) {
            return self.read(&kind, reference, namespace).await;
        }
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
    pub(crate) async fn live(&self, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let kind = self.kind(reference).await?;
        self.read(&kind, reference, namespace).await
    }

    async fn read(&self, kind: &Kind, reference: &ScaleTargetRef, namespace: &str) -> Result<TargetView, TargetError> {
        let view = scale::read_live(&self.client, &self.gate, kind, namespace, &reference.name).await?;
        let view = view.ok_or_else(|| not_found(reference))?;
        kind.keep(namespace, &reference.name, &view);
        Ok(view)
    }

    /// Writes the count, if the object is still the one decided on.
    pub(crate) async fn scale(
        &self,
        reference: &ScaleTargetRef,
        namespace: &str,
        decided_on: &TargetView,
        to: Replicas,
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
        if let ScaleOutcome::Written {
            replicas,
            resource_version,
        } = &outcome
        {
            let view = TargetView {
                replicas: Some(*replicas),
                resource_version: resource_version.clone(),
                ..decided_on.clone()
            };
            kind.keep(namespace, &reference.name, &view);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> KindError {
        let (kind, category) = ("Gadget".to_owned(), "timeout");
        KindError::Undiscovered { kind, category }
    }

    #[test]
    fn a_kind_that_is_refused_is_asked_for_ever_more_seldom_and_forgotten_when_nobody_asks() {
        let mut now = BootTime::default();
        let mut entry = Entry::refused(None, refusal(), now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let Entry::Refused { until, .. } = entry else {
                panic!("it was refused")
            };
            pauses.push(until.since(now).as_secs());
            now = until;
            entry = Entry::refused(Some(&entry), refusal(), now);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
        assert!(!entry.is_forgotten(now.plus(Duration::from_mins(19))));
        assert!(entry.is_forgotten(now.plus(Duration::from_mins(20))));
    }
}
