//! The words that `because` is made of: the trail of a decision without its numbers.

use autoscaler_core::decision::{Asked, Basis, MetricStep, Part};
use autoscaler_core::{Decision, Direction, FailureClass, LimitCause, PartialCause, Reading, Rollout, Trail};

/// The autoscaler is paused.
pub const PAUSED: &str = "paused";
/// Another writer takes our changes back.
pub const CONTENDED: &str = "contended";
/// No metric takes part, and nothing stands in the way.
const NOTHING_ASKED: &str = "nothing-asked";

/// Every word with its meaning, in the order of the README.
pub const WORDS: [(&str, &str); 57] = [
    (PAUSED, "mode is Paused: nothing is measured"),
    (
        CONTENDED,
        "another writer took our change back twice: nothing is written (R22)",
    ),
    ("disabled", "spec.replicas is 0, which pauses autoscaling (R12)"),
    (
        "foreign-change",
        "somebody else changed the count since the last evaluation (R14)",
    ),
    ("stale", "a metric's newest sample is older than its maxSampleAge (R1)"),
    ("missing", "its query has no series (R4)"),
    ("not-a-number", "it is NaN or infinite (R4)"),
    ("too-many-series", "there are several series where one is due (R4)"),
    ("warning", "a part only: the source warns (R3)"),
    ("fewer-series", "a part only: fewer series than one look-back ago (R2)"),
    (
        "targets-down",
        "a part only: scrape targets that had its series are down (R2)",
    ),
    ("young-series", "a part only: its series do not fill the look-back (R2)"),
    (
        "unknown-fill",
        "a part only: whether its series fill the look-back could not be checked (R2)",
    ),
    ("fewer-pods", "a part only: some ready pods have no series (R2)"),
    ("source-not-configured", "it cannot be read: there is no source"),
    ("unreachable", "it cannot be read: no connection"),
    ("timeout", "it cannot be read: no answer in time"),
    ("unauthorized", "it cannot be read: 401 or 403"),
    ("bad-query", "it cannot be read: the query is refused"),
    ("execution", "it cannot be read: the query failed while it ran"),
    ("unavailable", "it cannot be read: the source is overloaded"),
    ("http-status", "it cannot be read: another HTTP error"),
    ("malformed-answer", "it cannot be read: the answer is not Prometheus'"),
    (
        "answer-too-large",
        "it cannot be read: the answer is longer than the cap",
    ),
    (
        "wrong-result-type",
        "it cannot be read: the answer is a histogram, a string or a range",
    ),
    (
        "pods-unknown",
        "it cannot be read: the pods of the target are not known",
    ),
    (
        "unknown-metric-kind",
        "it cannot be read: this version does not know its kind",
    ),
    ("internal", "it cannot be read: the operator could not do its part"),
    (
        "counts-as-zero",
        "whenMissing or whenNaN is Zero, and the source would know (R4)",
    ),
    ("ignored", "whenMissing is Ignore (R4)"),
    (NOTHING_ASKED, "every metric is ignored"),
    (
        "within-tolerance",
        "the largest proposal: close enough to the target (R7)",
    ),
    ("above-target", "the largest proposal: more load than the target"),
    ("below-target", "the largest proposal: less load than the target"),
    (
        "awaits-replicas",
        "the largest proposal: replicas that are starting may be the answer (R8)",
    ),
    ("unread", "no metric can be read"),
    ("fallback", "the fallback's floor is in force"),
    ("not-fresh", "a metric that is not Fresh forbids the shrink (R11)"),
    ("corrected", "the present count was outside the bounds (R12)"),
    ("max", "maxReplicas is below what is wanted"),
    ("min", "minReplicas is above what is wanted"),
    ("scale-up-window", "the growth window holds (R13)"),
    ("scale-up-window-uncertain", "likewise, because memory was lost (R16)"),
    ("scale-down-window", "the shrink window holds (R13)"),
    ("scale-down-window-uncertain", "likewise, because memory was lost (R16)"),
    ("scale-up-policies", "the policies of scaleUp allow no more now"),
    ("scale-down-policies", "the policies of scaleDown allow no more now"),
    ("scale-up-disabled", "selectPolicy of scaleUp is Disabled"),
    ("scale-down-disabled", "selectPolicy of scaleDown is Disabled"),
    ("scale-up-cooldown", "growth rests after a growth (R19)"),
    ("scale-down-cooldown", "shrinking rests after any change (R19)"),
    (
        "generation-lags",
        "the target's controller has not seen its newest generation (R18)",
    ),
    ("rollout", "a rollout is under way (R18)"),
    ("clock-skew", "the clocks of operator and API server are apart (R17)"),
    ("data-gap", "a metric that cannot be probed had a gap (R2)"),
    (
        "data-gap-uncertain",
        "likewise, for all that is known: memory was lost (R16)",
    ),
    (
        "awaits-samples",
        "a metric of every pod looks back to before the last scale down (R10)",
    ),
];

/// The words of a decision, in its order. In a policy of several metrics those of a metric carry its name.
pub fn of(decision: &Decision) -> Vec<String> {
    let several = decision.metrics().count() > 1;
    let named = |metric: &str, word: &str| {
        if several {
            format!("{metric}:{word}")
        } else {
            word.to_owned()
        }
    };
    let Trail {
        foreign_change,
        metrics,
        asked,
        corrected,
        limits,
    } = &decision.trail;
    let mut words: Vec<String> = foreign_change.iter().map(|_| "foreign-change".to_owned()).collect();
    for metric in metrics {
        words.extend(of_metric(metric).map(|word| named(&metric.metric, word)));
    }
    match asked {
        Asked::Nothing => words.push(NOTHING_ASKED.to_owned()),
        Asked::Disabled => words.push("disabled".to_owned()),
        Asked::Merged { winner, proposal: _ } => {
            let winner = &metrics[*winner];
            words.extend(
                winner
                    .proposal
                    .map(|proposal| named(&winner.metric, of_basis(proposal.basis))),
            );
        }
        Asked::Unread { since: _, floor } => {
            words.push("unread".to_owned());
            words.extend(floor.map(|_| "fallback".to_owned()));
        }
    }
    words.extend(corrected.map(|_| "corrected".to_owned()));
    words.extend(limits.iter().map(|limit| match &limit.cause {
        LimitCause::MetricNotFresh { metric, .. }
        | LimitCause::DataGap { metric, .. }
        | LimitCause::AwaitsSamples { metric } => named(metric, of_limit(&limit.cause)),
        cause => of_limit(cause).to_owned(),
    }));
    words
}

/// What is odd about one metric.
fn of_metric(step: &MetricStep) -> impl Iterator<Item = &'static str> {
    let state = match &step.reading {
        Reading::Fresh { .. } => None,
        Reading::Stale { .. } => Some("stale"),
        Reading::Missing { .. } => Some("missing"),
        Reading::NotANumber { .. } => Some("not-a-number"),
        Reading::TooMany { .. } => Some("too-many-series"),
        Reading::Partial { cause, .. } => Some(match cause {
            PartialCause::Warning => "warning",
            PartialCause::FewerSeries { .. } => "fewer-series",
            PartialCause::TargetsDown { .. } => "targets-down",
            PartialCause::YoungSeries { .. } => "young-series",
            PartialCause::UnknownFill { .. } => "unknown-fill",
            PartialCause::FewerPods { .. } => "fewer-pods",
        }),
        Reading::Failed(failure) => Some(of_failure(failure.class)),
    };
    let part = match step.part {
        Part::Counts | Part::BlocksShrink { .. } => None,
        Part::AssumedZero => Some("counts-as-zero"),
        Part::Ignored => Some("ignored"),
    };
    state.into_iter().chain(part)
}

/// The word of a failure, which is also how a scenario calls for it.
pub fn of_failure(class: FailureClass) -> &'static str {
    match class {
        FailureClass::SourceNotConfigured => "source-not-configured",
        FailureClass::Unreachable => "unreachable",
        FailureClass::Timeout => "timeout",
        FailureClass::Unauthorized => "unauthorized",
        FailureClass::BadQuery => "bad-query",
        FailureClass::Execution => "execution",
        FailureClass::Unavailable => "unavailable",
        FailureClass::HttpStatus => "http-status",
        FailureClass::MalformedAnswer => "malformed-answer",
        FailureClass::AnswerTooLarge => "answer-too-large",
        FailureClass::WrongResultType => "wrong-result-type",
        FailureClass::PodsUnknown => "pods-unknown",
        FailureClass::UnknownMetricKind => "unknown-metric-kind",
        FailureClass::Internal => "internal",
    }
}

fn of_basis(basis: Basis) -> &'static str {
    match basis {
        Basis::WithinTolerance => "within-tolerance",
        Basis::AboveTarget => "above-target",
        Basis::BelowTarget => "below-target",
        Basis::AwaitsReplicas => "awaits-replicas",
    }
}

fn of_limit(cause: &LimitCause) -> &'static str {
    match cause {
        LimitCause::MetricNotFresh { .. } => "not-fresh",
        LimitCause::Window {
            direction, uncertain, ..
        } => match (direction, uncertain) {
            (Direction::Up, false) => "scale-up-window",
            (Direction::Up, true) => "scale-up-window-uncertain",
            (Direction::Down, false) => "scale-down-window",
            (Direction::Down, true) => "scale-down-window-uncertain",
        },
        LimitCause::Rate { direction } => match direction {
            Direction::Up => "scale-up-policies",
            Direction::Down => "scale-down-policies",
        },
        LimitCause::Disabled { direction } => match direction {
            Direction::Up => "scale-up-disabled",
            Direction::Down => "scale-down-disabled",
        },
        LimitCause::Cooldown { direction, .. } => match direction {
            Direction::Up => "scale-up-cooldown",
            Direction::Down => "scale-down-cooldown",
        },
        LimitCause::Rollout(Rollout::GenerationLags) => "generation-lags",
        LimitCause::Rollout(Rollout::Updating { .. }) => "rollout",
        LimitCause::ClockSkew { .. } => "clock-skew",
        LimitCause::DataGap { uncertain: false, .. } => "data-gap",
        LimitCause::DataGap { uncertain: true, .. } => "data-gap-uncertain",
        LimitCause::AwaitsSamples { .. } => "awaits-samples",
        LimitCause::Min => "min",
        LimitCause::Max => "max",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_exactly_these_words() {
        let readme = include_str!("../README.md");
        let (_, table) = readme.split_once("| word | the decision says |\n|---|---|\n").unwrap();
        let rows: String = WORDS
            .map(|(word, meaning)| format!("| `{word}` | {meaning} |\n"))
            .concat();
        assert_eq!(table, rows);
    }
}
