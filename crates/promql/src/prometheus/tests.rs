use std::time::Duration;

use super::*;

/// A passing trouble of the process, told and tried again; never a query that "cannot be probed" from now on.
#[tokio::test]
async fn r1_a_query_that_could_not_be_planned_for_want_of_a_thread_is_not_read_without_its_probe() {
    // Nobody listens there, and nobody is asked.
    let prometheus = Prometheus::new(SourceConfig::new("http://127.0.0.1:9")).expect("a URL");
    let query = PlannedQuery::with_plan("sum(rate(m[1m]))", Err(PlanError::NotPlanned), None);
    let reading = prometheus.read(&query, Instant::now() + Duration::from_secs(9)).await;
    let failure = Failure::of(FailureClass::Internal)
        .because("the operator has no thread to read the query with; it tries again");
    assert_eq!(reading, Reading::Failed(failure));
}
