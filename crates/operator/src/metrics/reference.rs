//! Answers: which metrics are there? For the reference page, and for whoever checks a dashboard or an alert against them.

use std::fmt;
use std::time::Duration;

use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{FailureClass, Replicas};
use autoscaler_promql::{Observer, Outcome, RequestKind};
use prometheus_client::encoding::text::encode;

use super::labels::ByOperation;
use super::{
    ConditionGauge, EvaluationOutcome, EventOutcome, Gauges, Metrics, ObjectName, OperationGauge, ReadingGauges,
    ScaleWriteOutcome,
};
use crate::clock::Clock;

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricFamily {
    /// As it is queried: a counter ends in `_total`, an info in `_info`; to a histogram come `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// In the words of `OpenMetrics`: counter, gauge, histogram or info.
    pub kind: String,
    /// What it tells.
    pub help: String,
    /// What its series differ in.
    pub labels: Vec<String>,
}

/// The most series that an autoscaler has, apart from its metrics: four counts of replicas and four conditions.
pub const SERIES_OF_AN_AUTOSCALER: usize = 8;

/// With `spec.membership`: two conditions more, and the phase and the age of an operation.
pub const SERIES_WITH_MEMBERSHIP: usize = 12;

/// The most series of each of its metrics: state, value and target.
pub const SERIES_OF_A_METRIC: usize = 3;

/// What the values of each label are.
pub const METRIC_LABELS: [(&str, &str); 19] = [
    ("namespace", "of the autoscaler; gone with it"),
    ("name", "of the autoscaler; gone with it"),
    ("metric", "its name in `spec.metrics`"),
    (
        "state",
        "`fresh`, `stale`, `missing`, `not_a_number`, `too_many`, `partial` or `failed`",
    ),
    (
        "type",
        "of a condition: `Ready`, `ScalingActive`, `AbleToScale` or `ScalingLimited`, with `spec.membership` also \
         `MembershipHealthy` or `MembershipStable`",
    ),
    ("status", "of a condition: `True`, `False` or `Unknown`"),
    ("reason", "of a condition: see [reasons](reasons.md)"),
    ("outcome", "how it ended: see below"),
    (
        "kind",
        "`query` is a user's, `probe` looks for its age and coverage, `proof` whether an absence can be believed",
    ),
    ("operation", "on a member: `Leave`, `Join` or `Forget`"),
    ("phase", "of an operation on a member, as in `status.operation`"),
    ("cause", "why an operation was taken back, or `none`"),
    ("direction", "`up`, `down` or `none`"),
    ("limit", "the limit that had the last word, or `none`"),
    ("verb", "of a request to the API server, as in RBAC"),
    (
        "resource",
        "of a request to the API server, as in RBAC; `discovery` for what is no resource",
    ),
    ("code", "the HTTP status of the answer; `none` if there was no answer"),
    ("version", "of the operator"),
    ("commit", "that it was built from"),
];

/// All metrics, in the order in which they are shown.
pub fn metric_families() -> Result<Vec<MetricFamily>, fmt::Error> {
    let clock = Clock::start();
    let (metrics, registry) = Metrics::new(&clock);
    exercise(&metrics);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    let blocks = text.split("# HELP ").skip(1);
    Ok(blocks.filter_map(family).collect())
}

/// The values of `outcome`, by the metric that has them. Of a status that was not written it is the kind of refusal.
pub fn outcomes() -> Vec<(&'static str, Vec<&'static str>)> {
    let queries = [Outcome::Answered, Outcome::Abandoned].into_iter();
    let queries = queries.chain(FailureClass::ALL.map(Outcome::Failed));
    vec![
        (
            "metric_autoscaler_evaluations_total",
            EvaluationOutcome::ALL.map(EvaluationOutcome::as_str).to_vec(),
        ),
        (
            "metric_autoscaler_queries_total",
            queries.map(Outcome::as_str).collect(),
        ),
        (
            "metric_autoscaler_scale_writes_total",
            ScaleWriteOutcome::ALL.map(ScaleWriteOutcome::as_str).to_vec(),
        ),
        (
            "metric_autoscaler_events_total",
            EventOutcome::ALL.map(EventOutcome::as_str).to_vec(),
        ),
        ("metric_autoscaler_operations_total", ByOperation::OUTCOMES.to_vec()),
    ]
}

/// Metrics without a series are not shown: one of each.
fn exercise(metrics: &Metrics) {
    let took = Duration::from_millis(20);
    metrics.finished(RequestKind::Query, Outcome::Answered, took);
    metrics.shared(RequestKind::Query);
    metrics.status_written(&Ok(()));
    metrics.api_request("get", "leases", Some(200), took);
    let text = |text: &str| text.to_owned();
    let object = ObjectName {
        namespace: text("default"),
        name: text("web"),
    };
    let one = Replicas::new(1);
    let gauges = Gauges {
        bounds: autoscaler_core::Bounds::new(one, one).ok(),
        current: Some(one),
        desired: Some(one),
        readings: vec![ReadingGauges {
            metric: text("load"),
            class: ReadingClass::Fresh,
            value: Some(1.0),
            target: Some(1.0),
        }],
        conditions: vec![ConditionGauge {
            condition: text("Ready"),
            status: text("True"),
            reason: text("ValidMetricFound"),
        }],
    };
    let operation = OperationGauge {
        kind: "Leave",
        phase: "Draining",
        began: jiff::Timestamp::UNIX_EPOCH,
    };
    metrics.show(object, "uid", gauges, Some(operation));
}

/// `name help\n# TYPE name kind\n[# UNIT …]\nname_total{label="value"} 1\n`
fn family(block: &str) -> Option<MetricFamily> {
    let (first, _) = block.split_once('\n')?;
    let (name, help) = first.split_once(' ')?;
    let kind = block
        .lines()
        .find_map(|line| line.strip_prefix("# TYPE ")?.split(' ').nth(1))?;
    let sample = block.lines().skip(1).find(|line| line.starts_with(name))?;
    let suffix = match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    Some(MetricFamily {
        name: format!("{name}{suffix}"),
        kind: kind.to_owned(),
        // The registry puts a full stop behind what it is given, a collector does not.
        help: help.trim_end_matches('.').to_owned(),
        labels: labels(sample),
    })
}

/// Of one sample; no value of the exercise has a brace, a comma or a quote.
fn labels(sample: &str) -> Vec<String> {
    let inner = sample.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let pairs = inner.map_or("", |(inner, _)| inner).split(',');
    let names = pairs.filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
    names.filter(|name| name != "le").collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_family_has_the_name_that_is_queried_and_all_its_labels() {
        let families = metric_families().unwrap();
        let shown = |name: &str| {
            let family = families.iter().find(|family| family.name == name).unwrap();
            (family.kind.as_str(), family.labels.join(" "))
        };
        assert_eq!(
            shown("metric_autoscaler_decisions_total"),
            ("counter", "direction limit".to_owned())
        );
        assert_eq!(
            shown("metric_autoscaler_query_duration_seconds"),
            ("histogram", "kind".to_owned())
        );
        assert_eq!(
            shown("metric_autoscaler_build_info"),
            ("info", "version commit".to_owned())
        );
        assert_eq!(shown("process_cpu_seconds_total"), ("counter", String::new()));
    }

    #[test]
    fn every_label_is_explained_and_no_other() {
        let families = metric_families().unwrap();
        let used: BTreeSet<&str> = families
            .iter()
            .flat_map(|family| &family.labels)
            .map(String::as_str)
            .collect();
        assert_eq!(used, METRIC_LABELS.map(|(label, _)| label).into());
    }

    /// Prometheus' own advice: base units, plural counters, one prefix.
    #[test]
    fn names_follow_one_scheme() {
        for MetricFamily {
            name,
            kind,
            help,
            labels,
        } in metric_families().unwrap()
        {
            let own = name.starts_with("metric_autoscaler_");
            assert!(own || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            if name.contains("duration") || name.contains("lateness") {
                assert!(name.ends_with("_seconds"), "{name}");
            }
            assert!(help.len() > 10, "{name}: {help}");
            assert!(
                labels
                    .iter()
                    .all(|label| !["pod", "query", "uid"].contains(&label.as_str())),
                "{name}"
            );
        }
    }
}
