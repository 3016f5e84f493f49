//! What the admin reads of a profile: whether it can be used, or the field and what is wrong with it.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]

use autoscaler_core::explain::whole_seconds;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::SpecError;
use crate::conditions::clip;
use crate::status::{MAX_CONDITION_MESSAGE, conditions};

/// The one condition of a profile.
pub const ACCEPTED: &str = "Accepted";
/// It can be used.
pub const VALID: &str = "Valid";
/// It cannot: the message names each field, and what is wrong with it.
pub const INVALID: &str = "Invalid";

/// Whether the profile can be used. Written by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MembershipProfileStatus {
    /// Accepted: True, or False with each field that cannot be used and what is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,

    /// Generation of the spec that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// The status that says so. The time of the transition is kept while the verdict is the same.
pub fn accepted(
    before: Option<&MembershipProfileStatus>,
    generation: Option<i64>,
    faults: &[SpecError],
    now: Timestamp,
) -> MembershipProfileStatus {
    let (status, reason, message) = if faults.is_empty() {
        ("True", VALID, "the profile can be used".to_owned())
    } else {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        ("False", INVALID, lines.join("\n"))
    };
    let last = before.and_then(|before| before.conditions.iter().find(|condition| condition.type_ == ACCEPTED));
    let last_transition_time = match last {
        Some(last) if last.status == status => last.last_transition_time.clone(),
        Some(_) | None => Time(whole_seconds(now)),
    };
    let condition = Condition {
        last_transition_time,
        message: clip(message, MAX_CONDITION_MESSAGE),
        observed_generation: generation,
        reason: reason.to_owned(),
        status: status.to_owned(),
        type_: ACCEPTED.to_owned(),
    };
    MembershipProfileStatus {
        conditions: vec![condition],
        observed_generation: generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_profile_without_faults_is_accepted() {
        let status = accepted(None, Some(3), &[], at(7));
        let [condition] = status.conditions.as_slice() else {
            panic!()
        };
        assert_eq!(
            (condition.type_.as_str(), condition.status.as_str()),
            (ACCEPTED, "True")
        );
        assert_eq!(condition.last_transition_time, Time(at(7)));
        assert_eq!(status.observed_generation, Some(3));
    }

    #[test]
    fn each_fault_is_told_with_its_field_and_the_time_moves_only_with_the_verdict() {
        let valid = accepted(None, Some(1), &[], at(7));
        let faults = [
            SpecError::new("spec.drained.expr", "no"),
            SpecError::new("spec.member.name", "not"),
        ];
        let invalid = accepted(Some(&valid), Some(2), &faults, at(8));
        assert_eq!(
            invalid.conditions[0].message,
            "spec.drained.expr: no\nspec.member.name: not"
        );
        assert_eq!(invalid.conditions[0].reason, INVALID);
        assert_eq!(invalid.conditions[0].last_transition_time, Time(at(8)));
        let again = accepted(Some(&invalid), Some(2), &faults, at(9));
        assert_eq!(again, invalid);
    }
}
