//! What each metric told, and what it asks for.

use jiff::Timestamp;

use super::{put, span, time};
use crate::decision::{Basis, MetricStep, Part, Proposal};
use crate::per_pod::PodCounts;
use crate::reading::{PartialCause, Question};
use crate::{Decision, Failure, Reading, Replicas, Target, TargetKind};

/// One metric: "metric publish-rate: 173 per replica, target 100, asks for 6".
pub fn metric(step: &MetricStep) -> String {
    let name = &step.metric;
    let mut text = match step.target.zip(step.proposal) {
        Some((target, proposal)) => format!("metric {name}: {}", proposed(step, target, proposal)),
        None => format!("metric {name}: {}", reading(&step.reading)),
    };
    if let Some(counts) = step.pods {
        text.push_str(&pods(counts));
    }
    match step.part {
        Part::Counts | Part::AssumedZero => {}
        Part::Ignored => text.push_str(", left out (whenMissing: Ignore)"),
        Part::BlocksShrink { since } => text.push_str(&blocks(since)),
    }
    text
}

/// All of them.
pub fn metrics(decision: &Decision) -> String {
    join(decision.metrics().map(metric))
}

/// Those that block scaling down, if any does.
pub fn blocking(decision: &Decision) -> Option<String> {
    let blocking = decision.metrics().filter(|step| step.blocks_since().is_some());
    let text = join(blocking.map(metric));
    (!text.is_empty()).then_some(text)
}

/// A metric that blocks scaling down, whatever it asks for itself.
pub(super) fn blocker(metric: &str, reading: &Reading, since: Timestamp) -> String {
    format!("metric {metric}: {}{}", self::reading(reading), blocks(since))
}

fn blocks(since: Timestamp) -> String {
    format!(", blocks scaling down since {}", time(since))
}

/// That nothing could be read, with what each metric told instead.
pub(super) fn unread(decision: &Decision, since: Timestamp, floor: Option<Replicas>) -> String {
    let told = decision.metrics().map(|step| {
        let pods = step.pods.map(pods).unwrap_or_default();
        format!("metric {}: {}{pods}", step.metric, reading(&step.reading))
    });
    let mut text = format!("no metric has been readable since {} ({})", time(since), join(told));
    if let Some(floor) = floor {
        put(
            &mut text,
            format_args!(", so fallback.minReplicas ({floor}) is in force"),
        );
    }
    text
}

/// A number against its target, and the count that follows.
fn proposed(step: &MetricStep, target: Target, proposal: Proposal) -> String {
    let reading = &step.reading;
    let per = match target.kind() {
        TargetKind::Value => "",
        TargetKind::AverageValue if step.pods.is_some() => " per pod",
        TargetKind::AverageValue => " per replica",
        TargetKind::Utilization => " % of requests",
    };
    let (compared, amount) = (proposal.compared, target.amount());
    let mut text = match reading {
        Reading::Missing { .. } => format!("no series, counts as {compared} (whenMissing: Zero), target {amount}"),
        Reading::NotANumber { .. } => format!("not a number, counts as {compared} (whenNaN: Zero), target {amount}"),
        Reading::Fresh { .. }
        | Reading::Partial { .. }
        | Reading::Stale { .. }
        | Reading::TooMany { .. }
        | Reading::Failed(_) => format!("{compared}{per}, target {amount}"),
    };
    match proposal.basis {
        Basis::WithinTolerance => text.push_str(", within tolerance"),
        Basis::AboveTarget | Basis::BelowTarget => put(&mut text, format_args!(", asks for {}", proposal.replicas)),
        Basis::AwaitsReplicas => text.push_str(", waiting for replicas that are still starting"),
    }
    if let Reading::Partial { cause, .. } = reading {
        put(&mut text, format_args!(", but {}", partial(cause)));
    }
    text
}

/// The pods behind a number, if it does not rest on all of them: ", 3 of 5 pods measured (2 starting)".
fn pods(counts: PodCounts) -> String {
    let PodCounts {
        measured,
        young,
        unready,
        missing,
    } = counts;
    let all = measured + young + unready + missing;
    if measured == all && all > 0 {
        return String::new();
    }
    let rest = [
        (unready, "starting"),
        (young, "too young for the range of the query"),
        (missing, "without a series"),
    ];
    let rest: Vec<String> = rest
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match rest.as_slice() {
        [] => ", the target has no pods".to_owned(),
        rest => format!(", {measured} of {all} pods measured ({})", rest.join(", ")),
    }
}

/// A reading without its target.
pub fn reading(reading: &Reading) -> String {
    match reading {
        Reading::Fresh { value, .. } => value.to_string(),
        Reading::Stale { age, limit } => {
            let (age, limit) = (span(*age), span(*limit));
            format!("stale, its newest sample is {age} old, more than the {limit} allowed")
        }
        Reading::Missing { .. } => "no series".to_owned(),
        Reading::NotANumber { .. } => "not a number".to_owned(),
        Reading::TooMany { series, pod: None } => format!("{series} series where one is due"),
        Reading::TooMany { series, pod: Some(pod) } => format!("{series} series for pod {pod} where one is due"),
        Reading::Partial { value, cause } => format!("{value}, but {}", partial(cause)),
        Reading::Failed(failure) => self::failure(failure),
    }
}

fn failure(failure: &Failure) -> String {
    let Failure {
        class,
        status,
        question,
        detail,
    } = failure;
    let what = match question {
        Question::Value => "cannot be read",
        Question::Probe => "read, but the check of its age and coverage failed",
    };
    let why = detail.as_deref().unwrap_or_else(|| class.describe());
    match status {
        Some(status) => format!("{what}: {why} (HTTP {status})"),
        None => format!("{what}: {why}"),
    }
}

fn partial(cause: &PartialCause) -> String {
    match cause {
        PartialCause::Warning => "the source warns that the answer is not whole".to_owned(),
        PartialCause::FewerSeries { now, before } => {
            format!("covers only part of the load ({now} series now, {before} one look-back ago)")
        }
        PartialCause::TargetsDown { down } => {
            format!("covers only part of the load (scrape targets down that had its series: {down})")
        }
        PartialCause::YoungSeries { look_back } => {
            let look_back = span(*look_back);
            format!("reads low until its series fill the range of {look_back}")
        }
        PartialCause::UnknownFill { class } => {
            let why = class.describe();
            format!("may read low, for whether its series fill the range could not be checked ({why})")
        }
        PartialCause::FewerPods { covered, ready } => {
            format!("covers only part of the load ({covered} of {ready} ready pods have a series)")
        }
    }
}

/// The metrics against their targets, for a column: `173/100 (avg)`.
pub fn targets(decision: &Decision) -> String {
    let targets: Vec<String> = decision.metrics().map(target).collect();
    targets.join(", ")
}

/// One metric against its target: `173/100 (avg)`, `<Missing>/100`, and `<Failed>` if its kind is unknown.
pub fn target(step: &MetricStep) -> String {
    let found = match step.proposal {
        Some(proposal) => proposal.compared.to_string(),
        None => format!("<{}>", step.reading.class().as_str()),
    };
    match step.target {
        None => found,
        Some(target) => match target.kind() {
            TargetKind::Value => format!("{found}/{}", target.amount()),
            TargetKind::AverageValue => format!("{found}/{} (avg)", target.amount()),
            TargetKind::Utilization => format!("{found}%/{}%", target.amount()),
        },
    }
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<String>>().join("; ")
}
