//! What people write on a `MetricAutoscaler` besides its spec: what is to become of an operation on the members of its
//! target, and the finalizer of the operator.

/// Takes back the operation of this id, as long as it can be taken back (M14a).
pub const ABORT: &str = "metricautoscaler.dev/abort";

/// Begins again at once after the operation of this id was taken back (M6, M14a).
pub const RETRY: &str = "metricautoscaler.dev/retry";

/// Lets the others forget these members, which were removed without a drain: names with commas between them (M10).
pub const FORGET: &str = "metricautoscaler.dev/forget";

/// Held only while an operation is under way (M13).
pub const FINALIZER: &str = "metricautoscaler.dev/operation";
