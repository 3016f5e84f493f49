//! The count that a metric of every pod asks for (R10).
//!
//! Which pods count is the HPA's answer (`groupPods` and `calcPlainMetricReplicas` of
//! `pkg/controller/podautoscaler/replica_calculator.go`): a pod without a sample, or one that has not started, is
//! reckoned with whatever makes a change smaller, and never turns its direction. Three things are ours:
//!
//! - A pod that is younger than the time its sample covers reads low: on the way down it counts as at its target.
//! - A pod that has `Succeeded` is gone and counts for nothing; the HPA waits for its sample for ever.
//! - More load never asks for less than `spec.replicas` (R9), and shrinking begins at `spec.replicas` (R8), however few
//!   pods there are to be seen.
//!
//! Samples of pods that are not the target's own never come here: the reader joins them by namespace and owner.

mod group;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::decision::{Basis, Proposal};
use crate::ratio::Ratio;
use crate::{Quantity, Replicas, Seconds, Target, TargetKind};

use group::Groups;

/// A pod of the target, as far as decisions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name; the namespace is the target's.
    pub name: String,
    /// `status.phase`.
    pub phase: PodPhase,
    /// Whether it is being deleted (`metadata.deletionTimestamp`).
    pub terminating: bool,
    /// Since when all that runs in it runs, if all does: what it did before that is not to be had.
    pub started: Option<Timestamp>,
    /// Its condition `Ready`.
    pub ready: Option<PodReady>,
    /// What it requests of the resource that is measured; for targets of `Utilization` only.
    pub request: Option<Quantity>,
}

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all of its containers run yet.
    Pending,
    /// It runs.
    Running,
    /// It has ended well, and will not come back.
    Succeeded,
    /// It has ended badly, and will not come back.
    Failed,
    /// Its node does not answer.
    Unknown,
}

/// The condition `Ready` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodReady {
    /// Whether its status is `True`; `False` is told apart from `Unknown`.
    pub status: Option<bool>,
    /// Its `lastTransitionTime`.
    pub since: Timestamp,
}

/// What a source tells of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodSample {
    /// The amount.
    pub value: Quantity,
    /// From when on it was measured: what a pod did before that is not in it.
    pub since: Timestamp,
}

/// Samples by the names of pods.
pub type PodSamples = BTreeMap<String, PodSample>;

/// What each pod should carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodTarget {
    /// So much each.
    AverageValue(Quantity),
    /// So many percent of what it requests.
    Utilization {
        /// Whole percent, as in `autoscaling/v2`.
        percent: u32,
    },
}

impl From<Target> for PodTarget {
    fn from(target: Target) -> Self {
        match target.kind() {
            // One number for all pods is no metric of every pod, and the schema refuses it there.
            TargetKind::Value | TargetKind::AverageValue => Self::AverageValue(target.amount()),
            TargetKind::Utilization => Self::Utilization {
                percent: u32::try_from(target.amount().nanos() / Quantity::from_units(1).nanos()).unwrap_or(u32::MAX),
            },
        }
    }
}

/// How long the samples of a young pod are not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmUp {
    /// While it is younger than the time that its sample covers (R10).
    Sample,
    /// By the HPA's rules for CPU: not ready, or within its initialization and measured before it was ready.
    Cpu {
        /// `--horizontal-pod-autoscaler-cpu-initialization-period`.
        initialization: Seconds,
        /// `--horizontal-pod-autoscaler-initial-readiness-delay`.
        readiness_delay: Seconds,
    },
}

/// A metric of every pod, at one instant.
#[derive(Debug, Clone, Copy)]
pub struct PodMetric<'a> {
    /// What each pod should carry.
    pub target: PodTarget,
    /// How far below and above it is close enough.
    pub tolerance: (Quantity, Quantity),
    /// How pods warm up.
    pub warm_up: WarmUp,
    /// `spec.replicas` of the target.
    pub current: Replicas,
    /// The target's own pods.
    pub pods: &'a [Pod],
    /// What the source tells of them.
    pub samples: &'a PodSamples,
    /// When replicas were last removed.
    pub removed: Option<Timestamp>,
    /// The instant.
    pub now: Timestamp,
}

/// Why a metric of every pod asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PodMetricError {
    /// There is no sample of any pod that counts.
    #[error("no pod that has started has a sample")]
    NoSamples {
        /// The pods there are.
        counts: PodCounts,
    },
    /// A target in percent of requests, and a pod without.
    #[error("pod {pod} requests nothing, so there is nothing to take percent of")]
    NoRequest {
        /// The first such pod.
        pod: String,
    },
}

/// How many pods there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodCounts {
    /// Measured in full.
    pub measured: usize,
    /// Measured, but younger than the time that their sample covers.
    pub young: usize,
    /// Not started, or not ready where that counts.
    pub unready: usize,
    /// Running, without a sample.
    pub missing: usize,
}

/// What a metric of every pod asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodProposal {
    /// The count and how it was found; `compared` is the average of the pods that were measured, or their utilization
    /// in percent.
    pub proposal: Proposal,
    /// The pods behind it.
    pub counts: PodCounts,
    /// Until when less load proves nothing, if the samples reach back to before replicas were removed (R10).
    pub lags_until: Option<Timestamp>,
}

/// One pod in a sum.
#[derive(Debug, Clone, Copy)]
struct Share {
    usage: Quantity,
    /// What a target in percent refers to; one unit otherwise.
    base: Quantity,
}

impl PodMetric<'_> {
    /// The pods there are, by what is known of them.
    pub fn counts(&self) -> Result<PodCounts, PodMetricError> {
        Groups::of(self).map(|groups| groups.counts())
    }

    /// The count that it asks for.
    pub fn propose(&self) -> Result<PodProposal, PodMetricError> {
        let groups = Groups::of(self)?;
        let counts = groups.counts();
        let (judged, direction) = self.judge(&groups).ok_or(PodMetricError::NoSamples { counts })?;
        let measured = self.ratio(&judged).ok_or(PodMetricError::NoSamples { counts })?;
        let believed = self.completed(&groups, direction);
        let ratio = self.ratio(&believed).unwrap_or(measured);
        let (down, up) = self.tolerance;
        let (replicas, basis) = if ratio.is_within(down, up) {
            (self.current, Basis::WithinTolerance)
        } else if ratio.cmp_one() != direction {
            // What is not known of some pods could turn the direction: nothing is certain enough for a change.
            (self.current, Basis::AwaitsReplicas)
        } else {
            self.replicas(ratio, count(&believed))
        };
        let proposal = Proposal {
            replicas,
            ratio,
            compared: self.compared(&judged),
            basis,
        };
        Ok(PodProposal {
            proposal,
            counts,
            lags_until: self.lags_until(),
        })
    }

    /// A pod that is gone leaves the sum at once; what it carried shows in the others' rates only by and by, and whole when
    /// no sample reaches back to it.
    fn lags_until(&self) -> Option<Timestamp> {
        let removed = self.removed?;
        let oldest = self.samples.values().map(|sample| sample.since).min()?;
        let span = self.now.duration_since(oldest);
        (oldest < removed).then(|| removed.saturating_add(span).unwrap_or(Timestamp::MAX))
    }

    /// The pods by which the direction is found, and the direction. Young pods read low: they may show that there is too
    /// much load, never that there is too little.
    fn judge(&self, groups: &Groups) -> Option<(Vec<Share>, Ordering)> {
        let all = [groups.measured.as_slice(), &groups.young].concat();
        if self.ratio(&all)?.cmp_one() == Ordering::Greater {
            return Some((all, Ordering::Greater));
        }
        match self.ratio(&groups.measured) {
            Some(ratio) => Some((groups.measured.clone(), ratio.cmp_one().min(Ordering::Equal))),
            None => Some((all, Ordering::Equal)),
        }
    }

    /// The pods of the sum, with those of which too little is known reckoned against the direction of the change.
    fn completed(&self, groups: &Groups, direction: Ordering) -> Vec<Share> {
        let at_target = |base: Quantity| Share {
            usage: self.full(base),
            base,
        };
        let idle = |base: Quantity| Share {
            usage: Quantity::ZERO,
            base,
        };
        let mut shares = groups.measured.clone();
        match direction {
            Ordering::Less => {
                shares.extend(groups.missing.iter().copied().map(at_target));
                shares.extend(groups.young.iter().map(|young| Share {
                    usage: young.usage.max(self.full(young.base)),
                    base: young.base,
                }));
            }
            Ordering::Greater => {
                shares.extend(groups.missing.iter().chain(&groups.unready).copied().map(idle));
                shares.extend(&groups.young);
            }
            Ordering::Equal => {}
        }
        shares
    }

    /// The count for a ratio that is outside the tolerance, found over so many pods.
    fn replicas(&self, ratio: Ratio, pods: Replicas) -> (Replicas, Basis) {
        if ratio.cmp_one() == Ordering::Greater {
            // Pods of a rollout's surge are not capacity (R18).
            let replicas = ratio.times_ceil(pods.min(self.current));
            return if replicas > self.current {
                (replicas, Basis::AboveTarget)
            } else {
                (self.current, Basis::AwaitsReplicas)
            };
        }
        // Pods of a rollout's surge carry load too, so that the larger number of the two is what it is shared by.
        let replicas = ratio.times_ceil(self.current.max(pods)).min(self.current);
        (replicas, Basis::BelowTarget)
    }

    /// What a pod is reckoned with that may be fully loaded: its target, and for a target in percent at least all that
    /// it requests.
    fn full(&self, base: Quantity) -> Quantity {
        match self.target {
            PodTarget::AverageValue(target) => target,
            PodTarget::Utilization { percent } => percent_of(base, percent.max(100)),
        }
    }

    /// Load relative to the target, or `None` without a pod (or a request) to relate it to.
    fn ratio(&self, shares: &[Share]) -> Option<Ratio> {
        let compared = self.amount(shares)?;
        Some(match self.target {
            PodTarget::AverageValue(target) => Ratio::new(compared, target).per(count(shares)),
            PodTarget::Utilization { percent } => Ratio::new(compared, Quantity::from_units(percent.into())),
        })
    }

    /// The sum of all pods, or their utilization in whole percent, rounded down as the HPA does.
    fn amount(&self, shares: &[Share]) -> Option<Quantity> {
        let sum = |part: fn(&Share) -> Quantity| shares.iter().map(|share| part(share).nanos()).sum::<i128>();
        let usage = sum(|share| share.usage).max(0);
        match self.target {
            PodTarget::AverageValue(_) => (!shares.is_empty()).then(|| Quantity::from_nanos(usage)),
            PodTarget::Utilization { .. } => {
                let requests = sum(|share| share.base);
                let percent = usage.saturating_mul(100).checked_div(requests)?;
                Some(Quantity::from_units(i64::try_from(percent).unwrap_or(i64::MAX)))
            }
        }
    }

    /// What is shown to people: the average of the pods, rounded up, or their utilization.
    fn compared(&self, shares: &[Share]) -> Quantity {
        let amount = self.amount(shares).unwrap_or_default();
        match self.target {
            PodTarget::AverageValue(_) => amount.shared_by(count(shares)),
            PodTarget::Utilization { .. } => amount,
        }
    }
}

fn count(shares: &[Share]) -> Replicas {
    Replicas::saturating(i128::try_from(shares.len()).unwrap_or(i128::MAX))
}

fn percent_of(amount: Quantity, percent: u32) -> Quantity {
    Quantity::from_nanos(amount.nanos().saturating_mul(i128::from(percent)) / 100)
}
