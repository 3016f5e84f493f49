//! Whether a number can be believed (R1, R2), given what was found behind it: too old, or only a part of the load.
//!
//! How it is found is another's: `autoscaler-promql` asks Prometheus, the scenario files count their own series.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::{Evidence, FailureClass, PartialCause, Reading, Replicas};

/// Beyond this range its past fill is not looked at: that reads two more ranges of every series.
const LONGEST_FILL: SignedDuration = SignedDuration::from_hours(1);

/// How far back a scrape target that is down now is looked for among those that had series, beside the look-back: a
/// loss that lasts longer than the look-back must not become the new normal.
const HAD_SERIES: [SignedDuration; 3] = [
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
];

/// The same before an absence is taken for no load. It is asked for where the user wants that, about series that are gone,
/// and so can afford to be dense: a target is found if it had its series for about as long as it has been down.
const HAD_SERIES_BEFORE_THE_ABSENCE: [SignedDuration; 9] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(40),
    SignedDuration::from_mins(80),
    SignedDuration::from_mins(160),
    SignedDuration::from_hours(6),
];

/// How long ago a scrape target that is down now may have had the series of a query.
pub fn had_series(look_back: SignedDuration) -> BTreeSet<SignedDuration> {
    let longer = HAD_SERIES.map(|ago| ago.max(look_back));
    longer.into_iter().chain([look_back]).collect()
}

/// The same, where the series are gone and that is to count as no load (R4).
pub fn had_series_before_the_absence(look_back: SignedDuration) -> BTreeSet<SignedDuration> {
    HAD_SERIES_BEFORE_THE_ABSENCE.into_iter().chain([look_back]).collect()
}

/// Whether it is looked at how well a range was filled before.
pub fn is_fill_looked_at(range: SignedDuration) -> bool {
    range <= LONGEST_FILL
}

/// What coverage is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The largest age of the newest sample (`maxSampleAgeSeconds`).
    pub max_sample_age: SignedDuration,
    /// Replicas of the target now.
    pub replicas: Replicas,
    /// The largest count within the query's look-back: fewer replicas explain fewer series.
    pub replicas_before: Replicas,
    /// Ready pods of the target, where a selector may be expected to cover all of them.
    pub ready: Option<Replicas>,
}

/// What was found behind one selector of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Age of the newest sample; `None` if there is no series.
    pub age: Option<SignedDuration>,
    /// Series now.
    pub now: u64,
    /// Series one look-back of the query ago.
    pub before: u64,
    /// Series one look-back of this selector ago, which is shorter where the query has a longer range elsewhere.
    pub old: u64,
    /// Scrape targets that had such series within the last hours and are down now (`up` is 0).
    pub down: u64,
    /// Of the target's own pods, how many have a series; 0 means that the selector is about something else.
    pub own_pods: u64,
    /// How far the selector looks back, if it needs all of that filled: an instant value does not.
    pub over: Option<SignedDuration>,
    /// How well its range is filled.
    pub fill: Fill,
}

/// How well a range is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// There is no range, or one too long to look behind.
    NotAsked,
    /// Samples of the best-filled series.
    Samples {
        /// Within the range now.
        now: u64,
        /// The most that the range held before.
        lately: u64,
    },
    /// The question failed.
    Unknown(FailureClass),
}

/// Judges a number by what was found behind each selector of its query. A reading without a number, or one that is a
/// part already, stays what it is.
///
/// A number that rests on no series at all (`… or vector(0)`, with the series gone) is Missing, so that it counts as
/// zero only where the user's `whenMissing` says so (R4).
pub fn judge(reading: Reading, coverages: &[Coverage], expected: &Expected) -> Reading {
    let Reading::Fresh { value, evidence: _ } = reading else {
        return reading;
    };
    if coverages
        .iter()
        .all(|coverage| coverage.now == 0 && coverage.before == 0)
    {
        return Reading::Missing { source_proven: false };
    }
    let limit = expected.max_sample_age;
    let oldest = coverages.iter().filter_map(|coverage| coverage.age).max();
    if let Some(age) = oldest.filter(|age| *age > limit) {
        return Reading::Stale { age, limit };
    }
    match coverages.iter().find_map(|coverage| coverage.gap(expected)) {
        Some(cause) => Reading::Partial { value, cause },
        None => Reading::Fresh {
            value,
            evidence: Evidence::Probed,
        },
    }
}

impl Coverage {
    /// Why only a part of the load is covered.
    fn gap(&self, expected: &Expected) -> Option<PartialCause> {
        let Self {
            age: _,
            now,
            before,
            old,
            down,
            own_pods,
            over,
            fill,
        } = *self;
        if now < expected.explained(before) {
            return Some(PartialCause::FewerSeries { now, before });
        }
        if down > expected.removed() {
            return Some(PartialCause::TargetsDown { down });
        }
        if let Some(look_back) = over.filter(|_| now > 0 && (old == 0 || fill.is_short())) {
            return Some(PartialCause::YoungSeries { look_back });
        }
        if let Fill::Unknown(class) = fill {
            return Some(PartialCause::UnknownFill { class });
        }
        let ready = expected.ready?;
        (own_pods > 0 && own_pods < u64::from(ready.get())).then_some(PartialCause::FewerPods {
            covered: own_pods,
            ready,
        })
    }
}

impl Expected {
    /// How many scrape targets may be down because their replicas were removed.
    fn removed(&self) -> u64 {
        u64::from(self.replicas_before.get().saturating_sub(self.replicas.get()))
    }

    /// How many series there should be, given how many there were and how many replicas have gone since.
    fn explained(&self, before: u64) -> u64 {
        let now = u128::from(self.replicas.get());
        let then = u128::from(self.replicas_before.get());
        if now >= then {
            return before;
        }
        u64::try_from(u128::from(before) * now / then).unwrap_or(before)
    }
}

impl Fill {
    /// A range is short of samples if more than one and more than a tenth of them are lacking. One more or less is where
    /// the scrapes happen to fall, and a tenth is the default tolerance: a number that is lower by no more does not shrink
    /// a target by itself.
    fn is_short(self) -> bool {
        match self {
            Self::Samples { now, lately } => {
                now.saturating_add(1) < lately && now.saturating_mul(10) < lately.saturating_mul(9)
            }
            Self::NotAsked | Self::Unknown(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
