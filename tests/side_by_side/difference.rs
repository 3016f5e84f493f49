//! On what inputs we decide otherwise than the HPA, fixed before the experiment: each rule of ours that is not the HPA's.
//!
//! `docs/guide/coming-from-hpa.md` tells the same to people, which is checked.

use std::fmt;

/// One rule of ours in place of the HPA's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    ExactNumbers,
    ReadyReplicas,
    SpecReplicas,
    NegativeIsNoLoad,
    DoubtfulReadings,
    GapsAreRemembered,
    OneSidedStart,
    Runs,
    OnePath,
    ChangesAreKept,
    ForeignChanges,
    CorrectedAndDecided,
    PodsShrinkFromSpec,
    PodsGrowFromSpec,
    ForeignSamples,
    YoungPods,
    SucceededPods,
    SamplesOfRemoved,
    SurgeIsNoCapacity,
}

impl Difference {
    pub(crate) const ALL: [Self; 19] = [
        Self::ExactNumbers,
        Self::ReadyReplicas,
        Self::SpecReplicas,
        Self::NegativeIsNoLoad,
        Self::DoubtfulReadings,
        Self::GapsAreRemembered,
        Self::OneSidedStart,
        Self::Runs,
        Self::OnePath,
        Self::ChangesAreKept,
        Self::ForeignChanges,
        Self::CorrectedAndDecided,
        Self::PodsShrinkFromSpec,
        Self::PodsGrowFromSpec,
        Self::ForeignSamples,
        Self::YoungPods,
        Self::SucceededPods,
        Self::SamplesOfRemoved,
        Self::SurgeIsNoCapacity,
    ];

    /// The predicate, for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::ExactNumbers => "binary64 and exact numbers round differently (K5 to K9)",
            Self::ReadyReplicas => "value target, ready pods are not spec.replicas (R8, R9)",
            Self::SpecReplicas => "averageValue target, status.replicas is not spec.replicas (R7)",
            Self::NegativeIsNoLoad => "averageValue target, the load is negative (R6)",
            Self::DoubtfulReadings => "a reading is stale or partial (R1 to R3)",
            Self::GapsAreRemembered => "a reading failed within the window (R11, R14)",
            Self::OneSidedStart => "younger than the scaleUp window (K19)",
            Self::Runs => "a recommendation is a tenth of a window too old (R13)",
            Self::OnePath => "without behavior (K14, K17)",
            Self::ChangesAreKept => "a change is older than the longest period of its own direction, not of the other",
            Self::ForeignChanges => "somebody else changed the size (R14)",
            Self::CorrectedAndDecided => "the size was outside the bounds (R12)",
            Self::PodsShrinkFromSpec => "pod by pod, less load, the pods are not spec.replicas (R8)",
            Self::PodsGrowFromSpec => "pod by pod, more load, the pods are fewer than spec.replicas (R9)",
            Self::ForeignSamples => "pod by pod, a sample of a pod that is not there (R10)",
            Self::YoungPods => "pod by pod, a pod is younger than its sample (R10)",
            Self::SucceededPods => "pod by pod, a pod has succeeded (R10)",
            Self::SamplesOfRemoved => "pod by pod, less load, a sample from before replicas were removed (R10)",
            Self::SurgeIsNoCapacity => "pod by pod, more load, the pods are more than spec.replicas (R18)",
        }
    }

    /// Where `docs/guide/coming-from-hpa.md` tells it: the heading, and words below it.
    #[cfg(test)]
    const fn in_the_guide(self) -> (&'static str, &'static str) {
        const NOT_READY: &str = "Replicas that are not ready";
        const REMEMBERED: &str = "What is remembered";
        const NO_NUMBER: &str = "What is no number in a row";
        const NOT_OURS: &str = "Pods that are not the target's, or have ended";
        match self {
            Self::ExactNumbers => ("Exact numbers", "The HPA computes in binary64"),
            Self::ReadyReplicas => (NOT_READY, "the HPA multiplies the ratio by the ready pods"),
            Self::SpecReplicas => (NOT_READY, "`spec.replicas`, not `status.replicas`"),
            Self::NegativeIsNoLoad => ("Negative values", "Here it is no load"),
            Self::DoubtfulReadings => (NO_NUMBER, "a stale or partial answer never shrinks"),
            Self::GapsAreRemembered => (REMEMBERED, "after an outage a whole window passes"),
            Self::OneSidedStart => (REMEMBERED, "but against shrinking only"),
            Self::Runs => (REMEMBERED, "recommendations within a tenth of a window count as one"),
            Self::OnePath => ("One path, with or without behavior", "runs older code"),
            Self::ChangesAreKept => (REMEMBERED, "a change is kept for as long as any policy counts it"),
            Self::ForeignChanges => ("What others do to the size", "Here it is noticed"),
            Self::CorrectedAndDecided => (NO_NUMBER, "is corrected and decided on at once"),
            Self::PodsShrinkFromSpec => (NOT_READY, "shrinking multiplies"),
            Self::PodsGrowFromSpec => (NOT_READY, "more load than the target never means fewer replicas"),
            Self::ForeignSamples => (NOT_OURS, "A sample of any other pod counts for nothing"),
            Self::YoungPods => (NOT_READY, "A pod that is younger than the range of the query"),
            Self::SucceededPods => (NOT_OURS, "one that has succeeded is a pod without a sample"),
            Self::SamplesOfRemoved => (
                NO_NUMBER,
                "a second shrink waits until the samples are from after the first",
            ),
            Self::SurgeIsNoCapacity => (NO_NUMBER, "Pods of a rollout's surge are no capacity for growth"),
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Differences(u32);

impl Differences {
    /// The HPA itself.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn all() -> Self {
        Difference::ALL.into_iter().fold(Self::NONE, Self::and)
    }

    #[must_use]
    pub(crate) const fn and(self, difference: Difference) -> Self {
        Self(self.0 | difference.bit())
    }

    #[must_use]
    pub(crate) const fn without(self, difference: Difference) -> Self {
        Self(self.0 & !difference.bit())
    }

    pub(crate) const fn has(self, difference: Difference) -> bool {
        self.0 & difference.bit() != 0
    }

    pub(crate) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Those of one, then of two, then of three differences.
    pub(crate) fn small() -> Vec<Self> {
        let mut sets = vec![Self::NONE];
        let mut begin = 0;
        for _ in 0..3 {
            let smaller = sets[begin..].to_vec();
            begin = sets.len();
            for set in smaller {
                for difference in Difference::ALL {
                    // Each set once: its members in their order.
                    if set.0 < difference.bit() {
                        sets.push(set.and(difference));
                    }
                }
            }
        }
        sets.split_off(1)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = Difference::ALL.into_iter().filter(|difference| self.has(*difference));
        let texts: Vec<&str> = texts.map(Difference::text).collect();
        formatter.write_str(&texts.join("; and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_told_in_the_guide() {
        let guide = include_str!("../../docs/guide/coming-from-hpa.md");
        for difference in Difference::ALL {
            let (heading, words) = difference.in_the_guide();
            let (_, below) = guide
                .split_once(&format!("\n### {heading}\n"))
                .unwrap_or_else(|| panic!("the guide has no {heading:?}, for {difference:?}"));
            let chapter = below.split("\n#").next().unwrap_or_default();
            let text = chapter.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                text.contains(words),
                "under {heading:?} the guide does not say {words:?}"
            );
        }
    }

    #[test]
    fn small_sets_come_by_size_and_each_once() {
        let sets = Differences::small();
        assert_eq!(sets.len(), 19 + 171 + 969);
        assert!(
            sets.windows(2)
                .all(|pair| pair[0].0.count_ones() <= pair[1].0.count_ones())
        );
        let mut distinct = sets.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), sets.len());
    }
}
