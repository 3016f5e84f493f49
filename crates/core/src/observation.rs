//! What the world looked like at one instant, in the core's own terms.

use jiff::{SignedDuration, Timestamp};

use crate::per_pod::{Pod, PodSamples};
use crate::{Reading, Replicas, Seconds};

/// Everything one decision may depend on, apart from the policy and the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// `spec.replicas` of the target's scale: the count that every comparison is made with.
    pub replicas: Replicas,
    /// Ready replicas, if the kind of target tells.
    pub ready: Option<Replicas>,
    /// The target's own pods, if a metric is about each of them.
    pub pods: Option<Vec<Pod>>,
    /// A rollout under way, which forbids shrinking (R18).
    pub rollout: Option<Rollout>,
    /// One reading per metric of the policy, in its order.
    pub readings: Vec<MetricReading>,
    /// How far the clocks of operator and API server are apart, if further than allowed (R17).
    pub clock_skew: Option<SignedDuration>,
    /// Whether a decision will be carried out.
    pub standing: Standing,
}

/// The reading of one metric, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricReading {
    /// Name of the metric in the policy.
    pub name: String,
    /// What it told. Of a metric of every pod the value is the sum, and only whether it can be believed counts.
    pub reading: Reading,
    /// What it told of each pod (R10).
    pub pods: Option<PodSamples>,
}

impl MetricReading {
    /// One number.
    pub fn one(name: impl Into<String>, reading: Reading) -> Self {
        Self {
            name: name.into(),
            reading,
            pods: None,
        }
    }
}

/// Why the target is in a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollout {
    /// The controller of the target has not seen its newest generation yet.
    GenerationLags,
    /// Fewer replicas than wanted run the newest revision.
    Updating {
        /// Replicas on the newest revision.
        updated: Replicas,
        /// Replicas wanted.
        replicas: Replicas,
        /// When a stuck rollout stops counting (`progressDeadlineSeconds`), if the kind has such a deadline.
        until: Option<Timestamp>,
    },
}

/// How far the clocks of operator and API server may be apart: one interval, and at least five seconds, for a `Date`
/// header has whole seconds and took a while to come (R17).
pub fn allowed_skew(interval: Seconds) -> SignedDuration {
    interval.duration().max(SignedDuration::from_secs(5))
}

/// Whether a decision will be carried out, which decides what memory means (R14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Mode Active, sole writer.
    Acts,
    /// Mode `DryRun`: decided and reported only.
    Reports,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_clocks_may_be_an_interval_apart_and_at_least_five_seconds() {
        assert_eq!(allowed_skew(Seconds::new(15)), SignedDuration::from_secs(15));
        assert_eq!(allowed_skew(Seconds::new(1)), SignedDuration::from_secs(5));
    }
}
