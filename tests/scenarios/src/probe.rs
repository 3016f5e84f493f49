//! Whether a number can be believed (R1, R2): what `autoscaler-promql` asks Prometheus and how it judges the answer,
//! computed from the series of the scenario.
//!
//! It is written again here, not borrowed, so that the runner needs nothing but the core. A test keeps the two equal:
//! `tests/scenarios_against_prometheus.rs`.

use std::collections::BTreeSet;
use std::iter;

use autoscaler_core::{Evidence, PartialCause, Quantity, Reading, Replicas};
use jiff::SignedDuration;

use crate::query::Query;
use crate::series::{LOOKBACK_DELTA, Labels, Selector, Series};

/// Where the target of every scenario is.
pub const NAMESPACE: &str = "default";
/// What it is called. Its pods are `web-0`, `web-1` and so on.
pub const STATEFUL_SET: &str = "web";

/// How long ago a scrape target that is down now may have had series, beside the look-back.
const HAD_SERIES: [SignedDuration; 3] = [
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
];

/// The same before an absence is taken for no load.
const HAD_SERIES_BEFORE_THE_ABSENCE: [SignedDuration; 9] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(40),
    SignedDuration::from_mins(80),
    SignedDuration::from_mins(160),
    SignedDuration::from_hours(6),
];

/// What the coverage of a query is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeContext {
    /// The largest age of the newest sample.
    pub max_sample_age: SignedDuration,
    /// The user's word on the look-back, which says too that the query looks at all of it.
    pub look_back: Option<SignedDuration>,
    /// Replicas now.
    pub replicas: Replicas,
    /// The largest count within the look-back.
    pub replicas_before: Replicas,
    /// Ready replicas, if known.
    pub ready: Option<Replicas>,
}

impl ProbeContext {
    fn look_back(&self, query: &Query) -> SignedDuration {
        self.look_back.unwrap_or_else(|| query.look_back())
    }
}

/// Beyond this range its past fill is not looked at.
const LONGEST_FILL: SignedDuration = SignedDuration::from_hours(1);

/// What is found behind a number.
struct Coverage {
    age: Option<SignedDuration>,
    now: u64,
    before: u64,
    down: u64,
    own_pods: u64,
    fill: Option<Fill>,
}

/// Samples in the range of the best-filled series: now, and at most lately.
struct Fill {
    now: usize,
    lately: usize,
}

/// The reading in hand, with what the series behind it say.
pub fn probe(
    query: &Query,
    series: &[Series],
    at: SignedDuration,
    reading: Reading,
    context: &ProbeContext,
) -> Reading {
    match reading {
        Reading::Fresh {
            value,
            evidence: Evidence::Unprobed,
        } => judge(query, &coverage(query, series, at, context), context).reading(value),
        reading => reading,
    }
}

fn coverage(query: &Query, series: &[Series], at: SignedDuration, context: &ProbeContext) -> Coverage {
    let (selector, look_back) = (&query.selector, context.look_back(query));
    let newest = selector.instant(series, at).map(|sample| sample.at).max();
    let own_pods: BTreeSet<_> = selector
        .instant(series, at)
        .filter_map(|sample| own_pod(sample.labels))
        .collect();
    let filled = |at, range| selector.all(series).map(move |series| series.range(at, range).len());
    let now = selector.instant(series, at).count();
    // A series that ended without a marker lingers in an instant selector, while its range is empty.
    let now = query.range.map_or(now, |range| {
        now.min(filled(at, range).filter(|samples| *samples > 0).count())
    });
    let fill = query.range.filter(|range| *range <= LONGEST_FILL).map(|range| {
        let most = |ago| filled(at - ago, range).max().unwrap_or_default();
        Fill {
            now: most(SignedDuration::ZERO),
            lately: most(range).max(most(LOOKBACK_DELTA + range)),
        }
    });
    Coverage {
        age: newest.map(|newest| at - newest),
        now: count(now),
        before: count(selector.instant(series, at - look_back).count()),
        down: count(down_targets(
            selector,
            series,
            at,
            look_back,
            &HAD_SERIES.map(|ago| ago.max(look_back)),
        )),
        own_pods: count(own_pods.len()),
        fill,
    }
}

/// Whether an absence of the query's series may be that of the targets which had them (R4).
pub(crate) fn may_be_down(query: &Query, series: &[Series], at: SignedDuration, look_back: SignedDuration) -> bool {
    let times = HAD_SERIES_BEFORE_THE_ABSENCE;
    // Where the query names no metric nobody can say whose series are absent.
    !query.is_probeable() || down_targets(&query.selector, series, at, look_back, &times) > 0
}

/// Scrape targets that had such series within the last hours and are down now.
fn down_targets(
    selector: &Selector,
    series: &[Series],
    at: SignedDuration,
    look_back: SignedDuration,
    times: &[SignedDuration],
) -> usize {
    let had: Vec<&Labels> = iter::once(look_back)
        .chain(times.iter().copied())
        .flat_map(|ago| selector.instant(series, at - ago))
        .map(|sample| sample.labels)
        .collect();
    let up = Selector::of_metric("up");
    let down = up.instant(series, at).filter(|up| up.value.abs() < f64::EPSILON);
    down.filter(|up| had.iter().any(|had| scrape_target(had) == scrape_target(up.labels)))
        .count()
}

/// What a scrape target is known by; Prometheus takes a label that is not there as empty.
fn scrape_target(labels: &Labels) -> [&str; 2] {
    ["job", "instance"].map(|label| labels.get(label).map_or("", String::as_str))
}

/// The verdict on a number.
enum Verdict {
    Believed,
    Missing,
    Stale(SignedDuration, SignedDuration),
    Partial(PartialCause),
}

impl Verdict {
    fn reading(self, value: Quantity) -> Reading {
        match self {
            Self::Believed => Reading::Fresh {
                value,
                evidence: Evidence::Probed,
            },
            Self::Missing => Reading::Missing { source_proven: false },
            Self::Stale(age, limit) => Reading::Stale { age, limit },
            Self::Partial(cause) => Reading::Partial { value, cause },
        }
    }
}

fn judge(query: &Query, coverage: &Coverage, context: &ProbeContext) -> Verdict {
    let Coverage {
        age,
        now,
        before,
        down,
        own_pods,
        ref fill,
    } = *coverage;
    if now == 0 && before == 0 {
        return Verdict::Missing;
    }
    if let Some(age) = age.filter(|age| *age > context.max_sample_age) {
        return Verdict::Stale(age, context.max_sample_age);
    }
    if now < explained(before, context) {
        return Verdict::Partial(PartialCause::FewerSeries { now, before });
    }
    if down > u64::from(context.replicas_before.get().saturating_sub(context.replicas.get())) {
        return Verdict::Partial(PartialCause::TargetsDown { down });
    }
    let over_time = query.range.is_some() || context.look_back.is_some();
    if now > 0 && over_time && (before == 0 || fill.as_ref().is_some_and(is_short)) {
        let look_back = context.look_back(query);
        return Verdict::Partial(PartialCause::YoungSeries { look_back });
    }
    match context.ready {
        Some(ready) if own_pods > 0 && own_pods < u64::from(ready.get()) => Verdict::Partial(PartialCause::FewerPods {
            covered: own_pods,
            ready,
        }),
        _ => Verdict::Believed,
    }
}

/// How many series there should be, given how many there were and how many replicas have gone since.
fn explained(before: u64, context: &ProbeContext) -> u64 {
    let (now, then) = (
        u64::from(context.replicas.get()),
        u64::from(context.replicas_before.get()),
    );
    if now >= then { before } else { before * now / then }
}

/// More than one and more than a tenth of the samples are lacking.
fn is_short(fill: &Fill) -> bool {
    fill.now + 1 < fill.lately && fill.now * 10 < fill.lately * 9
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
