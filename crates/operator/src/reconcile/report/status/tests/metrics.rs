//! What the status says of each metric.

use super::*;

/// What the status says about the one metric, with this query and reading.
fn metric_of(query: &str, reading: Reading) -> MetricStatus {
    let metric = json!({"name": "load", "prometheus": {"query": query}, "target": {"averageValue": 100}});
    let mut subject = subject(&json!({ "metrics": [metric] }));
    let acted = held(decided(&mut subject, reading, at(1)));
    after(&subject, &acted, at(1)).current_metrics.remove(0)
}

#[test]
fn r2_a_metric_that_cannot_be_probed_says_so_and_what_protects_it() {
    let unprobed = |query: &str| {
        let reading = Reading::Fresh {
            value: Quantity::from_units(300),
            evidence: Evidence::Unprobeable,
        };
        metric_of(query, reading).reason
    };
    assert_eq!(
        unprobed("vector(300)").as_deref(),
        Some("cannot be probed: the query names no series; scaling down locks for 300 s after a gap")
    );
    let missing = metric_of("sum({a=\"b\"})", Reading::Missing { source_proven: false });
    assert_eq!(
        missing.reason.as_deref(),
        Some("no series; cannot be probed: the selector {a=\"b\"} names no single metric")
    );
    assert_eq!(metric_of("sum(load)", fresh("300")).reason, None);
}

/// Longer, and the API server would refuse the whole status, again and again.
#[test]
fn what_is_said_of_a_metric_never_exceeds_what_the_schema_allows() {
    let query = format!("sum({{a=\"{}\"}})", "é".repeat(1900));
    let reading = Reading::Fresh {
        value: Quantity::from_units(300),
        evidence: Evidence::Unprobeable,
    };
    let reason = metric_of(&query, reading).reason.unwrap();
    assert!(reason.chars().count() <= MAX_METRIC_REASON, "{reason}");
    assert!(
        reason.ends_with("; scaling down locks for 300 s after a gap"),
        "{reason}"
    );
    let detail = "x".repeat(2 * MAX_METRIC_REASON);
    let failed = Reading::Failed(Failure::of(FailureClass::BadQuery).because(detail));
    let reason = metric_of("sum(load)", failed).reason.unwrap();
    assert_eq!(reason.chars().count(), MAX_METRIC_REASON);
}

#[test]
fn r1_a_failed_probe_is_told_as_the_probe() {
    let mut subject = subject(&json!({}));
    let failure = Failure::of(FailureClass::Timeout).of_the_probe();
    let acted = held(decided(&mut subject, Reading::Failed(failure), at(1)));
    let status = after(&subject, &acted, at(1));
    assert_eq!(reason_of(&status, "Ready"), pair("False", "ProbeFailed"));
    assert_eq!(
        status.current_metrics[0].reason.as_deref(),
        Some("read, but the check of its age and coverage failed: no answer in time")
    );
}
