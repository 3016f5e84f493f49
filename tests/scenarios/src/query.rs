//! The queries of a scenario, evaluated as Prometheus would: a selector, its rate, or the sum of either.

use std::collections::{BTreeMap, BTreeSet};

use autoscaler_core::{Evidence, Failure, FailureClass, Quantity, Reading};
use jiff::SignedDuration;

use crate::probe::NAMESPACE;
use crate::series::{LOOKBACK_DELTA, Labels, NAME, Selector, Series};

/// What a metric asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// As it is written, which is PromQL.
    pub text: String,
    /// Whether the series are summed.
    pub sum: bool,
    /// The series.
    pub selector: Selector,
    /// The range of `rate`, if it is one.
    pub range: Option<SignedDuration>,
}

/// What a query tells of some pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPods {
    /// The sum, and whether it can be believed.
    pub reading: Reading,
    /// The amounts by the names of the pods.
    pub amounts: BTreeMap<String, Quantity>,
}

impl From<Reading> for OfPods {
    fn from(reading: Reading) -> Self {
        let amounts = BTreeMap::new();
        Self { reading, amounts }
    }
}

impl Query {
    /// How far back the query looks by itself. What cannot be planned is taken to look back as far as an instant
    /// selector.
    pub fn look_back(&self) -> SignedDuration {
        self.range.filter(|_| self.is_probeable()).unwrap_or(LOOKBACK_DELTA)
    }

    /// Whether age and coverage can be asked for: a selector that names no metric may stand for anything.
    pub fn is_probeable(&self) -> bool {
        self.selector.matchers.contains_key(NAME)
    }

    /// The reading before any probe (R4).
    pub fn read(&self, series: &[Series], at: SignedDuration) -> Reading {
        let values = self.values(series, at);
        let evidence = self.evidence();
        match values.as_slice() {
            [] => Reading::Missing { source_proven: false },
            [value] => Quantity::from_f64(*value).map_or(Reading::NotANumber { source_proven: false }, |value| {
                Reading::Fresh { value, evidence }
            }),
            several => Reading::TooMany {
                series: several.len(),
                pod: None,
            },
        }
    }

    /// The same where each pod has a series (R10): the sum of these pods, and what each tells.
    pub fn read_pods(&self, series: &[Series], at: SignedDuration, pods: &BTreeSet<String>) -> OfPods {
        let told = self.answers(series, at);
        let label = |labels: &'_ Labels, name: &str| labels.get(name).cloned();
        let named: Vec<_> = told
            .iter()
            .filter_map(|(labels, value)| Some((label(labels, "namespace")?, label(labels, "pod")?, *value)))
            .collect();
        if named.is_empty() && !told.is_empty() {
            return Reading::Failed(Failure::of(FailureClass::WrongResultType)).into();
        }
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (namespace, pod, value) in named {
            if namespace == NAMESPACE && pods.contains(&pod) {
                values.entry(pod).or_default().push(value);
            }
        }
        if let Some((pod, several)) = values.iter().find(|(_, values)| values.len() > 1) {
            let (series, pod) = (several.len(), Some(pod.as_str().into()));
            return Reading::TooMany { series, pod }.into();
        }
        let any = !values.is_empty();
        let amounts: BTreeMap<String, Quantity> = values
            .into_iter()
            .filter_map(|(pod, values)| Some((pod, Quantity::from_f64(values[0])?)))
            .collect();
        let source_proven = false;
        let reading = match (amounts.is_empty(), any) {
            (true, true) => Reading::NotANumber { source_proven },
            (true, false) => Reading::Missing { source_proven },
            (false, _) => Reading::Fresh {
                value: Quantity::from_nanos(amounts.values().map(|amount| amount.nanos()).sum()),
                evidence: self.evidence(),
            },
        };
        OfPods { reading, amounts }
    }

    /// Whether any series answers.
    pub(crate) fn finds_any(&self, series: &[Series], at: SignedDuration) -> bool {
        !self.answers(series, at).is_empty()
    }

    fn evidence(&self) -> Evidence {
        if self.is_probeable() {
            Evidence::Unprobed
        } else {
            Evidence::Unprobeable
        }
    }

    /// What each series tells.
    fn answers<'a>(&'a self, series: &'a [Series], at: SignedDuration) -> Vec<(&'a Labels, f64)> {
        match self.range {
            None => {
                let samples = self.selector.instant(series, at);
                samples.map(|sample| (sample.labels, sample.value)).collect()
            }
            Some(range) => {
                let series = self.selector.all(series);
                series
                    .filter_map(|series| Some((&series.labels, rate(series, at, range)?)))
                    .collect()
            }
        }
    }

    fn values(&self, series: &[Series], at: SignedDuration) -> Vec<f64> {
        let values: Vec<f64> = self.answers(series, at).into_iter().map(|(_, value)| value).collect();
        if self.sum && !values.is_empty() {
            return vec![values.iter().sum()];
        }
        values
    }
}

/// `rate()`: the increase, extrapolated to the ends of the range, per second (`promql/functions.go`,
/// `extrapolatedRate`).
fn rate(series: &Series, at: SignedDuration, range: SignedDuration) -> Option<f64> {
    let points = series.range(at, range);
    let [(first, first_value), .., (last, _)] = points.as_slice() else {
        return None;
    };
    let increase = points.windows(2).fold(0.0, |sum, pair| {
        let (before, after) = (pair[0].1, pair[1].1);
        // A counter that falls has begun anew at zero.
        sum + after - if after < before { 0.0 } else { before }
    });
    let sampled = (*last - *first).as_secs_f64();
    let average = sampled / f64::from(u32::try_from(points.len() - 1).unwrap_or(u32::MAX));
    // A series that begins or ends within the range is stretched by half a step; else to the end of the range.
    let stretch = |gap: SignedDuration| {
        let gap = gap.as_secs_f64();
        if gap >= average * 1.1 { average / 2.0 } else { gap }
    };
    let to_zero = if increase > 0.0 && *first_value >= 0.0 {
        sampled * first_value / increase
    } else {
        f64::INFINITY
    };
    let to_start = stretch(*first - (at - range)).min(to_zero);
    let stretched = sampled + to_start + stretch(at - *last);
    Some(increase * stretched / sampled / range.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::parse;

    /// The reading of a query over one series at a time, through the language.
    fn reading(query: &str, series: &str, at: i64) -> Reading {
        let text = format!(
            "scenario x\npolicy\n bounds 1 2\n metric m value 1 of {query}\nload 15s\n {series}\nevent 0s replicas 1\n\
             at 0s 1 because missing"
        );
        let scenarios = parse(&text).unwrap();
        let query = &scenarios[0].spec.metrics[0].query;
        query.read(&scenarios[0].series, SignedDuration::from_secs(at))
    }

    fn value(query: &str, series: &str, at: i64) -> String {
        match reading(query, series, at) {
            Reading::Fresh { value, .. } => value.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_rate_reaches_to_the_ends_of_its_range() {
        // Fifteen seconds apart, 100 a second, the whole minute covered.
        assert_eq!(value("rate(m[1m])", "m 0+1500x20", 300), "100");
    }

    #[test]
    fn a_young_series_reads_low() {
        assert_eq!(value("rate(m[5m])", "m 0+1500x20", 30), "10");
    }

    #[test]
    fn a_counter_that_falls_has_begun_anew() {
        // 4500 in the minute since, and half a step more, over two minutes.
        assert_eq!(value("rate(m[2m])", "m 9000 0+1500x3", 60), "42.188");
    }

    #[test]
    fn one_sample_has_no_rate() {
        let missing = Reading::Missing { source_proven: false };
        assert_eq!(reading("rate(m[15s])", "m 0+1500x20", 60), missing);
    }

    #[test]
    fn a_sum_of_nothing_is_nothing_and_of_nan_is_nan() {
        assert_eq!(reading("sum(n)", "m 1", 0), Reading::Missing { source_proven: false });
        assert_eq!(
            reading("sum(m)", "m NaN", 0),
            Reading::NotANumber { source_proven: false }
        );
    }
}
