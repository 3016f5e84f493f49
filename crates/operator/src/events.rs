//! Kubernetes events, written directly: kube's recorder shows the first note of a reason for minutes, so four changes of
//! size would read as one.
//!
//! Per object at most a burst, then one every five minutes, as client-go's spam filter has it
//! (`k8s.io/client-go/tools/events`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::reason;
use autoscaler_core::Replicas;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::clock::{BootTime, Clock};
use crate::gate::Gate;
use crate::metrics::{EventOutcome, Metrics};
use crate::snapshot::Snapshot;

/// Events an object may have at once.
const BURST: u32 = 25;

/// Then one more in this time.
const REFILL: Duration = Duration::from_mins(5);

/// Events that are sent at once: a burst of them takes no place from what changes sizes.
const IN_FLIGHT: usize = 4;

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;

/// Longest name that the API server completes; it appends five characters of its own (`k8s.io/apiserver/pkg/storage/names`).
const MAX_GENERATED_NAME: usize = 58;

/// Our name in events.
const CONTROLLER: &str = "metricautoscaler.dev/operator";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    kind: &'static str,
    reason: String,
    action: &'static str,
    note: String,
}

impl Happening {
    /// The size was changed.
    pub(crate) fn rescaled(from: Replicas, to: Replicas, why: &str) -> Self {
        Self {
            kind: "Normal",
            reason: reason::SUCCESSFUL_RESCALE.to_owned(),
            action: "Rescale",
            note: format!("New size: {to}, was {from}; reason: {why}"),
        }
    }

    /// Something about an operation on a member.
    pub(crate) fn operation(reason: &str, is_warning: bool, note: String) -> Self {
        Self {
            kind: if is_warning { "Warning" } else { "Normal" },
            reason: reason.to_owned(),
            action: "Operate",
            note,
        }
    }

    /// What it says.
    pub(crate) fn note(&self) -> &str {
        &self.note
    }

    /// A condition changed, for the better or not.
    pub(crate) fn condition(good: bool, reason: String, message: String) -> Self {
        Self {
            kind: if good { "Normal" } else { "Warning" },
            reason,
            action: "Evaluate",
            note: message,
        }
    }
}

/// Sends events, and forgets what cannot be sent: an event is news, not memory.
pub(crate) struct Events {
    client: Client,
    gate: Gate,
    clock: Clock,
    instance: String,
    budgets: Mutex<HashMap<String, Budget>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Events")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    left: u32,
    refilled: BootTime,
}

impl Budget {
    fn spend(&mut self, now: BootTime) -> bool {
        let refills = now.since(self.refilled).as_secs() / REFILL.as_secs();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(refills).min(BURST);
        self.refilled = self.refilled.plus(REFILL.saturating_mul(refills));
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        true
    }
}

impl Events {
    /// `instance` is the name of this replica.
    pub(crate) fn new(client: Client, gate: &Gate, clock: Clock, instance: String) -> Self {
        Self {
            client,
            gate: gate.with_own_places(IN_FLIGHT),
            clock,
            instance,
            budgets: Mutex::default(),
        }
    }

    /// Sends one event about an autoscaler, related to its target.
    pub(crate) async fn send(
        &self,
        metrics: &Metrics,
        about: &Snapshot,
        related: Option<&ScaleTargetRef>,
        happening: Happening,
        now: Timestamp,
    ) {
        if !self.spend(&about.uid) {
            metrics.event(EventOutcome::Dropped);
            return;
        }
        let event = self.event(about, related, happening, now);
        let api: Api<Event> = Api::namespaced(self.client.clone(), &about.namespace);
        let parameters = PostParams::default();
        match self
            .gate
            .write("create an event", api.create(&parameters, &event))
            .await
        {
            Ok(_) => metrics.event(EventOutcome::Sent),
            Err(error) => {
                metrics.event(EventOutcome::Failed);
                tracing::warn!(category = error.category(), "failed to create an event");
            }
        }
    }

    /// Sends one event about the target of an autoscaler that will not be there to be asked.
    pub(crate) async fn send_on_target(
        &self,
        metrics: &Metrics,
        about: &Snapshot,
        target: &ScaleTargetRef,
        happening: Happening,
        now: Timestamp,
    ) {
        let mut event = self.event(about, Some(target), happening, now);
        std::mem::swap(&mut event.regarding, &mut event.related);
        let api: Api<Event> = Api::namespaced(self.client.clone(), &about.namespace);
        let parameters = PostParams::default();
        let created = self.gate.write("create an event", api.create(&parameters, &event));
        match created.await {
            Ok(_) => metrics.event(EventOutcome::Sent),
            Err(error) => {
                metrics.event(EventOutcome::Failed);
                tracing::warn!(category = error.category(), "failed to create an event");
            }
        }
    }

    /// Forgets the budget of an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    fn spend(&self, uid: &str) -> bool {
        let now = self.clock.boot();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(uid.to_owned()).or_insert(Budget {
            left: BURST,
            refilled: now,
        });
        budget.spend(now)
    }

    fn event(&self, about: &Snapshot, related: Option<&ScaleTargetRef>, happening: Happening, now: Timestamp) -> Event {
        let mut note = happening.note;
        if note.len() > MAX_NOTE {
            let end = (0..=MAX_NOTE)
                .rev()
                .find(|end| note.is_char_boundary(*end))
                .unwrap_or(0);
            note.truncate(end);
        }
        Event {
            metadata: ObjectMeta {
                namespace: Some(about.namespace.clone()),
                generate_name: Some(name_to_complete(&about.name)),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            action: Some(happening.action.to_owned()),
            reason: Some(happening.reason),
            type_: Some(happening.kind.to_owned()),
            note: Some(note),
            regarding: Some(ObjectReference {
                api_version: Some(format!("{}/{}", autoscaler_api::GROUP, autoscaler_api::VERSION)),
                kind: Some(autoscaler_api::KIND.to_owned()),
                namespace: Some(about.namespace.clone()),
                name: Some(about.name.clone()),
                uid: Some(about.uid.clone()),
                ..ObjectReference::default()
            }),
            related: related.map(|target| ObjectReference {
                api_version: Some(target.api_version.clone()),
                kind: Some(target.kind.clone()),
                namespace: Some(about.namespace.clone()),
                name: Some(target.name.clone()),
                ..ObjectReference::default()
            }),
            ..Event::default()
        }
    }
}

/// The beginning of an event's name. A dot at its end is refused: only a hyphen may await what is appended
/// (`maskTrailingDash` in `k8s.io/apimachinery/pkg/api/validation`).
fn name_to_complete(about: &str) -> String {
    let mut name: String = about.chars().take(MAX_GENERATED_NAME - 1).collect();
    name.push('-');
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_a_burst_of_events_and_then_one_every_five_minutes() {
        let at = |minutes| BootTime::default().plus(Duration::from_mins(minutes));
        let mut budget = Budget {
            left: BURST,
            refilled: at(0),
        };
        let sent = |minutes| budget.spend(at(minutes));
        let burst = [0; BURST as usize + 1].map(sent);
        assert_eq!(burst.iter().filter(|sent| **sent).count(), BURST as usize);
        // What is left of a period counts for the next.
        let sent = |minutes| budget.spend(at(minutes));
        assert_eq!([4, 9, 9, 10, 14, 15].map(sent), [false, true, false, true, false, true]);
    }

    #[test]
    fn names_of_events_are_what_the_api_server_can_complete() {
        assert_eq!(name_to_complete("web"), "web-");
        assert_eq!(name_to_complete(&"a".repeat(253)).len(), MAX_GENERATED_NAME);
    }
}
