//! The outcome of one decision, with its reasons as data.

use jiff::{SignedDuration, Timestamp};

use crate::per_pod::PodCounts;
use crate::policy::Target;
use crate::ratio::Ratio;
use crate::{History, Quantity, Reading, Replicas, Rollout, Seconds};

/// What to do, why, and what to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When it was made.
    pub at: Timestamp,
    /// The count found.
    pub current: Replicas,
    /// The count wanted now, after every limit.
    pub desired: Replicas,
    /// What shaped the count.
    pub trail: Trail,
    /// Readings must be probed before this may become a change: probe, then decide again (R1).
    pub needs_probe: bool,
    /// The earliest time at which the change that is held back may come, if that time is fixed (R24).
    pub next_change: Option<Timestamp>,
    /// The memory after this evaluation; a change made because of it is recorded separately.
    pub history: History,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

impl Direction {
    /// The direction from one count to another.
    pub fn between(from: Replicas, to: Replicas) -> Option<Self> {
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => Some(Self::Up),
            std::cmp::Ordering::Less => Some(Self::Down),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// The stable name used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Of two counts the one that lies farther in this direction.
    pub fn farther(self, one: Replicas, other: Replicas) -> Replicas {
        match self {
            Self::Up => one.max(other),
            Self::Down => one.min(other),
        }
    }

    /// Of two counts the one that lies less far in this direction.
    pub fn nearer(self, one: Replicas, other: Replicas) -> Replicas {
        match self {
            Self::Up => one.min(other),
            Self::Down => one.max(other),
        }
    }
}

/// The reasons of a decision as data. Text is made of it in [`crate::explain`] only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    /// Somebody else changed the count since we last looked.
    pub foreign_change: Option<Rescale>,
    /// What each metric told, in the user's order.
    pub metrics: Vec<MetricStep>,
    /// What all of them together ask for.
    pub asked: Asked,
    /// The present count was outside the bounds, and the nearest one within them takes its place.
    pub corrected: Option<Rescale>,
    /// What held the count back or moved it, in the order of the pipeline.
    pub limits: Vec<Limit>,
}

/// From one count to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescale {
    /// The count before.
    pub from: Replicas,
    /// The count after.
    pub to: Replicas,
}

/// What the metrics together ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Asked {
    /// Nothing: every metric is absent, and told to be ignored.
    #[default]
    Nothing,
    /// They are not asked: a person paused the workload by `spec.replicas` 0, whatever `minReplicas` says.
    Disabled,
    /// The largest proposal.
    Merged {
        /// Whose it is, as an index into [`Trail::metrics`].
        winner: usize,
        /// The count.
        proposal: Replicas,
    },
    /// No metric can be read.
    Unread {
        /// Since when.
        since: Timestamp,
        /// The fallback's floor, if it is in force.
        floor: Option<Replicas>,
    },
}

/// What one metric contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricStep {
    /// Its name.
    pub metric: String,
    /// What it told.
    pub reading: Reading,
    /// What it is compared with; none for a metric of a kind that this version does not know.
    pub target: Option<Target>,
    /// The count it asks for and how that was found, if it asks for one.
    pub proposal: Option<Proposal>,
    /// The pods behind it, for a metric of every pod.
    pub pods: Option<PodCounts>,
    /// How its state is used.
    pub part: Part,
}

/// How the state of a reading is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Counts,
    /// As no load, because the policy says so and the source has proven that it would know (R4).
    AssumedZero,
    /// Not at all, because the policy says so.
    Ignored,
    /// It may justify growth, never a shrink.
    BlocksShrink {
        /// Since when it is not Fresh.
        since: Timestamp,
    },
}

/// A count that one metric asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// The count.
    pub replicas: Replicas,
    /// Load relative to the target at the present count.
    pub ratio: Ratio,
    /// Load that is compared: the value itself, or its share per replica.
    pub compared: Quantity,
    /// How the count follows from the ratio.
    pub basis: Basis,
}

/// How a proposal follows from its ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Close enough to the target to be left alone.
    WithinTolerance,
    /// More load than the target.
    AboveTarget,
    /// Less load than the target.
    BelowTarget,
    /// More load than the target, but replicas that are starting may already be the answer (R8).
    AwaitsReplicas,
}

/// What held a count back or moved it, with the count wanted before and the one allowed after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The count before this limit.
    pub wanted: Replicas,
    /// The count after it.
    pub allowed: Replicas,
    /// Which limit.
    pub cause: LimitCause,
    /// When it ends, if that time is fixed.
    pub until: Option<Timestamp>,
}

/// Which limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitCause {
    /// A metric that is not Fresh forbids shrinking (R11).
    MetricNotFresh {
        /// The metric; the first of several.
        metric: String,
        /// What it told.
        reading: Reading,
        /// Since when.
        since: Timestamp,
    },
    /// The stabilization window holds an earlier recommendation.
    Window {
        /// Growth or shrinking.
        direction: Direction,
        /// Its length.
        window: Seconds,
        /// The window holds because memory was lost, not because of what was recommended (R16).
        uncertain: bool,
    },
    /// The rate policies of `behavior`.
    Rate {
        /// Growth or shrinking.
        direction: Direction,
    },
    /// `selectPolicy: Disabled`: nothing moves in this direction, however long one waits.
    Disabled {
        /// Growth or shrinking.
        direction: Direction,
    },
    /// The cooldown after a change.
    Cooldown {
        /// Growth or shrinking.
        direction: Direction,
        /// Its length.
        length: Seconds,
    },
    /// A rollout is under way (R18).
    Rollout(Rollout),
    /// The clocks of operator and API server are apart (R17).
    ClockSkew {
        /// How far.
        skew: SignedDuration,
    },
    /// A gap in the data of a metric that cannot be probed (R2).
    DataGap {
        /// The metric.
        metric: String,
        /// The gap is not proven: nobody looked (R16).
        uncertain: bool,
    },
    /// The samples of a metric of every pod reach back to before replicas were removed: what those carried does not show in
    /// the others' yet (R10).
    AwaitsSamples {
        /// The metric.
        metric: String,
    },
    /// `minReplicas`.
    Min,
    /// `maxReplicas`.
    Max,
}

impl LimitCause {
    /// `minReplicas` or `maxReplicas`.
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::Min | Self::Max)
    }

    /// A stabilization window that holds what was recommended.
    pub fn is_stabilization(&self) -> bool {
        matches!(self, Self::Window { uncertain: false, .. })
    }
}

impl Decision {
    /// The change to make, if one may be made now.
    pub fn change(&self) -> Option<(Replicas, Replicas)> {
        (self.desired != self.current).then_some((self.current, self.desired))
    }

    /// The limit that had the last word, if any limit had one.
    pub fn limit(&self) -> Option<&Limit> {
        self.trail.limits.last()
    }

    /// All limits, in the order of the pipeline.
    pub fn limits(&self) -> impl DoubleEndedIterator<Item = &Limit> {
        self.trail.limits.iter()
    }

    /// What each metric contributed, in the user's order.
    pub fn metrics(&self) -> impl ExactSizeIterator<Item = &MetricStep> {
        self.trail.metrics.iter()
    }

    /// The metric that asks for the most replicas.
    pub fn winner(&self) -> Option<&MetricStep> {
        match self.trail.asked {
            Asked::Merged { winner, .. } => self.trail.metrics.get(winner),
            Asked::Nothing | Asked::Disabled | Asked::Unread { .. } => None,
        }
    }

    /// The count before any limit, and the metric that asked for it.
    pub fn merged(&self) -> Option<(&str, Replicas)> {
        match self.trail.asked {
            Asked::Merged { winner, proposal } => Some((self.trail.metrics.get(winner)?.metric.as_str(), proposal)),
            Asked::Nothing | Asked::Disabled | Asked::Unread { .. } => None,
        }
    }

    /// Whether the target is paused by its own `spec.replicas: 0`.
    pub fn is_disabled(&self) -> bool {
        self.trail.asked == Asked::Disabled
    }
}

impl MetricStep {
    /// Since when this metric forbids shrinking, if it does.
    pub const fn blocks_since(&self) -> Option<Timestamp> {
        match self.part {
            Part::BlocksShrink { since } => Some(since),
            Part::Counts | Part::AssumedZero | Part::Ignored => None,
        }
    }

    /// Whether replicas that are starting may already be the answer (R8).
    pub fn awaits_replicas(&self) -> bool {
        self.proposal
            .is_some_and(|proposal| proposal.basis == Basis::AwaitsReplicas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(part: Part, basis: Option<Basis>) -> MetricStep {
        let one = Quantity::from_units(1);
        MetricStep {
            metric: "load".to_owned(),
            reading: Reading::Missing { source_proven: false },
            target: None,
            proposal: basis.map(|basis| Proposal {
                replicas: Replicas::new(1),
                ratio: Ratio::new(one, one),
                compared: one,
                basis,
            }),
            pods: None,
            part,
        }
    }

    #[test]
    fn a_metric_blocks_scaling_down_only_where_its_part_says_so() {
        let since = Timestamp::UNIX_EPOCH;
        assert_eq!(step(Part::BlocksShrink { since }, None).blocks_since(), Some(since));
        for part in [Part::Counts, Part::AssumedZero, Part::Ignored] {
            assert_eq!(step(part, None).blocks_since(), None, "{part:?}");
        }
    }

    #[test]
    fn a_window_is_stabilization_unless_it_stands_for_what_is_not_known() {
        let window = |uncertain| LimitCause::Window {
            direction: Direction::Down,
            window: Seconds::new(60),
            uncertain,
        };
        let of = [window(false), window(true), LimitCause::Min, LimitCause::Max];
        assert_eq!(
            of.each_ref().map(LimitCause::is_stabilization),
            [true, false, false, false]
        );
        assert_eq!(of.each_ref().map(LimitCause::is_bound), [false, false, true, true]);
    }

    #[test]
    fn r8_a_metric_awaits_replicas_only_where_its_proposal_rests_on_that() {
        assert!(step(Part::Counts, Some(Basis::AwaitsReplicas)).awaits_replicas());
        assert!(!step(Part::Counts, Some(Basis::AboveTarget)).awaits_replicas());
        assert!(!step(Part::Counts, None).awaits_replicas());
    }
}
