//! `docs/reference/metrics.md`: the operator's own metrics, from its registry.

use anyhow::Result;
use metric_autoscaler::{
    METRIC_LABELS, MetricFamily, SERIES_OF_A_METRIC, SERIES_OF_AN_AUTOSCALER, SERIES_WITH_MEMBERSHIP, metric_families,
    outcomes,
};

pub(super) fn markdown() -> Result<String> {
    let metrics: String = metric_families()?.iter().map(metric).collect();
    let labels: String = METRIC_LABELS.iter().map(label).collect();
    let outcomes: String = outcomes().iter().map(ends).collect();
    Ok(format!(
        "<!-- Generated from crates/operator/src/metrics.rs by `make generate`. Do not edit. -->
# Metrics of the operator

Served on `/metrics`, port 8080, by every replica; only the leader has series of autoscalers. An autoscaler has at most
{SERIES_OF_AN_AUTOSCALER} series, with `spec.membership` {SERIES_WITH_MEMBERSHIP}, and {SERIES_OF_A_METRIC} more for each of its
metrics; they are gone with it. Nothing else names an object of a user, a query or an address. Durations are in seconds, sizes in
bytes; to a histogram belong `_bucket`, `_sum` and `_count`.

| metric | type | labels | meaning |
|---|---|---|---|
{metrics}
## Labels

| label | values |
|---|---|
{labels}
## Outcomes

| metric | outcomes |
|---|---|
{outcomes}"
    ))
}

fn metric(family: &MetricFamily) -> String {
    let MetricFamily {
        name,
        kind,
        help,
        labels,
    } = family;
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "))
}

fn ends((metric, outcomes): &(&str, Vec<&str>)) -> String {
    format!("| `{metric}` | `{}` |\n", outcomes.join("`, `"))
}

fn label((label, values): &(&str, &str)) -> String {
    format!("| `{label}` | {values} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_type_its_labels_and_its_meaning() {
        let row = "| `metric_autoscaler_desired_replicas` | gauge | `namespace`, `name` | The size wanted, after every limit |";
        let page = markdown().unwrap();
        assert!(page.contains(row), "{page}");
    }
}
