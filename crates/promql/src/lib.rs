//! Query planning and the Prometheus client: what a user's PromQL says, and whether the answer can be believed.
//!
//! [`PlannedQuery`] is a text and what is known about it; [`Prometheus`] asks one source. Every answer becomes a
//! [`Reading`](autoscaler_core::Reading), the vocabulary of the core; nothing here decides a count.
//!
//! ```text
//! plan -> read -> (core proposes a change) -> probe -> (core judges what was found)
//! ```

pub mod answer;
pub mod observer;
pub mod plan;
pub mod probe;
pub mod source;

mod back_off;
mod health;
mod prometheus;
mod share;
mod slots;

pub use answer::{OfPods, OwnSeries, PodLabels};
pub use observer::{Observer, Outcome, RequestKind};
pub use plan::{Leaf, PlanError, PlannedQuery, QueryPlan};
pub use probe::{OwnPods, PodNames, ProbeContext};
pub use prometheus::Prometheus;
pub use source::{ClientCertificate, SourceConfig, SourceError};
