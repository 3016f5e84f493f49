//! What is remembered between operations: aborts in a row, and the size that operations are on the way to. Pure.

use autoscaler_api::MembershipStatus;
use autoscaler_api::conditions::clip;
use autoscaler_api::status::MAX_DOING;
use autoscaler_core::explain::membership as explain;
use autoscaler_core::explain::whole_seconds;
use autoscaler_core::membership::{AbortCause, Aborts, Ended, Operation, Retry, Work};
use autoscaler_core::{Replicas, Seconds};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Memory {
    /// Shrinks in a row that were taken back.
    pub aborts: Aborts,
    /// The generation of the spec at the last of them.
    pub aborted_generation: Option<i64>,
    /// The size that operations are on the way to.
    pub goal: Option<Replicas>,
    /// The id of the last operation.
    pub last_id: Option<String>,
    /// How it ended.
    pub last_result: Option<String>,
}

impl Memory {
    /// As it is stored.
    pub(super) fn of(status: Option<&MembershipStatus>) -> Self {
        let Some(status) = status else {
            return Self::default();
        };
        Self {
            aborts: Aborts {
                count: status.aborts.and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
                last: status.aborted_at.as_ref().map(|at| at.0),
            },
            aborted_generation: status.aborted_generation,
            goal: status.goal.map(Replicas::from),
            last_id: status.last_id.clone(),
            last_result: status.last_result.clone(),
        }
    }

    /// For the status; none if there is nothing to remember.
    pub(super) fn status(&self) -> Option<MembershipStatus> {
        if *self == Self::default() {
            return None;
        }
        let count = i32::try_from(self.aborts.count).unwrap_or(i32::MAX);
        Some(MembershipStatus {
            aborted_at: self.aborts.last.map(|at| Time(whole_seconds(at))),
            aborted_generation: self.aborted_generation,
            aborts: (count > 0).then_some(count),
            goal: self.goal.map(Replicas::as_i32),
            last_id: self.last_id.clone(),
            last_result: self.last_result.clone(),
        })
    }

    /// An edit of the spec, or the annotation with the id of the last operation, lets the next shrink begin (M6, M14a).
    pub(super) fn let_retry(&mut self, generation: i64, retry: Option<&str>) {
        let is_edited = self.aborted_generation.is_some_and(|aborted| aborted != generation);
        let is_asked = retry.is_some() && retry == self.last_id.as_deref();
        if self.aborts != Aborts::default() && (is_edited || is_asked) {
            self.aborts = Aborts::default();
            self.aborted_generation = None;
        }
    }

    /// When the next shrink may begin: after the pause, and after the cooldown that each abort starts (M6).
    pub(super) fn retry(&self, cooldown: Seconds, now: Timestamp) -> Retry {
        let rests = self
            .aborts
            .last
            .and_then(|last| last.saturating_add(cooldown.duration()).ok());
        match (self.aborts.retry(now), rests) {
            (Retry::Held, _) => Retry::Held,
            (Retry::After(at), rests) => Retry::After(rests.map_or(at, |rests| rests.max(at))),
            (Retry::Now, Some(rests)) if now < rests => Retry::After(rests),
            (Retry::Now, _) => Retry::Now,
        }
    }

    /// An operation begins.
    pub(super) fn begins(&mut self, operation: &Operation) {
        self.goal = Some(operation.goal);
    }

    /// An operation has ended.
    pub(super) fn ends(&mut self, operation: &Operation, ended: Ended, generation: i64, now: Timestamp) {
        self.last_id = Some(operation.id.clone());
        let result = format!("{}: {}", whole_seconds(now), explain::ended(operation, ended));
        self.last_result = Some(clip(result, MAX_DOING));
        match ended {
            Ended::Done => {
                self.aborts = Aborts::default();
                self.aborted_generation = None;
                if operation.to == operation.goal || operation.work == Work::Forget {
                    self.goal = None;
                }
            }
            Ended::Aborted(cause) => {
                self.goal = None;
                if is_drain_undone(operation, cause) {
                    self.aborts = self.aborts.and_another(now);
                    self.aborted_generation = Some(generation);
                }
            }
            Ended::Withdrawn | Ended::Overtaken => self.goal = None,
        }
    }
}

/// Whether something was really taken back, by itself: then the next attempt has to wait.
fn is_drain_undone(operation: &Operation, cause: AbortCause) -> bool {
    let by_itself = match cause {
        AbortCause::Load
        | AbortCause::Gate
        | AbortCause::Deadline
        | AbortCause::Refused
        | AbortCause::PodReplaced
        | AbortCause::Bounds
        | AbortCause::ReplicasChanged
        | AbortCause::TargetChanged
        | AbortCause::Person
        | AbortCause::Stop(_) => true,
        AbortCause::TargetGoing | AbortCause::Leftover => false,
    };
    by_itself && matches!(operation.work, Work::Leave(_)) && operation.reached > 0
}
