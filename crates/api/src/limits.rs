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

/// Longest template of a profile in characters: a name, a path, a body.
pub const MAX_TEMPLATE: usize = 1024;
/// Longest expression of a profile in characters.
pub const MAX_EXPRESSION: usize = 512;
/// Most parts of a query of a profile.
pub const MAX_QUERY_PARTS: usize = 16;
/// Most gates, and most steps, of a profile.
pub const MAX_STEPS: usize = 8;
/// Most sizes that a profile lists.
pub const MAX_ALLOWED_SIZES: usize = 32;
/// Longest name of a credential.
pub const MAX_CREDENTIAL_NAME: usize = 63;
/// Longest name of the header that carries it.
pub const MAX_HEADER_NAME: usize = 64;
/// So long the reply to an act is waited for at most: VerneMQ's own HTTP server waits no longer.
pub const MAX_ACT_SECONDS: i32 = 60;
