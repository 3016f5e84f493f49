//! What is said to the author of a profile: whether it can be used, in the status of the object. Nothing is written while
//! that is so already.

use std::time::Duration;

use autoscaler_api::profile::accepted;
use autoscaler_api::{GROUP, MembershipProfile, MembershipProfileStatus, SpecError, VERSION};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Resource};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::gate::{CallError, Gate};
use crate::target::FIELD_MANAGER;

/// Between two attempts of one answer.
const AGAIN: Duration = Duration::from_secs(10);

/// One status to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    name: String,
    resource_version: Option<String>,
    status: MembershipProfileStatus,
}

impl Answer {
    /// What has to be said to an object, if it has not been said.
    pub(super) fn to(object: &DynamicObject, faults: &[SpecError], now: Timestamp) -> Option<Self> {
        let before = object.data.get("status").cloned();
        let before: Option<MembershipProfileStatus> = before.and_then(|status| serde_json::from_value(status).ok());
        let status = accepted(before.as_ref(), object.metadata.generation, faults, now);
        (before.as_ref() != Some(&status)).then(|| Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            resource_version: object.metadata.resource_version.clone(),
            status,
        })
    }
}

/// Sends answers, one after the other.
pub(super) struct Answers {
    api: Api<DynamicObject>,
    gate: Gate,
    told: UnboundedReceiver<Answer>,
}

impl Answers {
    pub(super) fn new(api: Api<DynamicObject>, gate: Gate, told: UnboundedReceiver<Answer>) -> Self {
        Self { api, gate, told }
    }

    /// Until nobody asks any more. What could not be sent is sent again, unless the object has changed: then there is another
    /// answer to it.
    pub(super) async fn send(mut self) {
        let mut owed: Vec<Answer> = Vec::new();
        loop {
            let answer = tokio::select! {
                answer = self.told.recv() => answer,
                () = tokio::time::sleep(AGAIN), if !owed.is_empty() => None,
            };
            match answer {
                Some(answer) => {
                    owed.retain(|older| older.name != answer.name);
                    owed.push(answer);
                }
                None if owed.is_empty() => return,
                None => {}
            }
            let mut left = Vec::new();
            for answer in owed {
                if let Err(error) = self.write(&answer).await {
                    tracing::warn!(
                        name = answer.name,
                        category = error.category(),
                        "failed to answer a profile"
                    );
                    if !matches!(error.code(), Some(404 | 409)) {
                        left.push(answer);
                    }
                }
            }
            owed = left;
        }
    }

    async fn write(&self, answer: &Answer) -> Result<(), CallError> {
        let body = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": MembershipProfile::kind(&()),
            "metadata": {"name": answer.name, "resourceVersion": answer.resource_version},
            "status": answer.status,
        });
        let (parameters, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&body));
        let written = self.api.patch_status(&answer.name, &parameters, &patch);
        self.gate.write("write the status of a profile", written).await?;
        Ok(())
    }
}

#[cfg(test)]
impl Answer {
    /// What is said.
    pub(super) fn status(&self) -> serde_json::Value {
        json!(self.status)
    }
}
