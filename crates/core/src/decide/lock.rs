//! What forbids shrinking whatever the metrics say: a rollout (R18), clocks that disagree (R17), a gap in data that
//! cannot be probed (R2), samples from before the last shrink (R10).

use jiff::Timestamp;

use super::{Hold, Pipeline};
use crate::decision::LimitCause;
use crate::history::Gap;
use crate::{Direction, Limit, Replicas, Rollout};

impl Pipeline<'_> {
    pub(super) fn lock(&mut self, wanted: Replicas) -> Replicas {
        if self.direction_to(wanted) != Some(Direction::Down) {
            return wanted;
        }
        match self.shrink_lock() {
            Some((cause, until)) => self.limited(Limit {
                wanted,
                allowed: self.base,
                cause,
                until,
            }),
            None => wanted,
        }
    }

    fn shrink_lock(&self) -> Option<(LimitCause, Option<Timestamp>)> {
        if let Some(rollout) = self.observation.rollout.filter(|rollout| self.still_counts(rollout)) {
            return Some((LimitCause::Rollout(rollout), None));
        }
        if let Some(skew) = self.observation.clock_skew {
            return Some((LimitCause::ClockSkew { skew }, None));
        }
        let gap = self.history.gaps.iter().find_map(|(metric, gap)| match gap {
            Gap::LocksUntil { until, suspected } => {
                let cause = LimitCause::DataGap {
                    metric: metric.clone(),
                    uncertain: *suspected,
                };
                Some((cause, Some(*until)))
            }
            Gap::Since(_) | Gap::Suspected(_) => None,
        });
        gap.or_else(|| {
            let (metric, until) = self.lagging.iter().max_by_key(|(_, until)| **until)?;
            let metric = metric.clone();
            Some((LimitCause::AwaitsSamples { metric }, Some(*until)))
        })
    }

    /// The lock of a direction, if there is one.
    pub(super) fn locked(&self, direction: Direction) -> Option<Hold> {
        match direction {
            Direction::Up => None,
            Direction::Down => self.shrink_lock().map(|(_, until)| Hold { until }),
        }
    }

    /// A rollout that is stuck past its progress deadline must not hold the size for ever.
    fn still_counts(&self, rollout: &Rollout) -> bool {
        match rollout {
            Rollout::GenerationLags => true,
            Rollout::Updating { until, .. } => until.is_none_or(|until| self.now < until),
        }
    }
}
