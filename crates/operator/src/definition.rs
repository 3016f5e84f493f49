//! What to do when the definition installed is older than this operator: the API server refuses a server-side apply whole
//! if one of its fields is not in the schema.
//!
//! What cannot be stored cannot be remembered after a restart (R16), so the autoscaler is inert and says so, in a status
//! with nothing but what was accepted before. What was refused is tried again after pauses that double, five minutes at most,
//! until the definition has been updated.

use std::fmt;

use autoscaler_api::MetricAutoscalerStatus;

use crate::gate::CallError;

/// How the API server ends its complaint about each field (`structured-merge-diff/typed/helpers.go`).
const COMPLAINT: &str = ": field not declared in schema";

/// A status that was refused for fields that the definition lacks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    status: MetricAutoscalerStatus,
    fields: Vec<String>,
}

impl Refused {
    /// What the error says of a status, if it is that.
    pub(crate) fn of(status: &MetricAutoscalerStatus, error: &CallError) -> Option<Self> {
        let CallError::Api { source, .. } = error else {
            return None;
        };
        let kube::Error::Api(answer) = &**source else {
            return None;
        };
        let fields = undeclared(&answer.message);
        (!fields.is_empty()).then(|| Self {
            status: status.clone(),
            fields,
        })
    }

    /// The same status again, with the conditions of now.
    pub(crate) fn again(&self, next: &MetricAutoscalerStatus) -> MetricAutoscalerStatus {
        MetricAutoscalerStatus {
            conditions: next.conditions.clone(),
            ..self.status.clone()
        }
    }
}

/// The message of the condition.
impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the CustomResourceDefinition installed lacks {}, so nothing can be remembered and nothing is scaled: apply \
             the one that belongs to this version of the operator",
            self.fields.join(", ")
        )
    }
}

/// The fields in a complaint: `.status.targetUID: field not declared in schema`.
fn undeclared(message: &str) -> Vec<String> {
    let before = message.split(COMPLAINT);
    let count = before.clone().count() - 1;
    let last_words = before
        .take(count)
        .filter_map(|text| text.split_whitespace().next_back());
    last_words
        .map(|field| field.trim_start_matches('.').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_complaint_is_named() {
        let one = "failed to create typed patch object (ns/web; metricautoscaler.dev/v1alpha1, Kind=MetricAutoscaler): \
                   .status.targetUID: field not declared in schema";
        assert_eq!(undeclared(one), ["status.targetUID"]);
        let two = "failed to create typed patch object (ns/web): errors:\n  .status.targetUID: field not declared in \
                   schema\n  .status.currentMetrics[name=\"load\"].since: field not declared in schema";
        assert_eq!(
            undeclared(two),
            ["status.targetUID", "status.currentMetrics[name=\"load\"].since"]
        );
        assert_eq!(undeclared("etcdserver: request timed out"), [""; 0]);
    }
}
