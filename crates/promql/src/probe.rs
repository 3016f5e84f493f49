//! Whether a number can be believed: how old the samples behind it are, and whether the series are all there (R1, R2).
//!
//! An instant answer carries neither: Prometheus stamps every sample with the evaluation time, and `sum()` sinks
//! without a warning when half the targets stop being scraped. So before a change of size, and only then, one
//! request per selector asks for both. Text in, numbers out: nothing here sends anything.

use autoscaler_core::{Failure, FailureClass, Replicas};
use jiff::SignedDuration;

use crate::answer::{Answer, Value};
use crate::plan::{LOOKBACK_DELTA, Leaf, duration_text, offset_text};

mod judge;
mod pods;
#[cfg(test)]
mod tests;

pub use judge::judge;
pub use pods::{OwnPods, PodNames};

/// The label that tells the rows of a probe apart.
const ROW: &str = "probe";

/// Beyond this range the fill of a range is not asked for: it reads several ranges of every series.
const LONGEST_FILL: SignedDuration = SignedDuration::from_hours(1);

/// How far back a scrape target that is down now is looked for among those that had series, beside the look-back: a
/// loss that lasts longer than the look-back must not become the new normal.
const HAD_SERIES: [SignedDuration; 3] = [
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
];

/// What a probe is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeContext {
    /// The largest age of the newest sample (`maxSampleAgeSeconds`).
    pub max_sample_age: SignedDuration,
    /// Replicas of the target now.
    pub replicas: Replicas,
    /// The largest count within the query's look-back: fewer replicas explain fewer series.
    pub replicas_before: Replicas,
    /// The target's own pods, where a selector may be expected to cover all of them.
    pub own_pods: Option<OwnPods>,
}

/// What a probe found about one selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Age of the newest sample; `None` if there is no series.
    pub age: Option<SignedDuration>,
    /// Series now.
    pub now: u64,
    /// Series one look-back ago.
    pub before: u64,
    /// Scrape targets that had such series within the last hours and are down now (`up` is 0).
    pub down: u64,
    /// Of the target's own pods, how many have a series; 0 means that the selector is about something else.
    pub own_pods: u64,
    /// How well the range of the selector is filled, if it has one.
    pub fill: Option<Fill>,
}

/// Samples within a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    /// Samples of the best-filled series now.
    pub now: u64,
    /// The most samples that the range has held lately.
    pub lately: u64,
}

/// What is asked about one selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe<'a> {
    leaf: &'a Leaf,
    look_back: SignedDuration,
    own_pods: Option<&'a OwnPods>,
}

impl<'a> Probe<'a> {
    /// A probe of one selector. `look_back` is that of the whole query, as is [`ProbeContext::replicas_before`]: the two
    /// must speak of the same stretch of time.
    pub const fn new(leaf: &'a Leaf, look_back: SignedDuration, own_pods: Option<&'a OwnPods>) -> Self {
        Self {
            leaf,
            look_back,
            own_pods,
        }
    }

    /// The one query that asks for everything, as a union told apart by a label.
    pub fn text(&self) -> String {
        let Leaf {
            selector,
            range,
            look_back: _,
            over_time: _,
            offset,
        } = self.leaf;
        let now = selector.instant(*offset);
        let before = selector.instant(*offset + self.look_back);
        let mut rows = vec![
            row(
                "age",
                &format!("time() - ({}) - max(timestamp({now}))", seconds(*offset)),
            ),
            row("now", &format!("count({now})")),
            row("before", &format!("count({before})")),
            row("down", &self.down_targets()),
        ];
        if let Some(pods) = self.own_pods {
            let own = selector.narrowed(&pods.matchers(), *offset);
            rows.push(row("pods", &format!("count(count by (namespace, pod) ({own}))")));
        }
        if let Some(range) = range {
            let samples = format!("count_over_time({})", selector.range(*range, *offset));
            rows.push(row("in_range", &format!("count({samples})")));
            if *range <= LONGEST_FILL {
                rows.push(row("fill", &format!("max({samples})")));
                rows.push(row("fill_lately", &self.fill_lately(*range)));
            }
        }
        rows.join(" or ")
    }

    /// Scrape targets that are known to Prometheus and down, of those that had series of this selector. A pod that was
    /// removed is no scrape target any more, and so is not counted.
    fn down_targets(&self) -> String {
        let Leaf { selector, offset, .. } = self.leaf;
        let longer = HAD_SERIES.into_iter().filter(|ago| *ago > self.look_back);
        let had: Vec<String> = std::iter::once(self.look_back)
            .chain(longer)
            .map(|ago| selector.instant(*offset + ago))
            .collect();
        format!("count((up == 0) and on (job, instance) ({}))", had.join(" or "))
    }

    /// The best fill over a stretch that reaches behind any gap which `count(S offset …)` cannot see: after an outage
    /// shorter than the lookback-delta an instant selector still finds the samples from before it.
    fn fill_lately(&self, range: SignedDuration) -> String {
        let Leaf { selector, offset, .. } = self.leaf;
        let samples = format!("count_over_time({})", selector.range(range, SignedDuration::ZERO));
        let stretch = (LOOKBACK_DELTA + range * 2).max(range * 4);
        let (stretch, step) = (duration_text(stretch), duration_text(range));
        format!(
            "max(max_over_time({samples}[{stretch}:{step}]{}))",
            offset_text(*offset)
        )
    }

    /// The numbers in the answer to [`Self::text`].
    pub fn coverage(&self, answer: &Answer) -> Result<Coverage, Failure> {
        let rows = Rows::of(answer)?;
        let now = rows.count("now")?;
        let (now, fill) = match self.leaf.range {
            // Samples with timestamps of their own (cAdvisor) get no staleness marker: their series linger in an
            // instant selector for the whole lookback-delta, while the range has long lost them.
            Some(range) => {
                let fill = Fill {
                    now: rows.count("fill")?,
                    lately: rows.count("fill_lately")?,
                };
                (
                    now.min(rows.count("in_range")?),
                    (range <= LONGEST_FILL).then_some(fill),
                )
            }
            None => (now, None),
        };
        let age = rows
            .number("age")
            .map(SignedDuration::try_from_secs_f64)
            .transpose()
            .map_err(|_| malformed())?;
        // Series without an age would pass for fresh: no probe, no change.
        if age.is_none() && now > 0 {
            return Err(malformed());
        }
        Ok(Coverage {
            age,
            now,
            before: rows.count("before")?,
            down: rows.count("down")?,
            own_pods: rows.count("pods")?,
            fill,
        })
    }
}

/// Rows of an answer by name.
struct Rows<'a>(Vec<(&'a str, f64)>);

impl<'a> Rows<'a> {
    fn of(answer: &'a Answer) -> Result<Self, Failure> {
        let Value::Vector(series) = &answer.value else {
            return Err(malformed());
        };
        let rows = series
            .iter()
            .map(|series| Some((series.labels.get(ROW)?, series.sample?)));
        rows.collect::<Option<_>>().map(Self).ok_or_else(malformed)
    }

    fn number(&self, row: &str) -> Option<f64> {
        self.0.iter().find(|(name, _)| *name == row).map(|(_, number)| *number)
    }

    /// A count; a row that is not there counts nothing.
    fn count(&self, row: &str) -> Result<u64, Failure> {
        let number = self.number(row).unwrap_or_default();
        format!("{number:.0}").parse().map_err(|_| malformed())
    }
}

fn malformed() -> Failure {
    Failure::of(FailureClass::MalformedAnswer)
}

fn row(name: &str, expression: &str) -> String {
    format!(r#"label_replace({expression}, "{ROW}", "{name}", "", "")"#)
}

/// A duration as a number of seconds for arithmetic.
fn seconds(duration: SignedDuration) -> String {
    format!("{}", duration.as_secs_f64())
}
