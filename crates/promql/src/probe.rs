//! Whether a number can be believed: how old the samples behind it are, and whether the series are all there (R1, R2).
//!
//! An instant answer carries neither: Prometheus stamps every sample with the evaluation time, and `sum()` sinks
//! without a warning when half the targets stop being scraped. So before a change of size, and only then, each selector is
//! asked for both, and whether its range is filled in a request beside, which reads far more and may fail alone. Text in,
//! numbers out: nothing here sends anything.

use std::collections::BTreeSet;

use autoscaler_core::coverage::{self, Coverage, Expected, Fill};
use autoscaler_core::{Failure, FailureClass, Replicas};
use jiff::SignedDuration;

use crate::answer::{Answer, Value};
use crate::plan::{LOOKBACK_DELTA, Leaf, offset_text};

mod pods;

pub(crate) use pods::quoted;

pub use pods::{OwnPods, PodNames};

/// The label that tells the rows of a probe apart.
const ROW: &str = "probe";

/// The label of a number of samples.
const SAMPLES: &str = "samples";

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
    /// The label and the name of the namespace that a query of every pod is about: what happens to the series of others,
    /// which it reads too, says nothing about ours.
    pub namespace: Option<(String, String)>,
}

impl ProbeContext {
    /// The numbers in it, which the coverage of a selector is compared with.
    pub fn expected(&self) -> Expected {
        Expected {
            max_sample_age: self.max_sample_age,
            replicas: self.replicas,
            replicas_before: self.replicas_before,
            ready: self.own_pods.as_ref().map(|pods| pods.ready),
        }
    }
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

    /// The query that asks for age, series and targets, as a union told apart by a label. It reads one sample of each
    /// series for each point in time.
    pub fn text(&self) -> String {
        let Leaf { selector, offset, .. } = self.leaf;
        let now = selector.instant(*offset);
        let before = selector.instant(*offset + self.look_back);
        let mut rows = vec![
            row(
                "age",
                &format!("time() - ({}) - max(timestamp({now}))", seconds(*offset)),
            ),
            row("now", &format!("count({now})")),
            row("before", &format!("count({before})")),
            row("down", &self.down(&coverage::had_series(self.look_back))),
        ];
        if self.has_its_own_look_back() {
            let old = selector.instant(*offset + self.leaf.look_back);
            rows.push(row("old", &format!("count({old})")));
        }
        if let Some(pods) = self.own_pods {
            let own = selector.narrowed(&pods.matchers(), *offset);
            rows.push(row("pods", &format!("count(count by (namespace, pod) ({own}))")));
        }
        rows.join(" or ")
    }

    /// The query that asks how well the range is filled, for a selector with one. It reads the range, as the user's own
    /// query does, and it twice more in the past: right before, and behind any gap that `count(S offset …)` cannot see,
    /// for after an outage shorter than the lookback-delta an instant selector still finds the samples from before it.
    pub fn fill_text(&self) -> Option<String> {
        let Leaf {
            selector,
            range,
            offset,
            ..
        } = self.leaf;
        let range = (*range)?;
        let samples = |ago| format!("count_over_time({})", selector.range(range, *offset + ago));
        let now = samples(SignedDuration::ZERO);
        // The number of series and the largest number of samples, by one look at the range.
        let mut rows = vec![row("in_range", &format!("count_values(\"{SAMPLES}\", {now})"))];
        if coverage::is_fill_looked_at(range) {
            rows.push(row("fill_before", &format!("max({})", samples(range))));
            let behind = samples(LOOKBACK_DELTA + range);
            rows.push(row("fill_behind", &format!("max({behind})")));
        }
        Some(rows.join(" or "))
    }

    /// The query that finds a number, and so an answer at all, while an absence of this selector must not be believed: how
    /// many of the scrape targets that had its series are down.
    pub fn absence_text(&self) -> String {
        self.down(&coverage::had_series_before_the_absence(self.look_back))
    }

    /// The number of scrape targets that are known to Prometheus and down, of those that had series of this selector at
    /// one of these times; nothing for none. All of it is shifted as the selector is. A pod that was removed is no scrape
    /// target any more, and so is not counted.
    fn down(&self, times: &BTreeSet<SignedDuration>) -> String {
        let Leaf { selector, offset, .. } = self.leaf;
        let had: Vec<String> = times.iter().map(|ago| selector.instant(*offset + *ago)).collect();
        let up = format!("up{}", offset_text(*offset));
        format!("count(({up} == 0) and on (job, instance) ({}))", had.join(" or "))
    }

    /// The numbers in the answers to [`Self::text`] and to [`Self::fill_text`], if that was asked.
    pub fn coverage(
        &self,
        answer: &Answer,
        filled: Option<Result<&Answer, FailureClass>>,
    ) -> Result<Coverage, Failure> {
        let rows = Rows::of(answer)?;
        let now = rows.count("now")?;
        let before = rows.count("before")?;
        let age = rows
            .number("age")
            .map(SignedDuration::try_from_secs_f64)
            .transpose()
            .map_err(|_| malformed())?;
        // Series without an age would pass for fresh: no probe, no change.
        if age.is_none() && now > 0 {
            return Err(malformed());
        }
        let (in_range, fill) = match filled {
            None => (now, Fill::NotAsked),
            Some(Err(class)) => (now, Fill::Unknown(class)),
            Some(Ok(answer)) => self
                .filled(answer)
                .unwrap_or_else(|failure| (now, Fill::Unknown(failure.class))),
        };
        Ok(Coverage {
            age,
            // Samples with timestamps of their own (cAdvisor) get no staleness marker: their series linger in an instant
            // selector for the whole lookback-delta, while the range has long lost them.
            now: now.min(in_range),
            before,
            old: if self.has_its_own_look_back() {
                rows.count("old")?
            } else {
                before
            },
            down: rows.count("down")?,
            own_pods: rows.count("pods")?,
            over: self.leaf.over_time.then_some(self.leaf.look_back),
            fill,
        })
    }

    /// Series within the range, and how well they fill it.
    fn filled(&self, answer: &Answer) -> Result<(u64, Fill), Failure> {
        let rows = Rows::of(answer)?;
        let (mut series, mut now) = (0_u64, 0_u64);
        for (samples, count) in rows.by_samples("in_range")? {
            series = series.saturating_add(count);
            now = now.max(samples);
        }
        let lately = rows.count("fill_before")?.max(rows.count("fill_behind")?);
        let is_asked = self.leaf.range.is_some_and(coverage::is_fill_looked_at);
        let fill = if is_asked {
            Fill::Samples { now, lately }
        } else {
            Fill::NotAsked
        };
        Ok((series, fill))
    }

    /// Whether a stretch shorter than that of the query tells if these series are young.
    fn has_its_own_look_back(&self) -> bool {
        self.leaf.over_time && self.leaf.look_back != self.look_back
    }
}

/// Rows of an answer by name.
struct Rows<'a>(Vec<Row<'a>>);

struct Row<'a> {
    name: &'a str,
    samples: Option<&'a str>,
    number: f64,
}

impl<'a> Rows<'a> {
    fn of(answer: &'a Answer) -> Result<Self, Failure> {
        let Value::Vector(series) = &answer.value else {
            return Err(malformed());
        };
        let rows = series.iter().map(|series| {
            Some(Row {
                name: series.labels.get(ROW)?,
                samples: series.labels.get(SAMPLES),
                number: series.sample?,
            })
        });
        rows.collect::<Option<_>>().map(Self).ok_or_else(malformed)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Row<'a>> {
        self.0.iter().filter(move |row| row.name == name)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.named(name).next().map(|row| row.number)
    }

    /// A count; a row that is not there counts nothing.
    fn count(&self, name: &str) -> Result<u64, Failure> {
        whole(self.number(name).unwrap_or_default())
    }

    /// Numbers of samples, each with how many series have so many.
    fn by_samples(&self, name: &str) -> Result<Vec<(u64, u64)>, Failure> {
        let pair = |row: &Row<'_>| {
            let samples = row
                .samples
                .and_then(|samples| samples.parse().ok())
                .ok_or_else(malformed)?;
            Ok((samples, whole(row.number)?))
        };
        self.named(name).map(pair).collect()
    }
}

fn whole(number: f64) -> Result<u64, Failure> {
    format!("{number:.0}").parse().map_err(|_| malformed())
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

#[cfg(test)]
mod tests;
