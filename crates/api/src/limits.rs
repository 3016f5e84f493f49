//! Every bound of the spec, once: the schema enforces it at the API server, and [`convert`](crate::convert) again, for an
//! older schema may have let something pass.

/// Most metrics of one autoscaler.
pub const MAX_METRICS: usize = 8;
/// Longest name of a metric: a DNS label.
pub const MAX_METRIC_NAME: usize = 63;
/// Longest query in characters; longer ones could exhaust the stack of a parser (R5a).
pub const MAX_QUERY: usize = 4096;
/// Longest name of a Prometheus label.
pub const MAX_LABEL_NAME: usize = 128;
/// Most rate policies in one direction.
pub const MAX_POLICIES: usize = 16;
/// Longest quantity in characters.
pub const MAX_QUANTITY: usize = 32;

/// Longest interval: an hour.
pub const MAX_INTERVAL_SECONDS: i32 = 3600;
/// Longest stabilization window, as in `autoscaling/v2`.
pub const MAX_WINDOW_SECONDS: i32 = 3600;
/// Longest period of a rate policy, as in `autoscaling/v2`.
pub const MAX_PERIOD_SECONDS: i32 = 1800;
/// Longest cooldown, fallback delay, sample age and look-back: a day.
pub const MAX_DAY_SECONDS: i32 = 86_400;

/// Longest `apiVersion`: a group of 253 characters, a slash, a version of 63.
pub const MAX_API_VERSION: usize = 317;
/// Longest kind.
pub const MAX_KIND: usize = 63;
/// Longest name of an object.
pub const MAX_OBJECT_NAME: usize = 253;
