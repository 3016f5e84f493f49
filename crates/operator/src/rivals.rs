//! Who else writes the size of a target (R22).
//!
//! An HPA or a KEDA `ScaledObject` wins over ours. Among ours the older one wins, then the smaller UID. Who merely
//! reports (`DryRun`, `Paused`) conflicts with nobody.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::autoscaler::split_api_version;
use autoscaler_api::{GROUP, KIND, VERSION};
use jiff::Timestamp;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Client, discovery};
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::mirror::{Listing, Mirror, Trouble};
use crate::resources::dynamic;
use crate::snapshot::Snapshot;
use crate::target::MissingRight;

/// KEDA may be installed after us: how often we look.
const LOOK_FOR_KEDA: Duration = Duration::from_mins(5);

/// How soon we look again when the API server has not told whether KEDA is there.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long a first evaluation waits to learn of rivals.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// A target, whatever version it is named in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey {
    group: String,
    kind: String,
    name: String,
}

impl TargetKey {
    /// The target that a reference names.
    pub(crate) fn of(reference: &ScaleTargetRef) -> Self {
        Self::new(&reference.api_version, &reference.kind, &reference.name)
    }

    fn new(api_version: &str, kind: &str, name: &str) -> Self {
        let (group, _) = split_api_version(api_version);
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// From `spec.scaleTargetRef` of an HPA or a `ScaledObject`; KEDA defaults to a Deployment.
    fn in_spec(object: &DynamicObject) -> Option<Self> {
        let reference = object.data.pointer("/spec/scaleTargetRef")?;
        let text = |field: &str| {
            reference
                .get(field)
                .and_then(serde_json::Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let kind = text("kind").unwrap_or("Deployment");
        let api_version = text("apiVersion").unwrap_or(if kind == "Deployment" { "apps/v1" } else { "" });
        Some(Self::new(api_version, kind, text("name")?))
    }
}

/// One of our autoscalers that wants to act on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contender {
    /// What it points at.
    pub target: TargetKey,
    /// When it was created.
    pub created: Timestamp,
    /// Its UID.
    pub uid: String,
}

impl Contender {
    /// An autoscaler, as one that wants to act on its target.
    pub(crate) fn of(snapshot: &Snapshot, reference: &ScaleTargetRef) -> Self {
        Self {
            target: TargetKey::of(reference),
            created: snapshot.created,
            uid: snapshot.uid.clone(),
        }
    }

    fn beats(&self, other: &Self) -> bool {
        (self.created, &self.uid) < (other.created, &other.uid)
    }
}

/// Another writer that has precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rival {
    /// An HPA.
    HorizontalPodAutoscaler(String),
    /// A KEDA `ScaledObject`.
    ScaledObject(String),
    /// An older one of ours.
    MetricAutoscaler(String),
}

impl Rival {
    /// Kind and name, for a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::HorizontalPodAutoscaler(name) => format!("HorizontalPodAutoscaler {name}"),
            Self::ScaledObject(name) => format!("KEDA ScaledObject {name}"),
            Self::MetricAutoscaler(name) => format!("MetricAutoscaler {name}, which is older"),
        }
    }
}

/// What is known of rivals.
#[derive(Debug)]
pub(crate) enum Rivalry {
    /// Nobody else has precedence.
    None,
    /// Somebody has.
    Rival(Rival),
    /// It is not known yet: the first list of this kind has not come, and why, if that is known.
    Pending(String, Option<Trouble>),
    /// It is not known any more: the watch of this kind keeps failing.
    Stale(String, Trouble),
    /// It may not be known: the operator has no right to list and watch them.
    Forbidden(MissingRight),
}

/// All writers that are known.
#[derive(Debug)]
pub(crate) struct Rivals {
    horizontal_pod_autoscalers: Mirror<TargetKey>,
    scaled_objects: Mirror<TargetKey>,
    ours: Mirror<Contender>,
}

impl Rivals {
    /// Watches HPAs, and `ScaledObject`s as soon as the API server serves them, until `stop`.
    pub(crate) fn watch(client: &Client, gate: &Gate, namespace: Option<&str>, stop: &CancellationToken) -> Arc<Self> {
        let rivals = Arc::new(Self {
            horizontal_pod_autoscalers: Mirror::new(TargetKey::in_spec),
            scaled_objects: Mirror::new(TargetKey::in_spec),
            ours: Mirror::new(|_| None),
        });
        let hpas = ApiResource::from_gvk(&hpa());
        let api = dynamic(client, &hpas, namespace);
        let (watched, stopped) = (rivals.clone(), stop.clone());
        tokio::spawn(async move {
            let follow =
                watched
                    .horizontal_pod_autoscalers
                    .follow("horizontalpodautoscalers", api, watcher::Config::default());
            stopped.run_until_cancelled(follow).await;
        });
        let (watched, stopped) = (rivals.clone(), stop.clone());
        let (client, gate, namespace) = (client.clone(), gate.clone(), namespace.map(str::to_owned));
        tokio::spawn(async move {
            stopped
                .run_until_cancelled(watched.watch_keda(&client, &gate, namespace.as_deref()))
                .await;
        });
        rivals
    }

    async fn watch_keda(&self, client: &Client, gate: &Gate, namespace: Option<&str>) {
        let wanted = scaled_object();
        loop {
            let discovered = gate.read("look for KEDA", discovery::pinned_kind(client, &wanted));
            let look_again = match discovered.await {
                Ok((resource, _)) => {
                    let api = dynamic(client, &resource, namespace);
                    let (watched, config) = (&self.scaled_objects, watcher::Config::default());
                    watched.follow_while_served("scaledobjects", api, config).await;
                    ASK_AGAIN
                }
                // Not there, or not there any more.
                Err(error) if error.is_unknown_kind() => {
                    self.scaled_objects.clear();
                    LOOK_FOR_KEDA
                }
                // Nothing is decided before it is known.
                Err(error) => {
                    self.scaled_objects.note(error.to_string());
                    ASK_AGAIN
                }
            };
            tokio::time::sleep(look_again).await;
        }
    }

    /// One of ours wants to act.
    pub(crate) fn enter(&self, namespace: &str, name: &str, contender: Contender) {
        self.ours.put(namespace, name, contender);
    }

    /// It no longer does.
    pub(crate) fn leave(&self, namespace: &str, name: &str) {
        self.ours.remove(namespace, name);
    }

    /// All of ours that there were at the beginning have entered.
    pub(crate) fn complete(&self) {
        self.ours.complete();
    }

    /// Who has precedence over `me` on the target. Nobody is said to have it before all rivals are known: right after a
    /// start an autoscaler may be evaluated before the list has come to the one that is older.
    pub(crate) async fn of(&self, namespace: &str, me: &Contender) -> Rivalry {
        let settled = [
            (self.ours.settled(FIRST_LIST).await, ours()),
            (self.horizontal_pod_autoscalers.settled(FIRST_LIST).await, hpa()),
            (self.scaled_objects.settled(FIRST_LIST).await, scaled_object()),
        ];
        for (listing, kind) in settled {
            match listing {
                Listing::Pending(trouble) => return Rivalry::Pending(kind.kind, trouble),
                Listing::Stale(trouble) => return Rivalry::Stale(kind.kind, trouble),
                Listing::Forbidden => {
                    return Rivalry::Forbidden(MissingRight::to_read(&ApiResource::from_gvk(&kind)));
                }
                Listing::Done => {}
            }
        }
        let points_here = |target: &TargetKey| *target == me.target;
        let hpa = self
            .horizontal_pod_autoscalers
            .find(namespace, points_here)
            .map(Rival::HorizontalPodAutoscaler);
        let keda = || {
            self.scaled_objects
                .find(namespace, points_here)
                .map(Rival::ScaledObject)
        };
        let older = |other: &Contender| other.target == me.target && other.beats(me);
        let ours = || self.ours.find(namespace, older).map(Rival::MetricAutoscaler);
        // KEDA owns an HPA of its own making: naming the ScaledObject helps more.
        keda().or(hpa).or_else(ours).map_or(Rivalry::None, Rivalry::Rival)
    }
}

fn ours() -> GroupVersionKind {
    GroupVersionKind::gvk(GROUP, VERSION, KIND)
}

fn hpa() -> GroupVersionKind {
    GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler")
}

fn scaled_object() -> GroupVersionKind {
    GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject")
}

#[cfg(test)]
mod tests;
