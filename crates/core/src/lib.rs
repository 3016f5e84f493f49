//! How many replicas a workload should have, and why.
//!
//! The one door is [`decide`]: `(policy, observation, history, now) -> Decision`. Nothing in this crate reads a clock,
//! does I/O or knows a Kubernetes type, so every decision can be replayed, and every rule is a plain unit test. How a member
//! of a cluster leaves and comes is [`mod@membership`].
//!
//! The steps on the way stand in [`mod@decide`]. Each leaves its reasons in the decision's [`Trail`]; [`explain`] is the
//! only place that turns a trail into text.

pub mod coverage;
pub mod decide;
pub mod decision;
pub mod explain;
pub mod history;
pub mod membership;
pub mod observation;
pub mod per_pod;
pub mod policy;
pub mod quantity;
pub mod ratio;
pub mod reading;
pub mod replicas;

pub use coverage::{Coverage, Expected, Fill};
pub use decide::decide;
pub use decision::{Decision, Direction, Limit, LimitCause, MetricStep, Trail};
pub use history::{Change, ChangeCause, Continuity, History, Stored};
pub use observation::{MetricReading, Observation, Rollout, Standing};
pub use policy::{
    Bounds, Cooldown, Fallback, MetricPolicy, Policy, PolicyError, RatePolicy, RateUnit, ScalingRules, SelectPolicy,
    Target, TargetKind, WhenMissing, WhenNan,
};
pub use quantity::Quantity;
pub use reading::{Evidence, Failure, FailureClass, PartialCause, Question, Reading};
pub use replicas::{Replicas, Seconds};
