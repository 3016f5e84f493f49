//! From a sample of each pod to the count that they ask for: `groupPods`, `calcPlainMetricReplicas`, `GetMetricUsageRatio`.

use std::cmp::Ordering;

use super::Model;
use super::proposal::{Fraction, ONE};
use crate::case::Case;
use crate::difference::Difference;
use crate::pods::{PodLoad, PodState, Pods};
use crate::record::Look;

/// Loads by what is known of the pods.
#[derive(Default)]
struct Groups {
    measured: Vec<i64>,
    young: Vec<i64>,
    unready: usize,
    missing: usize,
    /// How many of those that are measured are pods: the HPA counts these, and averages over samples of others too.
    pods: usize,
}

impl Model<'_> {
    /// None where no sample counts.
    pub(super) fn by_pods(&self, look: &Look, pods: &Pods, spec: i64) -> Option<i64> {
        let groups = self.group(look, pods);
        let (direction, mut loads) = self.direct(&groups)?;
        let before = loads.len();
        match direction {
            // At the target exactly; or what is known of young pods contradicts the others.
            Ordering::Equal => return Some(spec),
            Ordering::Less => {
                loads.extend(groups.young.iter().map(|load| *load.max(&ONE)));
                loads.extend(std::iter::repeat_n(ONE, groups.missing));
            }
            Ordering::Greater => loads.extend(std::iter::repeat_n(0, groups.missing + groups.unready)),
        }
        let is_filled = loads.len() > before;
        let ratio = self.average(&loads)?;
        if self.is_within(ratio) || ratio.cmp_one() != direction {
            return Some(spec);
        }
        let count = narrow(if is_filled { loads.len() } else { groups.pods });
        Some(self.multiply(ratio, count, spec, is_filled))
    }

    /// Whether a sample reaches back to before replicas were removed.
    pub(super) fn lags(&self, look: &Look) -> bool {
        let longest = look.loads.iter().map(PodLoad::range).max().unwrap_or_default();
        let is_recent = |removed| look.at.duration_since(removed) < longest;
        self.has(Difference::SamplesOfRemoved) && self.removed.is_some_and(is_recent)
    }

    fn multiply(&self, ratio: Fraction, count: i64, spec: i64, is_filled: bool) -> i64 {
        let grows = ratio.cmp_one() == Ordering::Greater;
        let wanted = if !grows && self.has(Difference::PodsShrinkFromSpec) {
            return self.times(ratio, count.max(spec)).min(spec);
        } else if grows && self.has(Difference::SurgeIsNoCapacity) {
            self.times(ratio, count.min(spec))
        } else {
            self.times(ratio, count)
        };
        let turns = if grows { wanted < spec } else { wanted > spec };
        if turns && (is_filled || (grows && self.has(Difference::PodsGrowFromSpec))) {
            spec
        } else {
            wanted
        }
    }

    /// Which way the samples point, and those by which that is found.
    fn direct(&self, groups: &Groups) -> Option<(Ordering, Vec<i64>)> {
        let all = [groups.measured.as_slice(), &groups.young].concat();
        let direction = self.average(&all)?.cmp_one();
        if direction == Ordering::Greater {
            return Some((direction, all));
        }
        let measured = groups.measured.clone();
        let direction = self.average(&measured).map_or(Ordering::Equal, Fraction::cmp_one);
        Some((direction.min(Ordering::Equal), measured))
    }

    fn group(&self, look: &Look, pods: &Pods) -> Groups {
        let mut groups = Groups::default();
        let mut samples = look.loads.clone();
        for (number, state) in (0..).zip(&pods.states) {
            let sample = samples.iter().position(|sample| sample.pod == number);
            let ended = match state {
                PodState::Gone => continue,
                PodState::Failed | PodState::Terminating => true,
                PodState::Succeeded => self.has(Difference::SucceededPods),
                PodState::Pending | PodState::Running => false,
            };
            let sample = sample.map(|index| samples.swap_remove(index));
            match sample {
                _ if ended => {}
                _ if *state == PodState::Pending => groups.unready += 1,
                None => groups.missing += 1,
                Some(sample) => {
                    groups.pods += 1;
                    self.add(&mut groups, sample);
                }
            }
        }
        if !self.has(Difference::ForeignSamples) {
            for sample in samples {
                self.add(&mut groups, sample);
            }
        }
        groups
    }

    fn add(&self, groups: &mut Groups, sample: PodLoad) {
        let load = if self.has(Difference::NegativeIsNoLoad) {
            sample.load.max(0)
        } else {
            sample.load
        };
        if sample.young && self.has(Difference::YoungPods) {
            groups.young.push(load);
        } else {
            groups.measured.push(load);
        }
    }

    /// The average against the target. The HPA's is a whole number of thousandths, towards zero.
    fn average(&self, loads: &[i64]) -> Option<Fraction> {
        let (total, count) = (Case::quantity(loads.iter().sum()), narrow(loads.len()));
        let target = Case::quantity(ONE);
        (count > 0).then(|| {
            if self.has(Difference::ExactNumbers) {
                Fraction(total, target * count)
            } else {
                Fraction(total / count, target)
            }
        })
    }
}

fn narrow(count: usize) -> i64 {
    i64::try_from(count).expect("a few pods")
}
