//! The series of a scenario, and what Prometheus would select of them at a time.
//!
//! An instant selector takes the newest sample within the lookback-delta, unless that is a stale marker; intervals are
//! open at their old end (`promql/engine.go` since version 3).

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// How far an instant selector looks back: Prometheus' default `--query.lookback-delta`.
pub const LOOKBACK_DELTA: SignedDuration = SignedDuration::from_mins(5);

/// The label that holds the name of a metric.
pub const NAME: &str = "__name__";

/// Labels of a series, its name among them.
pub type Labels = BTreeMap<String, String>;

/// What a series holds at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Point {
    /// A number, NaN and the infinities included.
    Value(f64),
    /// The series ends here.
    Stale,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its points, oldest first, by time since zero.
    pub points: Vec<(SignedDuration, Point)>,
}

/// Some series, by their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// All must be equal. Without [`NAME`] among them it may stand for several metrics.
    pub matchers: Labels,
}

/// A sample of a series at the time of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    /// Of which series.
    pub(crate) labels: &'a Labels,
    /// When it was taken.
    pub(crate) at: SignedDuration,
    /// The number.
    pub(crate) value: f64,
}

impl Series {
    /// The numbers in `(at - range, at]`.
    pub(crate) fn range(&self, at: SignedDuration, range: SignedDuration) -> Vec<(SignedDuration, f64)> {
        let up_to = |time: SignedDuration| self.points.partition_point(|(taken, _)| *taken <= time);
        let within = &self.points[up_to(at - range)..up_to(at)];
        within
            .iter()
            .filter_map(|(time, point)| match point {
                Point::Value(value) => Some((*time, *value)),
                Point::Stale => None,
            })
            .collect()
    }

    /// The newest number at a time, if the series has not ended.
    fn instant(&self, at: SignedDuration) -> Option<Sample<'_>> {
        let newer = self.points.partition_point(|(time, _)| *time <= at);
        let (time, point) = self.points[..newer].last()?;
        match point {
            Point::Value(value) if *time > at - LOOKBACK_DELTA => Some(Sample {
                labels: &self.labels,
                at: *time,
                value: *value,
            }),
            Point::Value(_) | Point::Stale => None,
        }
    }
}

impl Selector {
    /// All series of a metric.
    pub(crate) fn of_metric(name: &str) -> Self {
        Self {
            matchers: Labels::from([(NAME.to_owned(), name.to_owned())]),
        }
    }

    /// The series that it selects, at any time.
    pub(crate) fn all<'a>(&'a self, series: &'a [Series]) -> impl Iterator<Item = &'a Series> {
        series.iter().filter(|series| {
            let has = |(label, value): (&String, &String)| series.labels.get(label) == Some(value);
            self.matchers.iter().all(has)
        })
    }

    /// What an instant selector selects.
    pub(crate) fn instant<'a>(&'a self, series: &'a [Series], at: SignedDuration) -> impl Iterator<Item = Sample<'a>> {
        self.all(series).filter_map(move |series| series.instant(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    fn series(points: &[(i64, Point)]) -> Series {
        Series {
            labels: Labels::from([(NAME.to_owned(), "load".to_owned())]),
            points: points.iter().map(|(at, point)| (seconds(*at), *point)).collect(),
        }
    }

    #[test]
    fn an_instant_selector_looks_back_five_minutes_and_not_a_second_longer() {
        let series = series(&[(0, Point::Value(7.0))]);
        let value = |at| series.instant(seconds(at)).map(|sample| sample.value);
        assert_eq!(
            (value(-1), value(0), value(299), value(300)),
            (None, Some(7.0), Some(7.0), None)
        );
    }

    #[test]
    fn a_stale_marker_ends_a_series_until_its_next_sample() {
        let series = series(&[(0, Point::Value(7.0)), (15, Point::Stale), (60, Point::Value(8.0))]);
        let value = |at| series.instant(seconds(at)).map(|sample| sample.value);
        assert_eq!(
            (value(14), value(15), value(59), value(60)),
            (Some(7.0), None, None, Some(8.0))
        );
    }

    #[test]
    fn a_range_is_open_at_its_old_end_and_passes_over_stale_markers() {
        let series = series(&[(0, Point::Value(1.0)), (30, Point::Stale), (60, Point::Value(2.0))]);
        assert_eq!(series.range(seconds(60), seconds(60)), [(seconds(60), 2.0)]);
        assert_eq!(series.range(seconds(60), seconds(61)).len(), 2);
    }
}
