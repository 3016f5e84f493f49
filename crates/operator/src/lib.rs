//! The operator: observe, decide, act, report.

mod admin;
pub mod args;
mod attempt;
mod checks;
mod client;
mod clock;
mod context;
mod definition;
mod events;
mod fleet;
mod gate;
mod leader;
mod membership;
mod metrics;
mod mirror;
mod pods;
mod prepared;
mod progress;
mod reconcile;
mod resources;
mod rivals;
mod run;
#[cfg(test)]
mod scripted_server;
mod snapshot;
mod source;
mod subject;
mod target;
pub mod telemetry;
mod term;
mod watched;
mod worker;
mod written;

pub use metrics::reference::{
    METRIC_LABELS, MetricFamily, SERIES_OF_A_METRIC, SERIES_OF_AN_AUTOSCALER, SERIES_WITH_MEMBERSHIP, metric_families,
    outcomes,
};
pub use run::RunError;

/// Runs until SIGTERM or SIGINT.
pub async fn run(args: args::Args) -> Result<(), RunError> {
    Box::pin(run::run(args, term::lead)).await
}
