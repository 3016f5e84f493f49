//! The operator: observe, decide, act, report.

pub mod admin;
pub mod args;
pub mod checks;
pub mod client;
pub mod clock;
pub mod context;
pub mod events;
pub mod fleet;
pub mod gate;
pub mod lead;
pub mod leader;
pub mod metrics;
pub mod mirror;
pub mod pace;
pub mod reconcile;
pub mod rivals;
pub mod run;
pub mod source;
pub mod subject;
pub mod target;
pub mod telemetry;
pub mod worker;
