//! One version of an autoscaler, as the API server has it: parsed, and nothing done about it.

use autoscaler_api::parse::Parsed;
use autoscaler_api::{MetricAutoscaler, MetricAutoscalerStatus, SpecError};
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
    /// Spec and status, or what is wrong with the spec.
    pub parsed: Result<Parsed, SpecError>,
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
            parsed: autoscaler_api::parse::parse(object),
        })
    }

    /// The autoscaler, if its spec could be read.
    pub(crate) fn autoscaler(&self) -> Option<&MetricAutoscaler> {
        self.parsed.as_ref().ok().map(|parsed| &parsed.autoscaler)
    }

    /// What the status says.
    pub(crate) fn status(&self) -> Option<&MetricAutoscalerStatus> {
        self.autoscaler()?.status.as_ref()
    }
}
