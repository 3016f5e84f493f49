//! Step 1 to 3: what each metric tells, the count it asks for, and the largest of them (R1 to R11).

use jiff::Timestamp;

use super::Pipeline;
use crate::decision::{MetricStep, Part};
use crate::history::Gap;
use crate::reading::ReadingClass;
use crate::{
    Evidence, Failure, FailureClass, Limit, LimitCause, MetricPolicy, MetricReading, Observation, Quantity, Reading,
    Replicas, Step, WhenMissing, WhenNan,
};

/// A gap of up to so many intervals is forgiven (R2).
pub(super) const BRIEF_GAP: i32 = 2;

/// What all metrics together ask for.
pub(super) struct Merged {
    /// The largest proposal, or none if no metric made one.
    pub(super) proposal: Option<Replicas>,
    /// Every metric that counts is Fresh; otherwise the shrink window remembers the present count.
    pub(super) may_shrink: bool,
}

/// Whether a reading that would carry a change has not been probed.
pub(super) fn any_unprobed(observation: &Observation) -> bool {
    observation.readings.iter().any(|metric| {
        matches!(
            metric.reading,
            Reading::Fresh {
                evidence: Evidence::Unprobed,
                ..
            }
        )
    })
}

impl Pipeline<'_> {
    pub(super) fn read_and_merge(&mut self) -> Merged {
        let mut steps = Vec::with_capacity(self.policy.metrics.len());
        for metric in &self.policy.metrics {
            let reading = reading_of(&self.observation.readings, &metric.name);
            self.note_gap(metric, &reading);
            steps.push(self.read_one(metric, reading));
        }
        let names = |name: &String| self.policy.metrics.iter().any(|metric| metric.name == *name);
        self.history.not_fresh_since.retain(|name, _| names(name));
        self.history.gaps.retain(|name, _| names(name));

        let best = steps
            .iter()
            .filter_map(|step| Some((step.metric.clone(), step.proposal?.replicas)));
        // The first of equals, in the user's order.
        let best = best.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let blocker = steps.iter().find_map(blocker_of);
        let counted = steps.iter().any(|step| step.part != Part::Ignored);
        self.trail.extend(steps.into_iter().map(Step::Read));
        let proposal = match best {
            Some((metric, proposal)) => {
                self.end_fallback();
                self.trail.push(Step::Merged { metric, proposal });
                Some(self.never_below_current(proposal, blocker.as_ref()))
            }
            None => self.unread(counted),
        };
        Merged {
            proposal,
            may_shrink: blocker.is_none() && proposal.is_some(),
        }
    }

    fn read_one(&mut self, metric: &MetricPolicy, reading: Reading) -> MetricStep {
        let (load, part) = self.load_of(metric, &reading);
        let proposal = load.map(|load| self.propose(metric, load));
        MetricStep {
            metric: metric.name.clone(),
            reading,
            target: metric.target,
            proposal,
            part,
        }
    }

    /// The load a reading stands for, and how it takes part.
    fn load_of(&mut self, metric: &MetricPolicy, reading: &Reading) -> (Option<Quantity>, Part) {
        let zero = match reading {
            Reading::Missing { source_proven } => match metric.when_missing {
                WhenMissing::Ignore => {
                    self.history.not_fresh_since.remove(&metric.name);
                    return (None, Part::Ignored);
                }
                WhenMissing::Zero => *source_proven,
                WhenMissing::Hold => false,
            },
            Reading::NotANumber { source_proven } => metric.when_nan == WhenNan::Zero && *source_proven,
            Reading::Fresh { .. }
            | Reading::Stale { .. }
            | Reading::TooMany { .. }
            | Reading::Partial { .. }
            | Reading::Failed(_) => false,
        };
        if zero || reading.class() == ReadingClass::Fresh {
            self.history.not_fresh_since.remove(&metric.name);
            let part = if zero { Part::AssumedZero } else { Part::Counts };
            return (Some(reading.value().unwrap_or(Quantity::ZERO)), part);
        }
        let since = *self
            .history
            .not_fresh_since
            .entry(metric.name.clone())
            .or_insert(self.now);
        (reading.value(), Part::BlocksShrink { since })
    }

    /// A query that cannot be probed locks shrinking for one look-back after a gap of more than two intervals (R2).
    /// A failed poll of ours says nothing about the data.
    fn note_gap(&mut self, metric: &MetricPolicy, reading: &Reading) {
        let gap = self.history.gaps.get(&metric.name).copied();
        match reading {
            Reading::Missing { .. } => {
                if !matches!(gap, Some(Gap::Since(_))) {
                    self.history.gaps.insert(metric.name.clone(), Gap::Since(self.now));
                }
            }
            Reading::Fresh {
                evidence: Evidence::Unprobeable,
                ..
            } => {
                if let Some(Gap::Since(since)) = gap {
                    let long = self.now.duration_since(since) > self.policy.interval.duration() * BRIEF_GAP;
                    match self.now.checked_add(metric.look_back.duration()).ok().filter(|_| long) {
                        Some(until) => self.history.gaps.insert(metric.name.clone(), Gap::LocksUntil(until)),
                        None => self.history.gaps.remove(&metric.name),
                    };
                }
            }
            Reading::Fresh { .. } => drop(self.history.gaps.remove(&metric.name)),
            Reading::Stale { .. }
            | Reading::NotANumber { .. }
            | Reading::TooMany { .. }
            | Reading::Partial { .. }
            | Reading::Failed(_) => {}
        }
        if let Some(Gap::LocksUntil(until)) = self.history.gaps.get(&metric.name)
            && *until <= self.now
        {
            self.history.gaps.remove(&metric.name);
        }
    }

    fn never_below_current(&mut self, proposal: Replicas, blocker: Option<&LimitCause>) -> Replicas {
        let Some(cause) = blocker.cloned() else {
            return proposal;
        };
        self.limited(Limit {
            wanted: proposal,
            allowed: proposal.max(self.current),
            cause,
            until: None,
        })
    }

    /// No metric made a proposal: hold, and after a while the fallback is a floor. It never shrinks anything.
    fn unread(&mut self, counted: bool) -> Option<Replicas> {
        if !counted {
            // Every metric is absent and told to be ignored: nothing is wrong, and nothing is asked for.
            self.end_fallback();
            return None;
        }
        let since = *self.history.unread_since.get_or_insert(self.now);
        self.trail.push(Step::Unread { since });
        let floor = self.fallback_floor(since)?;
        self.trail.push(Step::FellBack { floor });
        Some(floor.max(self.current))
    }

    /// The floor, once nothing could be read for long enough.
    fn fallback_floor(&self, since: Timestamp) -> Option<Replicas> {
        let fallback = self.policy.fallback.as_ref()?;
        (self.now.duration_since(since) >= fallback.after.duration()).then_some(fallback.min_replicas)
    }

    /// Something can be read again. After a fallback that is a new start of acting (R14).
    fn end_fallback(&mut self) {
        let Some(since) = self.history.unread_since.take() else {
            return;
        };
        if self.fallback_floor(since).is_some() {
            self.start_acting();
        }
    }

    pub(super) fn last_growth_settles(&self, metric: &MetricPolicy) -> Option<Timestamp> {
        let settle = metric.look_back.duration() + self.policy.growth_settle.duration();
        self.history
            .changes
            .last_growth()?
            .checked_add(settle)
            .ok()
            .filter(|until| *until > self.now)
    }
}

/// Why a metric forbids shrinking, if it does.
fn blocker_of(step: &MetricStep) -> Option<LimitCause> {
    match step.part {
        Part::BlocksShrink { since } => Some(LimitCause::MetricNotFresh {
            metric: step.metric.clone(),
            class: step.reading.class(),
            since,
        }),
        Part::Counts | Part::AssumedZero | Part::Ignored => None,
    }
}

/// The reading by name; one that was not taken is a failure of ours, not an absence of data.
fn reading_of(readings: &[MetricReading], name: &str) -> Reading {
    let found = readings
        .iter()
        .find(|metric| metric.name == name)
        .map(|metric| metric.reading.clone());
    found.unwrap_or(Reading::Failed(Failure::of(FailureClass::UnknownMetricKind)))
}
