//! The verdict on a number: believed, stale or only a part (R1, R2). Pure.

use autoscaler_core::{Evidence, PartialCause, Reading};

use super::{Coverage, Fill, Probe, ProbeContext};

/// Judges a number by what the probes of its selectors found. A reading without a number, or one that is a part
/// already, stays what it is.
///
/// A number that rests on no series at all (`… or vector(0)`, with the series gone) is Missing, so that it counts as
/// zero only where the user's `whenMissing` says so (R4).
pub fn judge(reading: Reading, coverages: &[(Probe<'_>, Coverage)], context: &ProbeContext) -> Reading {
    let Reading::Fresh { value, evidence: _ } = reading else {
        return reading;
    };
    if coverages
        .iter()
        .all(|(_, coverage)| coverage.now == 0 && coverage.before == 0)
    {
        return Reading::Missing { source_proven: false };
    }
    let stale = coverages
        .iter()
        .filter_map(|(_, coverage)| coverage.age)
        .max()
        .filter(|age| *age > context.max_sample_age);
    if let Some(age) = stale {
        return Reading::Stale {
            age,
            limit: context.max_sample_age,
        };
    }
    match coverages
        .iter()
        .find_map(|(probe, coverage)| gap(probe, coverage, context))
    {
        Some(cause) => Reading::Partial { value, cause },
        None => Reading::Fresh {
            value,
            evidence: Evidence::Probed,
        },
    }
}

/// Why one selector covers only a part of the load.
fn gap(probe: &Probe<'_>, coverage: &Coverage, context: &ProbeContext) -> Option<PartialCause> {
    let Coverage {
        age: _,
        now,
        before,
        old,
        down,
        own_pods,
        fill,
    } = *coverage;
    if now < explained(before, context) {
        return Some(PartialCause::FewerSeries { now, before });
    }
    if down > removed(context) {
        return Some(PartialCause::TargetsDown { down });
    }
    if now > 0 && probe.leaf.over_time && (old == 0 || fill.is_short()) {
        return Some(PartialCause::YoungSeries {
            look_back: probe.leaf.look_back,
        });
    }
    if let Fill::Unknown(class) = fill {
        return Some(PartialCause::UnknownFill { class });
    }
    let ready = context.own_pods.as_ref().map(|pods| pods.ready)?;
    (own_pods > 0 && own_pods < u64::from(ready.get())).then_some(PartialCause::FewerPods {
        covered: own_pods,
        ready,
    })
}

/// How many scrape targets may be down because their replicas were removed.
fn removed(context: &ProbeContext) -> u64 {
    u64::from(context.replicas_before.get().saturating_sub(context.replicas.get()))
}

/// How many series there should be, given how many there were and how many replicas have gone since.
fn explained(before: u64, context: &ProbeContext) -> u64 {
    let now = u128::from(context.replicas.get());
    let then = u128::from(context.replicas_before.get());
    if now >= then {
        return before;
    }
    u64::try_from(u128::from(before) * now / then).unwrap_or(before)
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
