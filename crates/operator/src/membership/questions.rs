//! The PromQL of profiles, asked of the one source that the operator has.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::Reading;
use autoscaler_members::Questions;
use autoscaler_promql::{PlannedQuery, Prometheus};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

/// See the module.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) prometheus: Option<Arc<Prometheus>>,
    pub(super) limit: Duration,
}

impl Questions for Asking {
    fn ask<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Option<f64>> {
        async move {
            let prometheus = self.prometheus.as_ref()?;
            let planned = PlannedQuery::new(query, None);
            match prometheus.read(&planned, Instant::now() + self.limit).await {
                Reading::Fresh { value, .. } => Some(value.as_f64()),
                Reading::Stale { .. }
                | Reading::Missing { .. }
                | Reading::NotANumber { .. }
                | Reading::TooMany { .. }
                | Reading::Partial { .. }
                | Reading::Failed(_) => None,
            }
        }
        .boxed()
    }
}
