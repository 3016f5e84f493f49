//! What is found behind a number (R1, R2): what `autoscaler-promql` asks Prometheus for, counted from the series of the
//! scenario. Whether the number is then believed is judged by the core.
//!
//! A test keeps the counting and the asking equal: `tests/scenarios_against_prometheus.rs`.

use std::collections::BTreeSet;

use autoscaler_core::coverage::{self, Coverage, Expected, Fill, judge};
use autoscaler_core::{Evidence, Reading};
use jiff::SignedDuration;

use crate::query::Query;
use crate::scenario::Metric;
use crate::series::{LOOKBACK_DELTA, Labels, Selector, Series};

/// Where the target of every scenario is.
pub const NAMESPACE: &str = "default";
/// What it is called. Its pods are `web-0`, `web-1` and so on.
pub const STATEFUL_SET: &str = "web";

/// The reading in hand, with what the series behind it say.
pub fn probe(metric: &Metric, series: &[Series], at: SignedDuration, reading: Reading, expected: &Expected) -> Reading {
    match reading {
        Reading::Fresh {
            evidence: Evidence::Unprobed,
            ..
        } => judge(reading, &[narrowest(metric, series, at)], expected),
        reading => reading,
    }
}

/// Of a metric with `perPod` the series of the namespace only, if there are any.
fn narrowest(metric: &Metric, series: &[Series], at: SignedDuration) -> Coverage {
    let Query { selector, .. } = &metric.query;
    if metric.per_pod {
        let mut own = selector.clone();
        own.matchers.insert("namespace".to_owned(), NAMESPACE.to_owned());
        // What is selected by another value of the label is nothing of ours.
        let is_narrower = selector.matchers.get("namespace").is_none_or(|name| name == NAMESPACE);
        let found = coverage(metric, &own, series, at);
        if is_narrower && (found.now > 0 || found.before > 0) {
            return found;
        }
    }
    coverage(metric, selector, series, at)
}

fn coverage(metric: &Metric, selector: &Selector, series: &[Series], at: SignedDuration) -> Coverage {
    let (range, look_back) = (metric.query.range, metric.look_back());
    let newest = selector.instant(series, at).map(|sample| sample.at).max();
    let own_pods: BTreeSet<_> = selector
        .instant(series, at)
        .filter_map(|sample| own_pod(sample.labels))
        .collect();
    let filled = |at, range| selector.all(series).map(move |series| series.range(at, range).len());
    let now = selector.instant(series, at).count();
    // A series that ended without a marker lingers in an instant selector, while its range is empty.
    let now = range.map_or(now, |range| {
        now.min(filled(at, range).filter(|samples| *samples > 0).count())
    });
    let before = count(selector.instant(series, at - look_back).count());
    let fill = range.filter(|range| coverage::is_fill_looked_at(*range)).map(|range| {
        let most = |ago| count(filled(at - ago, range).max().unwrap_or_default());
        Fill::Samples {
            now: most(SignedDuration::ZERO),
            lately: most(range).max(most(LOOKBACK_DELTA + range)),
        }
    });
    Coverage {
        age: newest.map(|newest| at - newest),
        now: count(now),
        before,
        old: before,
        down: down_targets(selector, series, at, &coverage::had_series(look_back)),
        own_pods: count(own_pods.len()),
        over: metric.over(),
        fill: fill.unwrap_or(Fill::NotAsked),
    }
}

/// Whether an absence of the query's series may be that of the targets which had them (R4).
pub(crate) fn may_be_down(metric: &Metric, series: &[Series], at: SignedDuration) -> bool {
    let times = coverage::had_series_before_the_absence(metric.look_back());
    // Where the query names no metric nobody can say whose series are absent.
    !metric.query.is_probeable() || down_targets(&metric.query.selector, series, at, &times) > 0
}

/// Scrape targets that had such series at one of these times and are down now.
fn down_targets(selector: &Selector, series: &[Series], at: SignedDuration, times: &BTreeSet<SignedDuration>) -> u64 {
    let had: Vec<&Labels> = times
        .iter()
        .flat_map(|ago| selector.instant(series, at - *ago))
        .map(|sample| sample.labels)
        .collect();
    let up = Selector::of_metric("up");
    let down = up.instant(series, at).filter(|up| up.value.abs() < f64::EPSILON);
    let ours = down.filter(|up| had.iter().any(|had| scrape_target(had) == scrape_target(up.labels)));
    count(ours.count())
}

/// What a scrape target is known by; Prometheus takes a label that is not there as empty.
fn scrape_target(labels: &Labels) -> [&str; 2] {
    ["job", "instance"].map(|label| labels.get(label).map_or("", String::as_str))
}

/// The pod that a series belongs to, if it is one of the target's. A server of a single namespace may not label it.
fn own_pod(labels: &Labels) -> Option<(&str, &str)> {
    let namespace = labels.get("namespace").map_or("", String::as_str);
    let pod = labels.get("pod")?;
    let ordinal = pod.strip_prefix(STATEFUL_SET)?.strip_prefix('-')?;
    let is_own = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    (is_own && ["", NAMESPACE].contains(&namespace)).then_some((namespace, pod))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
