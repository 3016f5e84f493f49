//! One version of an autoscaler, as the API server has it: parsed, and nothing done about it.

use autoscaler_api::parse::Parsed;
use autoscaler_api::{MetricAutoscalerSpec, MetricAutoscalerStatus, annotations};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DynamicObject;

/// One version of an autoscaler, as the watch delivered it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Identity.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Version of the object.
    pub resource_version: String,
    /// When it was created.
    pub created: Timestamp,
    /// It is being deleted.
    pub terminating: bool,
    /// Since when it is being deleted.
    pub deleted: Option<Timestamp>,
    /// It carries our finalizer.
    pub has_finalizer: bool,
    /// What people ask for by annotation.
    pub requests: Requests,
    /// Spec and status, as far as they can be read.
    pub parsed: Parsed,
}

/// What people ask for by annotation (M6, M10, M14a).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requests {
    /// The operation to take back, by its id.
    pub abort: Option<String>,
    /// The operation after whose abort the next one is to begin at once, by its id.
    pub retry: Option<String>,
    /// Members that may be forgotten without a drain.
    pub forget: Vec<String>,
}

impl Requests {
    fn of(object: &DynamicObject) -> Self {
        let written = |name: &str| object.annotations().get(name).map(|value| value.trim().to_owned());
        let names = |text: String| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        Self {
            abort: written(annotations::ABORT),
            retry: written(annotations::RETRY),
            forget: written(annotations::FORGET).map(names).unwrap_or_default(),
        }
    }
}

/// Namespace and name.
pub(crate) type Key = (String, String);

impl Snapshot {
    /// By which it is known among the present ones.
    pub(crate) fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }

    /// Parses an object leniently. None for an object without identity, which no API server sends.
    pub(crate) fn of(object: &DynamicObject) -> Option<Self> {
        let metadata = &object.metadata;
        Some(Self {
            namespace: metadata.namespace.clone()?,
            name: metadata.name.clone()?,
            uid: metadata.uid.clone()?,
            generation: metadata.generation.unwrap_or_default(),
            resource_version: metadata.resource_version.clone()?,
            created: object.creation_timestamp().map_or(Timestamp::MAX, |time| time.0),
            terminating: metadata.deletion_timestamp.is_some(),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            has_finalizer: object.finalizers().iter().any(|name| name == annotations::FINALIZER),
            requests: Requests::of(object),
            parsed: autoscaler_api::parse::parse(object),
        })
    }

    /// What is wanted, if it could be read.
    pub(crate) fn spec(&self) -> Option<&MetricAutoscalerSpec> {
        self.parsed.spec.as_ref().ok()
    }

    /// What the status says.
    pub(crate) fn status(&self) -> Option<&MetricAutoscalerStatus> {
        self.parsed.status.as_ref()
    }
}
