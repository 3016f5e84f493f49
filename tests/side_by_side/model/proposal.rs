//! From readings to the count that they ask for: `computeReplicasForMetrics`, `GetExternalMetricReplicas`,
//! `GetExternalPerPodMetricReplicas`. Metrics of pods are in `per_pod`.

use std::cmp::Ordering;

use super::Model;
use super::limits::float;
use crate::case::{Case, Kind, Source};
use crate::difference::Difference;
use crate::pods::Pods;
use crate::record::Look;
use crate::series::Sample;

/// What all metrics together ask for.
pub(super) enum Proposed {
    /// Too little can be read.
    Nothing,
    Count {
        count: i64,
        /// Some metric could not be read in full.
        blocked: bool,
    },
}

/// Loads are thousandths of the target.
pub(super) const ONE: i64 = 1000;

/// Load by the target. The HPA has a float.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction(pub(super) i64, pub(super) i64);

impl Fraction {
    fn of(load: i64, count: i64) -> Self {
        Self(Case::quantity(load), Case::quantity(ONE) * count)
    }

    pub(super) fn cmp_one(self) -> Ordering {
        self.0.cmp(&self.1)
    }

    fn float(self) -> f64 {
        float::from(self.0) / float::from(self.1)
    }
}

impl Model<'_> {
    pub(super) fn propose(&self, look: &Look, pods: &Pods) -> Proposed {
        let spec = i64::from(look.spec);
        let mut blocked = false;
        let mut best: Option<i64> = None;
        for sample in &look.samples {
            let load = match *sample {
                Sample::Stale(_) if self.has(Difference::DoubtfulReadings) => None,
                sample => sample.number(),
            };
            let partial = matches!(sample, Sample::Partial(_)) && self.has(Difference::DoubtfulReadings);
            let count = load.and_then(|load| match self.case.kind {
                Kind::Value => Some(self.by_ratio(load, spec, i64::from(pods.ready))),
                Kind::AverageValue => Some(self.by_total(load, spec, i64::from(look.status))),
                Kind::Pods => self.by_pods(look, pods, spec),
            });
            blocked |= count.is_none() || partial;
            let Some(count) = count else { continue };
            best = Some(best.map_or(count, |best| best.max(count)));
        }
        match best {
            Some(count) if !blocked || count >= spec => Proposed::Count { count, blocked },
            Some(_) | None => Proposed::Nothing,
        }
    }

    fn by_ratio(&self, load: i64, spec: i64, ready: i64) -> i64 {
        let ratio = Fraction::of(load, 1);
        if self.is_within(ratio) {
            return spec;
        }
        if !self.has(Difference::ReadyReplicas) {
            return self.times(ratio, ready);
        }
        if load > ONE {
            self.times(ratio, ready.min(spec)).max(spec)
        } else {
            self.times(ratio, spec).min(spec)
        }
    }

    fn by_total(&self, load: i64, spec: i64, status: i64) -> i64 {
        let load = match load {
            ..0 if self.has(Difference::NegativeIsNoLoad) => 0,
            // The HPA takes a negative sum of External metrics for an overflow.
            ..0 if self.case.source == Source::External => return i64::from(i32::MAX),
            load => load,
        };
        let count = if self.has(Difference::SpecReplicas) {
            spec
        } else {
            status
        };
        if self.is_within(Fraction::of(load, count)) {
            count
        } else {
            -(-load).div_euclid(ONE)
        }
    }

    /// `ceil(ratio * count)`.
    pub(super) fn times(&self, ratio: Fraction, count: i64) -> i64 {
        if self.has(Difference::ExactNumbers) {
            -(-ratio.0 * count).div_euclid(ratio.1)
        } else {
            float::ceil(ratio.float() * float::from(count))
        }
    }

    /// Whether it is close enough to one.
    pub(super) fn is_within(&self, ratio: Fraction) -> bool {
        let (down, up) = (self.policy.scale_down.tolerance, self.policy.scale_up.tolerance);
        if self.has(Difference::ExactNumbers) {
            let thousandths = |tolerance: autoscaler_core::Quantity| {
                i64::try_from(tolerance.nanos() / 1_000_000).expect("a tolerance is small")
            };
            let (low, high) = (ONE - thousandths(down), ONE + thousandths(up));
            let Fraction(load, target) = ratio;
            return target > 0 && low * target <= load * ONE && load * ONE <= high * target;
        }
        let ratio = ratio.float();
        1.0 - down.as_f64() <= ratio && ratio <= 1.0 + up.as_f64()
    }
}
