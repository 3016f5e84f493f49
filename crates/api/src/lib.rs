//! The custom resources that users and admins write, and the words that the operator answers with.
//!
//! - [`MetricAutoscaler`]: the resource; its doc comments are the text of `kubectl explain`.
//! - [`annotations`]: what people write on it besides.
//! - [`MembershipProfile`]: how one kind of clustered system lets members go and takes them in.
//! - [`conditions`]: every condition type and reason, with what it means and what to do.
//! - [`parse()`]: from an object off the wire to the resource, one bad object at a time.
//! - [`convert`]: from what was written to the core's policy, or an error that names the field.
//! - [`schema`]: the `CustomResourceDefinition`s exactly as they are installed.
//!
//! Nothing here talks to a cluster.

pub mod annotations;
pub mod autoscaler;
pub mod behavior;
pub mod conditions;
pub mod convert;
pub mod error;
pub mod limits;
pub mod metric;
pub mod parse;
pub mod profile;
pub mod quantity;
pub mod schema;
pub mod status;

pub use autoscaler::{Cooldown, Fallback, Membership, MetricAutoscaler, MetricAutoscalerSpec, Mode, ScaleTargetRef};
pub use behavior::{Behavior, PolicyType, ScalingPolicy, ScalingRules, SelectPolicy};
pub use convert::policy;
pub use error::SpecError;
pub use metric::{Metric, MetricTarget, PerPod, PrometheusQuery, WhenMissing, WhenNan};
pub use parse::{Parsed, parse};
pub use profile::{MembershipProfile, MembershipProfileSpec, MembershipProfileStatus};
pub use quantity::IntOrQuantity;
pub use status::{MembershipStatus, MetricAutoscalerStatus, MetricStatus, OperationStatus};

/// The API group of every resource of ours.
pub const GROUP: &str = "metricautoscaler.dev";
/// The one version served.
pub const VERSION: &str = "v1alpha1";
/// The kind of the autoscaler.
pub const KIND: &str = "MetricAutoscaler";
