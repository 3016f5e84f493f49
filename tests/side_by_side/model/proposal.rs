//! From readings to the count that they ask for: `computeReplicasForMetrics`, `GetExternalMetricReplicas`,
//! `GetExternalPerPodMetricReplicas`.

use super::Model;
use super::limits::float;
use crate::case::{Case, Kind, Source};
use crate::difference::Difference;
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
const ONE: i64 = 1000;

impl Model<'_> {
    pub(super) fn propose(&self, look: &Look, ready: u32) -> Proposed {
        let spec = i64::from(look.spec);
        let mut blocked = false;
        let mut best: Option<i64> = None;
        for sample in &look.samples {
            let load = match *sample {
                Sample::Stale(_) if self.has(Difference::DoubtfulReadings) => None,
                sample => sample.number(),
            };
            let partial = matches!(sample, Sample::Partial(_)) && self.has(Difference::DoubtfulReadings);
            blocked |= load.is_none() || partial;
            let Some(load) = load else { continue };
            let count = match self.case.kind {
                Kind::Value => self.by_ratio(load, spec, i64::from(ready)),
                Kind::AverageValue => self.by_total(load, spec, i64::from(look.status)),
            };
            best = Some(best.map_or(count, |best| best.max(count)));
        }
        match best {
            Some(count) if !blocked || count >= spec => Proposed::Count { count, blocked },
            Some(_) | None => Proposed::Nothing,
        }
    }

    fn by_ratio(&self, load: i64, spec: i64, ready: i64) -> i64 {
        if self.is_within(load, 1) {
            return spec;
        }
        if !self.has(Difference::ReadyReplicas) {
            return self.times(load, ready);
        }
        if load > ONE {
            self.times(load, ready.min(spec)).max(spec)
        } else {
            self.times(load, spec).min(spec)
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
        if self.is_within(load, count) {
            count
        } else {
            -(-load).div_euclid(ONE)
        }
    }

    /// `ceil(ratio * count)`.
    fn times(&self, load: i64, count: i64) -> i64 {
        if self.has(Difference::ExactNumbers) {
            -(-load * count).div_euclid(ONE)
        } else {
            float::ceil(float::from(Case::quantity(load)) / float::from(Case::quantity(ONE)) * float::from(count))
        }
    }

    /// Whether the load of so many replicas is close enough to the target.
    fn is_within(&self, load: i64, count: i64) -> bool {
        let (down, up) = (self.policy.scale_down.tolerance, self.policy.scale_up.tolerance);
        if self.has(Difference::ExactNumbers) {
            let thousandths = |tolerance: autoscaler_core::Quantity| {
                i64::try_from(tolerance.nanos() / 1_000_000).expect("a tolerance is small")
            };
            let (low, high) = (ONE - thousandths(down), ONE + thousandths(up));
            return count > 0 && low * count <= load && load <= high * count;
        }
        let ratio = float::from(Case::quantity(load)) / (float::from(Case::quantity(ONE)) * float::from(count));
        1.0 - down.as_f64() <= ratio && ratio <= 1.0 + up.as_f64()
    }
}
