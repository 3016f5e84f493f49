//! The HPA on a page, with each of our differences as a switch.
//!
//! With all switches off it must do what the real controller did, look for look: that is the test of this file. It then
//! says what the HPA would have done with one rule of ours, which is how a difference is told from a bug. Written after
//! `pkg/controller/podautoscaler/{horizontal,replica_calculator}.go` of Kubernetes 1.36, and independent of our core:
//! nothing of it but the parsed policy is used here.

mod limits;
mod per_pod;
mod proposal;

use autoscaler_core::Policy;
use jiff::{SignedDuration, Timestamp};

use crate::case::Case;
use crate::difference::{Difference, Differences};
use crate::pods::Pods;
use crate::record::Look;

use limits::Event;
use proposal::Proposed;

/// One controller that looks after one case.
#[derive(Debug, Clone)]
pub(crate) struct Model<'a> {
    case: &'a Case,
    policy: &'a Policy,
    differences: Differences,
    /// Recommendations for growing, and for shrinking; the HPA's are the same.
    ups: Vec<(i64, Timestamp)>,
    downs: Vec<(i64, Timestamp)>,
    events: Vec<Event>,
    /// What the size was after the last look.
    known: Option<i64>,
    /// When replicas were last removed, or somebody else changed their number.
    removed: Option<Timestamp>,
}

impl<'a> Model<'a> {
    pub(crate) const fn new(case: &'a Case, policy: &'a Policy, differences: Differences) -> Self {
        Self {
            case,
            policy,
            differences,
            ups: Vec::new(),
            downs: Vec::new(),
            events: Vec::new(),
            known: None,
            removed: None,
        }
    }

    const fn has(&self, difference: Difference) -> bool {
        self.differences.has(difference)
    }

    /// What the metrics ask for, if they can be read.
    pub(crate) fn proposal(&self, look: &Look, pods: &Pods) -> Option<i64> {
        match self.propose(look, pods) {
            Proposed::Count { count, .. } => Some(count.max(0)),
            Proposed::Nothing => None,
        }
    }

    /// The size after a look, and the memory of it. What was really done is told by `look`.
    pub(crate) fn decide(&mut self, look: &Look, pods: &Pods) -> i64 {
        let decided = self.look(look, pods);
        let (from, to) = (i64::from(look.spec), i64::from(look.result));
        if let Some(at) = look.changed {
            if to < from {
                self.removed = Some(at);
            }
            self.store(Event {
                by: to - from,
                at,
                foreign: false,
                forgotten: false,
            });
        }
        self.known = Some(to);
        decided
    }

    fn look(&mut self, look: &Look, pods: &Pods) -> i64 {
        let spec = i64::from(look.spec);
        self.begin(spec, look);
        let (min, max) = (i64::from(self.case.min), i64::from(self.case.max));
        let base = spec.clamp(min, max);
        if spec == 0 {
            return 0;
        }
        if spec != base && !self.has(Difference::CorrectedAndDecided) {
            return base;
        }
        match self.propose(look, pods) {
            Proposed::Nothing => {
                if self.has(Difference::GapsAreRemembered) {
                    self.downs.push((spec, look.at));
                }
                base
            }
            Proposed::Count { count, blocked } => {
                let size = self.normalize(count.max(0), blocked, spec, base, look.at);
                if count < spec && self.lags(look) {
                    size.max(base)
                } else {
                    size
                }
            }
        }
    }

    /// The first look, and sizes that nobody here decided.
    fn begin(&mut self, spec: i64, look: &Look) {
        let at = look.at;
        if self.known.is_some_and(|known| known != spec) {
            self.removed = Some(at);
        }
        match self.known {
            None if self.has(Difference::OneSidedStart) => self.downs.push((spec, at)),
            None => {
                self.downs.push((spec, look.began));
                self.ups.push((spec, look.began));
            }
            Some(known) if known != spec && spec != 0 && self.has(Difference::ForeignChanges) => {
                self.downs.push((spec, at));
                self.events.push(Event {
                    by: spec - known,
                    at,
                    foreign: true,
                    forgotten: false,
                });
            }
            Some(_) => {}
        }
    }

    fn normalize(&mut self, wanted: i64, blocked: bool, spec: i64, base: i64, at: Timestamp) -> i64 {
        let (min, max) = (i64::from(self.case.min), i64::from(self.case.max));
        if self.case.behavior.is_none() && !self.has(Difference::OnePath) {
            let stabilized = self.highest(at, true).map_or(wanted, |high| high.max(wanted));
            self.downs.push((wanted, at));
            return stabilized.clamp(min, max.min((2 * spec).max(4)));
        }
        let up = self.lowest(at).map_or(wanted, |low| low.min(wanted));
        let down = self.highest(at, false).map_or(wanted, |high| high.max(wanted));
        let stabilized = base.max(up).min(down);
        self.downs.push((wanted, at));
        if !blocked || wanted > spec || !self.has(Difference::GapsAreRemembered) {
            self.ups.push((wanted, at));
        }
        let limited = match stabilized.cmp(&base) {
            std::cmp::Ordering::Greater => stabilized.min(self.growth_limit(base, at).max(base)),
            std::cmp::Ordering::Less => stabilized.max(self.shrink_limit(base, at).min(base)),
            std::cmp::Ordering::Equal => base,
        };
        limited.clamp(min, max)
    }

    fn lowest(&self, now: Timestamp) -> Option<i64> {
        let window = self.window(self.policy.scale_up.window.duration());
        let live = self.ups.iter().filter(|(_, at)| now.duration_since(*at) < window);
        live.map(|(count, _)| *count).min()
    }

    /// Without behavior the end of the window counts.
    fn highest(&self, now: Timestamp, inclusive: bool) -> Option<i64> {
        let window = self.window(self.policy.scale_down.window.duration());
        let is_live = |age: SignedDuration| age < window || (inclusive && age == window);
        let live = self.downs.iter().filter(|(_, at)| is_live(now.duration_since(*at)));
        live.map(|(count, _)| *count).max()
    }

    /// At most a tenth is added, less where recommendations do not fall into one run: an end of a range.
    fn window(&self, window: SignedDuration) -> SignedDuration {
        if self.has(Difference::Runs) {
            window * 11 / 10
        } else {
            window
        }
    }
}

#[cfg(test)]
mod tests;
