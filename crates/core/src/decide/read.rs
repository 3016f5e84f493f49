//! What each metric tells, the count it asks for, and the largest of them (R1 to R11).

use jiff::{SignedDuration, Timestamp};

use super::Pipeline;
use crate::decision::{Asked, MetricStep, Part, Proposal};
use crate::history::Gap;
use crate::per_pod::{PodCounts, PodMetric, PodMetricError, PodProposal};
use crate::reading::ReadingClass;
use crate::{
    Evidence, Failure, FailureClass, Limit, LimitCause, MetricPolicy, MetricReading, Observation, Quantity, Reading,
    Replicas, WhenMissing, WhenNan,
};

/// A gap of up to so many intervals is forgiven (R2).
const BRIEF_GAP: i32 = 2;

/// What all metrics together ask for.
pub(super) struct Merged {
    /// The largest proposal, or none if no metric made one.
    pub(super) proposal: Option<Replicas>,
    /// There is a proposal, and every metric that counts is Fresh; otherwise the shrink window remembers the present count.
    pub(super) may_shrink: bool,
}

/// What a metric tells once its pods have been looked at; of a metric of one number only the reading.
struct OfPods {
    reading: Reading,
    proposal: Option<Proposal>,
    pods: Option<PodCounts>,
    /// Until when it proves nothing that it asks for less.
    lags_until: Option<Timestamp>,
}

impl OfPods {
    fn only(reading: Reading) -> Self {
        Self {
            reading,
            proposal: None,
            pods: None,
            lags_until: None,
        }
    }
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
            steps.push(self.read_one(metric));
        }
        let names = |name: &String| self.policy.metrics.iter().any(|metric| metric.name == *name);
        self.history.not_fresh_since.retain(|name, _| names(name));
        self.history.gaps.retain(|name, _| names(name));

        let proposals = steps.iter().enumerate();
        let best = proposals
            .filter_map(|(index, step)| Some((index, step.proposal?.replicas)))
            // The first of equals, in the user's order.
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        let blocker = steps.iter().find_map(blocker_of);
        let counted = steps.iter().any(|step| step.part != Part::Ignored);
        self.trail.metrics = steps;
        let proposal = match best {
            Some((winner, proposal)) => {
                self.end_fallback();
                self.trail.asked = Asked::Merged { winner, proposal };
                Some(self.never_below_current(proposal, blocker.as_ref()))
            }
            None => self.unread(counted),
        };
        Merged {
            proposal,
            may_shrink: blocker.is_none() && proposal.is_some(),
        }
    }

    fn read_one(&mut self, metric: &MetricPolicy) -> MetricStep {
        let OfPods {
            reading,
            proposal,
            pods,
            lags_until,
        } = self.read_pods(metric);
        if let Some(until) = lags_until {
            self.lagging.insert(metric.name.clone(), until);
        }
        self.note_gap(metric, &reading);
        let (load, part) = self.load_of(metric, &reading);
        let proposal = match (metric.target, load) {
            (Some(target), Some(load)) => Some(proposal.unwrap_or_else(|| self.propose(metric, target, load))),
            (None, _) | (_, None) => None,
        };
        MetricStep {
            metric: metric.name.clone(),
            reading,
            target: metric.target,
            proposal,
            pods,
            part,
        }
    }

    /// What a metric tells, and of one of every pod what it asks for. If none of the pods that count has a sample, it is
    /// absent. A reading that was not taken is a failure of ours, not an absence of data.
    fn read_pods(&self, metric: &MetricPolicy) -> OfPods {
        let told = self.observation.readings.iter().find(|told| told.name == metric.name);
        let Some(MetricReading { name: _, reading, pods }) = told else {
            return OfPods::only(Reading::Failed(Failure::of(FailureClass::Internal)));
        };
        let reading = reading.clone();
        let (Some(samples), Some(target)) = (pods, metric.target) else {
            return OfPods::only(reading);
        };
        let failed = |class| OfPods::only(Reading::Failed(Failure::of(class)));
        let is_missing = matches!(reading, Reading::Missing { .. });
        let pods = match &self.observation.pods {
            Some(pods) if is_missing || reading.value().is_some() => pods,
            None if reading.value().is_some() => return failed(FailureClass::PodsUnknown),
            Some(_) | None => return OfPods::only(reading),
        };
        let of_pods = PodMetric {
            target: target.into(),
            tolerance: (self.policy.scale_down.tolerance, self.policy.scale_up.tolerance),
            warm_up: metric.warm_up,
            current: self.current,
            pods,
            samples,
            removed: self.history.changes.last_removal(),
            now: self.now,
        };
        if is_missing {
            let pods = of_pods.counts().ok();
            return OfPods {
                pods,
                ..OfPods::only(reading)
            };
        }
        match of_pods.propose() {
            Ok(PodProposal {
                proposal,
                counts,
                lags_until,
            }) => OfPods {
                reading,
                lags_until: lags_until.filter(|_| proposal.replicas < self.current),
                proposal: Some(proposal),
                pods: Some(counts),
            },
            Err(PodMetricError::NoSamples { counts }) => OfPods {
                pods: Some(counts),
                ..OfPods::only(Reading::Missing { source_proven: false })
            },
            Err(error @ PodMetricError::NoRequest { .. }) => {
                let failure = Failure::of(FailureClass::Internal).because(error.to_string());
                OfPods::only(Reading::Failed(failure))
            }
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
                let absent = match gap {
                    Some(absent @ (Gap::Since(_) | Gap::Suspected(_))) => absent,
                    // Gone again before what came back was trusted: it will be young when it returns, however soon. If it was
                    // gone before at all.
                    Some(Gap::LocksUntil { suspected: false, .. }) => Gap::Since(self.long_ago()),
                    Some(Gap::LocksUntil { suspected: true, .. }) => Gap::Suspected(self.long_ago()),
                    None => Gap::Since(self.now),
                };
                self.history.gaps.insert(metric.name.clone(), absent);
            }
            Reading::Fresh {
                evidence: Evidence::Unprobeable,
                ..
            } => {
                let absence = match gap {
                    Some(Gap::Since(since)) => Some((since, false)),
                    Some(Gap::Suspected(since)) => Some((since, true)),
                    Some(Gap::LocksUntil { .. }) | None => None,
                };
                if let Some((since, suspected)) = absence {
                    self.end_gap(metric, since, suspected);
                }
            }
            Reading::Fresh { .. } => drop(self.history.gaps.remove(&metric.name)),
            Reading::Stale { .. }
            | Reading::NotANumber { .. }
            | Reading::TooMany { .. }
            | Reading::Partial { .. }
            | Reading::Failed(_) => {}
        }
        if let Some(Gap::LocksUntil { until, .. }) = self.history.gaps.get(&metric.name)
            && *until <= self.now
        {
            self.history.gaps.remove(&metric.name);
        }
    }

    /// The series is back: trusted at once after a brief gap, else when its look-back is filled again.
    fn end_gap(&mut self, metric: &MetricPolicy, since: Timestamp, suspected: bool) {
        let filled = self.now.checked_add(metric.look_back.duration()).ok();
        match filled.filter(|_| since <= self.long_ago()) {
            Some(until) => {
                let lock = Gap::LocksUntil { until, suspected };
                self.history.gaps.insert(metric.name.clone(), lock);
            }
            None => drop(self.history.gaps.remove(&metric.name)),
        }
    }

    /// What is absent since then has been so for longer than a brief gap.
    pub(super) fn long_ago(&self) -> Timestamp {
        let longer_than_brief = self.policy.interval.duration() * BRIEF_GAP + SignedDuration::from_millis(1);
        self.now.checked_sub(longer_than_brief).unwrap_or(Timestamp::MIN)
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
        let floor = self.fallback_floor(since);
        self.trail.asked = Asked::Unread { since, floor };
        floor.map(|floor| floor.max(self.current))
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
            reading: step.reading.clone(),
            since,
        }),
        Part::Counts | Part::AssumedZero | Part::Ignored => None,
    }
}
